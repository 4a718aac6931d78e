//! The sessions of an instance that are connected now, as they see each other.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::moment::Moment;

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
