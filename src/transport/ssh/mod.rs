//! SSH: a process on an exec channel, and files by SFTP (RFC 4254; Win32-OpenSSH).
//!
//! libssh2 does one thing at a time with a session, so each session lives on a thread of its own. One connection serves
//! all sessions of a run with its host; only uploads of several files open more.

mod connect;
mod held;
mod jump;
mod kept;
mod key_file;
mod known_hosts;
mod login;
mod sftp;
mod target;
mod upload;
mod worker;

use std::sync::Arc;
use std::time::Duration;

pub use kept::Kept;
pub use key_file::key_trouble;
pub use known_hosts::{HostKeyError, Place};
pub use login::{By, LoggedIn};
pub use target::{Jump, Key, Target};

use super::{Received, SendError, Traffic, TransportError};
use crate::agent;
use held::Unsent;
use worker::Worker;

/// The longest that one Receive waits; who wants to wait longer asks again.
const RECEIVE_PATIENCE: Duration = Duration::from_mins(1);
/// How much of standard error is kept for messages.
const MAX_STDERR_BYTES: usize = 64 * 1024;

/// A process on a host, over SSH. Nothing is sent before [`Ssh::start`].
pub struct Ssh {
    target: Arc<Target>,
    worker: Option<Worker>,
    /// More connections, for files.
    porters: Vec<Worker>,
    /// Whether SFTP turned out to lead nowhere.
    no_sftp: bool,
    stderr: Vec<u8>,
    traffic: Traffic,
}

impl Ssh {
    /// A way to a host.
    pub fn new(target: Target) -> Ssh {
        let target = Arc::new(target);
        let traffic = Traffic::default();
        Ssh { target, worker: None, porters: Vec::new(), no_sftp: false, stderr: Vec::new(), traffic }
    }

    /// The host's name.
    pub fn host(&self) -> &str {
        &self.target.name
    }

    /// Starts PowerShell, over a connection that waits or over a new one.
    ///
    /// # Errors
    ///
    /// Those of [`TransportError`].
    pub async fn start(&mut self) -> Result<(), TransportError> {
        if self.worker.is_none() {
            self.worker = self.target.kept.take(self.host());
            // One that waited may have died meanwhile.
            if self.worker.is_some() && self.exec().await.is_ok() {
                return Ok(());
            }
            self.worker = Some(self.connect().await?);
        }
        self.exec().await
    }

    async fn exec(&mut self) -> Result<(), TransportError> {
        self.stderr.clear();
        self.traffic.requests += 1;
        self.traffic.processes += 1;
        let line = agent::command_line_for_any_shell();
        let started = self.worker()?.run(move |held, _| held.start(&line)).await;
        started.ok_or_else(|| self.gone("start"))?.map_err(|why| self.lost("start", why, false))
    }

    /// A thread with a connection that is logged in.
    async fn connect(&mut self) -> Result<Worker, TransportError> {
        self.traffic.requests += 1;
        open(&self.target).await
    }

    /// Writes to the process's standard input; `end` closes it.
    ///
    /// # Errors
    ///
    /// Why, and whether the process may have got some of it.
    pub async fn send(&mut self, bytes: &[u8], end: bool) -> Result<(), SendError> {
        self.traffic.requests += 1;
        self.traffic.bytes_up += bytes.len() as u64;
        // What is on its way to the wire may hold secrets.
        let bytes = zeroize::Zeroizing::new(bytes.to_vec());
        let worker = self.worker().map_err(|error| SendError { error, arrived: false })?;
        match worker.run(move |held, _| held.send(&bytes, end)).await {
            Some(Ok(())) => Ok(()),
            Some(Err(Unsent { why, arrived })) => Err(SendError { error: self.lost("send", why, arrived), arrived }),
            None => Err(SendError { error: self.gone("send"), arrived: true }),
        }
    }

    /// Waits up to `patience` (at most 60 s) for output or the process's end.
    ///
    /// # Errors
    ///
    /// Those of [`TransportError`]. That nothing has come yet is none of them.
    pub async fn receive(&mut self, patience: Duration) -> Result<Received, TransportError> {
        let patience = patience.min(RECEIVE_PATIENCE);
        let received = self.worker()?.run(move |held, waited| held.receive(patience, waited)).await;
        let output = received.ok_or_else(|| self.gone("receive"))?.map_err(|why| self.lost("receive", why, true))?;
        self.traffic.bytes_down += (output.received.stdout.len() + output.stderr.len()) as u64;
        let room = MAX_STDERR_BYTES.saturating_sub(self.stderr.len());
        self.stderr.extend(output.stderr.iter().take(room));
        Ok(output.received)
    }

    /// How the login went; `None` where there was none yet.
    pub async fn logged_in(&self) -> Option<LoggedIn> {
        self.worker.as_ref()?.run(|held, _| held.logged_in.clone()).await?
    }

    /// What the process has written to standard error, up to 64 KiB.
    pub fn stderr(&self) -> &[u8] {
        &self.stderr
    }

    /// Ends the process, if there is one; the connection stays.
    ///
    /// # Errors
    ///
    /// Those of [`TransportError`].
    pub async fn stop(&mut self) -> Result<(), TransportError> {
        let Some(worker) = &self.worker else { return Ok(()) };
        worker.run(|held, _| held.stop()).await.ok_or_else(|| self.gone("stop"))
    }

    /// Ends the process and leaves the connection to the run's next session.
    ///
    /// # Errors
    ///
    /// Those of [`TransportError`]; the process ends with the connection all the same.
    pub async fn close(&mut self) -> Result<(), TransportError> {
        self.porters.clear();
        let Some(worker) = self.worker.take() else { return Ok(()) };
        let stop = |held: &mut held::Held, _: worker::Waited| {
            held.stop();
            held.is_sound()
        };
        if worker.run(stop).await.ok_or_else(|| self.gone("stop"))? {
            self.target.kept.put(self.host(), worker);
        }
        Ok(())
    }

    /// What has passed so far: requests are logins, processes and what was sent to one, each of which waits for the host.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    fn worker(&self) -> Result<&Worker, TransportError> {
        self.worker.as_ref().ok_or_else(|| self.lost("start", "the connection has ended".to_owned(), false))
    }

    fn gone(&self, doing: &'static str) -> TransportError {
        self.lost(doing, "the thread of its connection has ended".to_owned(), true)
    }

    fn lost(&self, doing: &'static str, why: String, sent: bool) -> TransportError {
        TransportError::Lost { host: self.host().to_owned(), doing, why, sent }
    }
}

/// A thread with a connection that is logged in. It begins at once.
fn open(target: &Arc<Target>) -> impl Future<Output = Result<Worker, TransportError>> + use<> {
    let no_thread = {
        let host = target.name.clone();
        let why = "this machine has no thread left for the connection; lower --forks".to_owned();
        || TransportError::NoWay { host, why }
    };
    let own = Arc::clone(target);
    let begun = Worker::start(&target.name).map(|worker| {
        let connected = worker.run(move |held, _| held.connect(&own));
        (worker, connected)
    });
    async move {
        let Some((worker, connected)) = begun else { return Err(no_thread()) };
        connected.await.ok_or_else(no_thread)??;
        Ok(worker)
    }
}
