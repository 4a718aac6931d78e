//! A machine key: the two keys with which ASP.NET signs and encrypts, the same on every server of a farm.

mod algorithm;
mod element;
mod error;
mod published;

use std::collections::BTreeSet;

use zeroize::Zeroizing;

pub use algorithm::{CompatibilityMode, Decryption, Validation};
pub use error::{MachineKeyError, Weakness};
pub use published::PublishedKeys;

use super::SecretValue;

/// One machine key. A store keeps it as one secret: the text of the `<machineKey … />` element, as it stands in
/// web.config and as developers get it.
///
/// Like [`SecretValue`] it has no Debug, Display, Clone or Serialize.
pub struct MachineKey {
    /// Hexadecimal digits in upper case.
    validation_key: Zeroizing<String>,
    /// Hexadecimal digits in upper case.
    decryption_key: Zeroizing<String>,
    validation: Validation,
    decryption: Decryption,
    compatibility_mode: Option<CompatibilityMode>,
}

impl MachineKey {
    /// Makes a key: 64 bytes for HMACSHA256, 32 for AES. `random` fills what it is given with random bytes.
    pub fn generate(mut random: impl FnMut(&mut [u8])) -> MachineKey {
        let mut digits = |bytes: usize| {
            let mut drawn = Zeroizing::new(vec![0_u8; bytes]);
            random(&mut drawn);
            let mut text = Zeroizing::new(String::with_capacity(bytes * 2));
            for byte in drawn.iter() {
                text.extend([byte >> 4, byte & 15].map(|digit| char::from(b"0123456789ABCDEF"[usize::from(digit)])));
            }
            text
        };
        MachineKey {
            validation_key: digits(64),
            decryption_key: digits(32),
            validation: Validation::HmacSha256,
            decryption: Decryption::Aes,
            compatibility_mode: None,
        }
    }

    /// Reads the element as a store, a web.config or a person has it. Without `validation` and `decryption` it means
    /// what ASP.NET 4.5 takes then, HMACSHA256 and Auto.
    ///
    /// # Errors
    /// Why a farm cannot share it.
    pub fn parse(text: &SecretValue, published: &PublishedKeys) -> Result<MachineKey, MachineKeyError> {
        let attributes = element::attributes(text.expose())?;
        let known = ["validationKey", "decryptionKey", "validation", "decryption", "compatibilityMode"];
        if let Some((name, _)) = attributes.iter().find(|(name, _)| !known.contains(name)) {
            return Err(MachineKeyError::Unknown((*name).to_owned()));
        }
        let get = |name: &str| attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let [validation_key, decryption_key] = ["validationKey", "decryptionKey"].map(|name| digits(name, get(name)));
        let (validation_key, decryption_key) = (validation_key?, decryption_key?);
        let key = MachineKey {
            validation_key,
            decryption_key,
            validation: get("validation").map_or(Ok(Validation::HmacSha256), Validation::parse)?,
            decryption: get("decryption").map_or(Ok(Decryption::Auto), Decryption::parse)?,
            compatibility_mode: get("compatibilityMode").map(CompatibilityMode::parse).transpose()?,
        };
        key.check(published)?;
        Ok(key)
    }

    fn check(&self, published: &PublishedKeys) -> Result<(), MachineKeyError> {
        let (lengths, rule) = self.decryption.digits();
        let digits = self.validation_key.len();
        if !(40..=128).contains(&digits) || !digits.is_multiple_of(2) {
            let rule = "it has 128 (an even number from 40 works too)";
            return Err(MachineKeyError::Length { attribute: "validationKey", digits, rule });
        }
        if !lengths.contains(&self.decryption_key.len()) {
            let digits = self.decryption_key.len();
            return Err(MachineKeyError::Length { attribute: "decryptionKey", digits, rule });
        }
        for (attribute, key) in [("validationKey", &self.validation_key), ("decryptionKey", &self.decryption_key)] {
            if let Some(place) = published.place(key) {
                return Err(MachineKeyError::Published { attribute, place: place.to_owned() });
            }
            if pattern(key) {
                return Err(MachineKeyError::Pattern(attribute));
            }
        }
        if self.validation_key.starts_with(self.decryption_key.as_str()) {
            return Err(MachineKeyError::SameKeys);
        }
        Ok(())
    }

