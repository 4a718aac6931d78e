//! Making a farm so: look at all hosts, show the plan, carry it out play by play, prove it.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::ended::{INTERRUPTED, not_disturbed};
use super::gate::{Gate, Pass};
use super::host::HostRun;
use super::logons::Logons;
use super::shared::{Apply, Shared};
use super::{Door, Event, HostOutcome, Macs, PlayWork, Status, Survey, Work, play, recycles};
use crate::resource::Disturbance;

/// Whether the plan that was shown is to be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// Go on.
    Granted,
    /// Change nothing.
    Refused,
}

/// Looks at all hosts, has `approve` decide on what differs, and makes it so.
///
/// A host that fails does not stop the others of its play, but for those that would be disturbed;
/// a play with a failed host is the last one. Where a host cannot be what the playbook says, nothing is changed anywhere.
pub async fn apply<D: Door>(
    door: Arc<D>,
    work: &Work,
    macs: Macs,
    options: Apply,
    approve: impl FnOnce(&[Survey]) -> Approval,
) -> Vec<HostOutcome> {
    let plays = work.plays.iter().map(|play| play.name.clone()).collect();
    let shared = Arc::new(Shared { door, macs, options, logons: Logons::default(), plays });
    let mut runs = look_at_all(work, &shared).await;
    let hosts = runs.iter().filter_map(|run| Some((run.host.as_str(), run.looked.as_ref().ok()?)));
    let marks = recycles::find(work, &hosts.collect::<Vec<_>>(), &shared.macs);
    for run in &mut runs {
        run.take_notice(&marks);
    }
    if shared.options.stop.is_asked() {
        for run in runs.iter_mut().filter(|run| run.differs()) {
            run.leave_alone(INTERRUPTED);
        }
        return end(runs).await;
    }
    let surveys: Vec<Survey> = runs.iter_mut().map(HostRun::lend_survey).collect();
    let approval = approve(&surveys);
    for (run, survey) in runs.iter_mut().zip(surveys) {
        run.take_survey(survey);
    }
    let troubled = runs.iter().find(|run| run.has_trouble()).map(|run| run.host.clone());
    if let (Approval::Granted, Some(host)) = (approval, &troubled) {
        for run in runs.iter_mut().filter(|run| run.differs() && !run.has_trouble()) {
            run.leave_alone(&format!("nothing was changed: {host} cannot be what the playbook says"));
        }
    }
    if approval == Approval::Granted && troubled.is_none() {
        for (number, play) in work.plays.iter().enumerate() {
            runs = carry_out(number, play, runs, &shared).await;
            let ours = |run: &HostRun<D>| play.hosts.iter().any(|host| host.host == run.host);
            if shared.options.stop.is_asked() || runs.iter().any(|run| ours(run) && run.has_failed_changing()) {
                let why = if shared.options.stop.is_asked() {
                    "the run was interrupted"
                } else {
                    "a host of an earlier play failed"
                };
                let rest = work.plays.get(number + 1..).unwrap_or_default();
                for (host, play) in rest.iter().flat_map(|play| play.hosts.iter().map(move |host| (host, play))) {
                    if let Some(run) = runs.iter_mut().find(|run| run.host == host.host) {
                        run.leave_alone(&format!("play `{}` was not started: {why}", play.name));
                    }
                }
                break;
            }
        }
    }
    let mut outcomes = end(runs).await;
    marks.note(&mut outcomes);
    outcomes
}

async fn end<D: Door>(runs: Vec<HostRun<D>>) -> Vec<HostOutcome> {
    let mut outcomes = Vec::new();
    for run in runs {
        outcomes.push(run.end().await);
    }
    outcomes
}

async fn look_at_all<D: Door>(work: &Work, shared: &Arc<Shared<D>>) -> Vec<HostRun<D>> {
    let slots = Arc::new(Semaphore::new(shared.options.forks.max(1)));
    let mut tasks = JoinSet::new();
    for (order, host) in work.hosts().into_iter().enumerate() {
        let (shared, slots) = (Arc::clone(shared), Arc::clone(&slots));
        let plays = super::observe::plays_of(work, &host);
        tasks.spawn(async move {
            let _slot = slots.acquire().await;
            (order, HostRun::look(host, plays, shared).await)
        });
    }
    let mut runs = tasks.join_all().await;
    runs.sort_by_key(|(order, _)| *order);
    runs.into_iter().map(|(_, run)| run).collect()
}

/// One play: harmless hosts at once, disturbed ones through the gate, in the order of the inventory.
async fn carry_out<D: Door>(
    number: usize,
    play: &PlayWork,
    runs: Vec<HostRun<D>>,
    shared: &Arc<Shared<D>>,
) -> Vec<HostRun<D>> {
    let gate = Gate::new(play.serial.clone(), play.hosts.len());
    let slots = Arc::new(Semaphore::new(shared.options.forks.max(1)));
    let mut tasks = JoinSet::new();
    let mut waiting = Vec::new();
    let mut finished = Vec::new();
    let spawn = |tasks: &mut JoinSet<_>, order: usize, mut run: HostRun<D>, pass: Option<Pass>| {
        let (gate, slots) = (Arc::clone(&gate), Arc::clone(&slots));
        tasks.spawn(async move {
            let _slot = slots.acquire().await;
            play::carry_out(&mut run, number, &gate, pass).await;
            (order, run)
        });
    };
    for (order, run) in runs.into_iter().enumerate() {
        match run.disturbance(number) {
            None => finished.push((order, run)),
            Some(Disturbance::None) => spawn(&mut tasks, order, run, None),
            Some(_) => waiting.push((order, run)),
        }
    }
    for (order, mut run) in waiting {
        (shared.options.listener)(&run.host, Event::Waiting);
        let entered = shared.options.stop.unless(gate.enter(&run.host)).await;
        let why = match entered {
            Some(Ok(pass)) => {
                spawn(&mut tasks, order, run, Some(pass));
                continue;
            }
            Some(Err(failed)) => not_disturbed(&failed),
            None => INTERRUPTED.to_owned(),
        };
        run.leave_alone(&why);
        (shared.options.listener)(&run.host, Event::Ended(Status::NotStarted));
        finished.push((order, run));
    }
    finished.extend(tasks.join_all().await);
    finished.sort_by_key(|(order, _)| *order);
    finished.into_iter().map(|(_, run)| run).collect()
}
