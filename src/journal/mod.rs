//! What runs did, on disk before they do it; and locks, so that one host is changed by one run at a time.
//!
//! A run that changes something keeps one file, `.farmhand/runs/TIME-RANDOM.jsonl` beside the inventory: a line of
//! canonical JSON for each record, each with the SHA-256 of the line before. An intent is on disk before the batch that
//! it announces is sent, and what came of it before the next thing is done. A run that changes nothing writes nothing.
//!
//! The journal is evidence and no state: what a host is like is asked for, each time.

mod chain;
mod controller;
#[cfg(debug_assertions)]
mod crash;
mod error;
mod file;
mod ledger;
mod lock;
mod record;

pub use chain::{Kept, Torn, encode, verify};
pub use controller::controller;
pub use error::JournalError;
pub use file::{Journal, RunName, list, read};
pub use ledger::{Ledger, Open};
pub use lock::{Holder, LockError, Locks, lock};
pub use record::{Came, Changed, HostEnd, Intent, Outcome, Proof, Record, Start, Told};
