//! The playbook: what the farm shall be, resolved for each host.

mod claims;
mod load;
mod mistakes;
mod place;
mod properties;
mod releases;
mod resolve;
mod schema;
mod secrets;
mod tags;
mod wording;
mod written;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use load::{Loaded, Request, load};
pub use place::Place;
pub use releases::{Packages, deliver};
pub use schema::schema;
pub use secrets::{SecretUse, missing_secrets};

use crate::inventory::{Host, Inventory};
use crate::resource::{Instance, Kind};
use crate::value::SecretRef;

/// A playbook, resolved.
#[derive(Debug)]
pub struct Playbook {
    /// Its name; the file's name where it has none.
    pub name: String,
    /// Its plays, in order.
    pub plays: Vec<Play>,
    /// The farm it was resolved for.
    pub inventory: Inventory,
    /// The secrets that it and its hosts' connections refer to, each place once.
    pub secrets: Vec<SecretUse>,
}

impl Playbook {
    /// The machine keys that steps need.
    pub fn machine_keys(&self) -> BTreeSet<SecretRef> {
        let steps = self.plays.iter().flat_map(|play| &play.hosts).flat_map(|host| &host.steps);
        steps.filter_map(|step| step.resource.machine_key()).cloned().collect()
    }
}

/// A play: some hosts, and what they shall be.
#[derive(Debug)]
pub struct Play {
    /// Its name.
    pub name: String,
    /// How many hosts at a time may be disturbed; empty where the playbook does not say.
    pub serial: Vec<Serial>,
    /// Its hosts, in order, each with its steps; a host without steps is in it too.
    pub hosts: Vec<HostSteps>,
    /// Where it is written.
    pub place: Place,
}

/// A number of hosts: the first batch takes the first one given, the last one holds for all that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serial {
    /// So many.
    Hosts(usize),
    /// So many in a hundred of the play's hosts, at least one.
    Percent(u8),
}

/// A host in a play.
#[derive(Debug)]
pub struct HostSteps {
    /// The host.
    pub host: Arc<Host>,
    /// Its steps, in order.
    pub steps: Vec<Step>,
}

/// A step: one resource that shall be so on one host.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its kind.
    pub kind: &'static Kind,
    /// What shall be. Hosts whose steps say the same share it.
    pub resource: Arc<dyn Instance>,
    /// Its name, where it was given one.
    pub name: Option<String>,
    /// Its tags, those of its play included.
    pub tags: Arc<[String]>,
    /// Where it is written.
    pub place: Place,
}
