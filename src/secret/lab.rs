//! The lab's secrets: whatever a playbook asks for is made up, once, and kept in the lab's folder.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::SecretError;
use super::file::{self, Overwrite};
use crate::value::{SecretRef, SecretValue};

/// Letters of made-up values: none that is easily mistaken for another, none that needs quoting.
const LETTERS: &[u8; 64] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789-_.+=";

/// The value of a secret, made up if it was never asked for.
pub(super) fn value(folder: &Path, reference: &SecretRef) -> Result<SecretValue, SecretError> {
    let path = path(folder, reference);
    if let Some(value) = read(&path, reference)? {
        return Ok(value);
    }
    file::write(&path, made_up().as_bytes(), Overwrite::Never)?;
    // Another process may have been first; what is on the disk holds.
    read(&path, reference)?.ok_or_else(|| SecretError::Missing { name: reference.to_string() })
}

/// Keeps a value.
pub(super) fn set(
    folder: &Path,
    reference: &SecretRef,
    value: &SecretValue,
    overwrite: Overwrite,
) -> Result<bool, SecretError> {
    file::write(&path(folder, reference), value.expose().as_bytes(), overwrite)
}

fn path(folder: &Path, reference: &SecretRef) -> PathBuf {
    // `:` cannot stand in a file's name on Windows, and `=` in no secret's.
    folder.join(reference.to_string().replace(':', "="))
}

fn read(path: &Path, reference: &SecretRef) -> Result<Option<SecretValue>, SecretError> {
    let Some(bytes) = file::read(path)? else { return Ok(None) };
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| SecretError::Damaged { name: reference.to_string(), why: "it is no text".to_owned() })?;
    Ok(Some(SecretValue::new(text.to_owned())))
}

/// Twenty random letters, 120 bits, and one of each sort that Windows' password rules ask for.
fn made_up() -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0_u8; 20]);
    // Without the system's randomness nothing of farmhand can work, the lab's log-ins included.
    if let Err(error) = getrandom::fill(&mut *bytes) {
        unreachable!("the system gives random bytes: {error}");
    }
    let mut text = Zeroizing::new(String::from("Aa0-"));
    text.extend(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte & 63)])));
    text
}
