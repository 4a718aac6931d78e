//! What is encrypted inside Kerberos' messages to and from a host (RFC 4120 5.5), in GSS-API's frame (RFC 4121 4.1).

use picky_krb::crypto::{Cipher, CipherSuite};

use super::der;

/// A message that holds one: its TOK_ID, its tag, the number of the field, and the usage of the key (RFC 4120 7.5.1).
pub struct Kind {
    token_id: [u8; 2],
    tag: u8,
    field: u8,
    /// The usage of the key.
    pub usage: i32,
}

/// The authenticator in an AP-REQ.
pub const AUTHENTICATOR: Kind = Kind { token_id: [1, 0], tag: 0x6E, field: 4, usage: 11 };
/// What is encrypted in an AP-REP.
pub const PROOF: Kind = Kind { token_id: [2, 0], tag: 0x6F, field: 2, usage: 12 };

impl Kind {
    /// The ciphertext in a token.
    pub fn find<'a>(&self, token: &'a [u8]) -> Option<&'a [u8]> {
        let (_, message) = der::take(der::inside(token, 0x60)?)?;
        let fields = der::inside(der::inside(message.strip_prefix(&self.token_id)?, self.tag)?, 0x30)?;
        der::inside(der::field(der::inside(der::field(fields, self.field)?, 0x30)?, 2)?, 0x04)
    }

    /// What is sealed in a token, opened.
    pub fn open(&self, token: &[u8], key: &[u8]) -> Option<Vec<u8>> {
        cipher(key).decrypt(key, self.usage, self.find(token)?).ok()
    }
}

/// The cipher of a key: AES alone is asked for, whose keys tell their kind by their length.
pub fn cipher(key: &[u8]) -> Box<dyn Cipher> {
    if key.len() == 16 { CipherSuite::Aes128CtsHmacSha196.cipher() } else { CipherSuite::Aes256CtsHmacSha196.cipher() }
}
