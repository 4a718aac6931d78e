//! PowerShell scripts run by a real process instead of the emulation.

use std::process::Stdio;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, Command};
use tokio::sync::{Notify, mpsc};

use super::faults::Faults;
use super::process::{Input, Output, Taken};
use crate::agent::lines::Lines;
use crate::hostcall::{Batch, Call};
use crate::lab::{Answers, WireFault};

/// Makes the command that runs a PowerShell script, given the script's text.
#[derive(Clone)]
pub struct PowerShell(pub Arc<dyn Fn(&str) -> Command + Send + Sync>);

impl std::fmt::Debug for PowerShell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PowerShell")
    }
}

/// What the wire is to show around a change.
pub(super) struct Wire {
    /// The host.
    pub host: Arc<dyn Answers>,
    /// Which of its faults have been shown.
    pub faults: Arc<Faults>,
}

/// Runs a command until it ends, and gives its exit code. It is killed when this is given up.
pub(super) async fn run(
    mut command: Command,
    wire: Wire,
    input: mpsc::UnboundedReceiver<Input>,
    output: Arc<Output>,
) -> i32 {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            output.complain(format!("the lab cannot start its PowerShell: {error}\r\n").as_bytes());
            return 1;
        }
    };
    let stdin = child.stdin.take();
    let answered = Notify::new();
    let stdout = copy(child.stdout.take(), |bytes| {
        output.write(bytes);
        if bytes.contains(&b'\n') {
            answered.notify_waiters();
        }
    });
    let stderr = copy(child.stderr.take(), |bytes| output.complain(bytes));
    let ended = async {
        tokio::join!(stdout, stderr);
        child.wait().await.ok().and_then(|status| status.code()).unwrap_or(1)
    };
    tokio::select! {
        code = ended => code,
        () = feed(stdin, &wire, &answered, input) => unreachable!("input is waited for as long as the process lives"),
    }
}

async fn feed(
    mut stdin: Option<ChildStdin>,
    wire: &Wire,
    answered: &Notify,
    mut input: mpsc::UnboundedReceiver<Input>,
) {
    let mut lines = Lines::default();
    while let Some(Input { bytes, end, taken }) = input.recv().await {
        lines.push(&bytes);
        let changes = std::iter::from_fn(|| lines.next_line()).fold(false, |any, line| any | is_change(&line));
        let fault = if changes { wire.faults.take_reset(wire.host.as_ref()) } else { None };
        let answer = answered.notified();
        if let Some(pipe) = stdin.as_mut().filter(|_| fault != Some(WireFault::ResetBeforeWrite)) {
            // A process that no longer reads ends soon, and its exit code tells.
            let _ = pipe.write_all(&bytes).await;
            let _ = pipe.flush().await;
        }
        if end {
            stdin = None;
        }
        if fault == Some(WireFault::ResetAfterWrite) {
            answer.await;
        }
        let _ = taken.send(if fault.is_some() { Taken::Reset } else { Taken::Normally });
    }
    std::future::pending::<()>().await;
}

/// Whether a line asks an agent for a change.
fn is_change(line: &[u8]) -> bool {
    let batch = line.starts_with(b"{").then(|| serde_json::from_slice::<Batch>(line));
    batch.is_some_and(|batch| batch.is_ok_and(|batch| batch.calls.iter().any(|call| matches!(call, Call::Tell(_)))))
}

async fn copy(stream: Option<impl AsyncRead + Unpin>, write: impl Fn(&[u8])) {
    let Some(mut stream) = stream else { return };
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        write(&buffer[..read]);
    }
}
