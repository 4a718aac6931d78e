//! The agent of a lab host over plain streams, as sshd or a parent process hands them to PowerShell.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::agent::AgentProgram;
use super::faults::Faults;
use super::process::{Output, Pending, Process, Taken};
use crate::lab::{AgentProcess, Answers};

/// How a process ends whose connection a fault of the host cuts off.
const CUT_OFF: i32 = 255;
/// How long output is waited for at once.
const PATIENCE: Duration = Duration::from_hours(1);

/// Answers a controller until its input ends or the agent does, and gives the exit code. Writing blocks.
///
/// # Errors
/// When the streams fail.
pub async fn agent(
    host: Arc<dyn Answers>,
    mut input: impl AsyncRead + Unpin,
    mut output: impl Write,
    mut complaints: impl Write,
) -> io::Result<i32> {
    let program = AgentProgram {
        host,
        process: AgentProcess::start(),
        user: "LAB\\operator".to_owned(),
        faults: Arc::new(Faults::default()),
        input_at_end: false,
        otherwise: Box::new(|output: &Output| {
            output.complain(b"this is no PowerShell, and runs nothing but the agent\n");
            1
        }),
    };
    let process = Process::start(move |input, output| program.run(input, output));
    let written = process.output();
    let mut write = |fetched: Pending| -> io::Result<Option<i32>> {
        output.write_all(&fetched.stdout)?;
        output.flush()?;
        complaints.write_all(&fetched.stderr)?;
        complaints.flush()?;
        Ok(fetched.exit_code)
    };
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = input.read(&mut buffer).await?;
        let Some(taken) = process.feed(buffer[..read].to_vec(), read == 0) else { break };
        let taken = taken.await;
        if taken == Ok(Taken::Reset) {
            return Ok(CUT_OFF);
        }
        // What the agent says to its input it has said by now.
        while let Some(fetched) = written.fetch(usize::MAX, Duration::ZERO).await {
            if let Some(code) = write(fetched)? {
                return Ok(code);
            }
        }
        if read == 0 || taken.is_err() {
            break;
        }
    }
    loop {
        if let Some(fetched) = written.fetch(usize::MAX, PATIENCE).await
            && let Some(code) = write(fetched)?
        {
            return Ok(code);
        }
    }
}
