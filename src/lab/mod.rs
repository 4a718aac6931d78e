//! The lab: a simulated copy of the farm, reached over real sockets by real protocols.
//!
//! It answers host calls and knows no resource kinds. Each host is a folder of ordinary files that a person can read
//! and edit; every batch reads them anew. See [`LabHost`] for what is in the folder.

mod accounts;
mod acl;
mod call_log;
mod certificates;
mod computer;
mod drive;
mod error;
mod examination;
mod farm;
mod faults;
mod features;
mod file_name;
mod files;
mod folder;
mod front;
mod hexadecimal;
mod host;
mod host_spec;
pub mod iis;
mod listening;
mod marker;
mod model;
mod model_app;
mod model_files;
mod model_iis;
mod model_sql;
mod pull;
mod schema;
pub mod sql;
mod sql_connection;
mod stock;
mod tree;
mod tree_names;
mod tree_wanted;
mod utc;
mod versions;
mod windows;

pub use accounts::{Directory, Listed, Standing};
pub use call_log::{Counts, LoggedBatch};
pub use certificates::{Stores, issued_by_lab};
pub use computer::Computer;
pub use error::LabError;
pub use farm::Lab;
pub use faults::{Fault, Faults, UnknownFault};
pub use features::HostFeatures;
pub use folder::Folder;
pub use front::Front;
pub use host::LabHost;
pub use host_spec::HostSpec;
pub use marker::AgentProcess;
pub use versions::{Build, Windows};

pub mod pwsh;
pub mod wsman;

use std::sync::Arc;

use crate::hostcall::{Access, Batch, Replies};

/// Whatever answers host calls for one lab host. The servers of the lab speak to hosts through it alone.
pub trait Answers: Send + Sync {
    /// Carries out a batch, as an agent would: all reads, and writes until one is not done.
    /// May block for as long as a slow Windows would; call it off the runtime's threads.
    fn reply_as(&self, process: &Arc<AgentProcess>, access: Access, batch: &Batch) -> Replies;

    /// The same by a process that lives for this batch alone.
    fn reply(&self, access: Access, batch: &Batch) -> Replies {
        self.reply_as(&AgentProcess::start(), access, batch)
    }

    /// What the host tells a session of a user that examines it; `None` where it is not to be had.
    fn examined(&self, _: &str) -> Option<crate::doctor::told::Told> {
        None
    }

    /// Whether PowerShell runs with limits there, in which no agent can run.
    fn is_constrained(&self) -> bool {
        false
    }

    /// The fault that the host's wire shall show from now on, looked up before each message.
    fn wire_fault(&self) -> Option<WireFault>;

    /// Says that a fault has shown on the wire, so that one that happens once is over.
    fn fault_shown(&self, _: WireFault) {}
}

/// Faults of a host that show on the wire and not in its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireFault {
    /// Connections are refused.
    Refuse,
    /// Connections are taken and never answered.
    Hang,
    /// The connection is reset when a batch with a write arrives, before it is carried out. Once.
    ResetBeforeWrite,
    /// The connection is reset when a batch with a write was carried out, before its reply. Once.
    ResetAfterWrite,
}
