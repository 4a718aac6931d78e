//! How a command ends: the only exit codes there are.

use std::fmt::Display;

/// How a command ended well enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// As desired.
    Ok = 0,
    /// There are differences (`audit`; `plan --detailed-exitcode`).
    Differs = 2,
    /// The input is wrong; nothing was contacted.
    Input = 3,
    /// Some host failed or could not be reached.
    Hosts = 4,
    /// Another run is changing a host.
    Locked = 13,
    /// The farm moved since the plan.
    Moved = 14,
    /// Interrupted; running it again goes on.
    Interrupted = 20,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// Why a command could not do its work: a sentence, what lies behind it, and what to do.
#[derive(Debug)]
pub struct Failure {
    /// How it ends.
    pub exit: u8,
    /// What failed, and behind it why.
    pub error: anyhow::Error,
    /// What the reader can type or do.
    pub hints: Vec<String>,
    /// Whether the reader has been told already.
    pub told: bool,
}

impl Failure {
    /// The input is wrong.
    pub fn input(message: impl Display + Send + Sync + std::fmt::Debug + 'static) -> Failure {
        Failure { exit: Exit::Input.code(), error: anyhow::Error::msg(message), hints: Vec::new(), told: false }
    }

    /// The input is wrong, and every mistake in it has been shown.
    pub fn shown() -> Failure {
        Failure { told: true, ..Failure::input("the input is wrong") }
    }

    /// Another run is changing a host.
    pub fn locked(error: impl Into<anyhow::Error>) -> Failure {
        Failure { exit: Exit::Locked.code(), ..Failure::work(error) }
    }

    /// Some host failed or could not be reached.
    pub fn hosts(message: impl Display + Send + Sync + std::fmt::Debug + 'static) -> Failure {
        Failure { exit: Exit::Hosts.code(), ..Failure::input(message) }
    }

    /// Whoever was asked did not agree. The code is that of a failure, so that a script does not go on as if it were done.
    pub fn declined(message: impl Display + Send + Sync + std::fmt::Debug + 'static) -> Failure {
        Failure { exit: 1, ..Failure::input(message) }
    }

    /// The farm moved since the plan.
    pub fn moved(message: impl Display + Send + Sync + std::fmt::Debug + 'static) -> Failure {
        Failure { exit: Exit::Moved.code(), ..Failure::input(message) }
    }

    /// farmhand could not do its work.
    pub fn work(error: impl Into<anyhow::Error>) -> Failure {
        Failure { exit: 1, error: error.into(), hints: Vec::new(), told: false }
    }

    /// The same with something to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hints.push(hint.into());
        self
    }
}