    /// The element's text: what a store keeps and a developer is given. Reading it gives the same key.
    pub fn to_secret(&self) -> SecretValue {
        // Room for all of it, so that no half-written copy is left behind when it grows.
        let mut text = String::with_capacity(400);
        for piece in [
            "<machineKey validationKey=\"",
            &self.validation_key,
            "\" decryptionKey=\"",
            &self.decryption_key,
            "\" validation=\"",
            self.validation.as_str(),
            "\" decryption=\"",
            self.decryption.as_str(),
        ] {
            text.push_str(piece);
        }
        if let Some(mode) = self.compatibility_mode {
            text.push_str("\" compatibilityMode=\"");
            text.push_str(mode.as_str());
        }
        text.push_str("\" />");
        SecretValue::new(text)
    }

    /// Whether ASP.NET takes what was made with one for what was made with the other: the same keys and algorithms,
    /// whatever their mode.
    pub fn is_same(&self, other: &MachineKey) -> bool {
        self.validation_key == other.validation_key
            && self.decryption_key == other.decryption_key
            && self.validation == other.validation
            && self.decryption == other.decryption
    }

    /// The key that signs, as hexadecimal digits in upper case.
    pub fn validation_key(&self) -> SecretValue {
        SecretValue::new(self.validation_key.to_string())
    }

    /// The key that encrypts, as hexadecimal digits in upper case.
    pub fn decryption_key(&self) -> SecretValue {
        SecretValue::new(self.decryption_key.to_string())
    }

    /// What signs.
    pub fn validation(&self) -> Validation {
        self.validation
    }

    /// What encrypts.
    pub fn decryption(&self) -> Decryption {
        self.decryption
    }

    /// The mode that it was read with.
    pub fn compatibility_mode(&self) -> Option<CompatibilityMode> {
        self.compatibility_mode
    }

    /// What about it is weaker than what [`MachineKey::generate`] makes.
    pub fn weaknesses(&self) -> Vec<Weakness> {
        [
            (self.validation == Validation::Sha1, Weakness::Sha1),
            (self.decryption == Decryption::TripleDes, Weakness::TripleDes),
            (self.validation_key.len() < 128, Weakness::ShortValidationKey),
            (self.decryption != Decryption::TripleDes && self.decryption_key.len() < 64, Weakness::ShortDecryptionKey),
        ]
        .into_iter()
        .filter_map(|(weak, weakness)| weak.then_some(weakness))
        .collect()
    }
}

/// A key's digits in upper case.
fn digits(attribute: &'static str, value: Option<&str>) -> Result<Zeroizing<String>, MachineKeyError> {
    let value = value.ok_or(MachineKeyError::Missing(attribute))?;
    let lower = Zeroizing::new(value.to_ascii_lowercase());
    if lower.starts_with("autogenerate") {
        return Err(MachineKeyError::AutoGenerate(attribute));
    }
    for modifier in ["IsolateApps", "IsolateByAppId"] {
        if lower.ends_with(&format!(",{}", modifier.to_ascii_lowercase())) {
            return Err(MachineKeyError::Modifier(attribute, modifier));
        }
    }
    if !value.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(MachineKeyError::NotHexadecimal(attribute));
    }
    Ok(Zeroizing::new(value.to_ascii_uppercase()))
}

/// Whether a key was typed: its bytes follow each other at one distance, or are few different ones.
fn pattern(key: &str) -> bool {
    let pairs: Vec<&[u8]> = key.as_bytes().chunks(2).collect();
    let different: BTreeSet<&[u8]> = pairs.iter().copied().collect();
    let bytes: Zeroizing<Vec<u8>> =
        Zeroizing::new(pairs.iter().map(|pair| hexadecimal(pair[0]) * 16 + hexadecimal(pair[1])).collect());
    let mut distances = bytes.windows(2).map(|two| two[1].wrapping_sub(two[0]));
    let first = distances.next();
    different.len() * 2 < pairs.len().min(32) || distances.all(|distance| Some(distance) == first)
}

fn hexadecimal(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_uppercase().wrapping_sub(b'A').wrapping_add(10),
    }
}

#[cfg(test)]
mod tests;
