//! From what shall be and what was found to what will be done. Pure: no network, no clock, no disk.
//!
//! A plan leaves nothing to decide. A host's plan is a list of stages; a stage ends at a barrier, after which the host
//! is looked at again and the rest is planned by the same function.

mod agreed;
mod check;
mod file;
mod merge;
mod replay;
mod stages;

use serde::{Deserialize, Serialize};

pub use agreed::{Agreed, Shift};
pub use check::check;
pub use file::{Asked, PlanFile, PlanFileError, PlannedHost, SourceDigest};
pub use merge::merge;
pub use stages::{Trouble, Wanted, plan_host};

use crate::hostcall::Write;
use crate::resource::Disturbance;
use crate::value::Changes;

/// What will be done on one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostPlan {
    /// The host.
    pub host: String,
    /// The stages, in order; none when the host is as desired.
    pub stages: Vec<Stage>,
}

/// What is done in one exchange and then proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// What it waits for, such as `features`; the first stage waits for nothing and is exact, later ones are provisional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The resources that change.
    pub steps: Vec<PlannedStep>,
    /// The writes that change them, in order.
    pub writes: Vec<Write>,
    /// Whether the host may restart when an installation needs it.
    pub reboot_allowed: bool,
}

/// What happens to one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedStep {
    /// Its number among the host's steps, from 0.
    pub index: usize,
    /// Its address, `web01/iis_app_pool/ChatPool`.
    pub address: String,
    /// Where it is written, `site.yml:12`.
    pub place: String,
    /// What happens to it as a whole.
    pub action: Action,
    /// What changes of it.
    pub changes: Changes,
    /// What that does to something that is running.
    pub disturbs: Disturbance,
    /// What a person should know before it is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// What happens to a resource as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is not there and will be.
    Create,
    /// It is there and changes.
    Update,
    /// It is there and will not be.
    Delete,
}

impl Action {
    /// `+`, `~` or `-`.
    pub fn sign(self) -> char {
        match self {
            Action::Create => '+',
            Action::Update => '~',
            Action::Delete => '-',
        }
    }
}

impl HostPlan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// All its steps.
    pub fn steps(&self) -> impl Iterator<Item = &PlannedStep> {
        self.stages.iter().flat_map(|stage| &stage.steps)
    }

    /// The most that any of its steps does to something running.
    pub fn disturbs(&self) -> Disturbance {
        self.steps().map(|step| step.disturbs).max().unwrap_or_default()
    }
}

impl Stage {
    /// The most that any of its steps does to something running.
    pub fn disturbs(&self) -> Disturbance {
        self.steps.iter().map(|step| step.disturbs).max().unwrap_or_default()
    }
}
