//! How a host's part of a play ends before its time, and in which words.

use super::Status;

/// Why a host's part of a play ended.
pub(super) struct Ended {
    pub status: Status,
    pub reasons: Vec<String>,
}

impl Ended {
    /// For one reason.
    pub(super) fn new(status: Status, reason: impl Into<String>) -> Ended {
        Ended { status, reasons: vec![reason.into()] }
    }

    /// Something was refused or did not take.
    pub(super) fn failed(reason: impl Into<String>) -> Ended {
        Ended::new(Status::Failed, reason)
    }
}

/// Why a host was left alone when the run was to end.
pub(super) const INTERRUPTED: &str = "interrupted before anything was changed here";

/// Why a host was not disturbed.
pub(super) fn not_disturbed(failed: &str) -> String {
    format!("not disturbed: {failed} failed, and what is running here shall not fail with it")
}
