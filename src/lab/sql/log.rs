//! What an instance was told: every batch as it came, passwords masked as SQL Server masks them.

use std::fs::{self, OpenOptions};
use std::io::Write;

use serde::{Deserialize, Serialize};

use super::tsql::{Token, lex};
use crate::lab::{Folder, LabError};

/// Name of the log below the host's folder, one JSON object a line.
pub const FILE: &str = "sql/statements.log";

/// How a batch came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// As text.
    Batch,
    /// As a remote procedure call, sp_executesql above all.
    Rpc,
    /// As a request of a transaction manager.
    Transaction,
    /// Not a batch but a log-in.
    Login,
    /// Without a wire: through the host.
    Host,
}

/// A batch in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoggedBatch {
    /// When it came, by the host's clock.
    pub utc: String,
    /// The session's number; 0 for a log-in that was refused.
    pub spid: i64,
    /// Its login.
    pub login: String,
    /// Its program.
    pub program: String,
    /// How it came.
    pub kind: Kind,
    /// Its database when it came.
    pub database: String,
    /// Its text; a comment where SQL Server hides it for the password in it.
    pub text: String,
    /// How many statements were begun that change something which outlasts the session.
    pub mutating: usize,
    /// How many of them were carried out.
    pub done: usize,
    /// The numbers of its errors; for a log-in that was refused, 18456 and its true state.
    pub errors: Vec<i32>,
}

/// What an instance has counted since its log began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SqlCounts {
    /// Log-ins that were let in.
    pub logins: usize,
    /// Batches, however they came: each is a round trip.
    pub batches: usize,
    /// Statements begun that change something.
    pub mutating: usize,
    /// Those of them that were carried out.
    pub done: usize,
}

/// Adds a batch to the log.
///
/// # Errors
/// When the disk fails.
pub fn append(folder: &Folder, logged: &LoggedBatch) -> Result<(), LabError> {
    let path = folder.path(FILE);
    let failed = |error| LabError::disk(&path, error);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    let mut line = serde_json::to_vec(logged).unwrap_or_default();
    line.push(b'\n');
    let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
    file.write_all(&line).map_err(failed)
}

/// Reads the log.
///
/// # Errors
/// When the disk fails or a line cannot be read.
pub fn read(folder: &Folder) -> Result<Vec<LoggedBatch>, LabError> {
    let bytes = folder.read(FILE)?.unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| {
            serde_json::from_slice(line)
                .map_err(|error| LabError::File { path: folder.path(FILE), message: error.to_string() })
        })
        .collect()
}

/// Counts what a log holds.
pub fn count(log: &[LoggedBatch]) -> SqlCounts {
    let mut counts = SqlCounts::default();
    for batch in log {
        if batch.kind == Kind::Login {
            counts.logins += usize::from(batch.errors.is_empty());
        } else {
            counts.batches += 1;
            counts.mutating += batch.mutating;
            counts.done += batch.done;
        }
    }
    counts
}

/// Statements whose text SQL Server hides from traces, by their words.
const MASKED: &[&[&str]] = &[
    &["CREATE", "MASTER", "KEY"],
    &["ALTER", "MASTER", "KEY"],
    &["OPEN", "MASTER", "KEY"],
    &["BACKUP", "MASTER", "KEY"],
    &["BACKUP", "SERVICE", "MASTER", "KEY"],
    &["RESTORE", "MASTER", "KEY"],
    &["CREATE", "LOGIN"],
    &["ALTER", "LOGIN"],
];

/// A text as the log keeps it: as SQL Server's traces do, a batch that holds a statement with a password is hidden
/// whole. Only a statement of the batch itself is seen; one inside a literal, as sp_executesql has it, is not.
pub fn masked(text: &str) -> String {
    let Ok(tokens) = lex(text) else { return text.to_owned() };
    let word = |at: usize, expected: &str| matches!(tokens.get(at).map(|placed| &placed.token), Some(Token::Word(word)) if word.eq_ignore_ascii_case(expected));
    let password = (0..tokens.len()).any(|at| word(at, "PASSWORD"));
    for statement in MASKED {
        let found = (0..tokens.len())
            .any(|at| statement.iter().enumerate().all(|(index, expected)| word(at + index, expected)));
        if password && found {
            let name = statement.join(" ").to_lowercase();
            return format!(
                "--*'{name}' was found in the text of this event.\n--*The text has been replaced with this comment for security reasons."
            );
        }
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_hidden_where_sql_server_hides_it() {
        for (text, hidden) in [
            ("create  master\nkey encryption by password = 'canary'", true),
            ("USE x; OPEN MASTER KEY DECRYPTION BY PASSWORD = 'canary'", true),
            ("CREATE LOGIN x WITH PASSWORD = 'canary'", true),
            ("ALTER LOGIN x ENABLE", false),
            ("EXEC sp_executesql N'CREATE MASTER KEY ENCRYPTION BY PASSWORD = ''canary'''", false),
            ("SELECT 'create master key password'", false),
        ] {
            assert_eq!(masked(text) != text, hidden, "{text}");
        }
        assert!(!masked("CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'canary'").contains("canary"));
    }
}
