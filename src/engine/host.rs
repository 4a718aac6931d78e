//! One host in a run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ended::{Ended, INTERRUPTED};
use super::observe::{Looked, look};
use super::recycles::Marks;
use super::shared::Shared;
use super::survey::Survey;
use super::work::HostWork;
use super::{Door, DoorError, Event, HostOutcome, Observe, Status, describe};
use crate::plan::{HostPlan, Trouble};
use crate::resource::Disturbance;
use crate::transport::Traffic;

/// An agent whose shell idles for three minutes dies; a session that old is not used any more.
const SESSION_LIFE: Duration = Duration::from_secs(150);

/// How long saying goodbye to a host may take once the run is to end.
const GOODBYE: Duration = Duration::from_secs(3);

/// One host in a run: its session, what was found, and what became of it so far.
pub struct HostRun<D: Door> {
    /// The host's name.
    pub host: String,
    pub(super) plays: Vec<(usize, HostWork)>,
    pub(super) shared: Arc<Shared<D>>,
    pub(super) outcome: HostOutcome,
    pub(super) looked: Result<Looked, DoorError>,
    session: Option<(D::Writer, Instant)>,
    /// Whether the session has told the host who changes it.
    pub(super) marked: bool,
    /// Whether something was changed since the host was looked at for all plays.
    pub(super) changed: bool,
    /// Whether something that changes the host was sent.
    pub(super) sent: bool,
}

impl<D: Door> HostRun<D> {
    /// Opens a session and looks at the host for all its plays.
    pub(super) async fn look(host: String, plays: Vec<(usize, HostWork)>, shared: Arc<Shared<D>>) -> HostRun<D> {
        let outcome = HostOutcome::new(&host, Status::Ok);
        let looked = Ok(Looked::default());
        let mut run =
            HostRun { host, plays, shared, outcome, looked, session: None, marked: false, changed: false, sent: false };
        run.tell(Event::Looking);
        let plays = run.plays.clone();
        run.looked = run.look_again(&plays).await;
        let event = match &run.looked {
            Ok(looked) if !looked.troubles.is_empty() => Event::Ended(Status::Failed),
            Ok(looked) if !looked.is_quiet() => Event::Looked(looked.changes()),
            // A host that needs nothing is let go at once, so that a run holds no more sessions than it uses.
            Ok(_) => {
                run.hang_up().await;
                Event::Ended(Status::Ok)
            }
            Err(_) if run.shared.options.stop.is_asked() => {
                run.leave_alone(INTERRUPTED);
                Event::Ended(Status::NotStarted)
            }
            Err(error) => {
                run.outcome.status = Status::Unreachable;
                run.outcome.reasons.push(error.to_string());
                Event::Ended(Status::Unreachable)
            }
        };
        run.tell(event);
        run
    }

    pub(super) fn tell(&self, event: Event) {
        (self.shared.options.listener)(&self.host, event);
    }

    /// The open session; a new one where there is none or it is too old.
    pub(super) async fn session(&mut self) -> Result<&mut D::Writer, DoorError> {
        if self.session.as_ref().is_some_and(|(_, used)| used.elapsed() > SESSION_LIFE) {
            self.hang_up().await;
        }
        let session = if let Some((session, _)) = self.session.take() {
            session
        } else {
            self.marked = false;
            self.shared.door.writer(&self.host).await?
        };
        Ok(&mut self.session.insert((session, Instant::now())).0)
    }

    /// Ends the session, where there is one.
    pub(super) async fn hang_up(&mut self) {
        let Some((session, _)) = self.session.take() else { return };
        let hurry = async {
            self.shared.options.stop.asked().await;
            tokio::time::sleep(GOODBYE).await;
        };
        tokio::select! {
            traffic = session.close() => self.outcome.traffic += traffic,
            () = hurry => {}
        }
    }

    /// Looks at the host for some plays, unless the run is to end; a session that fails is ended.
    pub(super) async fn look_again(&mut self, plays: &[(usize, HostWork)]) -> Result<Looked, DoorError> {
        let (host, macs) = (self.host.clone(), self.shared.macs.clone());
        let stop = self.shared.options.stop.clone();
        let looking = async {
            let session = self.session().await?;
            look(&host, session, plays, &macs).await
        };
        let looked = stop.unless(looking).await;
        let looked = looked.unwrap_or_else(|| Err(DoorError::Unreachable("interrupted".to_owned())));
        if looked.is_err() {
            self.hang_up().await;
        }
        looked
    }

