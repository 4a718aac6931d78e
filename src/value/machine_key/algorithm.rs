//! The algorithms and modes that a machine key names.

use super::error::MachineKeyError;

/// What signs: `validation`. Others are for the pipeline before .NET 4.5 alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validation {
    /// `SHA1`.
    Sha1,
    /// `HMACSHA256`.
    HmacSha256,
    /// `HMACSHA384`.
    HmacSha384,
    /// `HMACSHA512`.
    HmacSha512,
}

impl Validation {
    const ALL: [Validation; 4] =
        [Validation::Sha1, Validation::HmacSha256, Validation::HmacSha384, Validation::HmacSha512];

    /// As it is written in web.config.
    pub fn as_str(self) -> &'static str {
        match self {
            Validation::Sha1 => "SHA1",
            Validation::HmacSha256 => "HMACSHA256",
            Validation::HmacSha384 => "HMACSHA384",
            Validation::HmacSha512 => "HMACSHA512",
        }
    }

    pub(super) fn parse(text: &str) -> Result<Validation, MachineKeyError> {
        let known = Validation::ALL.into_iter().find(|known| known.as_str() == text);
        known.ok_or_else(|| MachineKeyError::Validation(shown(text)))
    }
}

/// What encrypts: `decryption`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decryption {
    /// `AES`.
    Aes,
    /// `Auto`, which is AES with keys of these lengths.
    Auto,
    /// `3DES`.
    TripleDes,
}

impl Decryption {
    const ALL: [Decryption; 3] = [Decryption::Aes, Decryption::Auto, Decryption::TripleDes];

    /// As it is written in web.config.
    pub fn as_str(self) -> &'static str {
        match self {
            Decryption::Aes => "AES",
            Decryption::Auto => "Auto",
            Decryption::TripleDes => "3DES",
        }
    }

    pub(super) fn parse(text: &str) -> Result<Decryption, MachineKeyError> {
        let known = Decryption::ALL.into_iter().find(|known| known.as_str() == text);
        known.ok_or_else(|| MachineKeyError::Decryption(shown(text)))
    }

    /// How many hexadecimal digits its key has, and the rule in words.
    pub(super) fn digits(self) -> (&'static [usize], &'static str) {
        match self {
            Decryption::Aes | Decryption::Auto => (&[32, 48, 64], "an AES key has 64 (48 and 32 work too)"),
            Decryption::TripleDes => (&[48], "a 3DES key has 48"),
        }
    }
}

/// `compatibilityMode`: which pipeline forms authentication and view state use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompatibilityMode {
    /// `Framework20SP1`.
    Framework20Sp1,
    /// `Framework20SP2`.
    Framework20Sp2,
    /// `Framework45`.
    Framework45,
}

impl CompatibilityMode {
    const ALL: [CompatibilityMode; 3] =
        [CompatibilityMode::Framework20Sp1, CompatibilityMode::Framework20Sp2, CompatibilityMode::Framework45];

    /// As it is written in web.config.
    pub fn as_str(self) -> &'static str {
        match self {
            CompatibilityMode::Framework20Sp1 => "Framework20SP1",
            CompatibilityMode::Framework20Sp2 => "Framework20SP2",
            CompatibilityMode::Framework45 => "Framework45",
        }
    }

    pub(super) fn parse(text: &str) -> Result<CompatibilityMode, MachineKeyError> {
        let known = CompatibilityMode::ALL.into_iter().find(|known| known.as_str() == text);
        known.ok_or_else(|| MachineKeyError::CompatibilityMode(shown(text)))
    }
}

/// A name for a message; something long may be a key in the wrong place, and is not repeated.
fn shown(text: &str) -> String {
    if text.len() <= 20 { text.to_owned() } else { "…".to_owned() }
}
