//! What can go wrong with the lab itself, as opposed to what a simulated host refuses.

use std::path::{Path, PathBuf};

use crate::hostcall::{Refusal, RefusalCode};

/// A mistake in the lab's files, or the disk that holds them failing.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A file of the lab could not be read or written.
    #[error("cannot use {path} of the lab: {source}", path = path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file of the lab was edited into something that cannot be read.
    #[error("cannot read {path} of the lab: {message}; mend it or run `farmhand lab reset`", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        message: String,
    },
    /// The lab has no Windows of that name.
    #[error("the lab has no Windows `{name}`; there are {known}")]
    Windows {
        /// The name asked for.
        name: String,
        /// Those there are.
        known: String,
    },
}

impl LabError {
    /// A failure of the disk at a path.
    pub fn disk(path: &Path, source: std::io::Error) -> LabError {
        LabError::Disk { path: path.to_owned(), source }
    }
}

/// A host whose own files are broken can only say so.
impl From<LabError> for Refusal {
    fn from(error: LabError) -> Refusal {
        let code = match error {
            LabError::File { .. } => RefusalCode::Invalid,
            LabError::Disk { .. } | LabError::Windows { .. } => RefusalCode::Failed,
        };
        Refusal { code, text: error.to_string(), hresult: None }
    }
}

/// A refusal with the Win32 code or HRESULT that Windows gives.
pub fn refused(code: RefusalCode, hresult: u32, text: impl Into<String>) -> Refusal {
    Refusal { code, text: text.into(), hresult: Some(format!("0x{hresult:08X}")) }
}

/// A refusal for which Windows has no code.
pub fn refused_plainly(code: RefusalCode, text: impl Into<String>) -> Refusal {
    Refusal { code, text: text.into(), hresult: None }
}
