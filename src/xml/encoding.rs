//! Bytes to text and back, as a byte order mark or the XML declaration says.

use super::XmlError;

/// How a document is written as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8 without a byte order mark.
    Utf8,
    /// UTF-8 with a byte order mark, as IIS and Visual Studio write it.
    Utf8Marked,
    /// UTF-16, little-endian, with a byte order mark.
    Utf16Le,
    /// UTF-16, big-endian, with a byte order mark.
    Utf16Be,
    /// ISO 8859-1 or Windows-1252 by declaration, all characters being ASCII.
    DeclaredAscii,
}

/// Reads bytes as text.
pub(super) fn decode(bytes: &[u8]) -> Result<(Encoding, String), XmlError> {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => Ok((Encoding::Utf8Marked, utf8(rest)?)),
        [0xFF, 0xFE, rest @ ..] => Ok((Encoding::Utf16Le, utf16(rest, u16::from_le_bytes)?)),
        [0xFE, 0xFF, rest @ ..] => Ok((Encoding::Utf16Be, utf16(rest, u16::from_be_bytes)?)),
        _ => {
            let declared = declared(bytes).unwrap_or_default().to_ascii_lowercase();
            match declared.as_str() {
                "" | "utf-8" | "utf8" | "us-ascii" => Ok((Encoding::Utf8, utf8(bytes)?)),
                // Letters beyond ASCII would have to be written back as they were; such files are rare.
                "iso-8859-1" | "windows-1252" if bytes.is_ascii() => Ok((Encoding::DeclaredAscii, utf8(bytes)?)),
                other => Err(at_start(format!("the encoding `{other}` is not taken; save the file as UTF-8"))),
            }
        }
    }
}

/// Writes text as bytes.
pub(super) fn encode(encoding: Encoding, text: &str) -> Vec<u8> {
    let wide = |mark: [u8; 2], write: fn(u16) -> [u8; 2]| {
        mark.into_iter().chain(text.encode_utf16().flat_map(write)).collect::<Vec<u8>>()
    };
    match encoding {
        Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Utf8Marked => [&[0xEF, 0xBB, 0xBF], text.as_bytes()].concat(),
        Encoding::Utf16Le => wide([0xFF, 0xFE], u16::to_le_bytes),
        Encoding::Utf16Be => wide([0xFE, 0xFF], u16::to_be_bytes),
        // What an edit brought in beyond ASCII is written as a character reference.
        Encoding::DeclaredAscii => text.chars().fold(Vec::new(), |mut bytes, character| {
            if character.is_ascii() {
                bytes.extend(character.to_string().bytes());
            } else {
                bytes.extend(format!("&#{};", u32::from(character)).bytes());
            }
            bytes
        }),
    }
}

/// The encoding that an XML declaration names.
fn declared(bytes: &[u8]) -> Option<String> {
    let head = &bytes[..bytes.len().min(256)];
    let declaration = head.strip_prefix(b"<?xml")?;
    let end = declaration.windows(2).position(|pair| pair == b"?>")?;
    let text = String::from_utf8_lossy(&declaration[..end]).into_owned();
    let after = text.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start().to_owned();
    let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    Some(after[1..].split(quote).next()?.to_owned())
}

fn utf8(bytes: &[u8]) -> Result<String, XmlError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let (line, column) = super::parse::position(&before, before.len());
            Err(XmlError { line, column, message: "the text is not UTF-8 here".to_owned() })
        }
    }
}

fn utf16(bytes: &[u8], read: fn([u8; 2]) -> u16) -> Result<String, XmlError> {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| read([pair[0], pair[1]])).collect();
    if bytes.len() % 2 == 1 {
        return Err(at_start("the text is not UTF-16: it has an odd number of bytes".to_owned()));
    }
    String::from_utf16(&units).map_err(|_| at_start("the text is not UTF-16: half of a surrogate pair".to_owned()))
}

fn at_start(message: String) -> XmlError {
    XmlError { line: 1, column: 1, message }
}
