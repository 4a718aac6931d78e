//! The stages of a host's plan.

use super::replay::replay;
use super::{Action, HostPlan, PlannedStep, Stage, merge};
use crate::hostcall::{Answer, Read, Refusal, RefusalCode};
use crate::resource::{Found, Instance, Kind, Phase, Problem, Problems, Writes};
use crate::value::diff;

/// A resource that a host shall have.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Its kind.
    pub kind: &'static Kind,
    /// The resource itself.
    pub resource: &'a dyn Instance,
    /// Where it is written, `site.yml:12`.
    pub place: &'a str,
    /// Whether it was not looked at and shall not be.
    pub left_alone: bool,
}

/// Why a host cannot be planned, or not wholly.
#[derive(Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The host would not say how a resource is.
    Refused {
        /// The resource's number among the host's steps.
        index: usize,
        /// Its address.
        address: String,
        /// What the host said.
        refusal: Refusal,
    },
    /// The resource can be looked at and not changed.
    Frozen {
        /// The resource's number among the host's steps.
        index: usize,
        /// Its address.
        address: String,
        /// Why not.
        refusal: Refusal,
    },
    /// A resource cannot be on this host as it is written.
    Conflict {
        /// The resource's number among the host's steps.
        index: usize,
        /// Its address.
        address: String,
        /// What is wrong, and where in the resource.
        problem: Problem,
    },
}

/// Plans a host: what differs, and what to do about it.
///
/// Each step is planned from what the steps before it leave behind, so that all together do what they do one by one.
/// What comes after a barrier that changes something is planned from what was read before it, which may well change;
/// IIS not being there yet is then no trouble.
pub fn plan_host(host: &str, wanted: &[Wanted], found: &Found) -> (HostPlan, Vec<Trouble>) {
    let mut stages: Vec<Stage> = Vec::new();
    let mut open = Open::default();
    let mut troubles = Vec::new();
    let mut answers: Option<Vec<(Read, Answer)>> = None;
    let mut after: Option<&str> = None;
    let mut barriers: Vec<&str> = Vec::new();
    let facts = found.host().ok();
    let iis = facts.as_ref().is_some_and(|facts| facts.iis.is_some());
    let shared = facts.and_then(|facts| facts.shared_configuration);
    for (index, step) in wanted.iter().enumerate().filter(|(_, step)| !step.left_alone) {
        let found = &answers.as_ref().map_or(*found, |answers| found.with(answers));
        let address = format!("{host}/{}/{}", step.kind.name, step.resource.name());
        let waits = open.barrier.is_some() || !stages.is_empty();
        let mut problems = Problems::default();
        // What IIS brings with it is not known before it is there; the host is planned anew then.
        if iis || !waits || !barriers.contains(&"features") {
            step.resource.conflicts(found, &mut problems);
        }
        problems.0.retain(|problem| !waits || !problem.passing);
        troubles.extend(problems.0.into_iter().map(|problem| Trouble::Conflict {
            index,
            address: address.clone(),
            problem,
        }));
        let actual = match step.resource.seen(found) {
            Ok(actual) => actual,
            Err(refusal) if waits && refusal.code == RefusalCode::Unsupported => None,
            Err(refusal) => {
                troubles.push(Trouble::Refused { index, address, refusal });
                continue;
            }
        };
        let desired = step.resource.desired();
        let changes = diff(&desired, actual.as_ref());
        if changes.is_empty() {
            continue;
        }
        // Barriers side by side are one barrier: servicing takes all features in one operation.
        // What an opaque step does is known to nobody, so it stands alone.
        let ends = open.barrier.is_some() && step.kind.barrier.is_none();
        if ends || (step.kind.opaque && !open.steps.is_empty()) {
            let closed = std::mem::take(&mut open);
            let next = closed.barrier;
            stages.push(closed.close(after.map(str::to_owned)));
            after = next;
        }
        let action = match &actual {
            None => Action::Create,
            Some(_) if desired.get("state").is_some_and(|state| state == "absent") => Action::Delete,
            Some(_) => Action::Update,
        };
        let disturbs = step.resource.disturbs(found, &changes);
        let remarks = step.resource.remarks(found, &changes);
        let before = open.writes.calls.len();
        step.resource.writes(found, &changes, &mut open.writes);
        let calls = open.writes.calls.get(before..).unwrap_or_default();
        let commits = calls.iter().any(|(phase, _)| *phase == Phase::Commit);
        if let Some(folder) = shared.as_ref().filter(|_| commits) {
            let text = format!("the host takes its IIS configuration from {folder}, shared with other servers");
            let refusal = Refusal { code: RefusalCode::SharedConfiguration, text, hresult: None };
            troubles.push(Trouble::Frozen { index, address: address.clone(), refusal });
        }
        if commits && index + 1 < wanted.len() {
            answers = Some(replay(found.answers(), calls));
        }
        let place = step.place.to_owned();
        open.steps.push(PlannedStep { index, address, place, action, changes, disturbs, remarks });
        open.barrier = open.barrier.or(step.kind.barrier);
        barriers.extend(step.kind.barrier);
    }
    if !open.steps.is_empty() {
        stages.push(open.close(after.map(str::to_owned)));
    }
    (HostPlan { host: host.to_owned(), stages }, troubles)
}

/// A stage that still takes steps.
#[derive(Default)]
struct Open {
    steps: Vec<PlannedStep>,
    writes: Writes,
    barrier: Option<&'static str>,
}

impl Open {
    fn close(self, after: Option<String>) -> Stage {
        Stage { after, steps: self.steps, reboot_allowed: self.writes.reboot_allowed, writes: merge(self.writes.calls) }
    }
}
