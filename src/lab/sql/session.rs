//! A client's session with an instance.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::instance::Shared;
use super::moment::Moment;
use super::state::Content;

/// Who connects, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// `host_name`.
    pub host: String,
    /// `program_name`.
    pub program: String,
    /// The database asked for; the login's default one where it is empty.
    pub database: String,
}

/// A session. It ends when it is dropped; its transaction is then rolled back.
pub struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) spid: i64,
    /// The login whose rights count, impersonated or not.
    pub(super) login: String,
    /// Logins to go back to.
    pub(super) impersonators: Vec<String>,
    pub(super) database: String,
    pub(super) no_count: bool,
    pub(super) xact_abort: bool,
    pub(super) lock_timeout_millis: i64,
    pub(super) transaction: Option<OpenTransaction>,
    /// Databases whose master key was opened by password.
    pub(super) open_keys: Vec<String>,
    /// Trace flags of the session alone.
    pub(super) trace_flags: Vec<i64>,
    pub(super) signs: Arc<Signs>,
}

/// A transaction that is not over.
pub(super) struct OpenTransaction {
    pub descriptor: u64,
    pub depth: u32,
    /// How everything was when it began.
    pub before: Content,
    /// The databases that it changed, by name.
    pub databases: Vec<String>,
    /// Whether it changed the instance itself.
    pub server: bool,
}

impl OpenTransaction {
    /// Takes note of what a statement changed.
    pub(super) fn note(&mut self, before: &Content, after: &Content) {
        self.server |= before.server != after.server;
        for database in &after.databases {
            if !before.databases.contains(database) && !self.databases.contains(&database.name) {
                self.databases.push(database.name.clone());
            }
        }
    }

    /// Whether it changed anything.
    pub(super) fn changed(&self) -> bool {
        self.server || !self.databases.is_empty()
    }

    /// Puts back what it changed, and nothing that others did.
    pub(super) fn undo(self, content: &mut Content) {
        if self.server {
            content.server = self.before.server;
        }
        for old in self.before.databases.into_iter().filter(|old| self.databases.contains(&old.name)) {
            if let Some(database) = content.databases.iter_mut().find(|database| database.name == old.name) {
                *database = old;
            }
        }
    }
}

/// What others tell a session.
#[derive(Debug, Default)]
pub struct Signs {
    killed: AtomicBool,
    cancelled: AtomicBool,
}

impl Signs {
    /// Ends the session, as ALTER DATABASE … WITH ROLLBACK does.
    pub fn kill(&self) {
        self.killed.store(true, Ordering::Release);
    }

    /// Whether the session was ended by another.
    pub fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }

    /// Asks the batch that runs to stop, as an attention does.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
    }

    /// Whether the batch was asked to stop; it is asked no more then.
    pub fn take_cancelled(&self) -> bool {
        self.cancelled.swap(false, Ordering::AcqRel)
    }
}

/// A session, as others see it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `login_name`.
    pub login: String,
    /// `host_name`.
    pub host: String,
    /// `program_name`.
    pub program: String,
    /// Its current database.
    pub database: String,
    /// `login_time`.
    pub since: Moment,
    /// How it is told to end.
    pub signs: Arc<Signs>,
}

/// The sessions of an instance that are connected now.
#[derive(Debug, Default)]
pub struct Connected(Mutex<BTreeMap<i64, Seen>>);

impl Connected {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<i64, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a session under the first number that is free; users' sessions begin at 51.
    pub fn add(&self, seen: Seen) -> i64 {
        let mut sessions = self.lock();
        let mut spid = 51;
        while sessions.contains_key(&spid) {
            spid += 1;
        }
        sessions.insert(spid, seen);
        spid
    }

    /// Forgets a session.
    pub fn remove(&self, spid: i64) {
        self.lock().remove(&spid);
    }

    /// Says that a session went to another database.
    pub fn moved(&self, spid: i64, database: &str) {
        if let Some(seen) = self.lock().get_mut(&spid) {
            database.clone_into(&mut seen.database);
        }
    }

    /// The sessions by number.
    pub fn all(&self) -> Vec<(i64, Seen)> {
        self.lock()
            .iter()
            .filter(|(_, seen)| !seen.signs.is_killed())
            .map(|(spid, seen)| (*spid, seen.clone()))
            .collect()
    }
}

impl Session {
    /// Its number, `@@SPID`.
    pub fn spid(&self) -> i64 {
        self.spid
    }

    /// Its current database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The login whose rights count.
    pub fn login(&self) -> &str {
        &self.login
    }

    /// What can be told to it from other threads.
    pub fn signs(&self) -> Arc<Signs> {
        Arc::clone(&self.signs)
    }

    /// What stays after `sp_reset_connection`: the login alone.
    pub fn reset(&mut self, database: &str) {
        self.no_count = false;
        self.xact_abort = false;
        self.lock_timeout_millis = -1;
        self.open_keys.clear();
        if let Some(first) = self.impersonators.first() {
            self.login.clone_from(first);
        }
        self.impersonators.clear();
        database.clone_into(&mut self.database);
        self.shared.connected.moved(self.spid, database);
        self.shared.roll_back(self.transaction.take());
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.connected.remove(self.spid);
        self.shared.roll_back(self.transaction.take());
    }
}
