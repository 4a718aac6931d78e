//! Looking at all hosts of a farm.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::observe::{Looked, look, plays_of};
use super::work::{HostWork, Work};
use super::{Door, DoorError, Event, Listener, Macs, Observe, Status, recycles};
use crate::transport::Traffic;

/// What a look is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To tell what differs.
    Compare,
    /// To tell what a run would do, recycles because of other hosts' changes too.
    Plan,
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
