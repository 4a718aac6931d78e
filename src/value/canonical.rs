//! JSON in one form, so that equal values are equal bytes.

use serde_json::Value;

/// A value as JSON in one line: keys in order of their bytes, no blanks.
pub fn canonical(value: &Value) -> String {
    ordered(value).to_string()
}

fn ordered(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(name, _)| *name);
            Value::Object(entries.into_iter().map(|(name, value)| (name.clone(), ordered(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(ordered).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_keys_does_not_count() {
        let one = json!({"b": [{"d": 1, "c": "x\n"}], "a": null});
        let other = json!({"a": null, "b": [{"c": "x\n", "d": 1}]});
        assert_eq!(canonical(&one), canonical(&other));
        assert_eq!(canonical(&one), r#"{"a":null,"b":[{"c":"x\n","d":1}]}"#);
    }
}
