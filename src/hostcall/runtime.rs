//! What WAS runs: pools, sites and worker processes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Answer to `iis_runtime`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runtime {
    /// Pools by name.
    #[serde(default)]
    pub pools: BTreeMap<String, PoolRuntime>,
    /// Sites by name.
    #[serde(default)]
    pub sites: BTreeMap<String, RunState>,
    /// WAS events (System log) of the pools asked for, in the last ten minutes, oldest first.
    #[serde(default)]
    pub events: Vec<WasEvent>,
}

/// A pool as WAS sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolRuntime {
    /// Its state.
    pub state: RunState,
    /// Its worker processes.
    pub workers: Vec<Worker>,
}

/// A worker process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    /// Process id.
    pub pid: u32,
    /// Account it runs as, `DOMAIN\name`.
    pub account: String,
}

/// State of a pool or site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Serving, or ready to.
    Started,
    /// Not serving.
    Stopped,
    /// On its way up, for longer than the host waits.
    Starting,
    /// On its way down, for longer than the host waits.
    Stopping,
    /// WAS does not know it.
    Unknown,
}

/// An event of the Windows Process Activation Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WasEvent {
    /// Event id, such as 5021.
    pub id: u32,
    /// When, in UTC, as `2026-11-21T12:34:56Z`.
    pub utc: String,
    /// The pool it is about.
    pub pool: String,
}
