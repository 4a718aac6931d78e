//! Where secrets are kept.

use std::fs;
use std::path::{Path, PathBuf};

use crate::value::{SecretRef, SecretValue, Store};

/// The stores of a playbook.
#[derive(Clone, Debug)]
pub struct Stores {
    lab: Option<PathBuf>,
}

/// Why a secret is not to be had.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(String);

impl Stores {
    /// The stores beside a playbook.
    pub fn open(_: &Path) -> Stores {
        Stores { lab: None }
    }

    /// The lab's own store.
    pub fn lab(folder: &Path) -> Stores {
        Stores { lab: Some(folder.join("secrets")) }
    }

    /// Whether a secret is there.
    pub fn exists(&self, reference: &SecretRef) -> bool {
        self.value(reference).is_ok()
    }

    /// A secret's value.
    pub fn value(&self, reference: &SecretRef) -> Result<SecretValue, SecretError> {
        if let Some(folder) = &self.lab {
            let path = folder.join(&reference.name);
            if let Ok(text) = fs::read_to_string(&path) {
                return Ok(SecretValue::new(text));
            }
            let mut bytes = [0_u8; 16];
            getrandom::fill(&mut bytes).map_err(|error| SecretError(error.to_string()))?;
            let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            fs::create_dir_all(folder)
                .and_then(|()| fs::write(&path, &text))
                .map_err(|error| SecretError(error.to_string()))?;
            return Ok(SecretValue::new(text));
        }
        match reference.store {
            Store::Env => {
                std::env::var(&reference.name).map(SecretValue::new).map_err(|error| SecretError(error.to_string()))
            }
            Store::Age => Err(SecretError(format!("there is no secret `{}`", reference.name))),
        }
    }
}
