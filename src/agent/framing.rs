//! Lines to and from an agent.
//!
//! Every line is JSON in ASCII, ended by LF: everything else is escaped, because the host decodes its input with
//! whatever code page the console has. For the same reason bytes go as Base64, although the way to a process is good
//! for any bytes. A long message goes as several lines: `+` and a piece, and so on, at last `=` and the last piece.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{END_LINE, PROTOCOL, text};
use crate::hostcall::{Access, Batch, Hello, SecretFile};
use crate::value::{SecretRef, SecretText, SecretTextError, SecretValue};

/// The longest line towards a host, LF included: each is one string in the agent's memory.
pub const MAX_LINE_BYTES: usize = 256 * 1024;

/// How much of a long message a line takes, besides its mark and its end.
const PIECE_BYTES: usize = MAX_LINE_BYTES - 2;

/// The longest message: as long as several lines. A release's list of files is the longest there is, some 150 bytes a file.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// Finds a secret's value when bytes for the wire are made; the error says why there is none.
pub type Resolver<'a> = dyn Fn(&SecretRef) -> Result<SecretValue, String> + Send + Sync + 'a;

/// Why a batch cannot be put on the wire. Nothing has been sent then.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A secret is not to be had.
    #[error("the secret `{name}` cannot be read: {why}")]
    Secret {
        /// Its name.
        name: String,
        /// What the store said.
        why: String,
    },
    /// The line would be too long.
    #[error(
        "the batch takes {bytes} bytes on the wire and {MAX_MESSAGE_BYTES} is the most; spread the play's steps over two plays"
    )]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The calls have no JSON form.
    #[error("the batch cannot be written as JSON: {0}")]
    Json(String),
}

/// What comes before the first batch: the agent's text, the line that ends it, the hello.
///
/// # Errors
///
/// Those of [`EncodeError`]; none for a hello in practice.
pub fn preamble(access: Access) -> Result<Vec<u8>, EncodeError> {
    let hello = serde_json::to_value(Hello { hello: PROTOCOL, access }).map_err(|error| json(&error))?;
    let mut line = Line::default();
    line.value(&hello, &no_secrets)?;
    Ok([text().as_bytes(), END_LINE.as_bytes(), b"\n", &line.finish()?].concat())
}

/// What brings the agent its writing part.
///
/// # Errors
///
/// Those of [`EncodeError`]; none in practice.
pub fn writer() -> Result<Zeroizing<Vec<u8>>, EncodeError> {
    let mut line = Line::default();
    line.value(&serde_json::json!({ "writer": super::writer() }), &no_secrets)?;
    line.finish()
}

/// The lines of a batch. Each reference to a secret is replaced by `{"plain":"<its value>"}` here and nowhere earlier.
///
/// # Errors
///
/// A secret that cannot be had, or a line that is too long. Nothing has been sent then.
pub fn encode(batch: &Batch, secrets: &Resolver<'_>) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
    let value = serde_json::to_value(batch).map_err(|error| json(&error))?;
    let mut line = Line::default();
    line.value(&value, secrets)?;
    line.finish()
}

/// A resolver for batches that hold no secrets.
///
/// # Errors
///
/// Always.
pub fn no_secrets(reference: &SecretRef) -> Result<SecretValue, String> {
    Err(format!("nothing here may use `{}`", reference.name))
}

fn json(error: &serde_json::Error) -> EncodeError {
    EncodeError::Json(error.to_string())
}

/// A line in the making. Its memory is wiped, also the pieces outgrown on the way.
#[derive(Default)]
struct Line(Zeroizing<Vec<u8>>);

