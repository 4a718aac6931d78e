//! The connection to an instance: one exchange at a time, and what its absence of an answer means.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use tiberius::{Command, CommandItem, QueryItem, Row};

use super::connect::Connection;
use super::counted::Counts;
use super::{Patience, SqlError, TdsTarget, connect, value};
use crate::hostcall::{Refusal, RefusalCode, SqlRows};
use crate::transport::Traffic;
use crate::value::quote_name;

/// Errors of this severity and above end the connection (Database Engine error severities).
const FATAL_CLASS: u8 = 20;
/// There is no such object.
const NO_OBJECT: u32 = 208;
/// Chosen as the victim of a deadlock.
const DEADLOCK: i32 = 1205;
/// The most that `nvarchar(n)` holds.
const MAX_SHORT_UNITS: usize = 4000;

/// The connection of a session.
pub(super) struct Link {
    target: TdsTarget,
    patience: Patience,
    state: State,
    counts: Arc<Counts>,
    batches: u64,
    /// The database that statements run in, where that is known.
    database: Option<String>,
}

enum State {
    /// Not connected yet.
    Fresh,
    /// Connected and between two exchanges.
    Open(Box<Connection>),
    /// Failed, or in an exchange; one that is given up half way leaves it so.
    Over,
}

/// One statement or several, and their parameters: texts by name without `@`.
pub(super) struct Statement<'a> {
    pub(super) text: &'a str,
    pub(super) arguments: Vec<(&'a str, &'a str)>,
}

impl<'a> Statement<'a> {
    /// A batch without parameters, which goes as it is.
    pub(super) fn batch(text: &'a str) -> Statement<'a> {
        Statement { text, arguments: Vec::new() }
    }
}

/// Why a statement has no result.
#[derive(Debug)]
pub(super) enum Fault {
    /// SQL Server said so.
    Refused(Refusal),
    /// There is no connection, and nothing was sent.
    Unsent(SqlError),
    /// The connection broke, or nothing came back in time; whether the statement arrived is not known.
    Lost(String),
}

impl Link {
    pub(super) fn new(target: TdsTarget, patience: Patience) -> Link {
        let counts = Arc::default();
        Link { target, patience, state: State::Fresh, counts, batches: 0, database: None }
    }

    pub(super) fn host(&self) -> String {
        self.target.name.clone()
    }

    pub(super) fn patience(&self) -> Patience {
        self.patience
    }

    pub(super) fn traffic(&self) -> Traffic {
        let (bytes_up, bytes_down) = (self.counts.up(), self.counts.down());
        Traffic { bytes_up, bytes_down, sql_batches: self.batches, ..Traffic::default() }
    }

    pub(super) async fn close(&mut self) -> Traffic {
        if let State::Open(connection) = mem::replace(&mut self.state, State::Over) {
            // The work is done; a server that does not say goodbye has lost nothing.
            let _ = tokio::time::timeout(self.patience.connect, connection.close()).await;
        }
        self.traffic()
    }

    /// Sees to it that statements run in a database.
    pub(super) async fn enter(&mut self, database: &str, patience: Duration) -> Result<(), Fault> {
        if self.database.as_deref() == Some(database) {
            return Ok(());
        }
        self.run(&Statement::batch(&enter(database)), patience).await?;
        self.database = Some(database.to_owned());
        Ok(())
    }

    /// Says which database a batch that was carried out has left the connection in.
    pub(super) fn entered(&mut self, database: &str) {
        self.database = Some(database.to_owned());
    }

    /// Runs a question; one that was sacrificed to end a deadlock is put once more.
    pub(super) async fn ask(&mut self, statement: &Statement<'_>) -> Result<Vec<SqlRows>, Fault> {
        match self.run(statement, self.patience.observe).await {
            Err(Fault::Refused(refusal)) if refusal.sql_number() == Some(DEADLOCK) => {
                self.run(statement, self.patience.observe).await
            }
            answered => answered,
        }
    }

