//! What can be wrong with a journal.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// What can be wrong with a journal.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The disk would not have it.
    #[error("the journal {path} cannot be written: {error}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A record before could not be written, so what is on disk may end anywhere.
    #[error("the journal {path} cannot be written: it failed before")]
    Broken {
        /// The file.
        path: PathBuf,
    },
    /// A record came before the journal was begun.
    #[error("the journal was not begun, which is a fault of farmhand")]
    NotBegun,
    /// The controller's identity cannot be read or kept.
    #[error("the identity of this controller, {path}, cannot be kept: {error}")]
    Controller {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It cannot be read.
    #[error("the journal {path} cannot be read: {error}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It is not as it was written.
    #[error("{path}:{line}: the journal was damaged or altered: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first line that does not hold, from 1.
        line: usize,
        /// What does not hold.
        why: String,
    },
}

impl JournalError {
    pub(super) fn write(path: &Path) -> impl FnOnce(io::Error) -> JournalError + use<> {
        let path = path.to_owned();
        move |error| JournalError::Write { path, error }
    }

    pub(super) fn controller(path: &Path) -> impl FnOnce(io::Error) -> JournalError + use<> {
        let path = path.to_owned();
        move |error| JournalError::Controller { path, error }
    }

    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> JournalError + use<> {
        let path = path.to_owned();
        move |error| JournalError::Read { path, error }
    }
}
