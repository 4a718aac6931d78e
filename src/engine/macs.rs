//! The MACs of what is desired, under a run's nonce.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::hostcall::{MacForm, Nonce};
use crate::release::{Release, ReleaseSetting};
use crate::resource::{SecretMacs, SettingMac};
use crate::value::{SecretPart, SecretRef, SecretValue};

/// The file of a release that is compared as a whole.
pub const WEB_CONFIG: &str = "web.config";

/// A run's nonce, and what the desired secrets give under it.
#[derive(Clone)]
pub struct Macs {
    /// The nonce, sent with every batch.
    pub nonce: Nonce,
    /// The MACs, by secret and form.
    pub secrets: Arc<SecretMacs>,
}

/// A new nonce: 32 random bytes.
///
/// # Errors
/// When the operating system has no randomness to give.
pub fn nonce() -> Result<Nonce, getrandom::Error> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(Nonce(bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })))
}

impl Macs {
    /// Computes the MACs of secrets, of each part that they have, and of the configuration in releases. A secret whose
    /// value is not to be had is left out and will not be compared.
    pub fn new<'r>(
        nonce: Nonce,
        secrets: impl IntoIterator<Item = (SecretRef, SecretValue)>,
        releases: impl IntoIterator<Item = &'r Arc<Release>>,
        resolve: impl Fn(&SecretRef) -> Result<SecretValue, String>,
    ) -> Macs {
        let mut macs = SecretMacs { nonce: unhex(&nonce.0), ..SecretMacs::default() };
        for (reference, value) in secrets {
            for part in SecretPart::ALL {
                let Ok(value) = part.of(&value) else { continue };
                for form in [MacForm::Exact, MacForm::Upper] {
                    let text = match form {
                        MacForm::Exact => Zeroizing::new(value.expose().to_owned()),
                        MacForm::Upper => Zeroizing::new(value.expose().to_uppercase()),
                    };
                    let mac = macs.of_bytes(text.as_bytes());
                    macs.secrets.insert((reference.clone(), part, form), mac);
                }
            }
        }
        for release in releases {
            if let Ok(bytes) = release.read(WEB_CONFIG, 0, usize::MAX, &resolve) {
                let mac = macs.of_bytes(&bytes);
                macs.files.insert((release.digest().to_string(), WEB_CONFIG.to_owned()), mac);
            }
            if let Ok(Some(settings)) = release.settings() {
                let setting = |it: ReleaseSetting| {
                    let mac = it.value.bytes(&resolve).ok().map(|bytes| macs.of_bytes(&bytes));
                    SettingMac { section: it.section, name: it.name, mac }
                };
                let settings = settings.into_iter().map(setting).collect();
                macs.settings.insert(release.digest().to_string(), settings);
            }
        }
        Macs { nonce, secrets: Arc::new(macs) }
    }
}

impl Macs {
    /// The same, knowing which secrets cannot be had, each with the reason.
    #[must_use]
    pub fn without(self, closed: BTreeMap<SecretRef, String>) -> Macs {
        let SecretMacs { nonce, secrets, files, settings, .. } = Arc::unwrap_or_clone(self.secrets);
        Macs { nonce: self.nonce, secrets: Arc::new(SecretMacs { nonce, closed, secrets, files, settings }) }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).filter_map(|digit| u8::try_from(digit).ok()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_nonces_differ() {
        assert_ne!(nonce().unwrap(), nonce().unwrap());
        assert_eq!(nonce().unwrap().0.len(), 64);
    }
}
