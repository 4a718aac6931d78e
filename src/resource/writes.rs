//! What the resources of a host want changed, in phases.

use crate::hostcall::write::ConfigFile;
use crate::hostcall::{Control, ControlTarget, Edit, Expected, Write};

/// Writes within a stage run in this order; within a phase, in the order of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Files, folders and rights.
    Files,
    /// Proof of a new password, before any configuration holds it.
    Logon,
    /// Configuration: one commit a file.
    Commit,
    /// Statements for SQL Server.
    Sql,
    /// Start, stop, recycle.
    Control,
    /// What is of no use any more goes.
    Cleanup,
    /// Windows features: the end of a stage.
    Features,
}

/// Wanted writes.
#[derive(Clone, Debug, Default)]
pub struct Writes {
    /// The writes, each in its phase.
    pub calls: Vec<(Phase, Write)>,
    /// Whether the host may restart when an installation needs it.
    pub reboot_allowed: bool,
}

impl Writes {
    /// Adds a write in its phase.
    pub fn add(&mut self, phase: Phase, write: Write) {
        self.calls.push((phase, write));
    }

    /// Adds edits of applicationHost.config, with the tokens they rest on.
    pub fn edit(&mut self, expect: Vec<Expected>, edits: Vec<Edit>) {
        if !edits.is_empty() {
            self.add(Phase::Commit, Write::IisCommit { file: ConfigFile::ApplicationHost {}, expect, edits });
        }
    }

    /// Adds a start, stop or recycle.
    pub fn control(&mut self, target: ControlTarget, action: Control) {
        self.add(Phase::Control, Write::IisControl { target, action });
    }
}
