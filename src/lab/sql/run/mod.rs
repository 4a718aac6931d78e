//! Carrying out a batch.

mod backup;
mod convert;
mod database;
mod evaluate;
mod file;
mod function;
mod key;
mod login;
mod permission;
mod procedure;
mod property;
mod query;
mod rights;
mod step;
mod table;
mod text;
mod trace;
mod user;
mod view;

use std::collections::HashMap;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use super::database::Database;
use super::error::{broken, lock_timeout};
use super::reply::{Reply, SqlError, Transaction};
use super::session::Session;
use super::shared::Shared;
use super::state::State;
use super::tsql::{self, Step};
use super::value::{Type, Value};
use crate::lab::faults::Fault;

pub use convert::{binary_sid, convert as convert_value};
pub use procedure::declarations;
pub use rights::may_use;

/// A parameter of a batch, as a remote procedure call brings it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name with the `@`.
    pub name: String,
    /// Its type.
    pub kind: Type,
    /// Its value.
    pub value: Value,
}

/// What a batch came to.
pub struct Ran {
    /// What the instance says.
    pub replies: Vec<Reply>,
    /// How many statements were begun that change something.
    pub mutating: usize,
    /// How many of them were carried out.
    pub done: usize,
}

/// Why a statement was not carried out.
#[derive(Debug)]
pub struct Failure {
    errors: Vec<SqlError>,
    /// The rest of the batch is not run.
    ends_batch: bool,
    /// The connection is over.
    drops: bool,
}

/// A statement's success, or why there is none.
type Carried<T = ()> = Result<T, Failure>;

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Failure {
        // A name that cannot be resolved, a variable that is not there, a deadlock: the batch is over.
        let ends_batch =
            matches!(error.number, 102 | 137 | 156 | 195 | 207 | 208 | 245 | 1205 | 8169) || error.severity >= 20;
        Failure { errors: vec![error], ends_batch, drops: false }
    }
}

impl From<crate::lab::LabError> for Failure {
    fn from(error: crate::lab::LabError) -> Failure {
        broken(&error.to_string()).into()
    }
}

impl Failure {
    /// Several messages of one failure, such as 1468 and then 5069.
    fn several(errors: Vec<SqlError>) -> Failure {
        Failure { errors, ends_batch: false, drops: false }
    }

    /// The connection breaks off.
    fn dropped() -> Failure {
        Failure { errors: Vec::new(), ends_batch: true, drops: true }
    }
}

/// A batch that runs.
struct Run<'s> {
    gate: Option<MutexGuard<'s, ()>>,
    state: State,
    session: &'s mut Session,
    shared: &'s Shared,
    replies: Vec<Reply>,
    variables: HashMap<String, (Type, Value)>,
    row_count: i64,
    depth: u32,
    mutating: usize,
    done: usize,
    drops_after: bool,
}

/// Carries out a batch.
pub fn batch(shared: &Shared, session: &mut Session, text: &str, parameters: &[Parameter]) -> Ran {
    let nothing = |replies| Ran { replies, mutating: 0, done: 0 };
    let error = |error| nothing(vec![Reply::Error(error), Reply::Done { rows: None }]);
    if session.signs.is_killed() {
        let text = "Cannot continue the execution because the session is in the kill state.";
        return nothing(vec![Reply::Error(SqlError::new(596, 21, text)), Reply::Dropped]);
    }
    session.signs.take_cancelled();
    let gate = shared.gate();
    let state = match State::load(&shared.folder) {
        Ok(state) => state,
        Err(failed) => return error(broken(&failed.to_string())),
    };
    let mut run = Run {
        gate: Some(gate),
        state,
        session,
        shared,
        replies: Vec::new(),
        variables: HashMap::new(),
        row_count: 0,
        depth: 0,
        mutating: 0,
        done: 0,
        drops_after: false,
    };
    for Parameter { name, kind, value } in parameters {
        run.variables.insert(name.to_lowercase(), (*kind, value.clone()));
    }
    match tsql::parse(text) {
        Ok(steps) => {
            run.steps(&steps);
        }
        Err(error) => run.replies.extend([Reply::Error(error), Reply::Done { rows: None }]),
    }
    run.finish()
}

