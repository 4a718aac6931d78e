//! A client's session with an instance.

use std::sync::Arc;

use super::connected::Signs;
use super::shared::Shared;
use super::transaction::OpenTransaction;

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
