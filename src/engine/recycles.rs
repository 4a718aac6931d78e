//! Pools that have to recycle because of what changes on another host, such as the broker of a database that they use.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::observe::{Looked, RecycleNeeded, conclude, plays_of};
use super::work::{HostWork, StepWork, Work};
use super::{HostOutcome, Macs};
use crate::resource::{Client, Found, Instance, Unnoticed};

/// All marks of a run.
#[derive(Default)]
pub(super) struct Marks {
    marks: Vec<Mark>,
    /// Host, play and address of a step, and what to remark there.
    remarks: Vec<(String, usize, String, String)>,
}

struct Mark {
    host: String,
    play: usize,
    index: usize,
    resource: Arc<dyn Instance>,
    needed: RecycleNeeded,
}

/// A change that others notice only when they start anew.
struct Source<'l> {
    host: &'l str,
    play: usize,
    index: usize,
    address: &'l str,
    unnoticed: Unnoticed,
}

/// Which resources have to start anew because of what is planned, given all hosts that could be looked at.
pub(super) fn find(work: &Work, hosts: &[(&str, &Looked)], macs: &Macs) -> Marks {
    let mut all = Marks::default();
    for source in sources(work, hosts, macs) {
        let mut covered: BTreeSet<Client> = BTreeSet::new();
        for (host, looked) in hosts {
            let found = Found::new(&looked.answers, &macs.secrets);
            let plays = plays_of(work, host);
            let apps = apps(&plays, &source);
            for (play, works) in &plays {
                for (index, step) in works.steps.iter().enumerate() {
                    let Some((resource, anew)) = step.resource.started_anew(&found, &source.unnoticed, &apps) else {
                        continue;
                    };
                    covered.extend(anew.sessions);
                    all.add(Mark::new(host, (*play, index), step, resource.into(), anew.why, &source));
                }
            }
        }
        let others: BTreeSet<&Client> = source.unnoticed.sessions.iter().filter(|it| !covered.contains(it)).collect();
        all.remarks.extend(others.into_iter().map(|Client { login, machine }| {
            let from = machine.as_ref().map(|name| format!(" on {name}")).unwrap_or_default();
            let what = &source.unnoticed.what;
            let words = format!(
                "recycle needed: whatever runs as {login}{from} notices {what} only when it starts, and no running pool of \
                 this run is known to be that"
            );
            (source.host.to_owned(), source.play, source.address.to_owned(), words)
        }));
    }
    all
}

fn sources<'l>(work: &Work, hosts: &[(&'l str, &'l Looked)], macs: &Macs) -> Vec<Source<'l>> {
    let mut sources = Vec::new();
    for (host, looked) in hosts {
        let found = Found::new(&looked.answers, &macs.secrets);
        for (play, plan) in &looked.plans {
            let works = work.plays.get(*play).and_then(|play| play.hosts.iter().find(|it| it.host == *host));
            for planned in plan.steps() {
                let step = works.and_then(|works| works.steps.get(planned.index));
                let unnoticed = step.and_then(|step| step.resource.unnoticed(&found, &planned.changes));
                sources.extend(unnoticed.map(|unnoticed| Source {
                    host,
                    play: *play,
                    index: planned.index,
                    address: &planned.address,
                    unnoticed,
                }));
            }
        }
    }
    sources
}

/// The applications of a host that use the database, as far as the playbook says.
fn apps(plays: &[(usize, HostWork)], source: &Source) -> Vec<crate::hostcall::config::AppPath> {
    let servers: Vec<&str> = [source.host].into_iter().chain(source.unnoticed.server.as_deref()).collect();
    let steps = plays.iter().flat_map(|(_, work)| work.steps.iter());
    let uses = |step: &&StepWork| step.resource.uses_database(&source.unnoticed.database, &servers);
    steps.filter(uses).filter_map(|step| step.resource.app()).collect()
}

impl Mark {
    fn new(
        host: &str,
        (play, index): (usize, usize),
        step: &StepWork,
        resource: Arc<dyn Instance>,
        why: String,
        source: &Source,
    ) -> Mark {
        // Plays come one after another; within one, hosts come in any order and the steps of a host in theirs.
        let after = play > source.play || (play == source.play && host == source.host && index > source.index);
        let needed = RecycleNeeded {
            address: format!("{host}/{}/{}", step.kind.name, step.resource.name()),
            place: step.place.clone(),
            why,
            because_of: source.address.to_owned(),
            in_this_run: after,
        };
        Mark { host: host.to_owned(), play, index, resource, needed }
    }
}

impl Marks {
    /// One recycle is enough for whatever it is needed for; the last change must be over by then.
    fn add(&mut self, mark: Mark) {
        let same = |it: &&mut Mark| it.host == mark.host && it.play == mark.play && it.index == mark.index;
        match self.marks.iter_mut().find(same) {
            Some(known) if known.needed.in_this_run && !mark.needed.in_this_run => *known = mark,
            Some(_) => {}
            None => self.marks.push(mark),
        }
    }

    /// Tells a host what it has to do with them; what the run is to do is planned, from the same answers.
    pub(super) fn tell(
        &self,
        host: &str,
        plays: &mut [(usize, HostWork)],
        looked: &mut Looked,
        macs: &Macs,
        plan: bool,
    ) {
        if self.marks.is_empty() && self.remarks.is_empty() {
            return;
        }
        let own: Vec<&Mark> = self.marks.iter().filter(|mark| mark.host == host).collect();
        let done: Vec<&&Mark> = own.iter().filter(|mark| plan && mark.needed.in_this_run).collect();
        for (play, works) in plays.iter_mut() {
            let steps = works.steps.iter().enumerate().map(|(index, step)| {
                let mark = done.iter().find(|mark| mark.play == *play && mark.index == index);
                let resource = mark.map_or(&step.resource, |mark| &mark.resource);
                StepWork { resource: Arc::clone(resource), ..step.clone() }
            });
            works.steps = steps.collect();
        }
        if !done.is_empty() {
            *looked = conclude(host, std::mem::take(&mut looked.answers), plays, macs);
        }
        looked.recycle_needed = own.into_iter().map(|mark| mark.needed.clone()).collect();
        for (_, play, address, words) in self.remarks.iter().filter(|(of, ..)| of == host) {
            let plans = looked.plans.iter_mut().filter(|(number, _)| number == play);
            let steps = plans.flat_map(|(_, plan)| &mut plan.stages).flat_map(|stage| &mut stage.steps);
            steps.filter(|step| step.address == *address).for_each(|step| step.remarks.push(words.clone()));
        }
    }

    /// Notes what is still to be recycled after a run that made the change which needs it.
    pub(super) fn note(&self, outcomes: &mut [HostOutcome]) {
        let changed = |outcomes: &[HostOutcome], address: &str| {
            outcomes.iter().flat_map(|outcome| &outcome.changed).any(|step| step.address == address)
        };
        for Mark { host, needed, .. } in &self.marks {
            if !changed(outcomes, &needed.because_of) || (needed.in_this_run && changed(outcomes, &needed.address)) {
                continue;
            }
            let words = format!("recycle needed, and not done by this run: {}: {}", needed.address, needed.why);
            outcomes.iter_mut().filter(|outcome| outcome.host == *host).for_each(|it| it.notes.push(words.clone()));
        }
    }
}
