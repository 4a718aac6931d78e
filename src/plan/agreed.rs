//! A plan that was agreed on, and whether what would be done now is still that. Pure.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::{HostPlan, PlannedStep, Stage};
use crate::hostcall::{Expected, Write};
use crate::value::{Change, SecretRef};

/// Plans that were agreed on, by host and number of the play.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreed(pub BTreeMap<(String, usize), HostPlan>);

/// What is no longer as it was agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shift {
    /// A property: what was planned for it, and what would be done to it now.
    Property {
        /// Its address with its path, `web01/iis_app_pool/ChatPool.queue_length`.
        at: String,
        /// The change that was agreed on.
        planned: Option<Box<Change>>,
        /// The change that is called for now.
        now: Option<Box<Change>>,
    },
    /// A resource would be disturbed otherwise, or treated otherwise as a whole.
    Resource {
        /// Its address.
        address: String,
        /// What differs.
        what: &'static str,
    },
    /// Something beside the planned properties changed that the writes rest on.
    Ground {
        /// The host.
        host: String,
        /// What changed, such as an element of configuration.
        what: String,
    },
}

impl Agreed {
    /// What keeps a host's plan from being the one that was agreed on.
    pub fn differs(&self, play: usize, now: &HostPlan) -> Vec<Shift> {
        let none = HostPlan { host: now.host.clone(), stages: Vec::new() };
        let planned = self.0.get(&(now.host.clone(), play)).unwrap_or(&none);
        if planned == now {
            return Vec::new();
        }
        let mut shifts = properties(planned.steps(), now.steps());
        for step in now.steps() {
            let same = planned.steps().find(|it| it.address == step.address);
            let what = same.and_then(|same| match () {
                () if same.action != step.action => Some("would now be created, changed or removed otherwise"),
                () if same.disturbs != step.disturbs => Some("would now be disturbed otherwise"),
                () => None,
            });
            shifts.extend(what.map(|what| Shift::Resource { address: step.address.clone(), what }));
        }
        let first = |plan: &HostPlan| plan.stages.first().map(|stage| stage.writes.clone()).unwrap_or_default();
        if shifts.is_empty() && first(planned) != first(now) {
            let host = now.host.clone();
            shifts.push(Shift::Ground { host, what: ground(&first(planned), &first(now)) });
        }
        shifts
    }

    /// What in the next stage goes beyond what was agreed on, once something was changed on the host: a change whose
    /// address, property and new value were not planned, or one that disturbs more. `done` planned stages are over.
    pub fn exceeded(&self, play: usize, host: &str, done: usize, next: &Stage) -> Vec<Shift> {
        let planned = self.0.get(&(host.to_owned(), play));
        let stages = planned.map(|plan| plan.stages.as_slice()).unwrap_or_default();
        let steps: Vec<&PlannedStep> = stages.iter().skip(done).flat_map(|stage| &stage.steps).collect();
        let mut shifts = Vec::new();
        for step in &next.steps {
            let same = steps.iter().find(|it| it.address == step.address);
            for change in &step.changes.0 {
                let planned = same.and_then(|it| it.changes.0.iter().find(|it| it.property == change.property));
                if planned.is_none_or(|planned| planned.desired != change.desired) {
                    let at = format!("{}.{}", step.address, change.property);
                    shifts.push(Shift::Property {
                        at,
                        planned: planned.cloned().map(Box::new),
                        now: Some(Box::new(change.clone())),
                    });
                }
            }
            if same.is_some_and(|same| step.disturbs > same.disturbs) {
                let what = "would now be disturbed more than was planned";
                shifts.push(Shift::Resource { address: step.address.clone(), what });
            }
        }
        shifts
    }
}

/// What was planned for a property, and what would be done to it now.
type Pair = (Option<Box<Change>>, Option<Box<Change>>);

fn properties<'s>(
    planned: impl Iterator<Item = &'s PlannedStep>,
    now: impl Iterator<Item = &'s PlannedStep>,
) -> Vec<Shift> {
    let mut by_property: BTreeMap<String, Pair> = BTreeMap::new();
    let changes = |step: &'s PlannedStep| {
        step.changes.0.iter().map(|change| (format!("{}.{}", step.address, change.property), change.clone()))
    };
    for (at, change) in planned.flat_map(changes) {
        by_property.entry(at).or_default().0 = Some(Box::new(change));
    }
    for (at, change) in now.flat_map(changes) {
        by_property.entry(at).or_default().1 = Some(Box::new(change));
    }
    by_property
        .into_iter()
        .filter(|(_, (planned, now))| planned != now)
        .map(|(at, (planned, now))| Shift::Property { at, planned, now })
        .collect()
}

/// Which element has another token now, in words; what else may differ has no name.
fn ground(planned: &[Write], now: &[Write]) -> String {
    let expected = |writes: &[Write]| -> Vec<Expected> {
        let commits = writes.iter().filter_map(|write| match write {
            Write::IisCommit { expect, .. } => Some(expect.clone()),
            _ => None,
        });
        commits.flatten().collect()
    };
    let (planned, now) = (expected(planned), expected(now));
    let moved = now.iter().find(|it| planned.iter().any(|other| other.at == it.at && other.token != it.token));
    moved.map_or_else(|| "what the plan rests on".to_owned(), |it| super::check::words(&it.at))
}

impl Shift {
    /// How the words end for a change that is made already.
    pub const DONE: &str = "and nothing differs there now";
}

