//! What can go wrong with a secret. No message ever holds a value.

use std::io;
use std::path::PathBuf;

/// Why a secret cannot be had or kept.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Nobody set it.
    #[error("no secret `{name}`; type: farmhand secret set {name}")]
    Missing {
        /// Its name.
        name: String,
    },
    /// The variable is not set, or is no Unicode.
    #[error("the environment variable `{name}` is not set")]
    Variable {
        /// The variable.
        name: String,
    },
    /// It is there already, and was not to be replaced.
    #[error("the secret `{name}` is there already; type: farmhand secret set {name} --replace")]
    Exists {
        /// Its name.
        name: String,
    },
    /// No file or variable can be called so.
    #[error("`{name}` cannot name a secret: {why}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is nothing to open sealed files with.
    #[error("no identity at {}; type: farmhand secret init, or let FARMHAND_IDENTITY name the file", path.display())]
    NoIdentity {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The identity can be read by others, or is none.
    #[error("the identity {}: {why}", path.display())]
    Identity {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There is nobody to seal files for.
    #[error("{}: {why}; type: farmhand secret init", path.display())]
    Recipients {
        /// Where the list is.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The file is sealed for others.
    #[error("the secret `{name}` is not sealed for this identity; somebody who can open it has to set it anew")]
    NotForUs {
        /// Its name.
        name: String,
    },
    /// The file is not what it should be.
    #[error("the file of the secret `{name}` is damaged: {why}")]
    Damaged {
        /// Its name.
        name: String,
        /// In which way.
        why: String,
    },
    /// The disk said no.
    #[error("{}: {source}", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl SecretError {
    /// For `map_err`: a refusal of the disk at a path.
    pub(super) fn disk(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> SecretError {
        let path = path.into();
        move |source| SecretError::Disk { path, source }
    }
}
