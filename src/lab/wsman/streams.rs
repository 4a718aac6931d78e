//! The agent of a lab host over plain streams, as sshd or a parent process hands them to PowerShell.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::agent::AgentProgram;
use super::faults::Faults;
use super::process::{Output, Process};
use crate::lab::{AgentProcess, Answers};

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
        faults: Arc::new(Faults::default()),
        input_at_end: false,
        otherwise: Box::new(|output: &Output| {
            output.complain(b"this is no PowerShell, and runs nothing but the agent\n");
            1
        }),
    };
    let process = Process::start(move |input, output| program.run(input, output));
    let feeding = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = input.read(&mut buffer).await?;
            // Who feeds an agent that has ended hears so from its output.
            drop(process.feed(buffer[..read].to_vec(), read == 0));
            if read == 0 {
                return std::future::pending::<io::Result<i32>>().await;
            }
        }
    };
    let written = process.output();
    let writing = async {
        loop {
            let Some(fetched) = written.fetch(usize::MAX, PATIENCE).await else { continue };
            output.write_all(&fetched.stdout)?;
            output.flush()?;
            complaints.write_all(&fetched.stderr)?;
            complaints.flush()?;
            if let Some(code) = fetched.exit_code {
                return Ok(code);
            }
        }
    };
    tokio::select! {
        code = writing => code,
        failed = feeding => failed,
    }
}
