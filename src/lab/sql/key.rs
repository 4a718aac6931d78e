//! Master keys and passwords, as far as a model needs them: who can open what.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::moment::Moment;
use super::value::{guid_text, hex_text};

/// A password as a salted digest; the password itself is kept nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Password {
    salt: String,
    sha256: String,
}

impl Password {
    /// The digest of a password under a salt of its own.
    pub fn new(password: &str) -> Password {
        let salt = Uuid::new_v4().simple().to_string();
        let sha256 = digest(&salt, password);
        Password { salt, sha256 }
    }

    /// Whether this is the password.
    pub fn is(&self, password: &str) -> bool {
        self.sha256 == digest(&self.salt, password)
    }
}

fn digest(salt: &str, password: &str) -> String {
    hex_text(&Sha256::new().chain_update(salt).chain_update([0]).chain_update(password).finalize())
}

/// Why Windows' password policy refuses a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// Fewer than eight characters.
    Short,
    /// Characters of fewer than three kinds.
    Simple,
}

/// What Windows' policy of a fresh server has against a password: eight characters, three kinds of them.
pub fn weakness(password: &str) -> Option<Weakness> {
    if password.chars().count() < 8 {
        return Some(Weakness::Short);
    }
    let kinds: [fn(char) -> bool; 4] =
        [char::is_uppercase, char::is_lowercase, |c| c.is_ascii_digit(), |c| !c.is_alphanumeric()];
    let found = kinds.iter().filter(|kind| password.chars().any(kind)).count();
    (found < 3).then_some(Weakness::Simple)
}

/// A new GUID, as the files keep it.
pub fn new_guid() -> String {
    guid_text(&Uuid::new_v4())
}

/// The service master key of an instance: only which one it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceKey {
    /// `key_guid` in master's sys.symmetric_keys.
    pub key_guid: String,
    /// When it was made.
    pub created: Moment,
    /// When it was changed.
    pub modified: Moment,
}

/// The master key of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MasterKey {
    /// `key_guid` in sys.symmetric_keys.
    pub key_guid: String,
    /// What is the same in two copies of one key, and in its backups.
    pub material: String,
    /// When it was made.
    pub created: Moment,
    /// When it was changed.
    pub modified: Moment,
    /// `AES_256`, or `TRIPLE_DES` where it came from an older version.
    pub algorithm: String,
    /// Its length.
    pub length_bits: i64,
    /// Passwords, each of which opens it.
    pub passwords: Vec<Password>,
    /// The `key_guid` of the service master key that opens it; `None` where none does.
    pub service_key: Option<String>,
}

impl MasterKey {
    /// A new key, opened by a password and by a service master key.
    pub fn new(now: Moment, password: Option<&str>, service_key: Option<&ServiceKey>) -> MasterKey {
        MasterKey {
            key_guid: new_guid(),
            material: Uuid::new_v4().simple().to_string(),
            created: now,
            modified: now,
            algorithm: "AES_256".to_owned(),
            length_bits: 256,
            passwords: password.map(Password::new).into_iter().collect(),
            service_key: service_key.map(|key| key.key_guid.clone()),
        }
    }

    /// Whether a password opens it.
    pub fn opens_with(&self, password: &str) -> bool {
        self.passwords.iter().any(|known| known.is(password))
    }

    /// Whether an instance opens it by itself.
    pub fn opened_by(&self, service_key: &ServiceKey) -> bool {
        self.service_key.as_deref() == Some(service_key.key_guid.as_str())
    }
}

/// A backup of a key, as its file holds it. The lab's form, not SQL Server's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyBackup {
    /// Says what the file is.
    pub lab_backup_of: String,
    /// The key's material.
    pub material: String,
    /// The password of the file.
    pub password: Password,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_kept_nowhere() {
        let password = Password::new("Correct-horse-1");
        assert!(password.is("Correct-horse-1") && !password.is("correct-horse-1"));
        assert!(!serde_json::to_string(&password).unwrap().contains("horse"));
        assert_ne!(password, Password::new("Correct-horse-1"));
    }

    #[test]
    fn the_policy_wants_length_and_three_kinds() {
        for (password, expected) in [
            ("Ab1!", Some(Weakness::Short)),
            ("abcdefgh1", Some(Weakness::Simple)),
            ("Abcdefgh1", None),
            ("abcdefg-1", None),
        ] {
            assert_eq!(weakness(password), expected, "{password}");
        }
    }
}
