//! The lab's secrets: whatever a playbook asks for is made up, once, and kept in the lab's folder as plain files.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::error::SecretError;
use super::file::{self, Overwrite};
use super::hexadecimal::hexadecimal;
use super::history::{History, Version};
use super::recipe::{Recipe, is_machine_key};
use crate::value::{SecretRef, SecretValue};

/// What is made up for a secret that nobody said more of.
const RECIPE: Recipe = Recipe::Letters(24);

/// The value of a secret, made up if it was never asked for.
pub(super) fn value(folder: &Path, reference: &SecretRef) -> Result<SecretValue, SecretError> {
    let path = path(folder, reference);
    if let Some(value) = read(&path, reference)? {
        return Ok(value);
    }
    file::write(&path, RECIPE.make()?.expose().as_bytes(), Overwrite::Never)?;
    // Another process may have been first; what is on the disk holds.
    read(&path, reference)?.ok_or_else(|| SecretError::Missing { name: reference.to_string() })
}

/// A secret and what it was before.
pub(super) fn open(folder: &Path, reference: &SecretRef) -> Result<History, SecretError> {
    let version = |path: PathBuf, number| -> Result<Option<Version>, SecretError> {
        let Some(value) = read(&path, reference)? else { return Ok(None) };
        let length = u16::try_from(value.expose().len()).unwrap_or(u16::MAX);
        let recipe = if is_machine_key(&value) { Recipe::MachineKey } else { Recipe::Letters(length) };
        Ok(Some(Version { number, created: 0, value, recipe: Some(recipe) }))
    };
    let current = version(path(folder, reference), 2)?;
    let current = current.ok_or_else(|| SecretError::Missing { name: reference.to_string() })?;
    Ok(History { current, previous: version(previous_path(folder, reference), 1)? })
}

/// Keeps a secret; tells whether it was written.
pub(super) fn keep(
    folder: &Path,
    reference: &SecretRef,
    history: &History,
    overwrite: Overwrite,
) -> Result<bool, SecretError> {
    if let Some(previous) = &history.previous {
        let value = previous.value.expose().as_bytes();
        file::write(&previous_path(folder, reference), value, Overwrite::Always)?;
    }
    file::write(&path(folder, reference), history.current.value.expose().as_bytes(), overwrite)
}

fn path(folder: &Path, reference: &SecretRef) -> PathBuf {
    folder.join(file_name(reference))
}

fn previous_path(folder: &Path, reference: &SecretRef) -> PathBuf {
    folder.join(format!("{}=previous", file_name(reference)))
}

/// A name that any file system takes: `:` cannot stand in one on Windows, `/` nowhere, and `=` in no secret's.
fn file_name(reference: &SecretRef) -> String {
    let shown = reference.to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let name: String = shown.chars().map(|c| if plain(c) { c } else { '=' }).collect();
    let only_colon = shown.chars().filter(|&c| !plain(c)).eq([':']);
    if (only_colon || name == shown) && name.len() <= 120 {
        return name;
    }
    // Two names that differ only in what cannot stand in a file's name stay two.
    let digest = Sha256::digest(shown.as_bytes());
    let start: String = name.chars().take(100).collect();
    format!("{start}={}", hexadecimal(&digest[..8]).as_str())
}

fn read(path: &Path, reference: &SecretRef) -> Result<Option<SecretValue>, SecretError> {
    let Some(bytes) = file::read(path)? else { return Ok(None) };
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| SecretError::Damaged { name: reference.to_string(), why: "it is no text".to_owned() })?;
    Ok(Some(SecretValue::new(text.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_has_a_file_of_its_own() {
        let name = |text: &str| file_name(&SecretRef::parse(text).unwrap());
        assert_eq!(name("svc-chat"), "svc-chat");
        assert_eq!(name("env:CHAT"), "env=CHAT");
        assert_eq!(name("exec:chat"), "exec=chat");
        let (slash, hash) = (name("exec:kv/chat"), name("exec:kv#chat"));
        assert!(slash.starts_with("exec=kv=chat=") && hash.starts_with("exec=kv=chat=") && slash != hash);
        assert!(name(&format!("exec:{}", "a".repeat(200))).len() < 130);
    }
}
