//! Ways to a process on a host: bytes in, bytes out.

mod error;
mod log_filter;
mod pipe;
pub mod winrm;

use std::time::Duration;

pub use error::TransportError;
pub use log_filter::log_filter;
pub use pipe::Pipe;
use winrm::WinRm;

/// A way to one process on one host.
pub enum Transport {
    /// A remote shell over WS-Management.
    WinRm(Box<WinRm>),
    /// A process that already runs, through its standard streams.
    Pipe(Pipe),
}

/// What came from the process; all empty when nothing has come yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Its output.
    pub stdout: Vec<u8>,
    /// Its exit code, when it has ended.
    pub exit_code: Option<i32>,
}

/// What a transport has carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Traffic {
    /// Requests over HTTP, logins included.
    pub requests: u64,
    /// Bytes to the host, HTTP heads included.
    pub bytes_up: u64,
    /// Bytes from the host, HTTP heads included.
    pub bytes_down: u64,
    /// Processes started on the host.
    pub processes: u64,
    /// Batches and calls to SQL Server over TDS, after the login.
    pub sql_batches: u64,
}

impl std::ops::AddAssign for Traffic {
    fn add_assign(&mut self, more: Traffic) {
        self.requests += more.requests;
        self.bytes_up += more.bytes_up;
        self.bytes_down += more.bytes_down;
        self.processes += more.processes;
        self.sql_batches += more.sql_batches;
    }
}

/// Why something could not be sent.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct SendError {
    /// Why.
    pub error: TransportError,
    /// Whether the process may have got some of it all the same.
    pub arrived: bool,
}

impl Transport {
    /// The host's name.
    pub fn host(&self) -> &str {
        match self {
            Transport::WinRm(winrm) => winrm.host(),
            Transport::Pipe(pipe) => pipe.host(),
        }
    }

    /// Starts a process.
    ///
    /// # Errors
    ///
    /// Those of [`TransportError`].
    pub async fn start(&mut self, line: &str) -> Result<(), TransportError> {
        match self {
            Transport::WinRm(winrm) => winrm.start(line).await,
            Transport::Pipe(pipe) => pipe.start(),
        }
    }

    /// Writes to its standard input; `end` closes it. Never repeated.
    ///
    /// # Errors
    ///
    /// Why, and whether the process may have got some of it.
    pub async fn send(&mut self, bytes: &[u8], end: bool) -> Result<(), SendError> {
        match self {
            Transport::WinRm(winrm) => winrm.send(bytes, end).await,
            Transport::Pipe(pipe) => pipe.send(bytes, end).await,
        }
    }

    /// Says that an agent has answered, so the host is one that takes as much at once as Windows does since 2012.
    pub fn agent_answered(&mut self) {
        match self {
            Transport::WinRm(winrm) => winrm.agent_answered(),
            Transport::Pipe(_) => {}
        }
    }

    /// Waits for output or the process's end, up to `patience`.
    ///
    /// # Errors
    ///
    /// Those of [`TransportError`]. That nothing has come yet is none of them.
    pub async fn receive(&mut self, patience: Duration) -> Result<Received, TransportError> {
        match self {
            Transport::WinRm(winrm) => winrm.receive(patience).await,
            Transport::Pipe(pipe) => pipe.receive(patience).await,
        }
    }

    /// What the process has written to standard error, as far as it is kept.
    pub fn stderr(&self) -> &[u8] {
        match self {
            Transport::WinRm(winrm) => winrm.stderr(),
            Transport::Pipe(_) => &[],
        }
    }

    /// Ends the process, so that another can be started.
    ///
    /// # Errors
    ///
    /// Those of [`TransportError`].
    pub async fn stop(&mut self) -> Result<(), TransportError> {
        match self {
            Transport::WinRm(winrm) => winrm.stop().await,
            Transport::Pipe(pipe) => {
                pipe.close();
                Ok(())
            }
        }
    }

    /// Ends the process and leaves nothing behind on the host.
    ///
    /// # Errors
    ///
    /// Those of [`TransportError`]; what is left behind ends by itself.
    pub async fn close(&mut self) -> Result<(), TransportError> {
        match self {
            Transport::WinRm(winrm) => winrm.close().await,
            Transport::Pipe(pipe) => {
                pipe.close();
                Ok(())
            }
        }
    }

    /// What has passed so far.
    pub fn traffic(&self) -> Traffic {
        match self {
            Transport::WinRm(winrm) => winrm.traffic(),
            Transport::Pipe(pipe) => pipe.traffic(),
        }
    }
}
