//! Text that holds secrets: pieces of plain text and references, put together when bytes for the wire are made.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::machine_key::{MachineKey, PublishedKeys};
use super::xml_text::{push_xml_attribute, xml_allows};
use super::{SecretRef, SecretValue};

/// The mark in a statement in whose place the server's answer to another question goes, quoted as a text.
pub const FOUND_MARK: &str = "{found}";

/// A text such as a web.config or a connection string, with references where its secrets stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretText {
    /// How it becomes bytes.
    #[serde(default)]
    pub encoding: TextEncoding,
    /// Its pieces in order. A byte order mark is part of the first.
    pub pieces: Vec<TextPiece>,
}

/// How a text becomes bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextEncoding {
    /// UTF-8.
    #[default]
    Utf8,
    /// UTF-16, little-endian.
    Utf16Le,
    /// UTF-16, big-endian.
    Utf16Be,
    /// ASCII of an XML document; what a secret holds beyond it is written as character references.
    XmlAscii,
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextPiece {
    /// The text itself.
    Plain(String),
    /// A secret, or a part of one.
    Secret(SecretPiece),
}

/// Where a secret stands in a text, and how it is written there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretPiece {
    /// The secret.
    pub secret: SecretRef,
    /// What of it is meant.
    #[serde(default)]
    pub part: SecretPart,
    /// How it is written.
    #[serde(default)]
    pub escape: Escape,
}

/// What of a secret is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretPart {
    /// All of it.
    #[default]
    Whole,
    /// The `validationKey` of a machine key.
    ValidationKey,
    /// The `decryptionKey` of a machine key.
    DecryptionKey,
    /// The `validation` algorithm of a machine key.
    Validation,
    /// The `decryption` algorithm of a machine key.
    Decryption,
}

/// How a secret is written into the text around it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Escape {
    /// As it is.
    #[default]
    None,
    /// As an attribute's value in XML, fit for quotes of either kind.
    XmlAttribute,
    /// Between the quotes of a text in T-SQL.
    SqlText,
}

/// Why a text cannot be put together. No message holds any of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret `{secret}` {why}")]
pub struct SecretTextError {
    /// Which secret.
    pub secret: SecretRef,
    /// What is wrong with it.
    pub why: String,
}

impl SecretText {
    /// The secrets in it, in order, one as often as it stands there.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        self.pieces.iter().filter_map(|piece| match piece {
            TextPiece::Plain(_) => None,
            TextPiece::Secret(piece) => Some(&piece.secret),
        })
    }

    /// The text for people, each secret by its name.
    pub fn shown(&self) -> String {
        let piece = |piece: &TextPiece| match piece {
            TextPiece::Plain(text) => text.clone(),
            TextPiece::Secret(piece) => piece.secret.shown(),
        };
        self.pieces.iter().map(piece).collect()
    }

    /// The bytes for the wire. `resolve` gives a secret's value, or says why there is none.
    ///
    /// # Errors
    /// A secret that is not to be had, is no machine key where one is meant, or cannot be written in XML.
    pub fn bytes(
        &self,
        resolve: impl Fn(&SecretRef) -> Result<SecretValue, String>,
    ) -> Result<Zeroizing<Vec<u8>>, SecretTextError> {
        let mut bytes = Bytes::new(self.encoding);
        for piece in &self.pieces {
            match piece {
                TextPiece::Plain(text) => bytes.push(text),
                TextPiece::Secret(piece) => {
                    let error = |why| SecretTextError { secret: piece.secret.clone(), why };
                    let value = resolve(&piece.secret).map_err(|why| error(format!("cannot be read: {why}")))?;
                    piece.part.of(&value).and_then(|value| bytes.push_secret(&value, piece.escape)).map_err(error)?;
                }
            }
        }
        Ok(bytes.finish())
    }
}

impl SecretPart {
    /// All of them.
    pub const ALL: [SecretPart; 5] = [
        SecretPart::Whole,
        SecretPart::ValidationKey,
        SecretPart::DecryptionKey,
        SecretPart::Validation,
        SecretPart::Decryption,
    ];

