//! The farm of a command: what shall be, and how to reach it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use super::interrupt;
use super::lab_farm::LabFarm;
use super::progress::Progress;
use super::right::Right;
use super::run::Run;
use super::runtime::runtime;
use super::ways::ways;
use super::{Failure, Ui};
use crate::diagnostic::{Diagnostic, Sources, render};
use crate::engine::{
    self, Apply, Approval, Door, DoorError, FarmKey, HostOutcome, Macs, Observe, Purpose, Resolve, Sessions, StepWork,
    Survey, Work, apply, farm_keys, survey,
};
use crate::hostcall::{Answer, Read};
use crate::journal::Ledger;
use crate::plan::{Agreed, Trouble};
use crate::secret::Stores;
use crate::value::SecretRef;

/// How long a state that Windows is still bringing about may take, after the host itself has waited.
const SETTLE: Duration = Duration::from_secs(30);

/// A farm that can be looked at and changed.
pub struct Farm {
    right: Right,
    work: Work,
    lab: Option<LabFarm>,
    forks: usize,
    macs: Macs,
}

impl Farm {
    /// Makes ready to reach the hosts of a playbook.
    pub fn new(right: Right, lab: Option<LabFarm>, forks: usize) -> Result<Farm, Failure> {
        let work = Work::of(&right.playbook, right.releases.clone());
        let nonce = engine::nonce().context("the system has no randomness to give").map_err(Failure::work)?;
        let mut values = Vec::new();
        for reference in work.secrets().into_iter().filter(|secret| !right.closed.contains_key(secret)) {
            let value = right.stores.value(&reference).map_err(Failure::work)?;
            values.push((reference, value));
        }
        let macs = Macs::new(nonce, values, &work.releases, resolve(&right.stores).as_ref());
        let macs = macs.without(right.closed.clone());
        Ok(Farm { right, work, lab, forks, macs })
    }

    /// Looks at the steps that need machine keys, as hosts are without those that the store lacks.
    pub fn look_for_keys(
        ui: Ui,
        right: &Right,
        lab: Option<&LabFarm>,
        forks: usize,
        lacking: &BTreeSet<SecretRef>,
    ) -> Result<Vec<Survey>, Failure> {
        let mut work = Work::of(&right.playbook, Vec::new());
        for host in work.plays.iter_mut().flat_map(|play| &mut play.hosts) {
            let needs = |step: &&StepWork| step.resource.machine_key().is_some_and(|key| lacking.contains(key));
            host.steps = host.steps.iter().filter(needs).cloned().collect();
        }
        for play in &mut work.plays {
            play.hosts.retain(|host| !host.steps.is_empty());
        }
        let nonce = engine::nonce().context("the system has no randomness to give").map_err(Failure::work)?;
        let macs = Macs::new(nonce, [], [], |_| Err(String::new()));
        let sessions = sessions(right, lab, &macs)?;
        let progress = Progress::new(work.hosts().len());
        let surveys =
            runtime()?.block_on(survey(sessions, &work, &macs, forks, Purpose::Compare, &progress.listener(ui)));
        progress.clear();
        if let Some(lab) = lab {
            lab.close();
        }
        Ok(surveys)
    }

    /// Asks one host over a session that cannot change anything.
    pub fn ask(right: &Right, lab: Option<&LabFarm>, host: &str, reads: &[Read]) -> Result<Vec<Answer>, Failure> {
        let nonce = engine::nonce().context("the system has no randomness to give").map_err(Failure::work)?;
        let sessions = sessions(right, lab, &Macs::new(nonce, [], [], |_| Err(String::new())))?;
        let asked: Result<Vec<Answer>, DoorError> = runtime()?.block_on(async {
            let mut session = sessions.reader(host).await?;
            let answers: Result<_, DoorError> = Observe::observe(&mut session, reads).await;
            Observe::close(session).await;
            answers
        });
        if let Some(lab) = lab {
            lab.close();
        }
        asked.map_err(|error| Failure::hosts(format!("{host}: {error}")))
    }

    fn sessions(&self) -> Result<Arc<Sessions>, Failure> {
        sessions(&self.right, self.lab.as_ref(), &self.macs)
    }

    /// The secrets that cannot be had, each with the reason.
    pub fn closed(&self) -> &BTreeMap<SecretRef, String> {
        &self.right.closed
    }

    /// The machine keys that cannot be had, compared between hosts.
    pub fn keys_between_hosts(&self, surveys: &[Survey]) -> Vec<FarmKey> {
        farm_keys(&self.work, surveys, &self.right.closed)
    }

    /// The texts that say what shall be.
    pub fn sources(&self) -> &Sources {
        &self.right.sources
    }

