//! A child process on this machine: for running on the server itself.

use std::io;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{Pipe, Received, SendError, Traffic, TransportError};
use crate::agent;

/// How much of standard error is kept for messages.
const MAX_STDERR_BYTES: usize = 64 * 1024;
/// How long a process may take to end once its input has.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// PowerShell as a child process. Nothing runs before [`Local::start`].
pub struct Local {
    host: String,
    program: String,
    running: Option<Running>,
    stderr: Vec<u8>,
    /// What earlier processes have carried.
    before: Traffic,
}

/// A process that runs.
struct Running {
    child: Child,
    pipe: Pipe,
    complaints: Arc<Mutex<Vec<u8>>>,
}

impl Local {
    /// The PowerShell of this machine: Windows PowerShell by its full path, elsewhere `pwsh` on PATH.
    pub fn new(host: &str) -> Local {
        let windows = || std::env::var("SystemRoot").unwrap_or_else(|_| r"C:\Windows".to_owned());
        let program = if cfg!(windows) { agent::powershell(&windows()) } else { "pwsh".to_owned() };
        Local::with(host, program)
    }

    fn with(host: &str, program: String) -> Local {
        Local { host: host.to_owned(), program, running: None, stderr: Vec::new(), before: Traffic::default() }
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn start(&mut self) -> Result<(), TransportError> {
        let mut command = Command::new(&self.program);
        command.args(agent::arguments()).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| self.not_started(&error))?;
        let (Some(output), Some(input), Some(stderr)) = (child.stdout.take(), child.stdin.take(), child.stderr.take())
        else {
            unreachable!("all three were asked for");
        };
        let complaints = Arc::default();
        tokio::spawn(keep(stderr, Arc::clone(&complaints)));
        self.running = Some(Running { child, pipe: Pipe::new(&self.host, output, input), complaints });
        self.stderr.clear();
        Ok(())
    }

    fn not_started(&self, error: &io::Error) -> TransportError {
        let why = if error.kind() == io::ErrorKind::NotFound && !cfg!(windows) {
            "`via: local` needs PowerShell on this machine, and there is no `pwsh` on PATH; run farmhand on the Windows \
             server itself, or reach it by `via: winrm` or `via: ssh`"
                .to_owned()
        } else {
            format!("{} cannot be started: {error}", self.program)
        };
        TransportError::NoWay { host: self.host.clone(), why }
    }

    pub(super) async fn send(&mut self, bytes: &[u8], end: bool) -> Result<(), SendError> {
        match &mut self.running {
            Some(running) => running.pipe.send(bytes, end).await,
            None => Err(SendError { error: self.ended("send"), arrived: false }),
        }
    }

    pub(super) async fn receive(&mut self, patience: Duration) -> Result<Received, TransportError> {
        let Some(running) = &mut self.running else { return Err(self.ended("receive")) };
        let mut received = running.pipe.receive(patience).await?;
        if received.exit_code.is_some() {
            let status = timeout(END_PATIENCE, running.child.wait()).await;
            // One that closed its output and goes on, or that a signal ended, has no code.
            received.exit_code = Some(status.ok().and_then(Result::ok).and_then(|status| status.code()).unwrap_or(-1));
        }
        self.stderr.clone_from(&running.complaints.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(received)
    }

    pub(super) fn stderr(&self) -> &[u8] {
        &self.stderr
    }

    /// Ends the input, and with it an agent; kills what does not end by itself.
    pub(super) async fn stop(&mut self) -> Result<(), TransportError> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        self.before += running.pipe.traffic();
        running.pipe.close();
        if timeout(END_PATIENCE, running.child.wait()).await.is_err() {
            // It may have ended in this very moment.
            let _ = running.child.kill().await;
        }
        Ok(())
    }

    pub(super) fn traffic(&self) -> Traffic {
        let mut traffic = self.before;
        if let Some(running) = &self.running {
            traffic += running.pipe.traffic();
        }
        traffic
    }

    fn ended(&self, doing: &'static str) -> TransportError {
        TransportError::Lost { host: self.host.clone(), doing, why: "the process has ended".to_owned(), sent: false }
    }
}

/// Keeps the beginning of what a process complains of, and reads the rest so that it does not get stuck.
async fn keep(mut stream: impl AsyncRead + Unpin, kept: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MAX_STDERR_BYTES.saturating_sub(kept.len());
        kept.extend(buffer[..read].iter().take(room));
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_child_is_spoken_to_and_its_end_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("powershell");
        std::fs::write(&program, "#!/bin/sh\nread line\necho \"$5 $line\"\necho no >&2\nread line\nexit 3\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).unwrap();
        let mut local = Local::with("web01", program.display().to_string());
        local.start().unwrap();
        local.send(b"one\n", false).await.unwrap();
        let received = local.receive(Duration::from_secs(10)).await.unwrap();
        assert_eq!(String::from_utf8(received.stdout).unwrap(), "-EncodedCommand one\n");
        assert_eq!(received.exit_code, None);
        local.send(b"", true).await.unwrap();
        assert_eq!(local.receive(Duration::from_secs(10)).await.unwrap().exit_code, Some(3));
        assert_eq!(local.stderr(), b"no\n");
        local.stop().await.unwrap();
        assert_eq!(local.traffic(), Traffic { bytes_up: 4, bytes_down: 20, processes: 1, ..Traffic::default() });
        assert!(local.start().is_ok(), "another can follow");
    }

    #[tokio::test]
    async fn where_there_is_no_powershell_the_message_says_what_to_do() {
        let mut local = Local::with("web01", "farmhand-no-such-program".to_owned());
        let error = local.start().unwrap_err().to_string();
        assert!(error.contains("`web01`") && error.contains("no `pwsh` on PATH"), "{error}");
    }
}
