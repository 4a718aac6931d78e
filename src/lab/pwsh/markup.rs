//! Answers as XML, which every .NET reads with what it has in the box.

use serde_json::Value;

/// A value as an element: `<o>` for an object, `<a>` for a list, `<v>` for anything with a text, `<n/>` for nothing.
/// What stands in an object says under which key, as `k`.
pub fn of(value: &Value) -> String {
    let mut text = String::new();
    element(&mut text, None, value);
    text
}

fn element(text: &mut String, key: Option<&str>, value: &Value) {
    let tag = match value {
        Value::Null => "n",
        Value::Bool(_) | Value::Number(_) | Value::String(_) => "v",
        Value::Array(_) => "a",
        Value::Object(_) => "o",
    };
    text.push('<');
    text.push_str(tag);
    if let Some(key) = key {
        text.push_str(" k=\"");
        escape(text, key);
        text.push('"');
    }
    text.push('>');
    match value {
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => text.push_str(&value.to_string()),
        Value::String(string) => escape(text, string),
        Value::Array(items) => items.iter().for_each(|item| element(text, None, item)),
        Value::Object(entries) => entries.iter().for_each(|(key, item)| element(text, Some(key), item)),
    }
    text.push_str("</");
    text.push_str(tag);
    text.push('>');
}

fn escape(text: &mut String, string: &str) {
    for letter in string.chars() {
        match letter {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            // Readers make a space or a line feed of them where they stand as themselves.
            '\t' | '\n' | '\r' => text.push_str(&format!("&#{};", u32::from(letter))),
            // XML 1.0 has no way to write these.
            _ if letter.is_control() || letter == '\u{FFFE}' || letter == '\u{FFFF}' => text.push('\u{FFFD}'),
            _ => text.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_value_has_a_form() {
        let value = json!({ "a<b": [1, true, null, "x&\"y\"\r\n\u{1}"], "c": {} });
        let expected = "<o><a k=\"a&lt;b\"><v>1</v><v>true</v><n></n><v>x&amp;&quot;y&quot;&#13;&#10;\u{FFFD}</v></a>\
                        <o k=\"c\"></o></o>";
        assert_eq!(of(&value), expected);
        assert!(crate::xml::Document::parse(of(&value).as_bytes()).is_ok());
    }
}
