//! What a door lacks before anybody knocks.

use super::check::{Check, Line, Outcome};

/// Why nobody can log in to a host, as far as that is known before it is asked.
#[derive(Clone, Debug, Default)]
pub struct Lacking {
    /// What its machine's door lacks.
    pub machine: Option<Lack>,
    /// What its SQL Server's own port lacks.
    pub sql: Option<Lack>,
}

/// What is wrong with what logs in.
#[derive(Clone, Debug)]
pub struct Lack {
    /// What it is.
    pub found: String,
    /// What to do.
    pub advice: Option<String>,
}

impl Lack {
    /// The line that tells of it.
    pub(super) fn line(&self) -> Line {
        let (found, advice) = (self.found.clone(), self.advice.clone());
        Line { check: Check::Account, outcome: Outcome::Failed, found, advice }
    }
}