impl Run<'_> {
    fn finish(mut self) -> Ran {
        if let Err(failed) = self.state.save() {
            self.replies.push(Reply::Error(broken(&failed.to_string())));
        }
        if self.replies.is_empty() {
            self.replies.push(Reply::Done { rows: None });
        }
        if self.drops_after && self.done > 0 {
            self.replies = vec![Reply::Dropped];
        }
        let cut = self.replies.iter().any(|reply| matches!(reply, Reply::Rows(_)));
        if cut && matches!(self.state.shows_once(Fault::SqlDropInResult), Ok(true)) {
            self.cut_in_result();
        }
        drop(self.gate.take());
        Ran { replies: self.replies, mutating: self.mutating, done: self.done }
    }

    /// Ends the replies in the middle of the last result set.
    fn cut_in_result(&mut self) {
        while let Some(last) = self.replies.pop() {
            if let Reply::Rows(mut rows) = last {
                rows.rows.truncate(rows.rows.len() / 2);
                self.replies.extend([Reply::Rows(rows), Reply::Dropped]);
                return;
            }
        }
    }

    /// Carries out statements; whether the batch goes on after them.
    fn steps(&mut self, steps: &[Step]) -> bool {
        steps.iter().all(|step| self.step(step))
    }

    fn step(&mut self, step: &Step) -> bool {
        let from = self.replies.len();
        let carried = self.statement(&step.statement);
        for reply in &mut self.replies[from..] {
            if let Reply::Error(error) | Reply::Message(error) = reply
                && error.line == 1
            {
                error.line = step.line;
            }
        }
        match carried {
            Ok(on) => on,
            Err(failure) => self.fail(failure, step.line),
        }
    }

    /// Says why a statement failed; whether the batch goes on.
    fn fail(&mut self, failure: Failure, line: u32) -> bool {
        if failure.drops {
            self.replies.push(Reply::Dropped);
            return false;
        }
        let mut ends = failure.ends_batch;
        for error in failure.errors {
            // A deadlock's victim loses its transaction; so does whoever asked for it.
            if error.number == 1205 || self.session.xact_abort {
                self.undo();
                ends = true;
            }
            self.replies.push(Reply::Error(SqlError { line: line.max(error.line), ..error }));
        }
        self.replies.push(Reply::Done { rows: None });
        !ends
    }

    /// Rolls the transaction back, where there is one.
    fn undo(&mut self) {
        if let Some(transaction) = self.session.transaction.take() {
            let descriptor = transaction.descriptor;
            transaction.undo(&mut self.state.content);
            self.replies.push(Reply::Transaction(Transaction::RolledBack(descriptor)));
        }
    }

    /// What every statement that changes something goes through first.
    fn begin_change(&mut self) -> Carried {
        self.mutating += 1;
        if self.state.shows_once(Fault::SqlFailover)? {
            self.state.fail_over();
            self.state.save()?;
            return Err(Failure::dropped());
        }
        let database = self.session.database.clone();
        if self.state.faults.has(Fault::SqlLogFull) {
            let text = format!("The transaction log for database '{database}' is full due to 'LOG_BACKUP'.");
            return Err(SqlError::new(9002, 17, text).with_state(2).into());
        }
        if self.state.shows_once(Fault::SqlDeadlock)? {
            let text = format!(
                "Transaction (Process ID {}) was deadlocked on lock resources with another process and has been chosen as the deadlock victim. Rerun the transaction.",
                self.session.spid
            );
            return Err(SqlError::new(1205, 13, text).with_state(51).into());
        }
        if self.state.shows_once(Fault::SqlLockTimeout)? {
            return Err(lock_timeout().into());
        }
        // Inside a transaction it is COMMIT that counts.
        if self.session.transaction.is_none() {
            self.at_commit()?;
        }
        Ok(())
    }

    /// Faults of the moment in which a change becomes one.
    fn at_commit(&mut self) -> Carried {
        if self.state.shows_once(Fault::SqlDropBeforeCommit)? {
            return Err(Failure::dropped());
        }
        self.drops_after |= self.state.shows_once(Fault::SqlDropAfterCommit)?;
        Ok(())
    }

    /// Waits, letting other sessions work, until something holds; false where the session's patience ends first.
    fn wait_until(&mut self, mut holds: impl FnMut(&Self) -> bool) -> Carried<bool> {
        let patience = u64::try_from(self.session.lock_timeout_millis).ok().map(Duration::from_millis);
        let longest = Duration::from_secs(self.state.content.server.lock_wait_seconds);
        let since = Instant::now();
        self.state.save()?;
        loop {
            if holds(self) {
                return Ok(true);
            }
            if since.elapsed() >= patience.unwrap_or(longest) {
                return Ok(false);
            }
            if self.session.signs.take_cancelled() || self.session.signs.is_killed() {
                return Err(Failure { errors: Vec::new(), ends_batch: true, drops: false });
            }
            drop(self.gate.take());
            std::thread::sleep(Duration::from_millis(10));
            self.gate = Some(self.shared.gate());
            self.state = State::load(&self.shared.folder)?;
        }
    }

    /// The session's current database.
    fn current(&self) -> Carried<&Database> {
        let name = self.session.database.clone();
        self.state.database(&name).ok_or_else(|| super::error::no_database(&name).into())
    }

    /// The session's current database, to change it.
    fn current_mut(&mut self) -> Carried<&mut Database> {
        let name = self.session.database.clone();
        let read_only = self
            .state
            .database(&name)
            .is_some_and(|database| database.read_only || self.state.is_secondary(database) == Some(true));
        if read_only {
            return Err(super::error::read_only(&name).into());
        }
        self.state.database_mut(&name).ok_or_else(|| super::error::no_database(&name).into())
    }

    fn say(&mut self, number: i32, text: impl Into<String>) {
        let severity = if number == 0 { 0 } else { 10 };
        self.replies.push(Reply::Message(SqlError::new(number, severity, text)));
    }
}
