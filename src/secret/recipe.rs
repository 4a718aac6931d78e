//! How a secret's value is made up, so that another of the same kind can be.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::SecretError;
use super::hexadecimal::hexadecimal;
use crate::value::{MachineKey, MachineKeyError, PublishedKeys, SecretValue};

/// Letters of made-up values: none that is easily mistaken for another, none that needs quoting.
const LETTERS: &[u8; 64] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789-_.+=";

/// How a value is made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipe {
    /// So many letters, at least 8, of all four sorts that Windows' password rules ask for; 6 bits each.
    Letters(u16),
    /// So many random bytes, at least 8, as lower-case hexadecimal digits.
    Bytes(u16),
    /// An ASP.NET `<machineKey/>` element: HMACSHA256 with 64 bytes, AES with 32.
    MachineKey,
}

impl Recipe {
    /// The fewest and the most letters or bytes.
    pub const SIZES: std::ops::RangeInclusive<u16> = 8..=4096;

    /// Makes a value up.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn make(self) -> Result<SecretValue, SecretError> {
        match self {
            Recipe::Letters(n) => letters(usize::from(n.max(*Recipe::SIZES.start()))),
            Recipe::Bytes(n) => {
                let digits = hexadecimal(&random(usize::from(n.max(*Recipe::SIZES.start())))?);
                Ok(SecretValue::new(digits.to_string()))
            }
            Recipe::MachineKey => {
                let mut failed = None;
                let key = MachineKey::generate(|bytes| failed = getrandom::fill(bytes).err().or(failed));
                failed.map_or(Ok(key.to_secret()), |error| Err(SecretError::Randomness { why: error.to_string() }))
            }
        }
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Recipe::Letters(n) => write!(formatter, "{n} letters"),
            Recipe::Bytes(n) => write!(formatter, "{n} bytes"),
            Recipe::MachineKey => formatter.write_str("machine key"),
        }
    }
}

/// Whether a value is meant as a machine key, be it one that a farm can share or not.
pub(super) fn is_machine_key(value: &SecretValue) -> bool {
    !matches!(MachineKey::parse(value, &PublishedKeys::shipped()), Err(MachineKeyError::NotAnElement))
}

fn random(n: usize) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let mut bytes = Zeroizing::new(vec![0; n]);
    getrandom::fill(&mut bytes).map_err(|error| SecretError::Randomness { why: error.to_string() })?;
    Ok(bytes)
}

/// Random letters, drawn anew until all four sorts are among them: each such text is as likely as any other.
fn letters(n: usize) -> Result<SecretValue, SecretError> {
    loop {
        let mut text = Zeroizing::new(String::with_capacity(n));
        text.extend(random(n)?.iter().map(|byte| char::from(LETTERS[usize::from(byte & 63)])));
        let has = |sort: fn(char) -> bool| text.contains(sort);
        if has(|c| c.is_ascii_uppercase())
            && has(|c| c.is_ascii_lowercase())
            && has(|c| c.is_ascii_digit())
            && has(|c| c.is_ascii_punctuation())
        {
            return Ok(SecretValue::new(std::mem::take(&mut text)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_of_their_kind_and_never_twice_the_same() {
        for n in [8, 9, 24, 300] {
            let value = Recipe::Letters(n).make().unwrap();
            let text = value.expose();
            assert_eq!(text.len(), usize::from(n));
            assert!(text.bytes().all(|byte| LETTERS.contains(&byte)));
            for sort in [char::is_uppercase, char::is_lowercase, char::is_numeric] {
                assert!(text.contains(sort));
            }
            assert_ne!(Recipe::Letters(n).make().unwrap().expose(), text);
        }
        let bytes = Recipe::Bytes(32).make().unwrap();
        assert_eq!(bytes.expose().len(), 64);
        assert!(bytes.expose().bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()));
        assert_ne!(Recipe::Bytes(32).make().unwrap().expose(), bytes.expose());
    }

    #[test]
    fn a_machine_key_is_the_element_and_nothing_else() {
        let value = Recipe::MachineKey.make().unwrap();
        let rest = value.expose().strip_prefix("<machineKey validationKey=\"").unwrap();
        let (validation, rest) = rest.split_once("\" decryptionKey=\"").unwrap();
        let (decryption, rest) = rest.split_once('"').unwrap();
        assert_eq!(rest, " validation=\"HMACSHA256\" decryption=\"AES\" />");
        assert_eq!((validation.len(), decryption.len()), (128, 64));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte));
        assert!(digits(validation) && digits(decryption));
        assert!(is_machine_key(&value));
        assert!(MachineKey::parse(&value, &PublishedKeys::shipped()).is_ok_and(|key| key.weaknesses().is_empty()));
        for (other, expected) in
            [("", false), ("hunter2", false), ("<machineKey validationKey='AutoGenerate' />", true)]
        {
            assert_eq!(is_machine_key(&SecretValue::new(other.to_owned())), expected, "{other}");
        }
    }
}