    /// This part of a secret's value.
    ///
    /// # Errors
    /// A value that is no machine key where a part of one is meant.
    pub fn of(self, value: &SecretValue) -> Result<SecretValue, String> {
        if self == SecretPart::Whole {
            return Ok(SecretValue::new(value.expose().to_owned()));
        }
        let key = MachineKey::parse(value, &PublishedKeys::shipped())
            .map_err(|error| format!("holds no machine key that a farm can share: {error}"))?;
        Ok(match self {
            SecretPart::Whole => SecretValue::new(value.expose().to_owned()),
            SecretPart::ValidationKey => key.validation_key(),
            SecretPart::DecryptionKey => key.decryption_key(),
            SecretPart::Validation => SecretValue::new(key.validation().as_str().to_owned()),
            SecretPart::Decryption => SecretValue::new(key.decryption().as_str().to_owned()),
        })
    }
}

/// Bytes in the making. When they grow, what they stood in before is wiped.
struct Bytes {
    encoding: TextEncoding,
    bytes: Zeroizing<Vec<u8>>,
}

impl Bytes {
    fn new(encoding: TextEncoding) -> Bytes {
        Bytes { encoding, bytes: Zeroizing::new(Vec::new()) }
    }

    fn push_secret(&mut self, value: &SecretValue, escape: Escape) -> Result<(), String> {
        let text = value.expose();
        match escape {
            Escape::None => self.push(text),
            Escape::SqlText => {
                // A backslash at a line's end joins lines in T-SQL, which no password is meant to do.
                if text.chars().any(char::is_control) {
                    return Err("holds a control character, which cannot be a password in T-SQL".to_owned());
                }
                if text.contains(FOUND_MARK) {
                    return Err(format!("holds `{FOUND_MARK}`, which has a meaning of its own here"));
                }
                let mut quoted = Zeroizing::new(String::with_capacity(text.len() * 2));
                for character in text.chars() {
                    quoted.push(character);
                    if character == '\'' {
                        quoted.push(character);
                    }
                }
                self.push(&quoted);
            }
            Escape::XmlAttribute => {
                if let Some(wrong) = text.chars().find(|character| !xml_allows(*character)) {
                    return Err(format!("holds the character U+{:04X}, which XML cannot hold", u32::from(wrong)));
                }
                // No reference is longer than six bytes.
                let mut raw = Zeroizing::new(String::with_capacity(text.len() * 6));
                text.chars().for_each(|character| push_xml_attribute(&mut raw, character, None));
                self.push(&raw);
            }
        }
        Ok(())
    }

