//! What can go wrong with a secret. No message ever holds a value.

use std::io;
use std::path::PathBuf;

use crate::value::MachineKeyError;

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
    #[error("the secret `{name}` is there already; {instead}")]
    Exists {
        /// Its name.
        name: String,
        /// What to type instead.
        instead: String,
    },
    /// Nobody knows how another value of its kind is made.
    #[error("the secret `{name}` was set by hand; for another value type: farmhand secret set {name} --replace")]
    ByHand {
        /// Its name.
        name: String,
    },
    /// It has had one value only.
    #[error("the secret `{name}` has no previous value to go back to")]
    NoPrevious {
        /// Its name.
        name: String,
    },
    /// It is something else.
    #[error("the secret `{name}`: {why}")]
    NoMachineKey {
        /// Its name.
        name: String,
        /// What is wrong with it.
        why: MachineKeyError,
    },
    /// Nothing is there that fingerprints could be made with.
    #[error("no key to make fingerprints with in {}; type: farmhand secret init", folder.display())]
    NoFarmKey {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// The system gives no random bytes.
    #[error("the system has no randomness to give: {why}")]
    Randomness {
        /// What it said.
        why: String,
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
    /// A recipient that cannot be added or removed.
    #[error("{why}")]
    Recipient {
        /// What is wrong with it.
        why: String,
    },
    /// Not every file can be opened, so none was sealed anew.
    #[error("nothing was sealed anew, for not everything can be opened: {why}")]
    Reseal {
        /// What cannot, and why.
        why: String,
    },
    /// The command that is asked for secrets is not told, or not rightly.
    #[error("{}: {why}", path.display())]
    ExecFile {
        /// The file that tells it.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The command did not give a secret.
    #[error("`{command}` gave no secret `{name}`: {why}")]
    Exec {
        /// The command without its arguments.
        command: String,
        /// The secret's name.
        name: String,
        /// What happened.
        why: String,
    },
    /// The file that holds a value is not fit for it.
    #[error("the secret `file:{name}`: {why}")]
    ValueFile {
        /// Its path as it was written.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// The file is sealed for others.
    #[error(
        "the secret `{name}` is not sealed for this identity; somebody who can open it types: farmhand secret recipients add …"
    )]
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