    /// Runs a statement and gives all its results.
    pub(super) async fn run(&mut self, statement: &Statement<'_>, patience: Duration) -> Result<Vec<SqlRows>, Fault> {
        let mut connection = match mem::replace(&mut self.state, State::Over) {
            State::Open(connection) => connection,
            State::Over => return Err(Fault::Unsent(SqlError::Over { host: self.host() })),
            State::Fresh => {
                let opened = connect::open(&self.target, self.patience, Arc::clone(&self.counts)).await;
                let unreachable = |(step, why)| SqlError::Unreachable { host: self.host(), step, why };
                Box::new(opened.map_err(|failed| Fault::Unsent(unreachable(failed)))?)
            }
        };
        self.batches += 1;
        match tokio::time::timeout(patience, exchange(&mut connection, statement)).await {
            Ok(Ok(results)) => {
                self.state = State::Open(connection);
                results.map_err(|why| Fault::Refused(unreadable(why)))
            }
            Ok(Err(tiberius::error::Error::Server(error))) => {
                self.database = None;
                if error.class() < FATAL_CLASS {
                    self.state = State::Open(connection);
                }
                Err(Fault::Refused(refusal(&error)))
            }
            Ok(Err(error)) => Err(Fault::Lost(connect::plain(&error))),
            Err(_) => Err(Fault::Lost(format!("nothing came within {} s", patience.as_secs()))),
        }
    }
}

/// The statement that makes a database the one that what follows runs in.
pub(super) fn enter(database: &str) -> String {
    format!("USE {};\n", quote_name(database))
}

/// Sends a statement and receives all that comes. The inner error says that a value is of a kind that is not told.
async fn exchange(
    connection: &mut Connection,
    statement: &Statement<'_>,
) -> Result<Result<Vec<SqlRows>, String>, tiberius::error::Error> {
    let mut results = Results::default();
    if statement.arguments.is_empty() {
        let mut stream = connection.simple_query(statement.text).await?;
        while let Some(item) = stream.try_next().await? {
            match item {
                QueryItem::Metadata(meta) => results.begin(meta.columns()),
                QueryItem::Row(row) => results.push(&row),
            }
        }
    } else {
        let mut stream = call(statement).exec(connection).await?;
        while let Some(item) = stream.try_next().await? {
            match item {
                CommandItem::Metadata(meta) => results.begin(meta.columns()),
                CommandItem::Row(row) => results.push(&row),
                _ => {}
            }
        }
    }
    Ok(match results.problem {
        Some(problem) => Err(problem),
        None => Ok(results.list),
    })
}

/// A statement with parameters, as a call of `sp_executesql`.
fn call<'a>(statement: &Statement<'a>) -> Command<'a> {
    let kind = |text: &str| if text.encode_utf16().count() <= MAX_SHORT_UNITS { "4000" } else { "max" };
    let declared: Vec<String> =
        statement.arguments.iter().map(|(name, text)| format!("@{name} nvarchar({})", kind(text))).collect();
    let mut command = Command::new("sp_executesql");
    command.bind_param("@stmt", statement.text);
    command.bind_param("@params", declared.join(", "));
    for (name, text) in &statement.arguments {
        command.bind_param(format!("@{name}"), *text);
    }
    command
}

/// Results as they come.
#[derive(Default)]
struct Results {
    list: Vec<SqlRows>,
    problem: Option<String>,
}

impl Results {
    fn begin(&mut self, columns: &[tiberius::Column]) {
        let columns = columns.iter().map(|column| column.name().to_lowercase()).collect();
        self.list.push(SqlRows { columns, rows: Vec::new() });
    }

    fn push(&mut self, row: &Row) {
        let mut values = Vec::with_capacity(row.len());
        for (column, data) in row.cells() {
            match value::json(data) {
                Ok(value) => values.push(value),
                Err(what) => self.problem = Some(format!("the column {} holds {what}", column.name())),
            }
        }
        if let Some(result) = self.list.last_mut() {
            result.rows.push(values);
        }
    }
}

/// An error of SQL Server, in its own words.
fn refusal(error: &tiberius::error::TokenError) -> Refusal {
    let number = i32::try_from(error.code()).unwrap_or(i32::MAX);
    let refusal = Refusal::sql(number, error.class(), error.state(), error.message());
    if error.code() == NO_OBJECT { Refusal { code: RefusalCode::Unsupported, ..refusal } } else { refusal }
}

fn unreadable(text: String) -> Refusal {
    Refusal { code: RefusalCode::Unsupported, text, hresult: None }
}
