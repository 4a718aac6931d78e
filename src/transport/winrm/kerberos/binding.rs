//! Binding a ticket's token to the TLS connection that carries it (RFC 4121 4.1.1.2, RFC 5929).
//!
//! The crate `sspi` can say what a token is bound to, but also says that it knows how to, in a form that hosts of MIT's
//! refuse (KERB_AP_OPTIONS_CBT, MS-KILE 3.2.5.8: four bytes, of which it sends two). So its token is made without, and
//! the hash put where it belongs: inside the authenticator, which is opened and sealed again with the ticket's key.

use md5::{Digest, Md5};

use super::der;
use super::sealed_part::{AUTHENTICATOR, cipher};

/// What a checksum of GSS-API begins with: the length of the hash that follows (RFC 4121 4.1.1).
const HASH_LENGTH: [u8; 4] = [16, 0, 0, 0];
/// The length of such a checksum without delegation.
const CHECKSUM_BYTES: usize = 24;

/// The token, bound to application data.
///
/// # Errors
///
/// What is unexpected about the token.
pub fn bound(mut token: Vec<u8>, key: &[u8], data: &[u8]) -> Result<Vec<u8>, String> {
    let unexpected = || "the token is not of the shape that can be bound to TLS".to_owned();
    let sealed = AUTHENTICATOR.find(&token).ok_or_else(unexpected)?.to_vec();
    let mut plain = AUTHENTICATOR.open(&token, key).ok_or_else(unexpected)?;
    let checksum = checksum(&plain).ok_or_else(unexpected)?.to_vec();
    let at = position(&plain, &checksum).ok_or_else(unexpected)? + HASH_LENGTH.len();
    let hash = hash(data);
    plain[at..at + hash.len()].copy_from_slice(&hash);
    let bound = cipher(key).encrypt(key, AUTHENTICATOR.usage, &plain).map_err(|_| unexpected())?;
    let at = position(&token, &sealed).filter(|_| bound.len() == sealed.len()).ok_or_else(unexpected)?;
    token[at..at + bound.len()].copy_from_slice(&bound);
    Ok(token)
}

/// The MD5 of channel bindings without addresses: two parties of type 0 and length 0, and the data with its length.
fn hash(data: &[u8]) -> [u8; 16] {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut hasher = Md5::new();
    hasher.update([0; 16]);
    hasher.update(length.to_le_bytes());
    hasher.update(data);
    hasher.finalize().into()
}

/// The checksum of GSS-API in an authenticator (RFC 4120 5.5.1), not yet bound.
fn checksum(authenticator: &[u8]) -> Option<&[u8]> {
    let fields = der::inside(der::inside(authenticator, 0x62)?, 0x30)?;
    let checksum = der::inside(der::field(fields, 3)?, 0x30)?;
    let value = der::inside(der::field(checksum, 1)?, 0x04)?;
    (value.len() == CHECKSUM_BYTES && value.starts_with(&HASH_LENGTH)).then_some(value)
}

fn position(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn token() -> Vec<u8> {
        let value = [HASH_LENGTH.as_slice(), &[0; 16], &[0x3E, 0, 0, 0]].concat();
        let checksum = der::wrap(0x30, &[&der::wrap(0xA1, &[&der::wrap(0x04, &[&value])])]);
        let plain = der::wrap(0x62, &[&der::wrap(0x30, &[&der::wrap(0xA3, &[&checksum])])]);
        let sealed = cipher(&KEY).encrypt(&KEY, AUTHENTICATOR.usage, &plain).unwrap();
        let encrypted = der::wrap(0x30, &[&der::wrap(0xA2, &[&der::wrap(0x04, &[&sealed])])]);
        let request = der::wrap(0x6E, &[&der::wrap(0x30, &[&der::wrap(0xA4, &[&encrypted])])]);
        der::wrap(0x60, &[&der::wrap(0x06, &[&[42]]), &[1, 0], &request])
    }

    #[test]
    fn the_hash_stands_where_it_was_zero_and_nothing_else_has_changed() {
        let made = bound(token(), &KEY, b"tls-server-end-point:x").unwrap();
        assert_eq!(made.len(), token().len());
        let (before, after) = (AUTHENTICATOR.open(&token(), &KEY).unwrap(), AUTHENTICATOR.open(&made, &KEY).unwrap());
        let value = checksum(&after).unwrap();
        assert_eq!(value[4..20], hash(b"tls-server-end-point:x"));
        let at = position(&after, value).unwrap() + 4;
        assert_eq!((&after[..at], &after[at + 16..]), (&before[..at], &before[at + 16..]));
    }

    #[test]
    fn what_is_no_such_token_is_refused() {
        assert!(bound(token(), &[8; 32], b"x").is_err());
        assert!(bound(b"<html>".to_vec(), &KEY, b"x").is_err());
        assert!(bound(Vec::new(), &KEY, b"x").is_err());
    }
}