impl fmt::Display for Shift {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Shift::Property { at, planned: Some(planned), now: None } => {
                write!(formatter, "{at}: it is no longer {}, {}", told(&planned.actual), Shift::DONE)
            }
            Shift::Property { at, planned: Some(planned), now: Some(now) } if planned.desired == now.desired => {
                write!(
                    formatter,
                    "{at}: it was {} when it was planned, and is {} now",
                    told(&planned.actual),
                    told(&now.actual)
                )
            }
            Shift::Property { at, planned: Some(planned), now: Some(now) } => {
                write!(
                    formatter,
                    "{at}: it was to become {}, and would become {} now",
                    told(&planned.desired),
                    told(&now.desired)
                )
            }
            Shift::Property { at, planned: None, now: Some(now) } => {
                write!(formatter, "{at}: {} -> {} was not planned", told(&now.actual), told(&now.desired))
            }
            Shift::Property { at, planned: None, now: None } => write!(formatter, "{at}"),
            Shift::Resource { address, what } => write!(formatter, "{address} {what}"),
            Shift::Ground { host, what } => write!(formatter, "{host}: {what} was changed since"),
        }
    }
}

/// A value in a sentence; text from hosts must not steer the terminal.
fn told(value: &Value) -> String {
    match value {
        Value::Null => "absent".to_owned(),
        Value::Object(map) if map.contains_key(SecretRef::MARK) => "(sensitive)".to_owned(),
        Value::String(text) => text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostcall::write::ConfigFile;
    use crate::hostcall::{ElementPath, Token};
    use crate::plan::Action;
    use crate::resource::Disturbance;
    use crate::value::Changes;
    use serde_json::json;

    fn step(property: &str, actual: Value, desired: Value, disturbs: Disturbance) -> PlannedStep {
        let change = Change { property: property.to_owned(), actual, desired };
        PlannedStep {
            index: 0,
            address: "web01/iis_app_pool/P".to_owned(),
            place: "site.yml:3".to_owned(),
            action: Action::Update,
            changes: Changes(vec![change]),
            disturbs,
            remarks: Vec::new(),
        }
    }

    fn plan(steps: Vec<PlannedStep>, token: &str) -> HostPlan {
        let at = ElementPath::section("system.applicationHost/applicationPools").item([("name", "P")]);
        let expect = vec![Expected { at, token: Token(token.to_owned()) }];
        let write = Write::IisCommit { file: ConfigFile::ApplicationHost {}, expect, edits: Vec::new() };
        let stage = Stage { after: None, steps, writes: vec![write], reboot_allowed: false };
        HostPlan { host: "web01".to_owned(), stages: vec![stage] }
    }

    fn queue(actual: i32, desired: i32) -> PlannedStep {
        step("queue_length", json!(actual), json!(desired), Disturbance::Recycles)
    }

    fn agreed(plan: HostPlan) -> Agreed {
        Agreed([(("web01".to_owned(), 0), plan)].into())
    }

    #[test]
    fn whatever_moved_is_named() {
        let check = |now: &HostPlan, expected: &[&str]| {
            let shifts = agreed(plan(vec![queue(4000, 5000)], "t")).differs(0, now);
            assert_eq!(shifts.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
        };
        let at = "web01/iis_app_pool/P.queue_length";
        let gone = format!("{at}: it is no longer 4000, and nothing differs there now");
        check(&plan(vec![queue(4000, 5000)], "t"), &[]);
        check(
            &plan(vec![queue(3000, 5000)], "u"),
            &[&format!("{at}: it was 4000 when it was planned, and is 3000 now")],
        );
        check(
            &plan(vec![queue(4000, 6000)], "t"),
            &[&format!("{at}: it was to become 5000, and would become 6000 now")],
        );
        check(&HostPlan { host: "web01".to_owned(), stages: Vec::new() }, &[&gone]);
        let other = step("state", json!("stopped"), json!("started"), Disturbance::None);
        let not_planned = "web01/iis_app_pool/P.state: stopped -> started was not planned";
        check(
            &plan(vec![queue(4000, 5000), other], "t"),
            &[not_planned, "web01/iis_app_pool/P would now be disturbed otherwise"],
        );
        let token = "web01: system.applicationHost/applicationPools[name=P] was changed since";
        check(&plan(vec![queue(4000, 5000)], "u"), &[token]);
    }

    #[test]
    fn after_a_barrier_only_what_was_provided_for_is_done() {
        let provisional = || {
            let mut plan = plan(vec![queue(1000, 5000)], "t");
            plan.stages.insert(0, Stage { after: None, steps: Vec::new(), writes: Vec::new(), reboot_allowed: false });
            agreed(plan)
        };
        let check = |step: PlannedStep, done: usize, within: bool| {
            let next = plan(vec![step], "u").stages.remove(0);
            let exceeded = provisional().exceeded(0, "web01", done, &next);
            assert_eq!(exceeded.is_empty(), within, "{exceeded:?}");
        };
        check(queue(1000, 5000), 1, true);
        check(queue(4000, 5000), 1, true);
        check(step("queue_length", json!(1), json!(5000), Disturbance::None), 1, true);
        check(step("queue_length", json!(1), json!(5000), Disturbance::Restarts), 1, false);
        check(queue(1000, 6000), 1, false);
        check(step("state", json!(null), json!("started"), Disturbance::None), 1, false);
        check(queue(1000, 5000), 2, false);
    }

    #[test]
    fn no_secret_is_told() {
        let secret = json!({"secret()": {"store": "age", "name": "svc"}});
        let now = Change { property: "p".to_owned(), actual: json!("differs"), desired: secret };
        let shift = Shift::Property { at: "a.p".to_owned(), planned: None, now: Some(Box::new(now)) };
        assert_eq!(shift.to_string(), "a.p: differs -> (sensitive) was not planned");
    }
}
