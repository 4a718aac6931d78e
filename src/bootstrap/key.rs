//! A public key of SSH, as it stands in `authorized_keys`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The kinds of keys that OpenSSH for Windows takes, without those it has given up.
const KINDS: [&str; 7] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    kind: String,
    body: String,
    comment: String,
}

/// Why a text is no public key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is the other half.
    #[error("this is a private key, which must not leave its owner; give the public half, the file that ends in .pub")]
    Private,
    /// It is more than one line.
    #[error("this is more than one line; give one key")]
    Lines,
    /// It begins otherwise.
    #[error("`{0}` is no kind of public key; there are {kinds}", kinds = KINDS.join(", "))]
    Kind(String),
    /// What follows the kind is not what it says.
    #[error("what follows `{0}` is no key of that kind")]
    Body(String),
}

impl PublicKey {
    /// Reads a line such as `ssh-ed25519 AAAA… somebody@somewhere`.
    ///
    /// # Errors
    ///
    /// Those of [`KeyError`].
    pub fn read(text: &str) -> Result<PublicKey, KeyError> {
        let text = text.trim();
        if text.contains("PRIVATE KEY") {
            return Err(KeyError::Private);
        }
        if text.lines().count() > 1 {
            return Err(KeyError::Lines);
        }
        let mut words = text.split_whitespace();
        let kind = words.next().unwrap_or_default().to_owned();
        if !KINDS.contains(&kind.as_str()) {
            return Err(KeyError::Kind(kind));
        }
        let body = words.next().unwrap_or_default().to_owned();
        let bytes = BASE64.decode(&body).map_err(|_| KeyError::Body(kind.clone()))?;
        // The key says its own kind once more, behind its length (RFC 4253, 6.6).
        let named = u32::try_from(kind.len()).unwrap_or_default().to_be_bytes();
        if !bytes.starts_with(&[&named, kind.as_bytes()].concat()) || bytes.len() <= kind.len() + 4 {
            return Err(KeyError::Body(kind));
        }
        Ok(PublicKey { kind, body, comment: words.collect::<Vec<_>>().join(" ") })
    }

    /// The key without its comment.
    pub fn bare(&self) -> String {
        format!("{} {}", self.kind, self.body)
    }

    /// The line for `authorized_keys`.
    pub fn line(&self) -> String {
        format!("{} {}", self.bare(), self.comment).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxvbmcgZW5vdWdoIGJ1dCBubyByZWFsIGtleSBhdCBh me@here";

    #[test]
    fn keys_are_read_and_what_is_none_is_refused() {
        let key = PublicKey::read(&format!("{GOOD}\n")).unwrap();
        assert_eq!(key.line(), GOOD);
        assert!(GOOD.starts_with(&key.bare()) && !key.bare().contains("me@here"));
        let check = |text: &str, expected: KeyError| assert_eq!(PublicKey::read(text), Err(expected));
        check("-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----", KeyError::Private);
        check(&format!("{GOOD}\n{GOOD}"), KeyError::Lines);
        check("ssh-dss AAAA", KeyError::Kind("ssh-dss".to_owned()));
        check("", KeyError::Kind(String::new()));
        check("ssh-ed25519 ????", KeyError::Body("ssh-ed25519".to_owned()));
        check(&GOOD.replace("ssh-ed25519", "ssh-rsa"), KeyError::Body("ssh-rsa".to_owned()));
    }
}
