//! Which certificate an https binding shows.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::hostcall::answer::Certificate;

/// A certificate in a store of the local machine, by `thumbprint` or by `subject`; exactly one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateRef {
    /// SHA-1 thumbprint. Blanks, colons and the invisible mark that the Windows console copies along do not matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbprint: Option<Thumbprint>,
    /// DNS name it must be good for. Of several, the valid one with a private key that ends last is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The store, `My` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
}

/// A SHA-1 thumbprint as 40 upper-case hexadecimal digits, however it was copied.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Thumbprint(String);

impl Thumbprint {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Thumbprint {
    type Error = String;

    fn try_from(text: String) -> Result<Thumbprint, String> {
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_uppercase();
        // U+200E comes along when a thumbprint is copied from the certificates console.
        let foreign =
            text.chars().any(|c| !(c.is_ascii_hexdigit() || c.is_whitespace() || c == ':' || c == '\u{200e}'));
        if digits.len() == 40 && !foreign {
            Ok(Thumbprint(digits))
        } else {
            Err(format!("`{}` is not a thumbprint: it has 40 hexadecimal digits", text.escape_default()))
        }
    }
}

impl From<Thumbprint> for String {
    fn from(thumbprint: Thumbprint) -> String {
        thumbprint.0
    }
}

impl JsonSchema for Thumbprint {
    fn schema_name() -> Cow<'static, str> {
        "Thumbprint".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "SHA-1 thumbprint of a certificate, 40 hexadecimal digits." })
    }
}

impl CertificateRef {
    /// The store it is in.
    pub fn store(&self) -> &str {
        self.store.as_deref().unwrap_or("My")
    }

    /// The certificate meant, out of those in its store at the time `utc`.
    ///
    /// # Errors
    /// Why there is none, in a sentence.
    pub fn choose<'c>(&self, certificates: &'c [Certificate], utc: &str) -> Result<&'c Certificate, String> {
        let store = self.store();
        if let Some(thumbprint) = &self.thumbprint {
            let found = certificates.iter().find(|it| it.thumbprint.eq_ignore_ascii_case(thumbprint.as_str()));
            return match found {
                None => Err(format!("store {store} has no certificate {}", thumbprint.as_str())),
                Some(certificate) if !certificate.private_key => {
                    Err(format!("certificate {} in store {store} has no private key", thumbprint.as_str()))
                }
                Some(certificate) => Ok(certificate),
            };
        }
        let subject = self.subject.as_deref().unwrap_or_default();
        let good = certificates.iter().filter(|it| it.dns_names.iter().any(|name| covers(name, subject)));
        // Times are `2026-11-21T12:34:56Z`, which compare as text.
        let usable =
            good.clone().filter(|it| it.private_key && it.not_before.as_str() <= utc && utc < it.not_after.as_str());
        usable.max_by(|a, b| (&a.not_after, &a.thumbprint).cmp(&(&b.not_after, &b.thumbprint))).ok_or_else(
            || match good.count() {
                0 => format!("store {store} has no certificate for {subject}"),
                _ => {
                    format!("store {store} has no certificate for {subject} that is valid now and has its private key")
                }
            },
        )
    }
}

/// Whether a certificate's name is good for a host: the same, or a wildcard over its first label.
fn covers(name: &str, host: &str) -> bool {
    name.eq_ignore_ascii_case(host)
        || name.strip_prefix("*.").is_some_and(|domain| {
            host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(domain))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(thumbprint: char, name: &str, until: &str, private_key: bool) -> Certificate {
        Certificate {
            thumbprint: thumbprint.to_string().repeat(40),
            subject: format!("CN={name}"),
            dns_names: vec![name.to_owned()],
            not_before: "2025-01-01T00:00:00Z".to_owned(),
            not_after: until.to_owned(),
            private_key,
        }
    }

    #[test]
    fn the_valid_certificate_that_ends_last_is_taken() {
        let store = [
            certificate('A', "chat.example.com", "2026-12-01T00:00:00Z", true),
            certificate('B', "*.example.com", "2027-12-01T00:00:00Z", true),
            certificate('C', "chat.example.com", "2028-12-01T00:00:00Z", false),
            certificate('D', "chat.example.com", "2026-01-01T00:00:00Z", true),
        ];
        let check = |reference: &str, expected: Result<char, &str>| {
            let reference: CertificateRef = serde_json::from_str(reference).unwrap();
            let chosen =
                reference.choose(&store, "2026-11-21T00:00:00Z").map(|it| it.thumbprint.chars().next().unwrap());
            assert_eq!(chosen, expected.map_err(str::to_owned));
        };
        check(r#"{"subject": "chat.example.com"}"#, Ok('B'));
        check(r#"{"subject": "a.b.example.com"}"#, Err("store My has no certificate for a.b.example.com"));
        check(&format!(r#"{{"thumbprint": "{}"}}"#, "aa ".repeat(20)), Ok('A'));
        let keyless = "certificate CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC in store My has no private key";
        check(&format!(r#"{{"thumbprint": "{}"}}"#, "C".repeat(40)), Err(keyless));
    }
}