    fn push(&mut self, text: &str) {
        self.reserve(text.len());
        match self.encoding {
            TextEncoding::Utf8 => self.bytes.extend_from_slice(text.as_bytes()),
            TextEncoding::Utf16Le => self.bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes)),
            TextEncoding::Utf16Be => self.bytes.extend(text.encode_utf16().flat_map(u16::to_be_bytes)),
            TextEncoding::XmlAscii => {
                for character in text.chars() {
                    match u8::try_from(character).ok().filter(u8::is_ascii) {
                        Some(byte) => self.bytes.push(byte),
                        None => self.bytes.extend(format!("&#{};", u32::from(character)).bytes()),
                    }
                }
            }
        }
    }

    /// Makes room for a text in any encoding: a character reference for a two-byte character takes up to seven bytes.
    fn reserve(&mut self, text_bytes: usize) {
        let needed = self.bytes.len() + text_bytes * 4 + 8;
        if needed > self.bytes.capacity() {
            let mut roomy = Zeroizing::new(Vec::with_capacity(needed * 2));
            roomy.extend_from_slice(&self.bytes);
            self.bytes = roomy;
        }
    }

    fn finish(self) -> Zeroizing<Vec<u8>> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Store;

    fn reference(name: &str) -> SecretRef {
        SecretRef { store: Store::Age, name: name.to_owned(), fingerprint: None }
    }

    fn piece(name: &str, part: SecretPart, escape: Escape) -> TextPiece {
        TextPiece::Secret(SecretPiece { secret: reference(name), part, escape })
    }

    fn text(encoding: TextEncoding, part: SecretPart, escape: Escape) -> SecretText {
        let plain = |text: &str| TextPiece::Plain(text.to_owned());
        SecretText { encoding, pieces: vec![plain("<a b='"), piece("s", part, escape), plain("' é/>")] }
    }

    fn check(text: &SecretText, value: &str, expected: &[u8]) {
        let bytes = text.bytes(|_| Ok(SecretValue::new(value.to_owned()))).unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(expected));
        assert_eq!(&**bytes, expected);
    }

    #[test]
    fn a_secret_is_written_as_its_place_wants() {
        let part = SecretPart::Whole;
        let value = "a<b>&\"'\té𝄞";
        check(&text(TextEncoding::Utf8, part, Escape::None), value, "<a b='a<b>&\"'\té𝄞' é/>".as_bytes());
        let escaped = "<a b='a&lt;b&gt;&amp;&quot;&apos;&#x9;é𝄞' é/>";
        check(&text(TextEncoding::Utf8, part, Escape::XmlAttribute), value, escaped.as_bytes());
        let wide: Vec<u8> = escaped.encode_utf16().flat_map(u16::to_le_bytes).collect();
        check(&text(TextEncoding::Utf16Le, part, Escape::XmlAttribute), value, &wide);
        let wide: Vec<u8> = escaped.encode_utf16().flat_map(u16::to_be_bytes).collect();
        check(&text(TextEncoding::Utf16Be, part, Escape::XmlAttribute), value, &wide);
        let ascii = escaped.replace('é', "&#233;").replace('𝄞', "&#119070;");
        check(&text(TextEncoding::XmlAscii, part, Escape::XmlAttribute), value, ascii.as_bytes());
    }

    #[test]
    fn the_parts_of_a_machine_key_are_taken_out_of_one_secret() {
        let key = MachineKey::generate(|bytes| getrandom::fill(bytes).unwrap());
        for (part, expected) in [
            (SecretPart::ValidationKey, key.validation_key()),
            (SecretPart::DecryptionKey, key.decryption_key()),
            (SecretPart::Validation, SecretValue::new("HMACSHA256".to_owned())),
            (SecretPart::Decryption, SecretValue::new("AES".to_owned())),
        ] {
            let expected = format!("<a b='{}' é/>", expected.expose());
            check(&text(TextEncoding::Utf8, part, Escape::XmlAttribute), key.to_secret().expose(), expected.as_bytes());
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        let check = |part, value: Result<&str, &str>, expected: &str| {
            let text = text(TextEncoding::Utf8, part, Escape::XmlAttribute);
            let resolve = |_: &SecretRef| value.map(|value| SecretValue::new(value.to_owned())).map_err(str::to_owned);
            let message = text.bytes(resolve).unwrap_err().to_string();
            assert!(message.starts_with(expected) && !message.contains("hunter2"), "{message}");
        };
        check(SecretPart::Whole, Err("it is not there"), "the secret `s` cannot be read: it is not there");
        check(
            SecretPart::Whole,
            Ok("hunter2\u{1}"),
            "the secret `s` holds the character U+0001, which XML cannot hold",
        );
        check(SecretPart::ValidationKey, Ok("hunter2"), "the secret `s` holds no machine key that a farm can share: ");
    }

    #[test]
    fn it_serialises_with_references_alone() {
        let text = text(TextEncoding::Utf8, SecretPart::ValidationKey, Escape::XmlAttribute);
        let json = serde_json::to_string(&text).unwrap();
        let expected = r#"{"encoding":"utf8","pieces":[{"plain":"<a b='"},{"secret":{"secret":{"store":"age","name":"s"},"part":"validation_key","escape":"xml_attribute"}},{"plain":"' é/>"}]}"#;
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<SecretText>(&json).unwrap(), text);
        assert_eq!(text.secrets().collect::<Vec<_>>(), [&reference("s")]);
    }
}
