//! The way to a host, behind traits small enough to fake.

use std::future::Future;

use thiserror::Error;

use crate::hostcall::{Answer, Outcome, Read, Write};
use crate::session::SessionError;
use crate::sql::SqlError;
use crate::transport::{FilePiece, Traffic};

/// Opens sessions on hosts.
pub trait Door: Send + Sync + 'static {
    /// A session that can only look.
    type Reader: Observe;
    /// A session that can look and change.
    type Writer: Change;

    /// Opens a session that can only look.
    fn reader(&self, host: &str) -> impl Future<Output = Result<Self::Reader, DoorError>> + Send;

    /// Opens a session that can look and change.
    fn writer(&self, host: &str) -> impl Future<Output = Result<Self::Writer, DoorError>> + Send;
}

/// A session that can look.
pub trait Observe: Send + 'static {
    /// Puts a batch of questions; one answer each, in order.
    fn observe(&mut self, reads: &[Read]) -> impl Future<Output = Result<Vec<Answer>, DoorError>> + Send;

    /// Ends the session and tells what it cost.
    fn close(self) -> impl Future<Output = Traffic> + Send;
}

/// A session that can also change.
pub trait Change: Observe {
    /// Sends writes and, in the same exchange, the reads that verify them.
    fn change(
        &mut self,
        writes: &[Write],
        then: &[Read],
    ) -> impl Future<Output = Result<(Vec<Outcome>, Vec<Answer>), DoorError>> + Send;

    /// Whether there is a faster way for files than `put_file`.
    fn carries_files(&self) -> bool {
        false
    }

    /// Brings pieces of the files of a folder that `put_tree` has begun. `false` says that there turned out to be no such
    /// way. What arrived is told by the next `put_tree`, which compares digests.
    fn carry(&mut self, tree: &str, pieces: Vec<FilePiece>) -> impl Future<Output = Result<bool, DoorError>> + Send {
        let _ = (tree, pieces);
        async { Ok(false) }
    }

    /// Whether one process on the host carries out all batches of the session; else each has its own.
    fn is_one_process(&self) -> bool {
        true
    }
}

/// Why a session failed, by what follows from it.
#[derive(Debug, Error)]
pub enum DoorError {
    /// Nothing reached the host, or nothing that changes it.
    #[error("{0}")]
    Unreachable(String),
    /// A change was sent and no answer came: whether it was carried out is not known.
    #[error("{0}")]
    Unknown(String),
}

impl From<SessionError> for DoorError {
    fn from(error: SessionError) -> DoorError {
        match error {
            SessionError::Unknown { .. } => DoorError::Unknown(error.to_string()),
            other => DoorError::Unreachable(other.to_string()),
        }
    }
}

impl From<SqlError> for DoorError {
    fn from(error: SqlError) -> DoorError {
        match error {
            SqlError::Unknown { .. } => DoorError::Unknown(error.to_string()),
            other => DoorError::Unreachable(other.to_string()),
        }
    }
}
