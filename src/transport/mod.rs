//! Ways to a process on a host: bytes in, bytes out.

mod error;
mod local;
mod log_filter;
mod pipe;
pub mod ssh;
pub mod winrm;

use std::time::Duration;

use bytes::Bytes;

pub use error::TransportError;
pub use local::Local;
pub use log_filter::log_filter;
pub use pipe::Pipe;
use ssh::Ssh;
use winrm::WinRm;

use crate::agent;

/// A way to one process on one host.
pub enum Transport {
    /// A remote shell over WS-Management.
    WinRm(Box<WinRm>),
    /// A process on an exec channel of SSH.
    Ssh(Box<Ssh>),
    /// A child process, on this very machine.
    Local(Box<Local>),
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

/// A piece of a file of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePiece {
    /// The file's path below the folder, with `\`.
    pub file: String,
    /// Where in the file the piece begins.
    pub at_bytes: u64,
    /// What is there.
    pub bytes: Bytes,
}

/// What a transport has carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Traffic {
    /// Requests over HTTP, logins included; over SSH logins, processes, and what was sent to one or into a file.
    pub requests: u64,
    /// Bytes to the host, HTTP heads included; over SSH those inside the channels.
    pub bytes_up: u64,
    /// Bytes from the host, counted alike.
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
            Transport::Ssh(ssh) => ssh.host(),
            Transport::Local(local) => local.host(),
            Transport::Pipe(pipe) => pipe.host(),
        }
    }

    /// Starts PowerShell with the agent's bootstrap.
    ///
    /// # Errors
    ///
    /// Those of [`TransportError`].
    pub async fn start(&mut self) -> Result<(), TransportError> {
        match self {
            Transport::WinRm(winrm) => winrm.start(&agent::command_line()).await,
            Transport::Ssh(ssh) => ssh.start().await,
            Transport::Local(local) => local.start(),
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
            Transport::Ssh(ssh) => ssh.send(bytes, end).await,
            Transport::Local(local) => local.send(bytes, end).await,
            Transport::Pipe(pipe) => pipe.send(bytes, end).await,
        }
    }

    /// Says that an agent has answered, so the host is one that takes as much at once as Windows does since 2012.
    pub fn agent_answered(&mut self) {
        match self {
            Transport::WinRm(winrm) => winrm.agent_answered(),
            Transport::Ssh(_) | Transport::Local(_) | Transport::Pipe(_) => {}
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
            Transport::Ssh(ssh) => ssh.receive(patience).await,
            Transport::Local(local) => local.receive(patience).await,
            Transport::Pipe(pipe) => pipe.receive(patience).await,
        }
    }

    /// Whether there is a faster way for files than through the process.
    pub fn carries_files(&self) -> bool {
        match self {
            Transport::Ssh(ssh) => ssh.carries_files(),
            Transport::WinRm(_) | Transport::Local(_) | Transport::Pipe(_) => false,
        }
    }

    /// Writes pieces of the files of a folder that `put_tree` has begun. `false` says that there turned out to be no
    /// such way.
    ///
    /// # Errors
    ///
    /// Those of [`TransportError`]; some of the pieces may be there.
    pub async fn carry(&mut self, tree: &str, pieces: Vec<FilePiece>) -> Result<bool, TransportError> {
        match self {
            Transport::Ssh(ssh) => ssh.carry(tree, pieces).await,
            Transport::WinRm(_) | Transport::Local(_) | Transport::Pipe(_) => Ok(false),
        }
    }

    /// What the process has written to standard error, as far as it is kept.
    pub fn stderr(&self) -> &[u8] {
        match self {
            Transport::WinRm(winrm) => winrm.stderr(),
            Transport::Ssh(ssh) => ssh.stderr(),
            Transport::Local(local) => local.stderr(),
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
            Transport::Ssh(ssh) => ssh.stop().await,
            Transport::Local(local) => local.stop().await,
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
            Transport::Ssh(ssh) => ssh.close().await,
            Transport::Local(local) => local.stop().await,
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
            Transport::Ssh(ssh) => ssh.traffic(),
            Transport::Local(local) => local.traffic(),
            Transport::Pipe(pipe) => pipe.traffic(),
        }
    }
}