impl Line {
    fn push(&mut self, bytes: &[u8]) {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(4096) * 2));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
    }

    fn value(&mut self, value: &Value, secrets: &Resolver<'_>) -> Result<(), EncodeError> {
        match value {
            Value::Null => self.push(b"null"),
            Value::Bool(true) => self.push(b"true"),
            Value::Bool(false) => self.push(b"false"),
            Value::Number(number) => self.push(number.to_string().as_bytes()),
            Value::String(text) => self.text(text),
            Value::Array(items) => {
                self.push(b"[");
                for (index, item) in items.iter().enumerate() {
                    self.push(if index == 0 { b"" } else { b"," });
                    self.value(item, secrets)?;
                }
                self.push(b"]");
            }
            Value::Object(entries) => {
                if let Some(file) = secret_file(value) {
                    let digest = Sha256::digest(&bytes(&file, secrets)?);
                    let digits = digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
                    self.text(&digits);
                    return Ok(());
                }
                if let Some(file) = entries.get("secret").and_then(secret_file) {
                    self.push(b"{\"base64\":");
                    self.text(&Zeroizing::new(STANDARD.encode(bytes(&file, secrets)?)));
                    self.push(b"}");
                    return Ok(());
                }
                if let Some(text) = composed(value) {
                    let bytes = bytes(&SecretFile { secret_file: text }, secrets)?;
                    self.push(b"{\"plain\":");
                    self.text(std::str::from_utf8(&bytes).unwrap_or_default());
                    self.push(b"}");
                    return Ok(());
                }
                if let Some(reference) = secret(value) {
                    let plain = secrets(&reference).map_err(|why| EncodeError::Secret { name: reference.name, why })?;
                    self.push(b"{\"plain\":");
                    self.text(plain.expose());
                    self.push(b"}");
                    return Ok(());
                }
                self.push(b"{");
                for (index, (key, item)) in entries.iter().enumerate() {
                    self.push(if index == 0 { b"" } else { b"," });
                    self.text(key);
                    self.push(b":");
                    self.value(item, secrets)?;
                }
                self.push(b"}");
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        self.push(b"\"");
        for unit in text.encode_utf16() {
            match u8::try_from(unit) {
                Ok(byte @ (b'"' | b'\\')) => self.push(&[b'\\', byte]),
                Ok(byte @ b' '..=b'~') => self.push(&[byte]),
                _ => self.push(&escape(unit)),
            }
        }
        self.push(b"\"");
    }

    fn finish(mut self) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
        self.push(b"\n");
        let bytes = self.0.len();
        if bytes <= MAX_LINE_BYTES {
            return Ok(self.0);
        }
        if bytes > MAX_MESSAGE_BYTES {
            return Err(EncodeError::TooLong { bytes });
        }
        let mut lines = Zeroizing::new(Vec::with_capacity(bytes + 2 * bytes.div_ceil(PIECE_BYTES)));
        let pieces = self.0[..bytes - 1].chunks(PIECE_BYTES);
        let last = pieces.len() - 1;
        for (index, piece) in pieces.enumerate() {
            lines.push(if index == last { b'=' } else { b'+' });
            lines.extend_from_slice(piece);
            lines.push(b'\n');
        }
        Ok(lines)
    }
}

/// `\uXXXX`.
fn escape(unit: u16) -> [u8; 6] {
    let digit = |shift: u16| b"0123456789abcdef"[usize::from((unit >> shift) & 15)];
    [b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]
}

/// The reference, where a value is [`crate::hostcall::Text::Secret`] as it is serialised. No other part of a batch has
/// a map as the value of a lone `secret` key.
fn secret(value: &Value) -> Option<SecretRef> {
    let entries = value.as_object()?;
    match entries.get("secret") {
        Some(reference @ Value::Object(_)) if entries.len() == 1 => serde_json::from_value(reference.clone()).ok(),
        _ => None,
    }
}

/// The text, where a value is [`crate::hostcall::Text::Composed`] as it is serialised.
fn composed(value: &Value) -> Option<SecretText> {
    value.get("composed").and_then(|text| serde_json::from_value(text.clone()).ok())
}

/// The file, where a value is a [`SecretFile`] as it is serialised. No other part of a batch has that key.
fn secret_file(value: &Value) -> Option<SecretFile> {
    value.get("secret_file").and_then(|_| serde_json::from_value(value.clone()).ok())
}

