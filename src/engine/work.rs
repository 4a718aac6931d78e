//! What a run is about: which host shall have which resources.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::hostcall::Read;
use crate::plan::Wanted;
use crate::playbook::{Playbook, Serial};
use crate::release::Release;
use crate::resource::{Found, Instance, Kind, Reads};
use crate::value::SecretRef;

/// All plays of a run.
#[derive(Clone, Debug, Default)]
pub struct Work {
    /// The plays, in order.
    pub plays: Vec<PlayWork>,
    /// The releases that they deliver.
    pub releases: Vec<Arc<Release>>,
}

/// A play, resolved for its hosts.
#[derive(Clone, Debug)]
pub struct PlayWork {
    /// Its name.
    pub name: String,
    /// How many hosts at a time may be disturbed.
    pub serial: Vec<Serial>,
    /// Its hosts, in order.
    pub hosts: Vec<HostWork>,
}

/// What one host shall have in one play.
#[derive(Clone, Debug)]
pub struct HostWork {
    /// The host's name.
    pub host: String,
    /// Its resources, in order.
    pub steps: Arc<[StepWork]>,
}

/// A resource that a host shall have.
#[derive(Clone, Debug)]
pub struct StepWork {
    /// Its kind.
    pub kind: &'static Kind,
    /// The resource.
    pub resource: Arc<dyn Instance>,
    /// Where it is written, `site.yml:12`.
    pub place: String,
    /// Whether it is neither looked at nor changed: an opaque step in a run that shall have no effect.
    pub left_alone: bool,
}

impl Work {
    /// What a playbook asks for, with the releases that it delivers; hosts without any step are left out.
    pub fn of(playbook: &Playbook, releases: Vec<Arc<Release>>) -> Work {
        let step = |step: &crate::playbook::Step| StepWork {
            kind: step.kind,
            resource: Arc::clone(&step.resource),
            place: step.place.text().to_owned(),
            left_alone: false,
        };
        let hosts = |play: &crate::playbook::Play| {
            let hosts = play.hosts.iter().filter(|host| !host.steps.is_empty());
            hosts
                .map(|it| HostWork { host: it.host.name.clone(), steps: it.steps.iter().map(step).collect() })
                .collect()
        };
        let play = |play: &crate::playbook::Play| {
            let crate::playbook::Play { name, serial, .. } = play;
            PlayWork { name: name.clone(), serial: serial.clone(), hosts: hosts(play) }
        };
        Work { plays: playbook.plays.iter().map(play).collect(), releases }
    }

    /// The hosts of all plays, each once, in order of first mention.
    pub fn hosts(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let names = self.plays.iter().flat_map(|play| play.hosts.iter().map(|host| &host.host));
        names.filter(|name| seen.insert((*name).clone())).cloned().collect()
    }

    /// What one host shall have in all plays.
    pub fn of_host(&self, host: &str) -> Vec<HostWork> {
        let of_play = |play: &PlayWork| play.hosts.iter().find(|work| work.host == host).cloned();
        self.plays.iter().filter_map(of_play).collect()
    }

    /// Whether any step is opaque.
    pub fn has_opaque(&self) -> bool {
        let hosts = self.plays.iter().flat_map(|play| &play.hosts);
        hosts.flat_map(|host| host.steps.iter()).any(|step| step.kind.opaque)
    }

    /// Leaves opaque steps alone: looking at them is running what only their author knows.
    pub fn leave_opaque_alone(&mut self) {
        for host in self.plays.iter_mut().flat_map(|play| &mut play.hosts) {
            if host.steps.iter().any(|step| step.kind.opaque) {
                let left = |step: &StepWork| StepWork { left_alone: step.kind.opaque, ..step.clone() };
                host.steps = host.steps.iter().map(left).collect();
            }
        }
    }

    /// Every secret that the resources name.
    pub fn secrets(&self) -> BTreeSet<SecretRef> {
        let hosts = self.plays.iter().flat_map(|play| &play.hosts);
        let mut secrets = BTreeSet::new();
        for step in hosts.flat_map(|host| host.steps.iter()) {
            collect(&step.resource.desired(), &mut secrets);
        }
        secrets
    }
}

impl HostWork {
    /// The resources as the planner takes them.
    pub fn wanted(&self) -> Vec<Wanted<'_>> {
        self.steps.iter().map(StepWork::wanted).collect()
    }
}

impl StepWork {
    fn wanted(&self) -> Wanted<'_> {
        let StepWork { kind, resource, place, left_alone } = self;
        Wanted { kind, resource: resource.as_ref(), place, left_alone: *left_alone }
    }
}

/// All that is to be known of a host for the resources of some plays, as one batch.
pub fn reads<'w>(works: impl IntoIterator<Item = &'w HostWork>) -> Vec<Read> {
    let mut reads = Reads::default();
    for step in works.into_iter().flat_map(|work| work.steps.iter()).filter(|it| !it.left_alone) {
        step.resource.reads(&mut reads);
    }
    reads.into_vec()
}

/// What the resources of some plays ask besides, having seen the answers.
pub fn reads_further<'w>(works: impl IntoIterator<Item = &'w HostWork>, found: &Found) -> Vec<Read> {
    let mut reads = Reads::default();
    for step in works.into_iter().flat_map(|work| work.steps.iter()).filter(|it| !it.left_alone) {
        step.resource.reads_further(found, &mut reads);
    }
    reads.without(found.answers())
}

fn collect(value: &serde_json::Value, secrets: &mut BTreeSet<SecretRef>) {
    match value {
        serde_json::Value::Object(map) => {
            let named = map.get(SecretRef::MARK).and_then(|it| serde_json::from_value(it.clone()).ok());
            secrets.extend(named);
            map.values().for_each(|value| collect(value, secrets));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|value| collect(value, secrets)),
        _ => {}
    }
}
