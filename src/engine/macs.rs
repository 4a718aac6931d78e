//! The MACs of desired secrets under a run's nonce.

use std::fmt::Write as _;
use std::sync::Arc;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::hostcall::{MacForm, Nonce};
use crate::resource::SecretMacs;
use crate::value::{SecretRef, SecretValue};

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
    Ok(Nonce(hex(&bytes)))
}

impl Macs {
    /// Computes the MACs of secrets; a secret whose value is not to be had is left out and will not be compared.
    pub fn new(nonce: Nonce, secrets: impl IntoIterator<Item = (SecretRef, SecretValue)>) -> Macs {
        let key = unhex(&nonce.0);
        let mut macs = SecretMacs::default();
        for (reference, value) in secrets {
            for form in [MacForm::Exact, MacForm::Upper] {
                let mac = match form {
                    MacForm::Exact => mac(&key, value.expose().as_bytes()),
                    MacForm::Upper => mac(&key, value.expose().to_uppercase().as_bytes()),
                };
                macs.0.insert((reference.clone(), form), mac);
            }
        }
        Macs { nonce, secrets: Arc::new(macs) }
    }
}

fn mac(key: &[u8], text: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { unreachable!("HMAC takes keys of any length") };
    mac.update(text);
    hex(&mac.finalize().into_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
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
    fn the_mac_is_hmac_sha256() {
        // RFC 4231, test case 1: a key of twenty bytes 0x0b and the text "Hi There".
        let expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        assert_eq!(mac(&unhex(&"0b".repeat(20)), b"Hi There"), expected);
    }

    #[test]
    fn two_nonces_differ() {
        assert_ne!(nonce().unwrap(), nonce().unwrap());
        assert_eq!(nonce().unwrap().0.len(), 64);
    }
}
