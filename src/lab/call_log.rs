//! What a lab host was asked and told, by name only: values may be secret.

use std::fs::{self, OpenOptions};
use std::io::Write;

use serde::{Deserialize, Serialize};

use super::{Folder, LabError};
use crate::hostcall::{Access, Batch, Call, Outcome, Replies, Reply};

/// Name of the log, one JSON object a line.
pub const FILE: &str = "calls.log";

/// One batch in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoggedBatch {
    /// When it came, by the host's clock.
    pub utc: String,
    /// Its number in its session.
    pub batch: u32,
    /// What the session may do.
    pub access: Access,
    /// Its calls by name, in order.
    pub calls: Vec<String>,
    /// How many of them were reads.
    pub reads: usize,
    /// How many of them were writes, refused ones included.
    pub writes: usize,
    /// How many writes were carried out.
    pub done: usize,
}

/// What a host has counted since its log began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Batches.
    pub batches: usize,
    /// Reads.
    pub reads: usize,
    /// Mutating calls that arrived, refused ones included.
    pub writes: usize,
    /// Mutating calls that were carried out.
    pub done: usize,
}

impl Counts {
    /// Counts a batch.
    pub fn add(&mut self, batch: &LoggedBatch) {
        self.batches += 1;
        self.reads += batch.reads;
        self.writes += batch.writes;
        self.done += batch.done;
    }
}

/// Adds a batch to the log.
///
/// # Errors
/// When the disk fails.
pub fn append(folder: &Folder, logged: &LoggedBatch) -> Result<(), LabError> {
    let path = folder.path(FILE);
    let failed = |error| LabError::disk(&path, error);
    fs::create_dir_all(folder.root()).map_err(failed)?;
    let mut line = serde_json::to_vec(logged).unwrap_or_default();
    line.push(b'\n');
    let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
    file.write_all(&line).map_err(failed)
}

/// Counts what the log holds.
///
/// # Errors
/// When the disk fails or a line cannot be read.
pub fn counts(folder: &Folder) -> Result<Counts, LabError> {
    let mut counts = Counts::default();
    for line in folder.read(FILE)?.unwrap_or_default().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let logged: LoggedBatch = serde_json::from_slice(line)
            .map_err(|error| LabError::File { path: folder.path(FILE), message: error.to_string() })?;
        counts.add(&logged);
    }
    Ok(counts)
}

/// What the log says of a batch and its replies.
pub fn logged(utc: String, access: Access, batch: &Batch, replies: &Replies) -> LoggedBatch {
    let name = |call: &Call| match call {
        Call::Ask(read) => read.name(),
        Call::Tell(write) => write.name(),
    };
    let writes = batch.calls.iter().filter(|call| matches!(call, Call::Tell(_))).count();
    LoggedBatch {
        utc,
        batch: batch.id,
        access,
        calls: batch.calls.iter().map(|call| name(call).to_owned()).collect(),
        reads: batch.calls.len() - writes,
        writes,
        done: replies.replies.iter().filter(|reply| matches!(reply, Reply::Outcome(Outcome::Done(_)))).count(),
    }
}
