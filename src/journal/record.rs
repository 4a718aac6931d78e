//! What is recorded of a run. Secrets are references here, as everywhere but on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hostcall::{self, Refusal};
use crate::plan::{Action, PlannedStep, Stage};
use crate::value::Changes;

/// One record of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Record {
    /// The run begins to change hosts.
    Start(Start),
    /// A batch is about to be sent.
    Intent(Intent),
    /// What came of a batch.
    Outcome(Outcome),
    /// The host was looked at after a batch.
    Proof(Proof),
    /// The run is over.
    End {
        /// What became of each host.
        hosts: Vec<HostEnd>,
    },
}

/// Who runs what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The version of this format, 1.
    pub format: u32,
    /// farmhand's version.
    pub farmhand: String,
    /// The command, without values of variables.
    pub command: String,
    /// Who ran it.
    pub user: String,
    /// On which machine.
    pub machine: String,
    /// As which process.
    pub pid: u32,
    /// The hosts that are to be changed.
    pub hosts: Vec<String>,
}

/// A batch that is about to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// The host.
    pub host: String,
    /// The play's name.
    pub play: String,
    /// What the stage waits for, such as `features`; none for what is done at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The calls by name, in order; T-SQL with what it is for.
    pub calls: Vec<String>,
    /// The T-SQL among them, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Statement>,
    /// What changes by them.
    pub changes: Vec<Changed>,
}

/// T-SQL that is about to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The database in which it runs.
    pub database: String,
    /// What it is for.
    pub purpose: String,
    /// The batch, with secrets by their names.
    pub text: String,
}

/// What changes of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changed {
    /// Its address, `web01/iis_app_pool/ChatPool`.
    pub address: String,
    /// What happens to it as a whole.
    pub action: Action,
    /// Property by property.
    pub changes: Changes,
}

/// What came of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The line of its intent, from 1.
    pub of: u64,
    /// The host.
    pub host: String,
    /// What came.
    pub came: Came,
}

/// What came of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Came {
    /// An answer for each call.
    Answers(Vec<Told>),
    /// Nothing that changes the host reached it, and why.
    NotSent(String),
    /// It was sent, and no answer came, and why.
    Unknown(String),
}

/// The answer to one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// Carried out.
    Done,
    /// Not carried out: this element was no longer as it was read.
    Moved(String),
    /// Not carried out, or not to the end.
    Failed(Refusal),
    /// Not tried.
    Skipped,
}

/// The host was looked at after a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The line of the batch's intent, from 1.
    pub of: u64,
    /// The host.
    pub host: String,
    /// What was not as planned; empty when all was.
    pub left: Vec<String>,
    /// What is to be kept of what was found, by the resource's address.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub evidence: BTreeMap<String, BTreeMap<String, String>>,
}

/// What became of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostEnd {
    /// The host.
    pub host: String,
    /// What became of it, such as `changed`.
    pub status: String,
    /// Why, where it did not go well.
    pub reasons: Vec<String>,
}

impl Intent {
    /// The intent to send some calls of a stage, which change some of its steps.
    pub fn new(host: &str, play: &str, stage: &Stage, steps: &[PlannedStep], calls: &[hostcall::Write]) -> Intent {
        let changed = |step: &PlannedStep| Changed {
            address: step.address.clone(),
            action: step.action,
            changes: step.changes.clone(),
        };
        Intent {
            host: host.to_owned(),
            play: play.to_owned(),
            after: stage.after.clone(),
            calls: calls.iter().map(called).collect(),
            statements: calls.iter().filter_map(Statement::of).collect(),
            changes: steps.iter().map(changed).collect(),
        }
    }
}

fn called(call: &hostcall::Write) -> String {
    match call {
        hostcall::Write::Sql { purpose, .. } => format!("sql ({purpose})"),
        other => other.name().to_owned(),
    }
}

impl Statement {
    /// The statement of a call, where it is one.
    fn of(call: &hostcall::Write) -> Option<Statement> {
        let hostcall::Write::Sql { database, purpose, text, .. } = call else { return None };
        Some(Statement { database: database.clone(), purpose: purpose.clone(), text: text.shown() })
    }
}

impl From<&hostcall::Outcome> for Told {
    /// What a call tells besides is left out: it is the host's state, and is asked for anew.
    fn from(outcome: &hostcall::Outcome) -> Told {
        match outcome {
            hostcall::Outcome::Done(_) => Told::Done,
            hostcall::Outcome::Moved { at } => Told::Moved(at.clone()),
            hostcall::Outcome::Failed(refusal) => Told::Failed(refusal.clone()),
            hostcall::Outcome::Skipped {} => Told::Skipped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{SecretRef, SqlPart, Store, statement};

    #[test]
    fn a_statement_is_recorded_with_its_secrets_by_name() {
        let secret = SecretRef { store: Store::Age, name: "sql-master-key".to_owned(), fingerprint: None };
        let text = statement("CREATE MASTER KEY ENCRYPTION BY PASSWORD = {key}", &[("key", SqlPart::Secret(&secret))]);
        let write = hostcall::Write::Sql {
            instance: String::new(),
            database: "Chat".to_owned(),
            purpose: "make the master key".to_owned(),
            text: hostcall::Text::Composed(text),
            arguments: std::collections::BTreeMap::new(),
            find: None,
        };
        let stage = Stage { after: None, steps: Vec::new(), writes: Vec::new(), reboot_allowed: false };
        let intent = Intent::new("sql01", "Backplane", &stage, &[], &[write, hostcall::Write::Reboot]);
        assert_eq!(intent.calls, ["sql (make the master key)", "reboot"]);
        let [statement] = intent.statements.as_slice() else { panic!("{:?}", intent.statements) };
        let expected = "CREATE MASTER KEY ENCRYPTION BY PASSWORD = N'{{ secret('sql-master-key') }}'";
        assert_eq!((statement.database.as_str(), statement.text.as_str()), ("Chat", expected));
    }
}
