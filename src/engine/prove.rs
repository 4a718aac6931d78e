//! A stage is proved by looking: until nothing of it differs, or it is plain that something will.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::ended::Ended;
use super::evidence::evidence;
use super::host::HostRun;
use super::observe::Looked;
use super::send::{Evidence, proof};
use super::take_back::take_back;
use super::work::HostWork;
use super::{Door, Event, Status, describe};
use crate::hostcall::{Answer, Read, Write};
use crate::plan::{Stage, Trouble};
use crate::resource::Found;

/// How long a host may take to come back after a restart, and to finish an installation that cut the session off.
pub(super) const SERVICING: Duration = Duration::from_mins(30);

/// A change was sent and not answered: never sent again, settled by looking.
pub(super) async fn settle<D: Door>(
    run: &mut HostRun<D>,
    work: &(usize, HostWork),
    stage: &Stage,
    reason: &str,
    intent: u64,
) -> Result<Looked, Ended> {
    let taken_back = take_back(run, work, stage, &stage.writes).await;
    run.outcome.notes.extend(taken_back);
    let servicing = stage.writes.iter().any(|write| matches!(write, Write::InstallFeatures { .. }));
    let deadline = Instant::now() + if servicing { SERVICING } else { run.shared.options.settle };
    let looked = loop {
        match run.look_again(std::slice::from_ref(work)).await {
            Ok(looked) if looked.troubles.is_empty() || Instant::now() > deadline => break looked,
            _ if run.shared.options.stop.is_asked() => {
                let words = format!("unknown: {reason}; interrupted before the host could be looked at again");
                return Err(Ended::new(Status::Interrupted, words));
            }
            Err(error) if Instant::now() > deadline => {
                let words = format!("unknown: {reason}; the host could not be looked at again: {error}");
                return Err(Ended::new(Status::Unreachable, words));
            }
            Ok(_) | Err(_) => pause(run, Duration::from_secs(1)).await,
        }
    };
    let left = unproved(stage, &looked);
    let kept = evidence(run, work, stage, &looked).await;
    proof(run, intent, &left, kept).await?;
    if left.is_empty() {
        run.outcome.notes.push(format!(
            "unknown, settled: {reason}; the host was looked at again, and the change had been carried out"
        ));
        return Ok(looked);
    }
    let words = format!(
        "unknown, settled: {reason}; the host was looked at again, and these are not as planned: {}; run again",
        left.join(", ")
    );
    Err(Ended::failed(words))
}

/// Proves a stage: its resources differ in nothing. What Windows is still bringing about is given time.
pub(super) async fn prove<D: Door>(
    run: &mut HostRun<D>,
    work: &(usize, HostWork),
    stage: Stage,
    mut looked: Looked,
    intent: u64,
) -> Result<Looked, Ended> {
    run.tell(Event::Proving);
    let deadline = Instant::now() + run.shared.options.settle;
    loop {
        let left = unproved(&stage, &looked);
        if left.is_empty() {
            let kept = evidence(run, work, &stage, &looked).await;
            proof(run, intent, &left, kept).await?;
            run.outcome.changed.extend(stage.steps);
            return Ok(looked);
        }
        let settling = left
            .iter()
            .all(|property| property.rsplit('.').next().is_some_and(|it| ["state", "answer", "recycle"].contains(&it)));
        if settling && run.shared.options.stop.is_asked() {
            proof(run, intent, &left, Evidence::new()).await?;
            let words = format!("carried out, and interrupted before it was proved: {}", left.join(", "));
            return Err(Ended::new(Status::Interrupted, words));
        }
        if !settling || Instant::now() > deadline || is_lasting(run, work, &stage, &looked.answers) {
            proof(run, intent, &left, Evidence::new()).await?;
            let mut reasons = vec![format!("carried out, and yet not as desired: {}", left.join(", "))];
            reasons.extend(symptoms(run, work, &stage, &looked.answers));
            return Err(Ended { status: Status::Failed, reasons });
        }
        pause(run, Duration::from_millis(500)).await;
        if !run.shared.options.stop.is_asked() {
            looked = run.look_again(std::slice::from_ref(work)).await.map_err(|error| run.lost(error))?;
        }
    }
}

/// The properties of a stage's resources that still differ, or the resources that could not be read.
fn unproved(stage: &Stage, looked: &Looked) -> Vec<String> {
    let ours = |index: usize| stage.steps.iter().any(|step| step.index == index);
    let steps = looked.plans.iter().flat_map(|(_, plan)| plan.steps()).filter(|step| ours(step.index));
    let mut left: Vec<String> = steps
        .flat_map(|step| step.changes.0.iter().map(|change| format!("{}.{}", step.address, change.property)))
        .collect();
    // What can be told no longer is not proved, as of a database that has become a secondary replica meanwhile.
    let silent = looked.not_compared.iter().filter(|it| stage.steps.iter().any(|step| step.address == it.address));
    left.extend(silent.map(|it| format!("{} (not known any more: {})", it.address, it.property)));
    left.extend(looked.troubles.iter().filter_map(|(_, trouble)| match trouble {
        Trouble::Refused { index, .. } if ours(*index) => Some(describe(trouble)),
        _ => None,
    }));
    left
}

/// What the host says besides of why the resources of a stage are not as desired.
pub(super) fn symptoms<D: Door>(
    run: &HostRun<D>,
    work: &(usize, HostWork),
    stage: &Stage,
    answers: &[(Read, Answer)],
) -> Vec<String> {
    let found = Found::new(answers, &run.shared.macs.secrets);
    let steps = stage.steps.iter().filter_map(|step| work.1.steps.get(step.index));
    // The same event logged for every attempt to start is one symptom.
    let symptoms: BTreeSet<String> = steps.flat_map(|step| step.resource.symptoms(&found)).collect();
    symptoms.into_iter().collect()
}

/// Whether what keeps a stage from being proved is not healed by waiting.
fn is_lasting<D: Door>(run: &HostRun<D>, work: &(usize, HostWork), stage: &Stage, answers: &[(Read, Answer)]) -> bool {
    let found = Found::new(answers, &run.shared.macs.secrets);
    stage.steps.iter().filter_map(|step| work.1.steps.get(step.index)).any(|step| step.resource.is_lasting(&found))
}

/// Waits, unless the run is to end.
pub(super) async fn pause<D: Door>(run: &mut HostRun<D>, time: Duration) {
    let _ = run.shared.options.stop.unless(tokio::time::sleep(time)).await;
}
