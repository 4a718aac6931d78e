//! What a worker's thread holds: a connection, and the process that runs over it.

use std::io::{self, Read as _, Write as _};
use std::time::{Duration, Instant};

use ssh2::{Channel, ExtendedData, Session};

use super::connect::{connect, milliseconds};
use super::login::LoggedIn;
use super::sftp::Files;
use super::target::Target;
use super::worker::Waited;
use crate::transport::{Received, TransportError};

/// How long the host may take over something that is no work for it.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long input may be stuck before it is given up.
const SEND_PATIENCE: Duration = Duration::from_mins(2);
/// How long a process may take to end once its input has.
const END_PATIENCE: Duration = Duration::from_secs(5);
/// How often it is asked whether anybody still waits for output.
const SLICE: Duration = Duration::from_millis(500);
/// What is read at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// A connection, once it is opened, and what is open over it.
#[derive(Default)]
pub(super) struct Held {
    // What belongs to the session goes before it.
    process: Option<Channel>,
    pub(super) files: Option<Files>,
    pub(super) session: Option<Session>,
    /// How the login went.
    pub(super) logged_in: Option<LoggedIn>,
    /// Whether something went wrong that another process would meet again.
    broken: bool,
}

/// Output and messages of a process.
#[derive(Default)]
pub(super) struct Output {
    pub received: Received,
    pub stderr: Vec<u8>,
}

/// Why something could not be sent, and whether some of it was.
pub(super) struct Unsent {
    pub why: String,
    pub arrived: bool,
}

impl Held {
    /// Opens the connection, where it is not open.
    pub fn connect(&mut self, target: &Target) -> Result<(), TransportError> {
        if self.session.is_none() {
            let (session, logged_in) = connect(target)?;
            self.session = Some(session);
            self.logged_in = Some(logged_in);
        }
        Ok(())
    }

    /// Starts a process without a terminal, which would wrap lines and add escapes.
    pub fn start(&mut self, line: &str) -> Result<(), String> {
        let session = self.session(PATIENCE)?;
        let mut channel = session.channel_session().map_err(|error| {
            format!("it opens no channel ({}); sshd_config's MaxSessions may be 0", error.message())
        })?;
        channel.handle_extended_data(ExtendedData::Normal).map_err(|error| error.message().to_owned())?;
        channel.exec(line).map_err(|error| {
            format!("it starts no process ({}); sshd_config may allow this account none", error.message())
        })?;
        self.process = Some(channel);
        Ok(())
    }

    /// Writes to the process's input; `end` closes it.
    pub fn send(&mut self, bytes: &[u8], end: bool) -> Result<(), Unsent> {
        let unsent = |why: String| Unsent { why, arrived: false };
        self.session(SEND_PATIENCE).map_err(unsent)?;
        let channel = self.process.as_mut().ok_or_else(|| unsent("the process there has ended".to_owned()))?;
        let mut sent = 0;
        while sent < bytes.len() {
            match channel.write(&bytes[sent..]) {
                Ok(written) => sent += written,
                Err(error) => {
                    self.broken = true;
                    return Err(Unsent { why: error.to_string(), arrived: true });
                }
            }
        }
        if end {
            channel.send_eof().map_err(|error| Unsent { why: error.message().to_owned(), arrived: true })?;
        }
        Ok(())
    }

    /// Waits for output or the process's end, as long as anybody waits for it.
    pub fn receive(&mut self, patience: Duration, waited: Waited) -> Result<Output, String> {
        let until = Instant::now() + patience;
        let mut output = Output::default();
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let session = self.session(left.min(SLICE))?.clone();
            let channel = self.process.as_mut().ok_or_else(|| "the process there has ended".to_owned())?;
            let read = channel.read(&mut buffer);
            complaints(&session, channel, &mut output.stderr);
            match read {
                Ok(0) if channel.eof() => {
                    session.set_timeout(milliseconds(END_PATIENCE));
                    // A host that does not say how the process ended is told by -1.
                    let closed = channel.close().and_then(|()| channel.wait_close());
                    let code = closed.and_then(|()| channel.exit_status()).unwrap_or(-1);
                    output.received.exit_code = Some(code);
                    self.process = None;
                    return Ok(output);
                }
                Ok(0) => {}
                Ok(read) => {
                    output.received.stdout = buffer[..read].to_vec();
                    return Ok(output);
                }
                Err(error) if is_late(&error) => {}
                Err(error) => {
                    self.broken = true;
                    return Err(error.to_string());
                }
            }
            if Instant::now() >= until || !waited() {
                return Ok(output);
            }
        }
    }

    /// Whether another process can be started over the connection, as far as is known.
    pub fn is_sound(&self) -> bool {
        self.session.is_some() && !self.broken
    }

    /// Ends the process. Its input ends, and an agent with it.
    pub fn stop(&mut self) {
        self.files = None;
        let Some(mut channel) = self.process.take() else { return };
        if self.session(END_PATIENCE).is_ok() {
            // The process ends with its connection at the latest.
            let _ = channel.send_eof().and_then(|()| channel.close()).and_then(|()| channel.wait_close());
        }
    }

    /// Gives a sign of life, so that no firewall forgets the connection.
    pub fn keep_alive(&mut self) {
        if let Ok(session) = self.session(PATIENCE) {
            // A connection that is gone is found out by who uses it next.
            let _ = session.keepalive_send();
        }
    }

    /// Ends the connection.
    pub fn disconnect(&mut self) {
        self.stop();
        self.files = None;
        if let Some(session) = self.session.take() {
            session.set_timeout(milliseconds(END_PATIENCE));
            // A host that is gone needs no goodbye.
            let _ = session.disconnect(None, "done", None);
        }
    }

    /// The session, whose calls take so long at most.
    pub(super) fn session(&self, patience: Duration) -> Result<&Session, String> {
        let session = self.session.as_ref().ok_or_else(|| "the connection is not open".to_owned())?;
        session.set_timeout(milliseconds(patience));
        Ok(session)
    }
}

/// Fetches what the process has written to standard error: unread, it would fill the window and stop the process.
fn complaints(session: &Session, channel: &Channel, stderr: &mut Vec<u8>) {
    session.set_blocking(false);
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = channel.stderr().read(&mut buffer) {
        stderr.extend_from_slice(&buffer[..read]);
    }
    session.set_blocking(true);
}

/// Whether nothing came in time.
fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}
