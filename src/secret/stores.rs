//! All stores behind one door.

use std::fs;
use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::error::SecretError;
use super::exec::Exec;
use super::file::{self, Overwrite};
use super::given::Given;
use super::hexadecimal::hexadecimal;
use super::history::History;
use super::identity::{self, Identities};
use super::recipe::Recipe;
use super::surroundings::Surroundings;
use super::{lab, recipients, sealed};
use crate::value::{Fingerprint, SecretRef, SecretValue, Store};

/// The secret under which fingerprints are made; it belongs to the farm and to no playbook.
pub(super) const FARM_KEY: &str = "farm-key";

/// What becomes of a secret that is there already when it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It is kept, and setting it fails.
    Keep,
    /// It is replaced by the next version.
    Replace,
}

/// The stores that a playbook's secrets are kept in.
#[derive(Debug)]
pub struct Stores {
    /// Where the files are.
    pub(super) folder: PathBuf,
    lab: bool,
    surroundings: Surroundings,
    exec: Exec,
    given: Given,
}

impl Stores {
    /// The stores of the playbooks in a folder. Nothing is read yet.
    pub fn open(folder: &Path) -> Stores {
        Stores::within(folder, Surroundings::of_process())
    }

    /// The same with other environment variables.
    pub fn within(folder: &Path, surroundings: Surroundings) -> Stores {
        Stores {
            folder: folder.join("secrets"),
            lab: false,
            surroundings,
            exec: Exec::beside(folder),
            given: Given::nothing(),
        }
    }

    /// The same, and secrets that somebody gave where they have none.
    #[must_use]
    pub fn with(self, given: Given) -> Stores {
        Stores { given, ..self }
    }

    /// The lab's own store, in the lab's folder: it has every secret that it is asked for.
    pub fn lab(lab_folder: &Path) -> Stores {
        Stores { lab: true, ..Stores::within(lab_folder, Surroundings::new(|_| None)) }
    }

    /// Whether a secret is there. Opens nothing and asks no command: one that would be asked counts as having it.
    pub fn exists(&self, reference: &SecretRef) -> bool {
        match reference.store {
            _ if self.lab || self.given.find(reference).is_some() => true,
            Store::Age => sealed::path(&self.folder, &reference.name).is_file(),
            Store::Env => self.surroundings.variable(&reference.name).is_some(),
            Store::Exec => self.exec.path().is_file(),
            Store::File => self.value_file(&reference.name).is_file(),
        }
    }

    /// Whether these are the lab's own.
    pub(super) fn is_lab(&self) -> bool {
        self.lab
    }

    /// Whether a secret is asked for only when it is needed, so that nobody knows before whether it is there.
    pub fn asked_when_needed(&self, reference: &SecretRef) -> bool {
        !self.lab && reference.store == Store::Exec
    }

    /// What is wrong with the file that says which command is asked for secrets. Nothing where there is none.
    pub fn exec_trouble(&self) -> Option<SecretError> {
        if self.lab || !self.exec.path().is_file() { None } else { self.exec.check().err() }
    }

    /// A secret's value.
    ///
    /// # Errors
    /// When it is not there, or cannot be opened.
    pub fn value(&self, reference: &SecretRef) -> Result<SecretValue, SecretError> {
        check(reference)?;
        if let Some(given) = self.given.find(reference).filter(|_| !self.lab) {
            return Ok(given);
        }
        match reference.store {
            _ if self.lab => lab::value(&self.folder, reference),
            Store::Age => Ok(self.history(&reference.name)?.current.value),
            Store::Env => {
                let value = self.surroundings.variable(&reference.name).map(SecretValue::new);
                value.ok_or_else(|| SecretError::Variable { name: reference.name.clone() })
            }
            Store::Exec => self.exec.value(&reference.name),
            Store::File => self.file_value(&reference.name),
        }
    }

    /// Makes what a store needs and does not have yet: an identity, the list of recipients, the farm key.
    /// Gives the place of the identity and this identity's line for a list of recipients.
    ///
    /// # Errors
    /// When the disk says no, or what is there cannot be read.
    pub fn init(&self) -> Result<(PathBuf, String), SecretError> {
        let path = identity::path(&self.surroundings);
        let identities = if path.exists() { identity::read(&path)? } else { identity::make(&path)? };
        let public = identities.public.first().cloned().unwrap_or_default();
        let list = self.recipients_path();
        if !list.exists() {
            recipients::start(&list, &public)?;
        }
        if !sealed::path(&self.folder, FARM_KEY).exists() {
            let recipe = Recipe::Bytes(32);
            self.keep(FARM_KEY, &History::first(recipe.make()?, Some(recipe)), Overwrite::Never)?;
        }
        Ok((path, public))
    }

