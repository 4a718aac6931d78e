//! YAML as Ansible reads it: scalars of YAML 1.1, and `<<`, which merges maps.

use crate::yaml::{Content, Entry, Node, Scalar, resolve};

/// The same tree in the spelling of YAML 1.2.
pub(super) fn as_ansible_reads(node: Node) -> Node {
    let Node { span, content } = node;
    let content = match content {
        Content::Scalar(scalar) => Content::Scalar(respelt(scalar)),
        Content::List(items) => Content::List(items.into_iter().map(as_ansible_reads).collect()),
        Content::Map(entries) => {
            let below = |Entry { key, value }| Entry { key, value: as_ansible_reads(value) };
            Content::Map(merged(entries.into_iter().map(below).collect()))
        }
    };
    Node { span, content }
}

/// What `<<` brings stands behind what the map says itself.
fn merged(entries: Vec<Entry>) -> Vec<Entry> {
    let (merges, mut own): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|entry| &*entry.key.text == "<<");
    for merge in merges {
        let maps = match merge.value.content {
            Content::List(maps) => maps,
            content => vec![Node { span: merge.value.span, content }],
        };
        for map in maps {
            let Content::Map(entries) = map.content else { continue };
            for entry in entries {
                if !own.iter().any(|known| known.key.text == entry.key.text) {
                    own.push(entry);
                }
            }
        }
    }
    own
}

fn respelt(scalar: Scalar) -> Scalar {
    if !scalar.plain {
        return scalar;
    }
    let text = &*scalar.text;
    let plain = |text: String| Scalar { text: text.into(), plain: true, verbatim: None };
    match text {
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return plain("true".to_owned()),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" => return plain("false".to_owned()),
        _ => {}
    }
    if let Some(number) = integer(text) {
        return plain(number.to_string());
    }
    if let Some(number) = float(text) {
        return plain(format!("{number:?}"));
    }
    // A number of YAML 1.2 that YAML 1.1 takes for text.
    let is_number = resolve(&scalar).is_number();
    Scalar { plain: !is_number, ..scalar }
}

fn integer(text: &str) -> Option<i128> {
    let (sign, digits) = signed(text);
    let radix = |digits: &str, radix: u32| {
        let digits = digits.replace('_', "");
        i128::from_str_radix(&digits, radix).ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    let number = if let Some(digits) = digits.strip_prefix("0b") {
        radix(digits, 2)
    } else if let Some(digits) = digits.strip_prefix("0x") {
        radix(digits, 16)
    } else if digits == "0" {
        Some(0)
    } else if digits.starts_with('0') {
        radix(digits, 8)
    } else if digits.contains(':') {
        sixties(digits)
    } else if digits.starts_with(|c: char| c.is_ascii_digit()) {
        radix(digits, 10)
    } else {
        None
    };
    number.map(|number| sign * number)
}

/// `12:30` is 750.
fn sixties(digits: &str) -> Option<i128> {
    let mut total: i128 = 0;
    for (index, part) in digits.split(':').enumerate() {
        let part = part.replace('_', "");
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let number: i128 = part.parse().ok().filter(|number| digits && (index == 0 || *number < 60))?;
        total = total.checked_mul(60)?.checked_add(number)?;
    }
    Some(total)
}

fn float(text: &str) -> Option<f64> {
    let (_, digits) = signed(text);
    // Without a digit before its point it has no sign.
    let fits = digits.contains('.')
        && (digits.len() == text.len() || !digits.starts_with('.'))
        && digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || b"._eE+-".contains(&byte));
    // An exponent has its sign.
    let exponent = digits.find(['e', 'E']).is_none_or(|at| digits[at + 1..].starts_with(['+', '-']));
    text.replace('_', "").parse().ok().filter(|number: &f64| fits && exponent && number.is_finite())
}

fn signed(text: &str) -> (i128, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn plain_scalars_are_those_of_yaml_1_1() {
        let check = |text: &str, expected: Value| {
            let scalar = |plain| Scalar { text: text.into(), plain, verbatim: None };
            assert_eq!(resolve(&respelt(scalar(true))), expected, "{text}");
            assert_eq!(resolve(&respelt(scalar(false))), json!(text), "quoted {text}");
        };
        check("yes", json!(true));
        check("Off", json!(false));
        check("true", json!(true));
        check("y", json!("y"));
        check("0777", json!(511));
        check("089", json!("089"));
        check("0o17", json!("0o17"));
        check("0x1F", json!(31));
        check("1_000", json!(1000));
        check("-5", json!(-5));
        check("12:30", json!(750));
        check("12:75", json!("12:75"));
        check("1.5", json!(1.5));
        check("1e3", json!("1e3"));
        check("1.0e+3", json!(1000.0));
        check("10.0.0.1", json!("10.0.0.1"));
        check("12345678901234567890", json!(12_345_678_901_234_567_890_u64));
        check("-.5", json!("-.5"));
        check("+.5", json!("+.5"));
        check(".5", json!(0.5));
        check("-0.5", json!(-0.5));
        check("~", Value::Null);
        check("CORP\\x", json!("CORP\\x"));
        check("2026-01-02", json!("2026-01-02"));
    }
}
