//! WinRM: a process in a remote shell, reached by WS-Management over HTTP (MS-WSMV).
//!
//! One connection, one shell, one process at a time. A Receive may be repeated, because the host keeps what was not
//! acknowledged; a Command and a Send are never repeated, whatever happens.

mod account;
mod channel;
pub mod context;
pub mod fault;
pub mod kerberos;
mod login;
mod ntlm;
pub mod ntlmssp;
mod reached;
mod reply;
mod request;
pub mod seal;
pub mod soap;
mod spnego;
pub mod uri;

use std::time::Duration;

pub use account::Account;
pub use channel::Target;
pub use fault::Fault;
pub use login::Auth;
#[cfg(test)]
pub(crate) use ntlm::Login as ClientLogin;
pub use reached::Reached;
#[cfg(test)]
pub(crate) use spnego::Login as SpnegoClient;
pub use spnego::channel_bindings;

use super::{Received, SendError, Traffic, TransportError};
use channel::{Channel, Reply};
use request::{Common, Operation};
use soap::Element;

/// Every server takes envelopes of 150 KiB (MaxEnvelopeSizekb of Windows Server 2008 R2; 500 from 2012).
const MAX_ENVELOPE_BYTES: usize = 150 * 1024;
/// What servers with the agent's PowerShell 3.0 take, whose MaxEnvelopeSizekb is 500, less some room.
const LARGE_ENVELOPE_BYTES: usize = 480 * 1024;
/// How long a shell lives when nobody speaks to it: an agent whose controller was killed dies then.
const IDLE: Duration = Duration::from_mins(3);
/// How long an operation other than Receive may take on the host (MaxTimeoutms is 60 s by default).
const OPERATION_PATIENCE: Duration = Duration::from_mins(1);
/// How much longer an HTTP reply is waited for than the host was given for the operation.
const NETWORK_PATIENCE: Duration = Duration::from_secs(10);
/// How often a Receive is repeated over a new connection.
const RECEIVE_RETRIES: u32 = 2;
/// How much of standard error is kept for messages.
const MAX_STDERR_BYTES: usize = 64 * 1024;

/// A remote shell. Nothing is sent before [`WinRm::start`].
pub struct WinRm {
    channel: Channel,
    common: Common,
    /// The largest envelope that the host takes once an agent has answered, as far as is known.
    largest_envelope_bytes: usize,
    shell: Option<String>,
    command: Option<String>,
    /// Whether the process has ended by itself. A Signal follows all the same (MS-WSMV 3.1.4.12).
    ended: bool,
    stderr: Vec<u8>,
    started: u64,
}

impl WinRm {
    /// A shell on a host.
    pub fn new(target: Target) -> WinRm {
        let channel = Channel::new(target);
        let common = Common { to: channel.address(), max_envelope_bytes: MAX_ENVELOPE_BYTES };
        WinRm {
            channel,
            common,
            largest_envelope_bytes: LARGE_ENVELOPE_BYTES,
            shell: None,
            command: None,
            ended: false,
            stderr: Vec::new(),
            started: 0,
        }
    }

    /// The host's name.
    pub fn host(&self) -> &str {
        self.channel.host()
    }

    /// Starts a process, in a new shell where there is none yet.
    ///
    /// # Errors
    ///
    /// Those of [`TransportError`]; a process may have been started when `Lost` says that bytes were sent.
    pub async fn start(&mut self, line: &str) -> Result<(), TransportError> {
        let shell = match self.shell.clone() {
            Some(shell) => shell,
            None => self.create().await?,
        };
        let reply = self.perform(&Operation::Command { shell: &shell, line }, OPERATION_PATIENCE).await?;
        let command = reply::command_id(&reply).ok_or_else(|| self.nonsense("Command", "it names no process"))?;
        self.command = Some(command);
        self.ended = false;
        self.stderr.clear();
        self.started += 1;
        Ok(())
    }

    async fn create(&mut self) -> Result<String, TransportError> {
        let reply = self.perform(&Operation::Create { idle: IDLE }, OPERATION_PATIENCE).await?;
        let shell = reply::shell_id(&reply).ok_or_else(|| self.nonsense("Create", "it names no shell"))?;
        self.shell = Some(shell.clone());
        Ok(shell)
    }

    /// Says that an agent runs on the host: envelopes may be larger from now on.
    pub fn agent_answered(&mut self) {
        self.common.max_envelope_bytes = self.largest_envelope_bytes;
    }

