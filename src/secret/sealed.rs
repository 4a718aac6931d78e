//! Sealed files, one a secret.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use age::x25519::Recipient;
use age::{Decryptor, Encryptor, Identity};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::SecretError;
use super::file::{self, Overwrite};
use crate::value::SecretValue;

/// What is inside a sealed file, as JSON.
///
/// `age` does not bind a file to its name, so the name is inside: a file that was swapped for another is found out.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inside {
    name: String,
    /// From 1, one more at each replacement.
    version: u64,
    /// Seconds since 1970.
    created: u64,
    value: String,
}

impl Drop for Inside {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.value);
    }
}

/// The file of a secret.
pub(super) fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.age"))
}

/// Opens a secret; gives its value and version.
pub(super) fn open(folder: &Path, name: &str, identity: &dyn Identity) -> Result<(SecretValue, u64), SecretError> {
    let sealed = file::read(&path(folder, name))?.ok_or_else(|| SecretError::Missing { name: name.to_owned() })?;
    let damaged = |why: &str| SecretError::Damaged { name: name.to_owned(), why: why.to_owned() };
    let decryptor = Decryptor::new_buffered(&sealed[..]).map_err(|_| damaged("it is no age file"))?;
    if decryptor.is_scrypt() {
        return Err(damaged("it is sealed by a passphrase and not for recipients"));
    }
    let mut reader = decryptor.decrypt(std::iter::once(identity)).map_err(|error| match error {
        age::DecryptError::NoMatchingKeys => SecretError::NotForUs { name: name.to_owned() },
        _ => damaged("it cannot be opened"),
    })?;
    let mut bytes = Zeroizing::new(Vec::new());
    reader.read_to_end(&mut bytes).map_err(|_| damaged("it was changed after it was sealed"))?;
    // The text of a JSON error could quote the value.
    let mut inside: Inside =
        serde_json::from_slice(&bytes).map_err(|_| damaged("what is inside is no secret of ours"))?;
    if inside.name != name {
        return Err(damaged(&format!("it holds the secret `{}`", inside.name)));
    }
    Ok((SecretValue::new(std::mem::take(&mut inside.value)), inside.version))
}

/// Seals a secret; tells whether it was written.
pub(super) fn seal(
    folder: &Path,
    name: &str,
    version: u64,
    value: &SecretValue,
    recipients: &[Recipient],
    overwrite: Overwrite,
) -> Result<bool, SecretError> {
    let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let inside = Inside { name: name.to_owned(), version, created, value: value.expose().to_owned() };
    let damaged = |why: String| SecretError::Damaged { name: name.to_owned(), why };
    let bytes =
        Zeroizing::new(serde_json::to_vec(&inside).map_err(|_| damaged("it cannot be written as JSON".to_owned()))?);
    let encryptor = Encryptor::with_recipients(recipients.iter().map(|it| it as &dyn age::Recipient));
    let encryptor = encryptor.map_err(|error| damaged(error.to_string()))?;
    let mut sealed = Vec::new();
    let write = |sealed: &mut Vec<u8>| -> std::io::Result<()> {
        let mut writer = encryptor.wrap_output(sealed)?;
        writer.write_all(&bytes)?;
        writer.finish()?;
        Ok(())
    };
    write(&mut sealed).map_err(|error| damaged(error.to_string()))?;
    file::write(&path(folder, name), &sealed, overwrite)
}
