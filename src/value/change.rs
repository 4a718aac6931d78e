//! The difference between what shall be and what is, property by property.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One property that is not as it shall be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The property's path, such as `identity.password`.
    pub property: String,
    /// What it is; `null` when it is not there.
    pub actual: Value,
    /// What it shall be.
    pub desired: Value,
}

/// The changes of one resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Changes(pub Vec<Change>);

impl Changes {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a property, or one below it, changes.
    pub fn touch(&self, property: &str) -> bool {
        self.0.iter().any(|change| {
            change.property == property
                || change.property.strip_prefix(property).is_some_and(|rest| rest.starts_with('.'))
        })
    }
}

/// Compares two serialised states. Only what `desired` names is looked at: an unset property is unmanaged.
///
/// Maps are compared key by key, everything else as a whole. Nothing here knows what a value means.
pub fn diff(desired: &Value, actual: Option<&Value>) -> Changes {
    let mut changes = Vec::new();
    walk("", desired, actual.unwrap_or(&Value::Null), &mut changes);
    Changes(changes)
}

fn walk(path: &str, desired: &Value, actual: &Value, changes: &mut Vec<Change>) {
    match desired {
        Value::Null => {}
        Value::Object(properties) if !is_secret(desired) && matches!(actual, Value::Object(_) | Value::Null) => {
            for (name, value) in properties {
                let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                walk(&below, value, actual.get(name).unwrap_or(&Value::Null), changes);
            }
        }
        _ if desired == actual => {}
        _ => changes.push(Change { property: path.to_owned(), actual: actual.clone(), desired: desired.clone() }),
    }
}

/// Whether a serialised value is a reference to a secret, which is one value however many parts it has.
fn is_secret(value: &Value) -> bool {
    value.get(super::SecretRef::MARK).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(desired: &Value, actual: Option<&Value>, expected: &[&str]) {
        let changes = diff(desired, actual);
        let paths: Vec<&str> = changes.0.iter().map(|change| change.property.as_str()).collect();
        assert_eq!(paths, expected);
    }

    #[test]
    fn only_what_is_desired_and_differs_is_a_change() {
        check(&json!({"a": 1, "b": {"c": "x"}}), Some(&json!({"a": 1, "b": {"c": "x", "d": 9}, "e": 3})), &[]);
        check(&json!({"a": 1, "b": {"c": "x"}}), Some(&json!({"a": 2, "b": {"c": "y"}})), &["a", "b.c"]);
        check(&json!({"a": 1, "b": null}), None, &["a"]);
        check(&json!({"a": [1, 2]}), Some(&json!({"a": [2, 1]})), &["a"]);
    }

    #[test]
    fn a_secret_is_one_property() {
        let desired = json!({"password": {"secret()": {"store": "age", "name": "svc"}}});
        check(&desired, Some(&json!({"password": "differs"})), &["password"]);
        check(&desired, Some(&desired), &[]);
    }
}
