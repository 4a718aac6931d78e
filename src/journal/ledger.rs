//! Where records go.

use std::collections::BTreeMap;

use super::{Came, Intent, JournalError, Record};
use crate::hostcall::Marker;

/// Keeps records. What it has taken survives a crash.
pub trait Ledger: Send + Sync {
    /// Keeps a record, and gives its number, from 1.
    ///
    /// # Errors
    /// When it cannot be kept. Nothing that it announces may be done then.
    fn write(&self, record: &Record) -> Result<u64, JournalError>;

    /// What the run tells a host of itself before it changes anything there.
    ///
    /// # Errors
    /// When the run has not begun.
    fn marker(&self) -> Result<Marker, JournalError>;
}

/// Intents by number that have no settled end yet: what a crash at this moment would leave in doubt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Open(pub BTreeMap<u64, Intent>);

impl Open {
    /// Takes note of a record and its number.
    pub fn note(&mut self, number: u64, record: &Record) {
        match record {
            Record::Intent(intent) => {
                self.0.insert(number, intent.clone());
            }
            Record::Outcome(outcome) if !matches!(outcome.came, Came::Unknown(_)) => {
                self.0.remove(&outcome.of);
            }
            Record::Proof(proof) => {
                self.0.remove(&proof.of);
            }
            Record::Start(_) | Record::Outcome(_) | Record::End { .. } => {}
        }
    }

    /// What the records of a run leave in doubt.
    pub fn of<'r>(records: impl IntoIterator<Item = &'r Record>) -> Open {
        let mut open = Open::default();
        for (number, record) in (1..).zip(records) {
            open.note(number, record);
        }
        open
    }

    /// Each host in doubt and what was sent to it, such as `web01: iis_commit, iis_control`.
    pub fn words(&self) -> Vec<String> {
        self.0.values().map(|intent| format!("{}: {}", intent.host, intent.calls.join(", "))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Outcome, Proof};

    #[test]
    fn what_is_not_answered_or_not_known_is_in_doubt_until_it_is_looked_at() {
        let intent = |host: &str| {
            let calls = vec!["iis_commit".to_owned()];
            Record::Intent(Intent {
                host: host.to_owned(),
                play: String::new(),
                after: None,
                calls,
                statements: vec![],
                changes: vec![],
            })
        };
        let came = |of, came| Record::Outcome(Outcome { of, host: String::new(), came });
        let mut records = vec![intent("a"), intent("b"), intent("c"), intent("d")];
        records.push(came(1, Came::Answers(Vec::new())));
        records.push(came(2, Came::Unknown("reset".to_owned())));
        records.push(came(3, Came::NotSent("refused".to_owned())));
        assert_eq!(Open::of(&records).words(), ["b: iis_commit", "d: iis_commit"]);
        records.push(Record::Proof(Proof {
            of: 2,
            host: String::new(),
            left: Vec::new(),
            evidence: std::collections::BTreeMap::new(),
        }));
        assert_eq!(Open::of(&records).words(), ["d: iis_commit"]);
    }
}
