//! What an instance and its sessions have in common.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::connected::Connected;
use super::log::Kind;
use super::state::State;
use super::transaction::OpenTransaction;
use crate::lab::Folder;

/// How many batches are remembered as they came.
const MOST_HEARD: usize = 10_000;

/// What an instance and its sessions have in common.
pub struct Shared {
    pub(super) folder: Folder,
    pub(super) connected: Connected,
    gate: Mutex<()>,
    transactions: AtomicU64,
    heard: Mutex<VecDeque<Heard>>,
}

/// A batch as it came, passwords and all. Kept in memory alone, so that tests can prove where a password went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// How it came.
    pub kind: Kind,
    /// Its text.
    pub text: String,
    /// Its parameters as text.
    pub parameters: Vec<String>,
}

impl Shared {
    /// Of the instance in a host's folder.
    pub(super) fn new(folder: &Folder) -> Shared {
        Shared {
            folder: folder.clone(),
            connected: Connected::default(),
            gate: Mutex::default(),
            transactions: AtomicU64::default(),
            heard: Mutex::default(),
        }
    }

    /// Lets one batch at a time read the files and write them.
    pub(super) fn gate(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a transaction.
    pub(super) fn next_transaction(&self) -> u64 {
        self.transactions.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Undoes what a transaction did, where there is one.
    pub(super) fn roll_back(&self, transaction: Option<OpenTransaction>) {
        let Some(transaction) = transaction.filter(OpenTransaction::changed) else { return };
        let _gate = self.gate();
        let undone = State::load(&self.folder).and_then(|mut state| {
            transaction.undo(&mut state.content);
            state.save()
        });
        if let Err(error) = undone {
            tracing::warn!(%error, "a transaction of the lab's SQL Server stays");
        }
    }

    /// Remembers a batch.
    pub(super) fn hear(&self, heard: Heard) {
        let mut all = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == MOST_HEARD {
            all.pop_front();
        }
        all.push_back(heard);
    }

    /// The batches as they came, in which a text stands.
    pub(super) fn heard(&self, needle: &str) -> Vec<Heard> {
        let all = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = |heard: &&Heard| {
            heard.text.contains(needle) || heard.parameters.iter().any(|parameter| parameter.contains(needle))
        };
        all.iter().filter(holds).cloned().collect()
    }
}
