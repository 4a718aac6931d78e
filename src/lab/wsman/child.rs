//! PowerShell scripts run by a real process instead of the emulation.

use std::process::Stdio;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, Command};
use tokio::sync::mpsc;

use super::process::{Input, Output, Taken};

/// Makes the command that runs a PowerShell script, given the script's text.
#[derive(Clone)]
pub struct PowerShell(pub Arc<dyn Fn(&str) -> Command + Send + Sync>);

impl std::fmt::Debug for PowerShell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PowerShell")
    }
}

/// Runs a command until it ends, and gives its exit code. It is killed when this is given up.
pub(super) async fn run(mut command: Command, input: mpsc::UnboundedReceiver<Input>, output: Arc<Output>) -> i32 {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            output.complain(format!("the lab cannot start its PowerShell: {error}\r\n").as_bytes());
            return 1;
        }
    };
    let stdin = child.stdin.take();
    let stdout = copy(child.stdout.take(), |bytes| output.write(bytes));
    let stderr = copy(child.stderr.take(), |bytes| output.complain(bytes));
    let ended = async {
        tokio::join!(stdout, stderr);
        child.wait().await.ok().and_then(|status| status.code()).unwrap_or(1)
    };
    tokio::select! {
        code = ended => code,
        () = feed(stdin, input) => unreachable!("input is waited for as long as the process lives"),
    }
}

async fn feed(mut stdin: Option<ChildStdin>, mut input: mpsc::UnboundedReceiver<Input>) {
    while let Some(Input { bytes, end, taken }) = input.recv().await {
        if let Some(pipe) = stdin.as_mut() {
            // A process that no longer reads ends soon, and its exit code tells.
            let _ = pipe.write_all(&bytes).await;
            let _ = pipe.flush().await;
        }
        if end {
            stdin = None;
        }
        let _ = taken.send(Taken::Normally);
    }
    std::future::pending::<()>().await;
}

async fn copy(stream: Option<impl AsyncRead + Unpin>, write: impl Fn(&[u8])) {
    let Some(mut stream) = stream else { return };
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        write(&buffer[..read]);
    }
}
