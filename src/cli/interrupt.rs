//! Ctrl-C: the first one ends a run cleanly, the second one at once.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::progress::Progress;
use super::run::Run;
use super::{Exit, Ui};

/// How soon after a signal the same one is its echo and no second wish.
const ECHO: Duration = Duration::from_millis(250);

/// Watches for Ctrl-C, and SIGTERM on Unix, as long as the runtime lives.
///
/// # Errors
/// When the system does not tell of signals.
pub fn watch(ui: Ui, run: Arc<Run>, progress: Progress) -> io::Result<()> {
    let mut signals = Signals::new()?;
    tokio::spawn(async move {
        let first = signals.next().await;
        let told = Instant::now();
        if run.is_asking() {
            end_at_once(ui, &run, &progress);
        }
        run.stop.ask();
        let sent = run.in_doubt().map(|(open, _)| open.words()).unwrap_or_default();
        let waiting = match sent.as_slice() {
            [] => String::new(),
            sent => format!("; waiting for what was sent to {}", sent.join("; ")),
        };
        progress.say(ui, &format!("interrupted: nothing new is begun{waiting}; once more ends at once"));
        // Who runs this program may pass on a signal that the terminal has sent already.
        while signals.next().await == first && told.elapsed() < ECHO {}
        end_at_once(ui, &run, &progress);
    });
    Ok(())
}

/// Ends the process, and says what is left where.
fn end_at_once(ui: Ui, run: &Run, progress: &Progress) -> ! {
    progress.clear();
    match run.in_doubt() {
        None => ui.news("ended: nothing was changed"),
        Some((open, journal)) => {
            let open = open.words();
            let left = if open.is_empty() {
                "all that was sent was answered".to_owned()
            } else {
                format!("it is not known what came of {}", open.join("; "))
            };
            let path = journal.display();
            ui.news(&format!("ended at once: {left}\njournal: {path}\nrun it again: it goes by what is found"));
        }
    }
    std::process::exit(i32::from(Exit::Interrupted.code()));
}

/// Which signal asked for the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Interrupt,
    Terminate,
}

/// The signals that ask a process to end.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.interrupt.recv() => Wish::Interrupt,
            _ = self.terminate.recv() => Wish::Terminate,
        }
    }
}

/// The signals that ask a process to end.
#[cfg(windows)]
struct Signals {
    interrupt: tokio::signal::windows::CtrlC,
    terminate: tokio::signal::windows::CtrlBreak,
}

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals { interrupt: tokio::signal::windows::ctrl_c()?, terminate: tokio::signal::windows::ctrl_break()? })
    }

    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.interrupt.recv() => Wish::Interrupt,
            _ = self.terminate.recv() => Wish::Terminate,
        }
    }
}
