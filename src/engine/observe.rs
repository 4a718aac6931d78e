//! Looking at a host: one batch, then the plan of what differs.

use serde::Serialize;

use super::not_compared::{NotCompared, not_compared};
use super::work::{HostWork, Work, reads, reads_further};
use super::{DoorError, Macs, Observe};
use crate::hostcall::{Answer, Read};
use crate::plan::{HostPlan, Trouble, plan_host};
use crate::resource::Found;

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

/// A resource whose worker processes notice a change of another one only when they start anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecycleNeeded {
    /// Its address, `web01/iis_app_pool/ChatPool`.
    pub address: String,
    /// Where it is written, `site.yml:12`.
    pub place: String,
    /// Why: one sentence without a full stop.
    pub why: String,
    /// What changes, by its address.
    pub because_of: String,
    /// Whether `apply` recycles it after that, in its own play.
    pub in_this_run: bool,
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
