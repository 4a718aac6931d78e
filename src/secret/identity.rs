//! The key that opens sealed files, and the keys that they are sealed for.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use age::secrecy::ExposeSecret as _;
use age::x25519::{Identity, Recipient};
use zeroize::Zeroizing;

use super::error::SecretError;
use super::file::{self, Overwrite};
use super::stores::Surroundings;

/// Names the file with the identity.
const VARIABLE: &str = "FARMHAND_IDENTITY";

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
pub(super) fn read(path: &Path) -> Result<Identity, SecretError> {
    let bytes = file::read(path)?.ok_or_else(|| SecretError::NoIdentity { path: path.to_owned() })?;
    let wrong = |why: &str| SecretError::Identity { path: path.to_owned(), why: why.to_owned() };
    refuse_readable_by_others(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is no text"))?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let line = line.ok_or_else(|| wrong("it is empty"))?;
    Identity::from_str(line).map_err(|_| wrong("it is no age identity, which starts with AGE-SECRET-KEY-1"))
}

/// Makes an identity where there is none.
pub(super) fn make(path: &Path) -> Result<Identity, SecretError> {
    let identity = Identity::generate();
    let mut text = Zeroizing::new(format!("# public key: {}\n", identity.to_public()));
    text.push_str(identity.to_string().expose_secret());
    text.push('\n');
    if file::write(path, text.as_bytes(), Overwrite::Never)? { Ok(identity) } else { read(path) }
}

#[cfg(unix)]
fn refuse_readable_by_others(path: &Path) -> Result<(), SecretError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path).map_err(SecretError::disk(path))?.permissions().mode();
    let others = mode & 0o077;
    if others == 0 {
        return Ok(());
    }
    let why = format!("others can read it; type: chmod 600 {}", path.display());
    Err(SecretError::Identity { path: path.to_owned(), why })
}

#[cfg(not(unix))]
fn refuse_readable_by_others(_: &Path) -> Result<(), SecretError> {
    Ok(())
}

/// Reads a list of recipients, one a line.
pub(super) fn recipients(path: &Path) -> Result<Vec<Recipient>, SecretError> {
    let wrong = |why: String| SecretError::Recipients { path: path.to_owned(), why };
    let bytes = file::read(path)?.ok_or_else(|| wrong("there is no list of recipients".to_owned()))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is no text".to_owned()))?;
    let mut recipients = Vec::new();
    for (number, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let recipient = Recipient::from_str(line);
        recipients.push(
            recipient.map_err(|_| wrong(format!("line {} is no recipient, which starts with age1", number + 1)))?,
        );
    }
    if recipients.is_empty() { Err(wrong("it names nobody".to_owned())) } else { Ok(recipients) }
}
