//! The MACs that desired secrets and files would give under a run's nonce.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::hostcall::MacForm;
use crate::release::SettingSection;
use crate::value::{SecretPart, SecretRef};

/// The MACs that the desired secrets would give under this run's nonce. Never recorded, never shown.
#[derive(Clone, Default)]
pub struct SecretMacs {
    /// The nonce's bytes.
    pub nonce: Vec<u8>,
    /// The secrets that cannot be had here, each with the reason: what hosts have is not compared with them.
    pub closed: BTreeMap<SecretRef, String>,
    /// By secret, part of it and form.
    pub secrets: BTreeMap<(SecretRef, SecretPart, MacForm), String>,
    /// Of files that releases hold, by the release's digest and the file's path in it.
    pub files: BTreeMap<(String, String), String>,
    /// Of the settings that releases bring, by the release's digest; none of a release whose settings cannot be told.
    pub settings: BTreeMap<String, Vec<SettingMac>>,
}

/// The MAC of a setting that a release brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingMac {
    /// The section.
    pub section: SettingSection,
    /// The setting's name.
    pub name: String,
    /// The MAC of its value; `None` where the value is not to be had.
    pub mac: Option<String>,
}

impl SecretMacs {
    /// The MAC of a text that is no secret, to be compared with one that a host withholds.
    pub fn of_text(&self, text: &str, form: MacForm) -> String {
        match form {
            MacForm::Exact => self.of_bytes(text.as_bytes()),
            MacForm::Upper => self.of_bytes(text.to_uppercase().as_bytes()),
        }
    }

    /// The MAC of bytes, 64 lower-case hexadecimal digits.
    pub fn of_bytes(&self, bytes: &[u8]) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.nonce) else {
            unreachable!("HMAC takes keys of any length")
        };
        mac.update(bytes);
        mac.finalize().into_bytes().iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mac_is_hmac_sha256() {
        // RFC 4231, test case 1: a key of twenty bytes 0x0b and the text "Hi There".
        let macs = SecretMacs { nonce: vec![0x0b; 20], ..SecretMacs::default() };
        let expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        assert_eq!(macs.of_text("Hi There", MacForm::Exact), expected);
        assert_eq!(macs.of_text("ab", MacForm::Upper), macs.of_text("AB", MacForm::Exact));
    }
}
