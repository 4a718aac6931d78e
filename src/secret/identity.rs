//! The private key that opens sealed files: an `age` identity or an OpenSSH key.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use age::secrecy::ExposeSecret as _;
use age::{ssh, x25519};
use zeroize::Zeroizing;

use super::error::SecretError;
use super::file::{self, Overwrite};
use super::surroundings::Surroundings;

/// Names the file with the identity.
const VARIABLE: &str = "FARMHAND_IDENTITY";

/// What a file of identities holds.
pub(super) struct Identities {
    keys: Vec<Box<dyn age::Identity>>,
    /// The lines for a list of recipients, one for each.
    pub public: Vec<String>,
}

impl Identities {
    /// The keys as `age` takes them.
    pub(super) fn as_age(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.keys.iter().map(|key| &**key)
    }
}

/// Where the identity is: what `FARMHAND_IDENTITY` names, or `farmhand/identity` in the user's configuration folder.
pub(super) fn path(surroundings: &Surroundings) -> PathBuf {
    if let Some(path) = surroundings.variable(VARIABLE) {
        return path.into();
    }
    let home = |name: &str| surroundings.variable(name).map(PathBuf::from);
    let folder = if cfg!(windows) {
        home("APPDATA")
    } else {
        home("XDG_CONFIG_HOME").or_else(|| home("HOME").map(|home| home.join(".config")))
    };
    folder.unwrap_or_default().join("farmhand").join("identity")
}

/// Reads the identity.
pub(super) fn read(path: &Path) -> Result<Identities, SecretError> {
    let bytes = file::read(path)?.ok_or_else(|| SecretError::NoIdentity { path: path.to_owned() })?;
    let wrong = |why: String| SecretError::Identity { path: path.to_owned(), why };
    if file::others_can_read(path)? {
        return Err(wrong(format!("others can read it; type: chmod 600 {}", path.display())));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is no text".to_owned()))?.trim_start();
    if text.starts_with("-----BEGIN ") { ssh_key(text) } else { age_keys(text) }.map_err(wrong)
}

fn age_keys(text: &str) -> Result<Identities, String> {
    let mut found = Identities { keys: Vec::new(), public: Vec::new() };
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let key = x25519::Identity::from_str(line).map_err(|_| {
            "it is neither an age identity, which starts with AGE-SECRET-KEY-1, nor an OpenSSH private key".to_owned()
        })?;
        found.public.push(key.to_public().to_string());
        found.keys.push(Box::new(key));
    }
    if found.keys.is_empty() { Err("it is empty".to_owned()) } else { Ok(found) }
}

fn ssh_key(text: &str) -> Result<Identities, String> {
    let key = ssh::Identity::from_buffer(text.as_bytes(), None).map_err(|_| {
        "it is no OpenSSH private key of the sorts ssh-ed25519 and ssh-rsa, or it is cut off".to_owned()
    })?;
    match &key {
        ssh::Identity::Unencrypted(_) => {}
        ssh::Identity::Encrypted(_) | ssh::Identity::Unsupported(ssh::UnsupportedKey::EncryptedPem) => {
            return Err("it is protected by a passphrase, which farmhand does not ask for; give it a key of its own \
                        (farmhand secret init makes one), and somebody who can open the secrets adds that: \
                        farmhand secret recipients add …"
                .to_owned());
        }
        ssh::Identity::Unsupported(_) => {
            return Err("it is an SSH key of a sort that cannot open files; take ssh-ed25519 or ssh-rsa".to_owned());
        }
    }
    let public = ssh::Recipient::try_from(key.clone()).map_err(|_| "its public half cannot be read".to_owned())?;
    Ok(Identities { keys: vec![Box::new(key)], public: vec![public.to_string()] })
}

/// Makes an identity where there is none.
pub(super) fn make(path: &Path) -> Result<Identities, SecretError> {
    let identity = x25519::Identity::generate();
    let mut text = Zeroizing::new(format!("# public key: {}\n", identity.to_public()));
    text.push_str(identity.to_string().expose_secret());
    text.push('\n');
    // Another process may have been first; what is on the disk holds.
    file::write(path, text.as_bytes(), Overwrite::Never)?;
    read(path)
}
