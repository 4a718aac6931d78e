//! The lab: a simulated copy of the farm, reached over real sockets by real protocols.
//!
//! It answers host calls and knows no resource kinds.

pub mod wsman;

use crate::hostcall::{Access, Batch, Replies};

/// Whatever answers host calls for one lab host. The servers of the lab speak to hosts through it alone.
pub trait Answers: Send + Sync {
    /// Carries out a batch, as an agent would: all reads, and writes until one is not done.
    /// May block for as long as a slow Windows would; call it off the runtime's threads.
    fn reply(&self, access: Access, batch: &Batch) -> Replies;

    /// The fault that the host's wire shall show from now on, looked up before each message.
    fn wire_fault(&self) -> Option<WireFault>;
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
