//! A playbook that is right, and which farm it is about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::lab_engine::LabEngine;
use crate::diagnostic::Sources;
use crate::inventory::Host;
use crate::playbook::{Packages, Playbook};
use crate::release::Release;
use crate::secret::Stores;
use crate::value::SecretRef;

/// Which farm a command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// The inventory's hosts themselves.
    Farm,
    /// Their simulated copies, beside the inventory in `.farmhand/lab`.
    Lab(LabEngine),
}

impl Against {
    /// The option that says so, with a blank behind it, for commands that a reader can type.
    pub fn option(self) -> &'static str {
        if self.is_lab() { "--lab " } else { "" }
    }

    /// Whether it is the simulated one.
    pub fn is_lab(self) -> bool {
        matches!(self, Against::Lab(_))
    }
}

/// A right playbook.
pub struct Right {
    /// The texts it was read from.
    pub sources: Sources,
    /// The playbook.
    pub playbook: Playbook,
    /// The packages that it names.
    pub packages: Packages,
    /// What it delivers, once its secrets are there.
    pub releases: Vec<Arc<Release>>,
    /// Where its secrets are.
    pub stores: Arc<Stores>,
    /// The secrets of properties that cannot be had, each with the reason; none where all are needed.
    pub closed: BTreeMap<SecretRef, String>,
}

/// What logs in to hosts.
pub struct Logins<'a> {
    /// The texts that say how.
    pub sources: &'a Sources,
    /// Where their secrets are.
    pub stores: Arc<Stores>,
}

impl Right {
    /// What logs in to its hosts.
    pub fn logins(&self) -> Logins<'_> {
        Logins { sources: &self.sources, stores: Arc::clone(&self.stores) }
    }

    /// Plays, hosts and resources.
    pub fn counts(&self) -> (usize, usize, usize) {
        let hosts: BTreeSet<&str> =
            self.playbook.plays.iter().flat_map(|it| &it.hosts).map(|it| it.host.name.as_str()).collect();
        let steps = self.playbook.plays.iter().flat_map(|play| &play.hosts).map(|host| host.steps.len()).sum();
        (self.playbook.plays.len(), hosts.len(), steps)
    }

    /// The secrets of which nobody knows before they are needed whether they are there.
    pub fn asked_when_needed(&self) -> BTreeSet<String> {
        let uses = self.playbook.secrets.iter().filter(|it| self.stores.asked_when_needed(&it.reference));
        uses.map(|it| it.reference.to_string()).collect()
    }

    /// The hosts of all plays, each once.
    pub fn hosts(&self) -> Vec<Arc<Host>> {
        let hosts = self.playbook.plays.iter().flat_map(|play| &play.hosts).map(|it| Arc::clone(&it.host));
        let mut seen = BTreeSet::new();
        hosts.filter(|host| seen.insert(host.name.clone())).collect()
    }
}
