//! What became of each host, and what is told while it happens.

use std::sync::Arc;

use serde::Serialize;

use crate::plan::PlannedStep;
use crate::transport::Traffic;

/// What became of a host.
#[derive(Clone, Debug, Serialize)]
pub struct HostOutcome {
    /// The host.
    pub host: String,
    /// What became of it.
    pub status: Status,
    /// Why, where it did not go well: one or more sentences.
    pub reasons: Vec<String>,
    /// The changes that were made and proved.
    pub changed: Vec<PlannedStep>,
    /// What is remarkable though it went well, such as an answer that was lost and settled by looking.
    pub notes: Vec<String>,
    /// What talking to it cost.
    pub traffic: Traffic,
}

impl HostOutcome {
    /// An outcome without any change yet.
    pub fn new(host: &str, status: Status) -> HostOutcome {
        let (reasons, changed, notes) = (Vec::new(), Vec::new(), Vec::new());
        HostOutcome { host: host.to_owned(), status, reasons, changed, notes, traffic: Traffic::default() }
    }

    /// The same with a status and its reason.
    #[must_use]
    pub fn ended(mut self, status: Status, reason: impl Into<String>) -> HostOutcome {
        self.status = status;
        self.reasons.push(reason.into());
        self
    }
}

/// What became of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It was as desired, and nothing was changed.
    Ok,
    /// It was changed, and proved.
    Changed,
    /// It could not be reached.
    Unreachable,
    /// Something was refused or did not take.
    Failed,
    /// It was left alone, because something before it failed or the run was to end.
    NotStarted,
    /// What was agreed on no longer holds for it.
    Moved,
    /// Another controller's run is changing it.
    Held,
    /// The run was to end when a part of its changes was made.
    Interrupted,
}

impl Status {
    /// The status as it stands in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Changed => "changed",
            Status::Unreachable => "unreachable",
            Status::Failed => "failed",
            Status::NotStarted => "not_started",
            Status::Moved => "moved",
            Status::Held => "held",
            Status::Interrupted => "interrupted",
        }
    }

    /// Whether the host is as desired now.
    pub fn is_good(self) -> bool {
        matches!(self, Status::Ok | Status::Changed)
    }
}

/// What happens on a host, as it happens.
#[derive(Clone, Debug)]
pub enum Event {
    /// It is being reached and looked at.
    Looking,
    /// It was looked at; so many changes are to be made.
    Looked(usize),
    /// It waits for its turn to be disturbed.
    Waiting,
    /// A stage is carried out: its number from 1, and how many there are as far as is known.
    Stage(usize, usize),
    /// A release is on its way to it.
    Sending {
        /// Bytes of files that arrived.
        sent_bytes: u64,
        /// All that lacked.
        total_bytes: u64,
    },
    /// It fetches a package from there by itself.
    Fetching(String),
    /// It could not, for this reason; the files are sent to it.
    NotFetched(String),
    /// It is restarting.
    Rebooting,
    /// It is looked at again, to prove the stage.
    Proving,
    /// It is done with.
    Ended(Status),
}

/// Who is told of events.
pub type Listener = Arc<dyn Fn(&str, Event) + Send + Sync>;
