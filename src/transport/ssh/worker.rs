//! The thread that a libssh2 session lives on.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::held::Held;

/// How often a connection on which nothing happens is given a sign of life.
const KEEPALIVE: Duration = Duration::from_secs(15);

type Job = Box<dyn FnOnce(&mut Held) + Send>;

/// A thread that does one thing after the other with one connection. Dropping this ends both.
pub(super) struct Worker(mpsc::Sender<Job>);

/// Whether whoever asked for something still waits for it.
pub(super) type Waited<'a> = &'a dyn Fn() -> bool;

impl Worker {
    /// A thread for a connection that is opened with its first job; `None` where the system has no thread to give.
    pub fn start(host: &str) -> Option<Worker> {
        let (sender, jobs) = mpsc::channel::<Job>();
        let run = move || {
            let mut held = Held::default();
            loop {
                match jobs.recv_timeout(KEEPALIVE) {
                    Ok(job) => job(&mut held),
                    Err(RecvTimeoutError::Timeout) => held.keep_alive(),
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            held.disconnect();
        };
        let thread = std::thread::Builder::new().name(format!("ssh {host}")).spawn(run);
        thread.ok().map(|_| Worker(sender))
    }

    /// Does something on the thread. `None` when the thread is gone.
    ///
    /// It begins at once, waited for or not. What is no longer waited for goes on until it asks `Waited`.
    pub fn run<T, W>(&self, work: W) -> impl Future<Output = Option<T>> + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce(&mut Held, Waited) -> T + Send + 'static,
    {
        let (sender, done) = oneshot::channel();
        let job = move |held: &mut Held| {
            let answer = work(held, &|| !sender.is_closed());
            // Whoever asked may have given up.
            let _ = sender.send(answer);
        };
        let begun = self.0.send(Box::new(job));
        async move {
            begun.ok()?;
            done.await.ok()
        }
    }
}
