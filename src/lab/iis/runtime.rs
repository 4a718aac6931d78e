//! What WAS runs, as `runtime.json` keeps it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hostcall::answer::{RunState, WasEvent, Worker};
use crate::lab::{Folder, LabError};

/// The running state of a host's IIS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Runtime {
    /// Pools by name.
    pub pools: BTreeMap<String, RunningPool>,
    /// Sites by name.
    pub sites: BTreeMap<String, RunningSite>,
    /// Events of WAS, oldest first.
    pub events: Vec<WasEvent>,
    /// The process id that was given last.
    pub last_pid: u32,
    /// Until when WAS is busy with what it was told last, in seconds since 1970 by the real clock.
    pub busy_until_unix_seconds: u64,
}

/// A pool as it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunningPool {
    /// Its state.
    pub state: RunState,
    /// Its worker processes.
    pub workers: Vec<Worker>,
    /// Digest of the configuration that it runs with.
    pub digest: String,
}

/// A site as it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunningSite {
    /// Its state.
    pub state: RunState,
}

/// Events older than this many are forgotten.
const KEPT_EVENTS: usize = 100;

impl Runtime {
    /// Name of the file.
    pub const FILE: &'static str = "runtime.json";

    /// Reads it.
    ///
    /// # Errors
    /// When the file is broken.
    pub fn load(folder: &Folder) -> Result<Runtime, LabError> {
        folder.read_json(Runtime::FILE)
    }

    /// Writes it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn save(&self, folder: &Folder) -> Result<(), LabError> {
        folder.write_json(Runtime::FILE, self)
    }

    /// A process id that no worker process had before.
    pub fn next_pid(&mut self) -> u32 {
        // Process ids of Windows are multiples of four.
        self.last_pid = if self.last_pid == 0 { 4120 } else { self.last_pid + 4 };
        self.last_pid
    }

    /// Notes an event.
    pub fn note(&mut self, id: u32, utc: &str, pool: &str) {
        self.events.push(WasEvent { id, utc: utc.to_owned(), pool: pool.to_owned() });
        let surplus = self.events.len().saturating_sub(KEPT_EVENTS);
        self.events.drain(..surplus);
    }
}
