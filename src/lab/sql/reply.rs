//! What an instance says to a batch.

use super::value::{Type, Value};

/// One thing an instance says, in the order in which it says them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A result set.
    Rows(Rows),
    /// News that is no failure: severity 10 or less.
    Message(SqlError),
    /// A failure: severity 11 or more.
    Error(SqlError),
    /// A statement is over.
    Done {
        /// Rows it returned or changed; `None` where it counts none, or SET NOCOUNT is on.
        rows: Option<u64>,
    },
    /// The session's current database is another one from now on.
    Database {
        /// The one from now on.
        name: String,
        /// The one until now.
        before: String,
    },
    /// The session's transaction began or ended.
    Transaction(Transaction),
    /// The connection breaks off here: what follows is never sent.
    Dropped,
}

/// What became of a session's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// It began, under this descriptor.
    Began(u64),
    /// It was committed.
    Committed(u64),
    /// It was rolled back.
    RolledBack(u64),
}

/// A result set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, each with a value for each column.
    pub rows: Vec<Vec<Value>>,
}

/// A column of a result set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name; empty where the statement gives it none.
    pub name: String,
    /// Its type.
    pub kind: Type,
}

/// A message with number, severity and state, as SQL Server sends it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Msg {number}, Level {severity}, State {state}: {text}")]
pub struct SqlError {
    /// Its number in sys.messages; 50000 for a text of the user's own.
    pub number: i32,
    /// How bad it is: 10 and less are news, 20 and more end the connection.
    pub severity: u8,
    /// Where in SQL Server it arose.
    pub state: u8,
    /// Its text.
    pub text: String,
    /// The line of the batch, counted from 1.
    pub line: u32,
}

impl SqlError {
    /// A message with state 1 and no line yet.
    pub fn new(number: i32, severity: u8, text: impl Into<String>) -> SqlError {
        SqlError { number, severity, state: 1, text: text.into(), line: 1 }
    }

    /// The same with another state.
    #[must_use]
    pub fn with_state(mut self, state: u8) -> SqlError {
        self.state = state;
        self
    }
}

/// What befell a batch, told apart for tests: the first error, if any.
pub fn first_error(replies: &[Reply]) -> Option<&SqlError> {
    replies.iter().find_map(|reply| match reply {
        Reply::Error(error) => Some(error),
        _ => None,
    })
}
