//! A run that changes hosts: its locks, its journal, and the wish to end it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use super::{Failure, Ui};
use crate::engine::{HostOutcome, Stop};
use crate::hostcall::Marker;
use crate::journal::{
    self, Holder, HostEnd, Journal, JournalError, Ledger, LockError, Locks, Open, Record, RunName, Start, lock,
};
use crate::value::utc_text;

/// How many journals are looked through for the last run on a host.
const LOOKED_BACK: usize = 20;

/// A run that changes hosts.
pub struct Run {
    /// The folder of farmhand's own files, `.farmhand`.
    folder: PathBuf,
    /// The command, without values of variables.
    command: String,
    /// Asks the run to end early.
    pub stop: Stop,
    /// Whether somebody is being asked; nothing was changed yet then.
    asking: AtomicBool,
    locked: Mutex<Option<(Locks, RunName)>>,
    journal: OnceLock<(Journal, Marker)>,
}

impl Run {
    /// A run that has not begun.
    pub fn new(folder: PathBuf, command: String) -> Run {
        let (asking, locked, journal) = (AtomicBool::new(false), Mutex::default(), OnceLock::new());
        Run { folder, command, stop: Stop::default(), asking, locked, journal }
    }

    /// Makes sure that no other run changes these hosts, and tells of one that did not end.
    pub fn lock(&self, ui: Ui, hosts: &[String]) -> Result<(), Failure> {
        let name = RunName::new(&self.runs()).map_err(Failure::work)?;
        let (user, machine) = (user(), machine());
        let since = utc_text(SystemTime::now());
        let (command, run) = (self.command.clone(), name.path().to_owned());
        let holder = Holder { user, machine, pid: std::process::id(), since, command, run };
        let locks = lock(&self.folder.join("locks"), hosts, &holder).map_err(|error| match error {
            LockError::Held { .. } => Failure::locked(error)
                .hint("wait for that run to end; the lock ends with its process, however that ends"),
            LockError::Disk { .. } => Failure::work(error),
        })?;
        self.tell_of_last(ui, hosts);
        *self.locked.lock().unwrap_or_else(PoisonError::into_inner) = Some((locks, name));
        Ok(())
    }

    /// Begins the journal, once the hosts are locked.
    pub fn begin(&self, hosts: &[String]) -> Result<(), Failure> {
        let locked = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, name)) = locked.as_ref() else { return Err(Failure::work(JournalError::NotBegun)) };
        let begin = || {
            let journal = Journal::create(name)?;
            journal.write(&Record::Start(Start {
                format: 1,
                farmhand: env!("CARGO_PKG_VERSION").to_owned(),
                command: self.command.clone(),
                user: user(),
                machine: machine(),
                pid: std::process::id(),
                hosts: hosts.to_vec(),
            }))?;
            let marker = Marker {
                run: name.name(),
                controller: journal::controller(&self.folder)?,
                who: format!("{}@{}", user(), machine()),
                why: format!("farmhand {}", self.command),
                since: utc_text(SystemTime::now()),
            };
            Ok::<_, JournalError>((journal, marker))
        };
        let begun = begin().map_err(|error| Failure::work(error).hint("nothing was changed: no journal, no change"))?;
        let _ = self.journal.set(begun);
        Ok(())
    }

    /// Ends the journal, where one was begun, and lets go of the hosts. Gives the journal's file.
    pub fn end(&self, outcomes: &[HostOutcome]) -> Result<Option<PathBuf>, Failure> {
        let _locks = self.locked.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((journal, _)) = self.journal.get() else { return Ok(None) };
        let end = |outcome: &HostOutcome| HostEnd {
            host: outcome.host.clone(),
            status: outcome.status.word().to_owned(),
            reasons: outcome.reasons.clone(),
        };
        journal.write(&Record::End { hosts: outcomes.iter().map(end).collect() }).map_err(Failure::work)?;
        Ok(Some(journal.path().to_owned()))
    }

    /// What a crash at this moment would leave in doubt, and the journal that says so; `None` where nothing was begun.
    pub fn in_doubt(&self) -> Option<(Open, PathBuf)> {
        self.journal.get().map(|(journal, _)| (journal.open_intents(), journal.path().to_owned()))
    }

    /// Asks whether to go on.
    pub fn confirm(&self, ui: Ui) -> Option<bool> {
        self.asking.store(true, Ordering::SeqCst);
        let answer = ui.confirm("\nMake these changes?");
        self.asking.store(false, Ordering::SeqCst);
        answer
    }

    /// Whether somebody is being asked.
    pub fn is_asking(&self) -> bool {
        self.asking.load(Ordering::SeqCst)
    }

    fn runs(&self) -> PathBuf {
        self.folder.join("runs")
    }

    /// Tells of the last run on any of these hosts, where it did not end. With the hosts locked it is surely over.
    fn tell_of_last(&self, ui: Ui, hosts: &[String]) {
        let runs = journal::list(&self.runs()).unwrap_or_default();
        for path in runs.iter().rev().take(LOOKED_BACK) {
            let kept = match journal::read(path) {
                Ok(kept) => kept,
                Err(error) => {
                    ui.news(&format!("warning: {error}"));
                    continue;
                }
            };
            let records = || kept.records.iter().map(|(_, record)| record);
            let concerned = records().any(
                |record| matches!(record, Record::Start(start) if start.hosts.iter().any(|host| hosts.contains(host))),
            );
            if !concerned {
                continue;
            }
            if !records().any(|record| matches!(record, Record::End { .. })) {
                let doubt = Open::of(records()).words();
                let doubt = if doubt.is_empty() {
                    "all that it sent was answered".to_owned()
                } else {
                    format!("it was not told what came of {}", doubt.join("; "))
                };
                ui.news(&format!(
                    "note: the run {} did not end; {doubt}; this run goes by what is found",
                    path.display()
                ));
            }
            return;
        }
    }
}

impl Ledger for Run {
    fn write(&self, record: &Record) -> Result<u64, JournalError> {
        self.journal.get().ok_or(JournalError::NotBegun)?.0.write(record)
    }

    fn marker(&self) -> Result<Marker, JournalError> {
        self.journal.get().map(|(_, marker)| marker.clone()).ok_or(JournalError::NotBegun)
    }
}

/// Who runs farmhand.
fn user() -> String {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(variable).unwrap_or_else(|| "somebody".to_owned())
}

fn machine() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}
