//! Values as people read them.

use serde_json::Value;

use crate::value::{Change, SecretRef};

/// One property's change, as a sign and lines.
pub struct Shown {
    /// `+`, `~` or `-`.
    pub sign: char,
    /// What stands behind the property's name; further lines for the items of lists.
    pub lines: Vec<String>,
}

/// A change as a person reads it. Secrets are told by what is known of them, never by value.
pub fn shown(change: &Change) -> Shown {
    if is_secret(change) {
        let what = match &change.actual {
            Value::String(how) => format!("(sensitive) {how}"),
            Value::Null => "(sensitive)".to_owned(),
            _ => "(sensitive) differs".to_owned(),
        };
        return Shown { sign: if change.actual.is_null() { '+' } else { '~' }, lines: vec![what] };
    }
    match (&change.actual, &change.desired) {
        (Value::Null, desired) => Shown { sign: '+', lines: vec![value(desired)] },
        (Value::Array(actual), Value::Array(desired)) => Shown { sign: '~', lines: items(actual, desired) },
        (actual, desired) => Shown { sign: '~', lines: vec![format!("{} -> {}", value(actual), value(desired))] },
    }
}

/// Whether a change is one of a secret.
fn is_secret(change: &Change) -> bool {
    let reference = change.desired.get(SecretRef::MARK).is_some();
    reference || (change.desired == "none" && change.property.rsplit('.').next() == Some("password"))
}

/// Lists, told by what comes and what goes; by their order where that is all that differs.
fn items(actual: &[Value], desired: &[Value]) -> Vec<String> {
    let gone = actual.iter().filter(|item| !desired.contains(item)).map(|item| format!("- {}", value(item)));
    let new = desired.iter().filter(|item| !actual.contains(item)).map(|item| format!("+ {}", value(item)));
    let mut lines: Vec<String> = gone.chain(new).collect();
    if lines.is_empty() {
        let list = |items: &[Value]| value(&Value::Array(items.to_vec()));
        return vec![format!("{} -> {}", list(actual), list(desired))];
    }
    if lines.len() > 1 {
        lines.insert(0, String::new());
    }
    lines
}

/// A value in the words of a playbook: YAML in one line, text without quotes where it can do without.
pub fn value(value: &Value) -> String {
    match value {
        Value::Null => "(none)".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) if text.is_empty() => "''".to_owned(),
        Value::String(text) => visible_text(text),
        Value::Array(items) => format!("[{}]", items.iter().map(self::value).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            if map.contains_key(SecretRef::MARK) {
                return "(sensitive)".to_owned();
            }
            // What a host does not tell, though it is no secret of the playbook.
            if let (1, Some(Value::String(how))) = (map.len(), map.get("withheld")) {
                return format!("(withheld) {how}");
            }
            let entries = map.iter().filter(|(_, value)| !value.is_null());
            let entries: Vec<String> = entries.map(|(name, value)| format!("{name}: {}", self::value(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// Text as it may be shown.
pub fn visible_text(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// Text from hosts must not steer the terminal.
fn visible(c: char) -> char {
    if c.is_control() { '\u{fffd}' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(actual: &Value, desired: &Value, expected: &[&str]) {
        let change = Change { property: "it".to_owned(), actual: actual.clone(), desired: desired.clone() };
        let Shown { sign, lines } = shown(&change);
        let text: Vec<String> =
            [format!("{sign} {}", lines[0])].into_iter().chain(lines[1..].iter().cloned()).collect();
        assert_eq!(text, expected);
    }

    #[test]
    fn changes_read_well() {
        let secret = json!({"secret()": {"store": "age", "name": "svc"}});
        check(&json!(null), &json!(5000), &["+ 5000"]);
        check(&json!("20m"), &json!("0"), &["~ 20m -> 0"]);
        check(&json!(["a"]), &json!(["a", "b"]), &["~ + b"]);
        check(&json!(["a", "c"]), &json!(["a", "b"]), &["~ ", "- c", "+ b"]);
        check(&json!(["a", "b"]), &json!(["b", "a"]), &["~ [a, b] -> [b, a]"]);
        check(&json!("differs"), &secret, &["~ (sensitive) differs"]);
        check(&json!("unreadable"), &secret, &["~ (sensitive) unreadable"]);
        check(&json!(null), &secret, &["+ (sensitive)"]);
        check(
            &json!("network_service"),
            &json!({"user": "CORP\\svc", "password": secret}),
            &["~ network_service -> { user: CORP\\svc, password: (sensitive) }"],
        );
        check(&json!("a\u{1b}[2J"), &json!("b"), &["~ a\u{fffd}[2J -> b"]);
    }
}
