//! Digests of files.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A SHA-256; 64 lower-case hexadecimal digits where it is shown or serialised.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256Digest(pub [u8; 32]);

impl fmt::Display for Sha256Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

impl From<Sha256Digest> for String {
    fn from(digest: Sha256Digest) -> String {
        digest.to_string()
    }
}

impl TryFrom<String> for Sha256Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Sha256Digest, String> {
        let mut bytes = [0; 32];
        let digits = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        for (at, byte) in bytes.iter_mut().enumerate() {
            let pair = text.get(at * 2..at * 2 + 2).filter(|_| digits);
            *byte =
                pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or("a SHA-256 is 64 hexadecimal digits")?;
        }
        Ok(Sha256Digest(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_it_is_shown() {
        let digest = Sha256Digest(std::array::from_fn(|at| u8::try_from(at * 7).unwrap_or(255)));
        assert_eq!(Sha256Digest::try_from(digest.to_string()), Ok(digest));
        for wrong in ["", "00", &"é".repeat(32), &"0".repeat(63), &"+1".repeat(32)] {
            assert!(Sha256Digest::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
