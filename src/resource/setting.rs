//! A value in web.config: text, or a secret.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::Found;
use crate::hostcall::{Content, MacForm, Text};
use crate::release::OverlayValue;
use crate::value::{Secret, SecretPart};

/// A value in web.config. In a playbook it is text, a whole number, `true` or `false`, or `"{{ secret('name') }}"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Text that is no secret.
    Text(String),
    /// A secret.
    Secret(Secret),
    /// Found: there is none.
    Absent,
    /// Found: something else, which the host does not tell.
    Withheld(&'static str),
}

/// What a literal that holds a password looks like, in lower case and without blanks.
const PASSWORDS: [&str; 4] = ["password=", "pwd=", "accountkey=", "sharedaccesskey="];

impl Setting {
    /// Whether it is a literal with a password in it, which would be kept in clear.
    pub fn looks_like_password(&self) -> bool {
        let Setting::Text(text) = self else { return false };
        let text: String = text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
        PASSWORDS.iter().any(|mark| {
            text.match_indices(mark).any(|(at, _)| {
                let after = &text[at + mark.len()..];
                !(after.is_empty() || after.starts_with(';'))
            })
        })
    }

    /// What a host has, in this value's own words. `None` for nothing there.
    pub fn told(&self, content: Option<&Content>, found: &Found) -> Setting {
        let macs = found.macs();
        match (self, content) {
            (Setting::Secret(Secret::Named(wanted)), Some(Content::Value(text))) => {
                // An attribute that hosts do not withhold may well be set to a secret.
                let mac = macs.of_text(text, MacForm::Exact);
                let same = macs.secrets.get(&(wanted.clone(), SecretPart::Whole, MacForm::Exact)) == Some(&mac);
                if same || macs.closed.contains_key(wanted) { self.clone() } else { Setting::Secret(Secret::Differs) }
            }
            (Setting::Secret(Secret::Named(wanted)), Some(content)) => {
                found.secret(content, wanted, MacForm::Exact).map_or(Setting::Absent, Setting::Secret)
            }
            (Setting::Text(wanted), Some(Content::Value(text))) => {
                let word = ["true", "false"].iter().any(|word| word.eq_ignore_ascii_case(wanted));
                let same = text == wanted || (word && text.eq_ignore_ascii_case(wanted));
                if same { self.clone() } else { Setting::Text(text.clone()) }
            }
            (Setting::Text(wanted), Some(Content::Mac(mac))) => {
                let same = macs.of_text(wanted, MacForm::Exact) == *mac;
                if same { self.clone() } else { Setting::Withheld("differs") }
            }
            (Setting::Text(wanted), Some(Content::Empty {})) if wanted.is_empty() => self.clone(),
            (Setting::Text(_), Some(Content::Empty {})) => Setting::Text(String::new()),
            (Setting::Text(_), Some(Content::Unreadable {})) => Setting::Withheld("unreadable"),
            (_, None) | (Setting::Absent | Setting::Withheld(_) | Setting::Secret(_), _) => Setting::Absent,
        }
    }

    /// The value as a commit takes it.
    pub fn text(&self) -> Text {
        match self {
            Setting::Text(text) => Text::Plain(text.clone()),
            Setting::Secret(Secret::Named(secret)) => Text::Secret(secret.clone()),
            Setting::Secret(_) | Setting::Absent | Setting::Withheld(_) => Text::Plain(String::new()),
        }
    }

    /// The value as an overlay takes it.
    pub fn overlay(&self) -> OverlayValue {
        match self {
            Setting::Text(text) => OverlayValue::from(text.as_str()),
            Setting::Secret(Secret::Named(secret)) => OverlayValue::from(secret.clone()),
            Setting::Secret(_) | Setting::Absent | Setting::Withheld(_) => OverlayValue::default(),
        }
    }
}

impl Serialize for Setting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Setting::Text(text) => serializer.serialize_str(text),
            Setting::Secret(secret) => secret.serialize(serializer),
            Setting::Absent => serializer.serialize_none(),
            // A map, so that no text can be taken for it.
            Setting::Withheld(how) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("withheld", how)?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Setting, D::Error> {
        struct Value;
        impl<'de> Visitor<'de> for Value {
            type Value = Setting;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("text, or a reference to a secret, \"{{ secret('name') }}\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Setting, E> {
                Ok(Setting::Text(text.to_owned()))
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Setting, E> {
                Ok(Setting::Text(value.to_string()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Setting, E> {
                Ok(Setting::Text(value.to_string()))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Setting, E> {
                Ok(Setting::Text(value.to_string()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Setting, A::Error> {
                Secret::deserialize(MapAccessDeserializer::new(map)).map(Setting::Secret)
            }
        }
        deserializer.deserialize_any(Value)
    }
}

impl JsonSchema for Setting {
    fn schema_name() -> Cow<'static, str> {
        "Setting".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer", "boolean"],
            "description": "Text, or a reference to a secret: \"{{ secret('name') }}\"."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::SecretMacs;
    use crate::value::{SecretRef, Store};

    #[test]
    fn a_literal_with_a_password_is_noticed() {
        for (text, expected) in [
            ("Server=db;Password=hunter2", true),
            ("Server=db;User Id=sa; PWD = hunter2", true),
            ("AccountName=a;AccountKey=Zm9v==", true),
            ("Server=db;Integrated Security=true", false),
            ("Server=db;Password=", false),
            ("Server=db;Pwd=;Encrypt=true", false),
            ("", false),
        ] {
            assert_eq!(Setting::Text(text.to_owned()).looks_like_password(), expected, "{text}");
        }
    }

    #[test]
    fn what_a_host_has_is_told_in_the_words_of_the_playbook() {
        let secret = SecretRef { store: Store::Age, name: "s".to_owned(), fingerprint: None };
        let mut macs = SecretMacs { nonce: vec![1; 32], ..SecretMacs::default() };
        let of = |text: &str| {
            Content::Mac(SecretMacs { nonce: vec![1; 32], ..SecretMacs::default() }.of_text(text, MacForm::Exact))
        };
        let mac = macs.of_text("hunter2", MacForm::Exact);
        macs.secrets.insert((secret.clone(), SecretPart::Whole, MacForm::Exact), mac);
        let text = |text: &str| Setting::Text(text.to_owned());
        let named = Setting::Secret(Secret::Named(secret));
        let value = |text: &str| Content::Value(text.to_owned());
        let check = |wanted: &Setting, content: Option<Content>, expected: &Setting| {
            let found = Found::new(&[], &macs);
            assert_eq!(&wanted.told(content.as_ref(), &found), expected, "{wanted:?} {content:?}");
        };
        check(&text("a"), Some(of("a")), &text("a"));
        check(&text("a"), Some(of("A")), &Setting::Withheld("differs"));
        check(&text("differs"), Some(of("a")), &Setting::Withheld("differs"));
        check(&text(""), Some(Content::Empty {}), &text(""));
        check(&text("a"), Some(Content::Empty {}), &text(""));
        check(&text("a"), None, &Setting::Absent);
        check(&text("False"), Some(value("false")), &text("False"));
        check(&text("x"), Some(value("X")), &text("X"));
        check(&named, Some(of("hunter2")), &named);
        check(&named, Some(value("hunter2")), &named);
        check(&named, Some(of("x")), &Setting::Secret(Secret::Differs));
        check(&named, Some(value("x")), &Setting::Secret(Secret::Differs));
        check(&named, Some(Content::Empty {}), &Setting::Absent);
        let differs = serde_json::to_value(Setting::Withheld("differs")).ok();
        assert_ne!(differs, serde_json::to_value(text("differs")).ok());
    }
}
