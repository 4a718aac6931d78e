//! Sealed files, one a secret.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use age::{Decryptor, Encryptor};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::SecretError;
use super::file::{self, Overwrite};
use super::history::{History, Version};
use super::identity::Identities;
use super::recipe::Recipe;
use super::recipients::Recipient;
use crate::value::SecretValue;

/// What is inside a sealed file, as JSON.
///
/// `age` does not bind a file to its name, so the name is inside: a file that was swapped for another is found out.
/// The previous value is in the same file, so that a rotation is one move of one file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inside {
    name: String,
    current: Written,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Written>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u64,
    created: u64,
    value: Zeroizing<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recipe: Option<Recipe>,
}

impl Written {
    fn of(version: &Version) -> Written {
        let Version { number, created, value, recipe } = version;
        Written { version: *number, created: *created, value: value.expose().to_owned().into(), recipe: *recipe }
    }

    fn version(mut self) -> Version {
        let value = SecretValue::new(std::mem::take(&mut self.value));
        Version { number: self.version, created: self.created, value, recipe: self.recipe }
    }
}

/// The file of a secret.
pub(super) fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.age"))
}

/// Opens a secret.
pub(super) fn open(folder: &Path, name: &str, identities: &Identities) -> Result<History, SecretError> {
    let sealed = file::read(&path(folder, name))?.ok_or_else(|| SecretError::Missing { name: name.to_owned() })?;
    let damaged = |why: &str| SecretError::Damaged { name: name.to_owned(), why: why.to_owned() };
    let decryptor = Decryptor::new_buffered(&sealed[..]).map_err(|_| damaged("it is no age file"))?;
    if decryptor.is_scrypt() {
        return Err(damaged("it is sealed by a passphrase and not for recipients"));
    }
    let mut reader = decryptor.decrypt(identities.as_age()).map_err(|error| match error {
        age::DecryptError::NoMatchingKeys => SecretError::NotForUs { name: name.to_owned() },
        _ => damaged("it cannot be opened"),
    })?;
    let mut bytes = Zeroizing::new(Vec::new());
    reader.read_to_end(&mut bytes).map_err(|_| damaged("it was changed after it was sealed"))?;
    // The text of a JSON error could quote the value.
    let inside: Inside = serde_json::from_slice(&bytes).map_err(|_| damaged("what is inside is no secret of ours"))?;
    if inside.name != name {
        return Err(damaged(&format!("it holds the secret `{}`", inside.name)));
    }
    Ok(History { current: inside.current.version(), previous: inside.previous.map(Written::version) })
}

/// Seals a secret; tells whether it was written.
pub(super) fn seal(
    folder: &Path,
    name: &str,
    history: &History,
    recipients: &[Recipient],
    overwrite: Overwrite,
) -> Result<bool, SecretError> {
    let current = Written::of(&history.current);
    let inside = Inside { name: name.to_owned(), current, previous: history.previous.as_ref().map(Written::of) };
    let damaged = |why: String| SecretError::Damaged { name: name.to_owned(), why };
    let bytes =
        Zeroizing::new(serde_json::to_vec(&inside).map_err(|_| damaged("it cannot be written as JSON".to_owned()))?);
    let encryptor = Encryptor::with_recipients(recipients.iter().map(Recipient::as_age));
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