    /// The secrets that the resources name, each with its fingerprint where one can be made.
    pub fn secrets(&self) -> Vec<SecretRef> {
        let named = |secret: SecretRef| {
            // Without a farm key, as where all secrets come from the environment, there are no fingerprints.
            let fingerprint = self.right.stores.fingerprint(&secret).ok();
            SecretRef { fingerprint, ..secret }
        };
        self.work.secrets().into_iter().map(named).collect()
    }

    /// Whether any step is opaque.
    pub fn has_opaque(&self) -> bool {
        self.work.has_opaque()
    }

    /// Looks at all hosts over sessions that cannot change anything.
    ///
    /// Opaque steps are run only where that is asked for, and then over sessions that could.
    pub fn survey(&self, ui: Ui, run_opaque: bool, purpose: Purpose) -> Result<Vec<Survey>, Failure> {
        let sessions = self.sessions()?;
        let mut work = self.work.clone();
        if !run_opaque {
            work.leave_opaque_alone();
        }
        let progress = Progress::new(self.work.hosts().len());
        let surveys =
            runtime()?.block_on(survey(sessions, &work, &self.macs, self.forks, purpose, &progress.listener(ui)));
        progress.clear();
        Ok(surveys)
    }

    /// Makes the farm so, once `approve` has seen what differs.
    pub fn apply(
        &self,
        ui: Ui,
        run: &Arc<Run>,
        agreed: Option<Arc<Agreed>>,
        approve: impl FnOnce(&[Survey]) -> Approval,
    ) -> Result<Vec<HostOutcome>, Failure> {
        let sessions = self.sessions()?;
        let progress = Progress::new(self.work.hosts().len());
        let options = Apply {
            forks: self.forks,
            settle: SETTLE,
            listener: progress.listener(ui),
            ledger: Arc::clone(run) as Arc<dyn Ledger>,
            releases: self.work.releases.clone(),
            resolve: resolve(&self.right.stores),
            stop: run.stop.clone(),
            agreed,
        };
        let applying = apply(sessions, &self.work, self.macs.clone(), options, |surveys| {
            progress.clear();
            approve(surveys)
        });
        let outcomes = runtime()?.block_on(async {
            interrupt::watch(ui, Arc::clone(run), progress.clone()).map_err(Failure::work)?;
            Ok(applying.await)
        });
        progress.clear();
        outcomes
    }

    /// Whether all hosts can be what the playbook says; its author must mend what cannot.
    pub fn possible(surveys: &[Survey]) -> Result<(), Failure> {
        let troubles =
            surveys.iter().filter_map(|survey| survey.looked.as_ref().ok()).flat_map(|looked| &looked.troubles);
        let conflicts = troubles.filter(|(_, trouble)| matches!(trouble, Trouble::Conflict { .. }));
        let told: Vec<String> = conflicts.map(|(_, trouble)| engine::describe(trouble)).collect();
        if told.is_empty() {
            return Ok(());
        }
        Err(Failure::input(format!("nothing was changed, since this cannot be: {}", told.join("; "))))
    }

    /// What stands in a host's way, each with its place in the playbook.
    pub fn troubles(&self, survey: &Survey) -> Vec<String> {
        match &survey.looked {
            Err(error) => vec![error.to_string()],
            Ok(looked) => {
                looked.troubles.iter().map(|(play, trouble)| self.trouble(&survey.host, *play, trouble)).collect()
            }
        }
    }

    fn trouble(&self, host: &str, play: usize, trouble: &Trouble) -> String {
        let Trouble::Conflict { index, address, problem } = trouble else { return engine::describe(trouble) };
        let hosts = self.right.playbook.plays.get(play).map(|play| play.hosts.as_slice()).unwrap_or_default();
        let step = hosts.iter().find(|it| it.host.name == host).and_then(|it| it.steps.get(*index));
        let Some(step) = step else { return engine::describe(trouble) };
        let span = step.place.property(&problem.property);
        let diagnostic = Diagnostic::new(span, format!("{address}: {}", problem.message)).help(problem.help.clone());
        render(&self.right.sources, &diagnostic, crate::diagnostic::Paint::Plain).trim_end().to_owned()
    }
}

/// Finds values in the stores.
fn resolve(stores: &Arc<Stores>) -> Resolve {
    let stores = Arc::clone(stores);
    Arc::new(move |reference| stores.value(reference).map_err(|error| error.to_string()))
}

/// The doors to all hosts.
fn sessions(right: &Right, lab: Option<&LabFarm>, macs: &Macs) -> Result<Arc<Sessions>, Failure> {
    let ways = match lab {
        Some(lab) => lab.ways()?,
        None => right
            .hosts()
            .iter()
            .map(|host| Ok((host.name.clone(), ways(&right.logins(), host)?)))
            .collect::<Result<_, Failure>>()?,
    };
    Ok(Arc::new(Sessions::new(ways, macs.nonce.clone(), resolve(&right.stores))))
}