    /// Keeps a secret, sealed for everybody in the list of recipients.
    ///
    /// # Errors
    /// When its name is none, when it is there and is to be kept, or when the disk says no.
    pub fn set(&self, name: &str, value: SecretValue, existing: Existing) -> Result<(), SecretError> {
        check_name(name)?;
        let (history, overwrite) = match existing {
            Existing::Keep => (History::first(value, None), Overwrite::Never),
            // Whoever cannot open a secret may still replace it, and starts its history anew.
            Existing::Replace => match self.history(name) {
                Ok(history) => (history.replaced(value, None), Overwrite::Always),
                Err(_) => (History::first(value, None), Overwrite::Always),
            },
        };
        if self.keep(name, &history, overwrite)? {
            Ok(())
        } else {
            let instead = format!("type: farmhand secret set {name} --replace");
            Err(SecretError::Exists { name: name.to_owned(), instead })
        }
    }

    /// The names of the secrets that are kept here, in order.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn list(&self) -> Result<Vec<String>, SecretError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(SecretError::disk(&self.folder)(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let file = entry.map_err(SecretError::disk(&self.folder))?.file_name();
            let Some(file) = file.to_str() else { continue };
            let name = if self.lab { Some(file) } else { file.strip_suffix(".age") };
            names.extend(name.filter(|&name| check_name(name).is_ok()).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// Which value a secret has, told by what gives nothing of it away.
    ///
    /// # Errors
    /// When the secret or the farm key cannot be had.
    pub fn fingerprint(&self, reference: &SecretRef) -> Result<Fingerprint, SecretError> {
        Ok(fingerprint(&self.farm_key()?, &self.value(reference)?))
    }

    /// The key of fingerprints.
    pub(super) fn farm_key(&self) -> Result<SecretValue, SecretError> {
        self.value(&named(FARM_KEY)).map_err(|error| match error {
            SecretError::Missing { .. } => SecretError::NoFarmKey { folder: self.folder.clone() },
            other => other,
        })
    }

    /// A secret that is kept here, and what it was before.
    pub(super) fn history(&self, name: &str) -> Result<History, SecretError> {
        if self.lab {
            lab::open(&self.folder, &named(name))
        } else {
            sealed::open(&self.folder, name, &self.identity()?)
        }
    }

    /// Writes a secret; tells whether it was written.
    pub(super) fn keep(&self, name: &str, history: &History, overwrite: Overwrite) -> Result<bool, SecretError> {
        if self.lab {
            return lab::keep(&self.folder, &named(name), history, overwrite);
        }
        sealed::seal(&self.folder, name, history, &recipients::read(&self.recipients_path())?, overwrite)
    }

    pub(super) fn identity(&self) -> Result<Identities, SecretError> {
        identity::read(&identity::path(&self.surroundings))
    }

    pub(super) fn recipients_path(&self) -> PathBuf {
        self.folder.join("recipients.txt")
    }

    /// Where a value in a file of its own is: its path is meant from the playbook's folder.
    fn value_file(&self, path: &str) -> PathBuf {
        self.folder.parent().unwrap_or(Path::new("")).join(path)
    }

    fn file_value(&self, name: &str) -> Result<SecretValue, SecretError> {
        let path = self.value_file(name);
        let wrong = |why: String| SecretError::ValueFile { name: name.to_owned(), why };
        let bytes = file::read(&path)?.ok_or_else(|| wrong(format!("there is no file {}", path.display())))?;
        if file::others_can_read(&path)? {
            return Err(wrong(format!("others can read it; type: chmod 600 {}", path.display())));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is no text".to_owned()))?;
        // The line break that editors and `echo` add is no part of a password.
        let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        if text.is_empty() { Err(wrong("it is empty".to_owned())) } else { Ok(SecretValue::new(text.to_owned())) }
    }
}

/// HMAC-SHA256 of a value under the farm key, cut.
pub(super) fn fingerprint(key: &SecretValue, value: &SecretValue) -> Fingerprint {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()) else {
        unreachable!("HMAC takes keys of any length");
    };
    mac.update(value.expose().as_bytes());
    let digest = mac.finalize().into_bytes();
    Fingerprint(hexadecimal(&digest[..8]).to_string())
}

/// A secret that is kept here.
fn named(name: &str) -> SecretRef {
    SecretRef { store: Store::Age, name: name.to_owned(), fingerprint: None }
}

/// Whether a secret that is kept here can be called so by a user.
pub(super) fn check_name(name: &str) -> Result<(), SecretError> {
    check(&named(name))?;
    if name == FARM_KEY {
        let why = "fingerprints are made with it, and would all change".to_owned();
        return Err(SecretError::Name { name: name.to_owned(), why });
    }
    Ok(())
}

/// A reference can come from a saved plan, which somebody may have edited: its name must not lead out of the folder.
fn check(reference: &SecretRef) -> Result<(), SecretError> {
    let wrong = |why: String| SecretError::Name { name: reference.name.clone(), why };
    match SecretRef::parse(&reference.to_string()) {
        Ok(parsed) if parsed.name == reference.name && parsed.store == reference.store => Ok(()),
        Ok(_) => Err(wrong("it is ambiguous".to_owned())),
        Err(why) => Err(wrong(why)),
    }
}
