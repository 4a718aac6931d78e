//! A second net: whatever was about to be written, without the secrets in use. The first net is the types.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::hexadecimal::hexadecimal;
use crate::value::SecretValue;

/// What stands in place of a secret.
const MASK: &str = "(sensitive)";
/// The shortest value that is looked for, in bytes: a shorter one is in every other text by chance.
const MIN_BYTES: usize = 8;

/// The spellings of secrets that are kept out of texts.
#[derive(Default)]
pub struct Redaction {
    /// Longest first, so that no spelling leaves the end of a longer one behind.
    spellings: Vec<Zeroizing<String>>,
}

impl Redaction {
    /// Keeps these values out, as they are and in the encodings that texts carry.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a SecretValue>) -> Redaction {
        let mut spellings = Vec::new();
        for value in values {
            let text = value.expose();
            if text.len() >= MIN_BYTES {
                spellings.extend(encodings(text).into_iter().filter(|it| it.len() >= MIN_BYTES).map(Zeroizing::new));
            }
        }
        spellings.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        spellings.dedup();
        Redaction { spellings }
    }

    /// A text without them.
    pub fn clean(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for spelling in &self.spellings {
            if clean.contains(spelling.as_str()) {
                clean = clean.replace(spelling.as_str(), MASK);
            }
        }
        clean
    }
}

fn encodings(text: &str) -> Vec<String> {
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut all = vec![text.to_owned(), json(text), xml(text), url(text, false), url(text, true)];
    for bytes in [text.as_bytes(), &utf16[..]] {
        let digits = hexadecimal(bytes);
        all.push(digits.to_uppercase());
        all.push(digits.to_string());
        all.extend(base64s(bytes));
    }
    all
}

/// Base64 of bytes wherever they stand in a longer text: the digits that depend on no neighbour, for each of three places.
fn base64s(bytes: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    for before in 0..3 {
        let mut padded = vec![0; before];
        padded.extend_from_slice(bytes);
        let first = [0, 2, 3][before];
        let last = padded.len() * 8 / 6;
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let digits = engine.encode(&padded);
            all.extend(digits.get(first..last).map(str::to_owned));
        }
    }
    all
}

fn json(text: &str) -> String {
    let quoted = serde_json::Value::String(text.to_owned()).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or(text).to_owned()
}

fn xml(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&apos;")
}

fn url(text: &str, lower: bool) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let digits = hexadecimal(&[byte]);
            out.push('%');
            out.push_str(&if lower { digits.to_string() } else { digits.to_uppercase() });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_encoding_of_a_secret_is_left(secret in "[ -~é]{8,40}", before in "[a-z]{0,4}", after in "[a-z]{0,4}") {
            let value = SecretValue::new(secret.clone());
            let redaction = Redaction::new([&value]);
            let longer = format!("{before}{secret}{after}");
            for text in [
                longer.clone(),
                json(&longer),
                xml(&longer),
                url(&longer, true),
                hexadecimal(longer.as_bytes()).to_uppercase(),
                STANDARD.encode(&longer),
                STANDARD.encode(longer.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()),
            ] {
                prop_assert!(redaction.clean(&text).contains(MASK), "{text}");
            }
            let clean = redaction.clean(&longer);
            prop_assert!(!clean.contains(&secret) || MASK.contains(&secret));
        }
    }

    #[test]
    fn short_values_are_left_alone() {
        let value = SecretValue::new("abc".to_owned());
        assert_eq!(Redaction::new([&value]).clean("abc def"), "abc def");
    }
}
