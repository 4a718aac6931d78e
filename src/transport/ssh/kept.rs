//! Connections that wait for the next process on their host.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::worker::Worker;

/// How many connections wait at a time; each takes a socket and a thread.
const MOST: usize = 64;

/// Connections by host, shared by all sessions of a run: a host is logged in to once.
#[derive(Clone, Default)]
pub struct Kept(Arc<Mutex<BTreeMap<String, Worker>>>);

impl Kept {
    /// The connection with a host that waits, if there is one.
    pub(super) fn take(&self, host: &str) -> Option<Worker> {
        self.lock().remove(host)
    }

    /// Lets a connection wait. Where there are too many, it ends.
    pub(super) fn put(&self, host: &str, worker: Worker) {
        let mut kept = self.lock();
        if kept.len() < MOST {
            kept.insert(host.to_owned(), worker);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Worker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