    /// Takes notice of what other hosts' changes mean for this one.
    pub(super) fn take_notice(&mut self, marks: &Marks) {
        if let Ok(looked) = &mut self.looked {
            marks.tell(&self.host, &mut self.plays, looked, &self.shared.macs, true);
        }
    }

    /// The survey of this host, to be shown and given back.
    pub(super) fn lend_survey(&mut self) -> Survey {
        let looked = std::mem::replace(&mut self.looked, Ok(Looked::default()));
        Survey { host: self.host.clone(), looked, traffic: Traffic::default() }
    }

    /// Takes the survey back.
    pub(super) fn take_survey(&mut self, survey: Survey) {
        self.looked = survey.looked;
        if let Ok(looked) = &self.looked
            && !looked.troubles.is_empty()
        {
            self.outcome.status = Status::Failed;
            self.outcome.reasons = looked.troubles.iter().map(|(_, trouble)| describe(trouble)).collect();
        }
    }

    /// Whether the host cannot be what the playbook says.
    pub(super) fn has_trouble(&self) -> bool {
        let conflict = |(_, trouble): &(usize, Trouble)| matches!(trouble, Trouble::Conflict { .. });
        self.looked.as_ref().is_ok_and(|looked| looked.troubles.iter().any(conflict))
    }

    /// Whether the host was looked at and is not as desired.
    pub(super) fn differs(&self) -> bool {
        self.looked.as_ref().is_ok_and(|looked| !looked.is_quiet())
    }

    /// Whether something went wrong on this host.
    pub(super) fn has_failed_changing(&self) -> bool {
        !self.outcome.status.is_good()
    }

    /// What a play does to this host; `None` where it does nothing, or the host is not to be worked on.
    pub(super) fn disturbance(&self, number: usize) -> Option<Disturbance> {
        let plan = self.plan(number)?;
        (self.outcome.status.is_good() && (self.changed || !plan.is_empty())).then(|| plan.disturbs())
    }

    /// What a play is planned to do to this host.
    pub(super) fn plan(&self, number: usize) -> Option<&HostPlan> {
        let plans = &self.looked.as_ref().ok()?.plans;
        plans.iter().find(|(of, _)| *of == number).map(|(_, plan)| plan)
    }

    /// Leaves the host as it is, and says why.
    pub(super) fn leave_alone(&mut self, why: &str) {
        if self.outcome.status.is_good() {
            self.outcome.status = Status::NotStarted;
        }
        self.outcome.reasons.push(why.to_owned());
    }

    /// Whether the next stage is what was agreed on, where something was. `done` stages of the play are over.
    pub(super) fn is_agreed(&self, play: usize, done: usize, looked: &Looked) -> Result<(), Ended> {
        let (Some(agreed), Some((_, plan))) = (&self.shared.options.agreed, looked.plans.first()) else {
            return Ok(());
        };
        let shifts = match plan.stages.first() {
            Some(next) if self.changed => agreed.exceeded(play, &self.host, done.min(1), next),
            _ => agreed.differs(play, plan),
        };
        if shifts.is_empty() {
            return Ok(());
        }
        Err(Ended { status: Status::Moved, reasons: shifts.iter().map(|shift| format!("moved: {shift}")).collect() })
    }

    /// How this host's part of a play ends when the session is lost while nothing is under way.
    pub(super) fn lost(&self, error: DoorError) -> Ended {
        if self.shared.options.stop.is_asked() {
            return self.interrupted();
        }
        let (DoorError::Unreachable(reason) | DoorError::Unknown(reason)) = error;
        Ended::new(Status::Unreachable, reason)
    }

    /// How this host's part of a play ends when the run is to end.
    pub(super) fn interrupted(&self) -> Ended {
        if self.sent {
            Ended::new(Status::Interrupted, "interrupted; the rest was not begun")
        } else {
            Ended::new(Status::NotStarted, INTERRUPTED)
        }
    }

    /// Ends the session and tells what became of the host.
    pub(super) async fn end(mut self) -> HostOutcome {
        self.hang_up().await;
        self.outcome
    }
}
