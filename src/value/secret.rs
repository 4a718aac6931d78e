//! Secrets, in two halves: a reference that may be kept and shown, and a value that may not.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Where a secret is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Store {
    /// Sealed `age` files beside the playbook.
    Age,
    /// An environment variable.
    Env,
    /// A command that is asked, by JSON on its standard input and output.
    Exec,
    /// A file of its own, which holds the value and nothing else.
    File,
}

/// HMAC-SHA256 of a secret's value under the farm key, cut to 16 hexadecimal digits: tells two values apart, tells neither.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

impl Fingerprint {
    /// What stands for the fingerprint of a value that cannot be had here. No value has it.
    pub fn unknown() -> Fingerprint {
        Fingerprint("unknown".to_owned())
    }
}

/// A secret's name: all that playbooks, kinds, plans and journals ever hold of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretRef {
    /// Where it is kept.
    pub store: Store,
    /// Its name in the store.
    pub name: String,
    /// Which value was meant, where the store could be opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
}

impl SecretRef {
    /// The key of the one-entry map under which `secret('…')` travels from a template to a kind.
    /// No YAML key may spell it: the loader refuses one.
    pub const MARK: &'static str = "secret()";

    /// Reads what stands between the quotes of `secret('…')`: a name in the store, `env:NAME`, `exec:NAME` or `file:PATH`.
    ///
    /// # Errors
    /// What is wrong with it, and what a name looks like.
    pub fn parse(text: &str) -> Result<SecretRef, String> {
        if let Some(name) = text.strip_prefix("env:") {
            let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
            return if name.chars().all(letter) && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
                Ok(SecretRef { store: Store::Env, name: name.to_owned(), fingerprint: None })
            } else {
                Err("an environment variable is named by letters, digits and `_`".to_owned())
            };
        }
        if let Some(name) = text.strip_prefix("exec:") {
            let letter = |c: char| c.is_ascii_alphanumeric() || "._-/#@:+=".contains(c);
            return if !name.is_empty() && name.len() <= 200 && name.chars().all(letter) {
                Ok(SecretRef { store: Store::Exec, name: name.to_owned(), fingerprint: None })
            } else {
                Err("a secret to ask a command for is named by letters, digits and `._-/#@:+=`, at most 200".to_owned())
            };
        }
        if let Some(path) = text.strip_prefix("file:") {
            let climbs = path.split(['/', '\\']).any(|part| part == "..");
            let plain = !path.is_empty() && path.len() <= 500 && !path.chars().any(char::is_control);
            return if plain && path.trim() == path && !climbs {
                Ok(SecretRef { store: Store::File, name: path.to_owned(), fingerprint: None })
            } else {
                Err("a secret's file is told by its path from the playbook's folder, or from the root, without `..`"
                    .to_owned())
            };
        }
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let dots = |c: char| letter(c) || "._-".contains(c);
        if text.starts_with(letter) && text.chars().all(dots) && text.len() <= 100 {
            Ok(SecretRef { store: Store::Age, name: text.to_owned(), fingerprint: None })
        } else {
            Err("a secret is named by lower-case letters, digits, `.`, `_` and `-`, at most 100".to_owned())
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self.store {
            Store::Age => formatter.write_str(&self.name),
            Store::Env => write!(formatter, "env:{}", self.name),
            Store::Exec => write!(formatter, "exec:{}", self.name),
            Store::File => write!(formatter, "file:{}", self.name),
        }
    }
}

impl SecretRef {
    /// The secret for people, in the place of its value.
    pub fn shown(&self) -> String {
        format!("{{{{ secret('{self}') }}}}")
    }
}

/// A secret's value. It exists only while bytes for the wire are being made: no Serialize, Display, Debug or Clone.
pub struct SecretValue(Zeroizing<String>);

impl SecretValue {
    /// Takes hold of a value.
    pub fn new(value: String) -> SecretValue {
        SecretValue(Zeroizing::new(value))
    }

    /// The value, for the one place that needs it. Each call site is listed in `tests/tidy`.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A secret-typed property. In a playbook it is `"{{ secret('name') }}"` and nothing else; a literal is refused.
///
/// What was found is told in the same type: the desired reference back when it is equal, else how it differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Secret {
    /// The secret of this name.
    #[serde(rename = "secret()")]
    Named(SecretRef),
    /// There shall be none, or there is none: a managed account's password is the domain's business.
    #[serde(rename = "none")]
    None,
    /// Found, and not the desired one.
    #[serde(rename = "differs")]
    Differs,
    /// Found, and the host itself cannot decrypt it (a cloned image).
    #[serde(rename = "unreadable")]
    Unreadable,
}

impl Secret {
    /// The reference, where there is one.
    pub fn reference(&self) -> Option<&SecretRef> {
        match self {
            Secret::Named(reference) => Some(reference),
            Secret::None | Secret::Differs | Secret::Unreadable => None,
        }
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        struct Reference;
        impl<'de> Visitor<'de> for Reference {
            type Value = Secret;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a reference to a secret, \"{{ secret('name') }}\"")
            }

            // The literal is left out of every message: it may well be the password.
            fn visit_str<E: de::Error>(self, _: &str) -> Result<Secret, E> {
                Err(E::custom("a secret is not written into a playbook; write \"{{ secret('name') }}\""))
            }

            fn visit_u64<E: de::Error>(self, _: u64) -> Result<Secret, E> {
                self.visit_str("")
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Secret, E> {
                self.visit_str("")
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Secret, E> {
                self.visit_str("")
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Secret, E> {
                self.visit_str("")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
                match map.next_entry::<String, SecretRef>()? {
                    Some((mark, reference)) if mark == SecretRef::MARK => Ok(Secret::Named(reference)),
                    _ => Err(de::Error::custom("this is not a reference to a secret; write \"{{ secret('name') }}\"")),
                }
            }
        }
        deserializer.deserialize_any(Reference)
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A reference to a secret, never the secret itself: \"{{ secret('name') }}\".",
            "pattern": "^\\s*\\{\\{\\s*secret\\(.*\\)\\s*\\}\\}\\s*$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_reference_is_a_secret_and_a_literal_is_never_repeated() {
        let read = |text: &str| serde_json::from_str::<Secret>(text).map_err(|error| error.to_string());
        let named = read(r#"{"secret()": {"store": "age", "name": "svc"}}"#).unwrap();
        assert_eq!(named.reference().map(|reference| reference.name.as_str()), Some("svc"));
        for literal in ["\"hunter2\"", "12345", "{\"hunter2\": 1}"] {
            let message = read(literal).unwrap_err();
            assert!(!message.contains("hunter2") && !message.contains("12345"), "{message}");
        }
    }

    #[test]
    fn a_name_reads_as_it_is_shown_and_cannot_leave_its_folder() {
        let exec = "exec:kv/data/chat#password";
        for name in
            ["svc-chat", "a.b_c-1", "env:CHAT_PASSWORD", "0", exec, "file:keys/chat.txt", "file:/run/secrets/x y"]
        {
            assert_eq!(SecretRef::parse(name).map(|it| it.to_string()), Ok(name.to_owned()));
        }
        for name in ["", "../x", "a/b", "A", ".x", "env:", "env:1", "env:A-B", "a\\b", "a b", "é", "exec:", "exec:a b"]
        {
            assert!(SecretRef::parse(name).is_err(), "{name}");
        }
        for name in ["exec:a\"", "file:", "file:../x", "file:a/../../x", "file:a\\..\\x", "file: x", "file:a\nb"] {
            assert!(SecretRef::parse(name).is_err(), "{name}");
        }
    }
}