fn bytes(file: &SecretFile, secrets: &Resolver<'_>) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
    let error = |error: SecretTextError| EncodeError::Secret { name: error.secret.name, why: error.why };
    file.secret_file.bytes(|reference| secrets(reference)).map_err(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::lines::{Lines, Messages};
    use crate::hostcall::{Call, FileData, FileDigest, Nonce, Read, Text, TreeFile, Write};
    use crate::value::{Escape, SecretPart, SecretPiece, Store, TextEncoding, TextPiece};
    use proptest::prelude::*;

    fn batch(call: Call) -> Batch {
        Batch { id: 1, nonce: Nonce("00".to_owned()), calls: vec![call] }
    }

    fn log_on() -> Batch {
        let password = Text::Secret(SecretRef { store: Store::Env, name: "svc".to_owned(), fingerprint: None });
        batch(Call::Tell(Write::TestLogon { account: "CORP\\svc".to_owned(), password }))
    }

    #[test]
    fn a_secret_takes_its_references_place() {
        let line = encode(&log_on(), &|reference| {
            assert_eq!(reference.name, "svc");
            Ok(SecretValue::new("pä\"ss".to_owned()))
        })
        .unwrap();
        assert_eq!(
            std::str::from_utf8(&line).unwrap(),
            "{\"id\":1,\"nonce\":\"00\",\"calls\":[{\"tell\":{\"write\":\"test_logon\",\"account\":\"CORP\\\\svc\",\
             \"password\":{\"plain\":\"p\\u00e4\\\"ss\"}}}]}\n"
        );
    }

    #[test]
    fn a_file_with_secrets_is_made_for_the_wire_alone() {
        let reference = SecretRef { store: Store::Env, name: "svc".to_owned(), fingerprint: None };
        let piece = SecretPiece { secret: reference, part: SecretPart::default(), escape: Escape::XmlAttribute };
        let pieces = vec![TextPiece::Plain("<a b=\"".to_owned()), TextPiece::Secret(piece)];
        let file = SecretFile { secret_file: SecretText { encoding: TextEncoding::Utf8, pieces } };
        let files =
            vec![TreeFile { path: "web.config".to_owned(), bytes: 9, sha256: FileDigest::Secret(file.clone()) }];
        let tree = Write::PutTree {
            path: "D:".to_owned(),
            files: Some(files),
            from: Vec::new(),
            except: Vec::new(),
            pull: None,
        };
        let data = FileData::Secret(file);
        let piece = Write::PutFile { tree: "D:".to_owned(), file: "web.config".to_owned(), at_bytes: 0, data };
        let both = Batch { calls: vec![Call::Tell(tree), Call::Tell(piece)], ..log_on() };
        let line = encode(&both, &|_| Ok(SecretValue::new("&1".to_owned()))).unwrap();
        let line = std::str::from_utf8(&line).unwrap();
        // printf '<a b="&amp;1' | sha256sum, | base64
        assert!(
            line.contains(r#""sha256":"52766591d1d5b62b12156c6a3a8e4081c8b7eb7b50bdfca2a41a29ad1923086a""#),
            "{line}"
        );
        assert!(line.contains(r#""data":{"base64":"PGEgYj0iJmFtcDsx"}"#), "{line}");
    }

    #[test]
    fn without_its_secret_a_batch_has_no_bytes() {
        let error = encode(&log_on(), &|_| Err("the store is locked".to_owned())).unwrap_err();
        assert_eq!(error.to_string(), "the secret `svc` cannot be read: the store is locked");
    }

    #[test]
    fn a_long_message_is_several_lines() {
        for length in [10, MAX_LINE_BYTES, 3 * MAX_LINE_BYTES] {
            let batch = batch(Call::Ask(Read::Features { names: vec!["x".repeat(length)] }));
            let bytes = encode(&batch, &no_secrets).unwrap();
            let (mut lines, mut messages) = (Lines::default(), Messages::default());
            lines.push(&bytes);
            let lines: Vec<Vec<u8>> = std::iter::from_fn(|| lines.next_line()).collect();
            assert!(lines.iter().all(|line| line.len() < MAX_LINE_BYTES), "{length}");
            let whole: Vec<Vec<u8>> = lines.into_iter().filter_map(|line| messages.line(line)).collect();
            assert_eq!(whole.len(), 1);
            assert_eq!(serde_json::from_slice::<Batch>(&whole[0]).unwrap(), batch);
        }
    }

    #[test]
    fn a_message_has_a_longest_length() {
        let names = vec!["x".repeat(MAX_MESSAGE_BYTES)];
        let error = encode(&batch(Call::Ask(Read::Features { names })), &no_secrets).unwrap_err();
        assert!(matches!(error, EncodeError::TooLong { .. }));
    }

    #[test]
    fn the_preamble_ends_with_the_hello() {
        let bytes = preamble(Access::ReadOnly).unwrap();
        let expected = format!("{}{END_LINE}\n{{\"hello\":1,\"access\":\"read_only\"}}\n", text());
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    proptest! {
        #[test]
        fn any_text_survives_as_ascii(name in any::<String>()) {
            let batch = batch(Call::Ask(Read::Features { names: vec![name] }));
            let line = encode(&batch, &no_secrets).unwrap();
            prop_assert!(line.iter().all(|byte| (b' '..=b'~').contains(byte) || *byte == b'\n'));
            prop_assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
            prop_assert_eq!(serde_json::from_slice::<Batch>(&line).unwrap(), batch);
        }
    }
}
