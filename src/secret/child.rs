//! A command that is asked one question: bounded in time and in what it may write.

use std::io::{self, Read, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

/// The most bytes of an answer.
pub(super) const MAX_OUTPUT: usize = 1 << 20;

/// The most bytes that are kept of what it writes to standard error.
const MAX_NEWS: usize = 64 << 10;

/// How often it is looked whether the command has ended.
const PACE: Duration = Duration::from_millis(5);

/// What to run.
pub(super) struct Child<'a> {
    pub program: &'a Path,
    pub arguments: &'a [String],
    /// Where it runs.
    pub folder: &'a Path,
    /// How long it may take.
    pub timeout: Duration,
}

/// How it ended.
pub(super) struct Ended {
    /// What it wrote to standard output.
    pub output: Zeroizing<Vec<u8>>,
    /// The start of what it wrote to standard error.
    pub news: Zeroizing<Vec<u8>>,
    /// The exit code or signal, where it did not end well.
    pub failed: Option<String>,
}

/// Why it did not end by itself.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("it cannot be started: {0}")]
    Start(io::Error),
    #[error("it did not end within {0} s and was killed; `timeout:` in secrets/exec.yml gives it more")]
    TimedOut(u64),
    #[error("its answer is larger than 1 MiB; it was killed")]
    TooLong,
    #[error("its answer cannot be read: {0}")]
    Read(io::Error),
}

/// Runs a command and gives what it wrote.
///
/// It is killed when its time is over; what it has started itself and left behind is not.
pub(super) fn run(child: &Child, request: Vec<u8>) -> Result<Ended, Trouble> {
    let deadline = Instant::now() + child.timeout;
    let mut running = Command::new(child.program)
        .args(child.arguments)
        .current_dir(if child.folder.as_os_str().is_empty() { Path::new(".") } else { child.folder })
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Trouble::Start)?;
    let (Some(mut stdin), Some(stdout), Some(stderr)) =
        (running.stdin.take(), running.stdout.take(), running.stderr.take())
    else {
        unreachable!("all three were asked for");
    };
    // A command that does not read its question may still know the answer: a broken pipe is no failure.
    thread::spawn(move || stdin.write_all(&request));
    let (output, news) = (reading(stdout, MAX_OUTPUT + 1), reading(stderr, MAX_NEWS));
    let waited = (|| {
        let output = receive(&output, child, deadline)?.map_err(Trouble::Read)?;
        if output.len() > MAX_OUTPUT {
            return Err(Trouble::TooLong);
        }
        loop {
            if let Some(status) = running.try_wait().map_err(Trouble::Read)? {
                return Ok((output, status));
            }
            if Instant::now() >= deadline {
                return Err(Trouble::TimedOut(child.timeout.as_secs()));
            }
            thread::sleep(PACE);
        }
    })();
    if waited.is_err() {
        let _ = running.kill();
        let _ = running.wait();
    }
    let (output, status) = waited?;
    // Who inherited standard error may hold it open for long; what was written so far is then not told.
    let news = news.recv_timeout(Duration::from_millis(200)).ok().and_then(Result::ok).unwrap_or_default();
    Ok(Ended { output, news, failed: (!status.success()).then(|| status.to_string()) })
}

type Bytes = Zeroizing<Vec<u8>>;

/// Reads on a thread of its own, up to so many bytes.
fn reading(from: impl Read + Send + 'static, most: usize) -> Receiver<io::Result<Bytes>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::new());
        let mut from = from;
        let read = (&mut from).take(most as u64).read_to_end(&mut bytes);
        let full = bytes.len() == most;
        let _ = sender.send(read.map(|_| bytes));
        if full {
            // Nobody shall wait for a full pipe.
            let _ = io::copy(&mut from, &mut io::sink());
        }
    });
    receiver
}

fn receive(from: &Receiver<io::Result<Bytes>>, child: &Child, deadline: Instant) -> Result<io::Result<Bytes>, Trouble> {
    match from.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(read) => Ok(read),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            Err(Trouble::TimedOut(child.timeout.as_secs()))
        }
    }
}