    /// Writes to the process's standard input, in as many envelopes as it takes; `end` closes it.
    ///
    /// # Errors
    ///
    /// Why, and whether the process may have got some of it.
    pub async fn send(&mut self, bytes: &[u8], end: bool) -> Result<(), SendError> {
        let (shell, command) = self.running("Send").map_err(|error| SendError { error, arrived: false })?;
        let mut sent = 0;
        loop {
            let capacity = self.common.send_capacity_bytes(&shell, &command);
            let piece = &bytes[sent..bytes.len().min(sent + capacity)];
            let last = sent + piece.len() == bytes.len();
            let send = Operation::Send { shell: &shell, command: &command, bytes: piece, end: end && last };
            match self.perform(&send, OPERATION_PATIENCE).await {
                Ok(_) if last => break,
                Ok(_) => sent += piece.len(),
                // It was refused as a whole, so nothing of it is sent twice.
                Err(TransportError::Fault { fault, .. })
                    if fault.code == Some(fault::code::TOO_LARGE)
                        && self.common.max_envelope_bytes > MAX_ENVELOPE_BYTES =>
                {
                    self.largest_envelope_bytes = MAX_ENVELOPE_BYTES;
                    self.common.max_envelope_bytes = MAX_ENVELOPE_BYTES;
                }
                Err(error) => {
                    let arrived = sent > 0 || error.may_have_arrived();
                    return Err(SendError { error, arrived });
                }
            }
        }
        Ok(())
    }

    /// Waits up to `patience` (at most 60 s) for output or the process's end.
    ///
    /// # Errors
    ///
    /// Those of [`TransportError`]. That nothing has come yet is none of them.
    pub async fn receive(&mut self, patience: Duration) -> Result<Received, TransportError> {
        let (shell, command) = self.running("Receive")?;
        let patience = patience.clamp(Duration::from_millis(1), OPERATION_PATIENCE);
        let receive = Operation::Receive { shell: &shell, command: &command };
        let mut retries = 0;
        let reply = loop {
            match self.perform(&receive, patience).await {
                Ok(reply) => break reply,
                Err(TransportError::Fault { fault, .. }) if fault.is_timed_out() => return Ok(Received::default()),
                Err(TransportError::Lost { why, .. }) if retries < RECEIVE_RETRIES => {
                    tracing::debug!(host = self.host(), %why, "receiving again over a new connection");
                    retries += 1;
                }
                Err(error) => return Err(error),
            }
        };
        let output = reply::output(&reply, &command).map_err(|what| self.nonsense("Receive", &what))?;
        let room = MAX_STDERR_BYTES.saturating_sub(self.stderr.len());
        self.stderr.extend(output.stderr.iter().take(room));
        self.ended = output.exit_code.is_some();
        Ok(Received { stdout: output.stdout, exit_code: output.exit_code })
    }

    /// What the process has written to standard error, up to 64 KiB.
    pub fn stderr(&self) -> &[u8] {
        &self.stderr
    }

    /// Ends the process, if there is one; the shell stays.
    ///
    /// # Errors
    ///
    /// Those of [`TransportError`].
    pub async fn stop(&mut self) -> Result<(), TransportError> {
        let (Some(shell), Some(command)) = (self.shell.clone(), self.command.take()) else { return Ok(()) };
        self.perform(&Operation::Signal { shell: &shell, command: &command }, OPERATION_PATIENCE).await?;
        Ok(())
    }

    /// Ends the process and closes the shell.
    ///
    /// # Errors
    ///
    /// Those of [`TransportError`]; the shell then dies by its idle time-out.
    pub async fn close(&mut self) -> Result<(), TransportError> {
        let stopped = self.stop().await;
        let Some(shell) = self.shell.take() else { return stopped };
        self.perform(&Operation::Delete { shell: &shell }, OPERATION_PATIENCE).await?;
        Ok(())
    }

    /// How far it has come.
    pub fn reached(&self) -> Reached {
        self.channel.reached()
    }

    /// What has passed so far.
    pub fn traffic(&self) -> Traffic {
        Traffic { processes: self.started, ..self.channel.traffic() }
    }

    fn running(&self, doing: &'static str) -> Result<(String, String), TransportError> {
        match (&self.shell, &self.command) {
            (Some(shell), Some(command)) if !self.ended => Ok((shell.clone(), command.clone())),
            _ => Err(TransportError::Lost {
                host: self.host().to_owned(),
                doing,
                why: "the process there has ended".to_owned(),
                sent: false,
            }),
        }
    }

    /// Sends a request and checks that what comes back answers it.
    async fn perform(&mut self, operation: &Operation<'_>, patience: Duration) -> Result<Element, TransportError> {
        let doing = operation.name();
        let request = self.common.request(operation, patience);
        tracing::debug!(host = self.host(), operation = doing, "request");
        let Reply { success, text } = self.channel.post(doing, &request.text, patience + NETWORK_PATIENCE).await?;
        let envelope = Element::parse(&text).map_err(|what| self.nonsense(doing, &what))?;
        match reply::relates_to(&envelope) {
            Some(id) if id.eq_ignore_ascii_case(&request.id) => {}
            _ => return Err(self.nonsense(doing, "it answers another request")),
        }
        match Fault::find(&envelope) {
            Some(fault) => Err(TransportError::Fault { host: self.host().to_owned(), doing, fault }),
            None if success => Ok(envelope),
            None => Err(self.nonsense(doing, "it is an error without a fault")),
        }
    }

    fn nonsense(&self, doing: &'static str, what: &str) -> TransportError {
        TransportError::Nonsense { host: self.host().to_owned(), doing, what: what.to_owned() }
    }
}
