//! Processes of a lab host: something that takes input and writes output until it ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Input for a process.
pub(super) struct Input {
    /// What is written to its standard input.
    pub bytes: Vec<u8>,
    /// Whether that is closed now.
    pub end: bool,
    /// Told when the process has dealt with it.
    pub taken: oneshot::Sender<Taken>,
}

/// How a process dealt with its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// As usual.
    Normally,
    /// It asks that the connection which brought the input be reset.
    Reset,
}

/// A running process. Dropping it ends it.
pub(super) struct Process {
    input: mpsc::UnboundedSender<Input>,
    output: Arc<Output>,
    task: JoinHandle<()>,
}

impl Process {
    /// Starts a program. What it leaves unread when it returns is lost.
    pub fn start<P, F>(program: P) -> Process
    where
        P: FnOnce(mpsc::UnboundedReceiver<Input>, Arc<Output>) -> F,
        F: Future<Output = i32> + Send + 'static,
    {
        let (input, receiver) = mpsc::unbounded_channel();
        let output = Arc::new(Output::default());
        let run = program(receiver, Arc::clone(&output));
        let done = Arc::clone(&output);
        let task = tokio::spawn(async move { done.exit(run.await) });
        Process { input, output, task }
    }

    /// Writes to its standard input; `None` when it has ended.
    pub fn feed(&self, bytes: Vec<u8>, end: bool) -> Option<oneshot::Receiver<Taken>> {
        let (taken, receiver) = oneshot::channel();
        self.input.send(Input { bytes, end, taken }).ok().map(|()| receiver)
    }

    /// Where its output is.
    pub fn output(&self) -> Arc<Output> {
        Arc::clone(&self.output)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a process has written and nobody has fetched yet.
#[derive(Default)]
pub(super) struct Output {
    pending: Mutex<Pending>,
    changed: Notify,
}

/// Output that is fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pending {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// The exit code of a process that has ended and whose output ends here.
    pub exit_code: Option<i32>,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.stdout.is_empty() && self.stderr.is_empty() && self.exit_code.is_none()
    }
}

impl Output {
    /// Writes to standard output, at once.
    pub fn write(&self, bytes: &[u8]) {
        self.lock().stdout.extend_from_slice(bytes);
        self.changed.notify_one();
    }

    /// Writes to standard error, at once.
    pub fn complain(&self, bytes: &[u8]) {
        self.lock().stderr.extend_from_slice(bytes);
        self.changed.notify_one();
    }

    fn exit(&self, code: i32) {
        self.lock().exit_code = Some(code);
        self.changed.notify_one();
    }

    /// Up to `limit` bytes of each stream, as soon as there are any; `None` when there is nothing for `patience`.
    pub async fn fetch(&self, limit: usize, patience: Duration) -> Option<Pending> {
        let some = async {
            loop {
                let changed = self.changed.notified();
                let fetched = self.take(limit);
                if !fetched.is_empty() {
                    return fetched;
                }
                changed.await;
            }
        };
        timeout(patience, some).await.ok()
    }

    /// Puts back what was fetched and could not be delivered: the next Receive brings it again.
    pub fn put_back(&self, fetched: Pending) {
        let mut pending = self.lock();
        pending.stdout.splice(..0, fetched.stdout);
        pending.stderr.splice(..0, fetched.stderr);
        pending.exit_code = pending.exit_code.or(fetched.exit_code);
        self.changed.notify_one();
    }

    fn take(&self, limit: usize) -> Pending {
        let mut pending = self.lock();
        let stdout = first(&mut pending.stdout, limit);
        let stderr = first(&mut pending.stderr, limit);
        let all = pending.stdout.is_empty() && pending.stderr.is_empty();
        Pending { stdout, stderr, exit_code: pending.exit_code.filter(|_| all) }
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn first(bytes: &mut Vec<u8>, limit: usize) -> Vec<u8> {
    let rest = bytes.split_off(limit.min(bytes.len()));
    std::mem::replace(bytes, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn output_is_fetched_in_order_and_the_end_comes_last() {
        let output = Output::default();
        output.write(b"abcde");
        output.complain(b"x");
        output.exit(7);
        let pending = |stdout: &[u8], stderr: &[u8], exit_code| {
            Some(Pending { stdout: stdout.to_vec(), stderr: stderr.to_vec(), exit_code })
        };
        let fetch = |limit| output.fetch(limit, Duration::from_millis(10));
        assert_eq!(fetch(3).await, pending(b"abc", b"x", None));
        output.put_back(Pending { stdout: b"abc".to_vec(), ..Pending::default() });
        assert_eq!(fetch(4).await, pending(b"abcd", b"", None));
        assert_eq!(fetch(4).await, pending(b"e", b"", Some(7)));
    }

    #[tokio::test]
    async fn silence_is_waited_for() {
        assert_eq!(Output::default().fetch(9, Duration::from_millis(10)).await, None);
    }
}
