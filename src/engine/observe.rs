//! Looking at hosts: one batch each, then the plan of what differs.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::not_compared::{NotCompared, not_compared};
use super::work::{HostWork, Work, reads, reads_further};
use super::{Door, DoorError, Event, Listener, Macs, Observe, RecycleNeeded, Status, recycles};
use crate::hostcall::{Answer, Read};
use crate::plan::{HostPlan, Trouble, plan_host};
use crate::resource::Found;
use crate::transport::Traffic;

/// What was found on a host, and what follows from it, play by play.
#[derive(Debug, Default)]
pub struct Looked {
    /// The answers.
    pub answers: Vec<(Read, Answer)>,
    /// For each play that the host is in: the play's number and the host's plan.
    pub plans: Vec<(usize, HostPlan)>,
    /// What stands in the way, with the number of the play.
    pub troubles: Vec<(usize, Trouble)>,
    /// What was not compared, since a secret cannot be had here.
    pub not_compared: Vec<NotCompared>,
    /// What notices a change of this run only when it starts anew.
    pub recycle_needed: Vec<RecycleNeeded>,
}

/// What a look is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To tell what differs.
    Compare,
    /// To tell what a run would do, recycles because of other hosts' changes too.
    Plan,
}

impl Looked {
    /// Whether there is nothing to do and nothing in the way.
    pub fn is_quiet(&self) -> bool {
        self.troubles.is_empty() && self.plans.iter().all(|(_, plan)| plan.is_empty())
    }

    /// How many changes there are.
    pub fn changes(&self) -> usize {
        self.plans.iter().flat_map(|(_, plan)| plan.steps()).map(|step| step.changes.0.len()).sum()
    }
}

/// A host that was looked at, or could not be.
#[derive(Debug)]
pub struct Survey {
    /// The host.
    pub host: String,
    /// What was found.
    pub looked: Result<Looked, DoorError>,
    /// What it cost.
    pub traffic: Traffic,
}

/// The plays that a host is in, by number.
pub(super) fn plays_of(work: &Work, host: &str) -> Vec<(usize, HostWork)> {
    let of_play = |(number, play): (usize, &super::PlayWork)| {
        play.hosts.iter().find(|it| it.host == host).map(|it| (number, it.clone()))
    };
    work.plays.iter().enumerate().filter_map(of_play).collect()
}

/// Looks at one host over an open session and plans each of the plays given.
pub(super) async fn look<S: Observe>(
    host: &str,
    session: &mut S,
    plays: &[(usize, HostWork)],
    macs: &Macs,
) -> Result<Looked, DoorError> {
    let reads = reads(plays.iter().map(|(_, work)| work));
    let answers = session.observe(&reads).await?;
    let answers = reads.into_iter().zip(answers).collect();
    let answers = look_further(session, answers, plays, macs).await?;
    Ok(conclude(host, answers, plays, macs))
}

/// Asks what the resources want to know besides, having seen the answers; most often that is nothing.
pub(super) async fn look_further<S: Observe>(
    session: &mut S,
    mut answers: Vec<(Read, Answer)>,
    plays: &[(usize, HostWork)],
    macs: &Macs,
) -> Result<Vec<(Read, Answer)>, DoorError> {
    let further = reads_further(plays.iter().map(|(_, work)| work), &Found::new(&answers, &macs.secrets));
    if !further.is_empty() {
        let more = session.observe(&further).await?;
        answers.extend(further.into_iter().zip(more));
    }
    Ok(answers)
}

/// Plans each play from the answers.
pub(super) fn conclude(host: &str, answers: Vec<(Read, Answer)>, plays: &[(usize, HostWork)], macs: &Macs) -> Looked {
    let found = Found::new(&answers, &macs.secrets);
    let mut looked = Looked::default();
    for (number, work) in plays {
        let (plan, troubles) = plan_host(host, &work.wanted(), &found);
        looked.plans.push((*number, plan));
        looked.not_compared.extend(not_compared(host, work, &found));
        looked.troubles.extend(troubles.into_iter().map(|trouble| (*number, trouble)));
    }
    looked.answers = answers;
    looked
}

/// Looks at all hosts, `forks` at a time, over sessions that cannot change anything; over others where the work has
/// opaque steps that shall be run, since nobody knows what looking at those does.
pub async fn survey<D: Door>(
    door: Arc<D>,
    work: &Work,
    macs: &Macs,
    forks: usize,
    purpose: Purpose,
    listener: &Listener,
) -> Vec<Survey> {
    let slots = Arc::new(Semaphore::new(forks.max(1)));
    let mut tasks = JoinSet::new();
    for (order, host) in work.hosts().into_iter().enumerate() {
        let (door, slots, macs, listener) = (Arc::clone(&door), Arc::clone(&slots), macs.clone(), Arc::clone(listener));
        let plays = plays_of(work, &host);
        tasks.spawn(async move {
            let _slot = slots.acquire().await;
            listener(&host, Event::Looking);
            let runs = |(_, work): &(usize, HostWork)| work.steps.iter().any(|it| it.kind.opaque && !it.left_alone);
            let (looked, traffic) = if plays.iter().any(runs) {
                over(door.writer(&host).await, &host, &plays, &macs).await
            } else {
                over(door.reader(&host).await, &host, &plays, &macs).await
            };
            listener(
                &host,
                match &looked {
                    Ok(looked) => Event::Looked(looked.changes()),
                    Err(_) => Event::Ended(Status::Unreachable),
                },
            );
            (order, Survey { host, looked, traffic })
        });
    }
    let mut surveys = tasks.join_all().await;
    surveys.sort_by_key(|(order, _)| *order);
    let mut surveys: Vec<Survey> = surveys.into_iter().map(|(_, survey)| survey).collect();
    let hosts = surveys.iter().filter_map(|survey| Some((survey.host.as_str(), survey.looked.as_ref().ok()?)));
    let marks = recycles::find(work, &hosts.collect::<Vec<_>>(), macs);
    for Survey { host, looked, .. } in &mut surveys {
        if let Ok(looked) = looked {
            marks.tell(host, &mut plays_of(work, host), looked, macs, purpose == Purpose::Plan);
        }
    }
    surveys
}

/// Looks at a host over a session, and ends it.
async fn over<S: Observe>(
    session: Result<S, DoorError>,
    host: &str,
    plays: &[(usize, HostWork)],
    macs: &Macs,
) -> (Result<Looked, DoorError>, Traffic) {
    match session {
        Err(error) => (Err(error), Traffic::default()),
        Ok(mut session) => {
            let looked = look(host, &mut session, plays, macs).await;
            (looked, session.close().await)
        }
    }
}
