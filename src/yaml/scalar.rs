//! What a scalar means: YAML 1.2's core schema, and text for all else.

use serde_json::{Number, Value};

use super::Scalar;

/// The value of a scalar.
///
/// A plain `~`, `null` or nothing is null; `true` and `false` are booleans; what looks like a number and would be
/// written back the same way is one. `yes`, `on`, `007`, `1_000` and `0x` without digits are text.
pub fn resolve(scalar: &Scalar) -> Value {
    let text = &*scalar.text;
    if !scalar.plain {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    // `007` is an account's or an article's number: taken for 7 it would lose what it says.
    if unsigned.len() > 1 && unsigned.starts_with('0') && unsigned.as_bytes()[1].is_ascii_digit() {
        return None;
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        let signless = text.strip_prefix('+').unwrap_or(text);
        return signless.parse::<u64>().map(Number::from).or_else(|_| signless.parse::<i64>().map(Number::from)).ok();
    }
    let float = unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    if !float || unsigned == "." || !unsigned.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse::<f64>().ok().filter(|it| it.is_finite()).and_then(Number::from_f64)
}

fn radix(digits: &str, radix: u32) -> Option<Number> {
    if !digits.starts_with(|c: char| c.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(digits, radix).map(Number::from).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        let check = |text: &str, expected: Value| {
            assert_eq!(resolve(&Scalar { text: text.into(), plain: true, verbatim: None }), expected, "{text}");
            assert_eq!(resolve(&Scalar { text: text.into(), plain: false, verbatim: None }), json!(text));
        };
        check("", Value::Null);
        check("~", Value::Null);
        check("true", json!(true));
        check("5", json!(5));
        check("-5", json!(-5));
        check("+5", json!(5));
        check("0x1F", json!(31));
        check("0o17", json!(15));
        check("1.5", json!(1.5));
        check("1e3", json!(1000.0));
        check("0", json!(0));
        for text in [
            "yes",
            "on",
            "No",
            "007",
            "-07",
            "1_000",
            "0x",
            "0x+1",
            ".",
            "1.2.3",
            "12:30",
            ".inf",
            "1e999",
            "99999999999999999999",
            "*:80:",
            "10.0.0.1",
        ] {
            check(text, json!(text));
        }
    }
}
