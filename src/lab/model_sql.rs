//! A host's answers about the instance of SQL Server on it: what the agent would say, as an administrator of the machine.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::error::{refused, refused_plainly};
use super::model::{Model, Told, told};
use super::sql::{Client, Instance, Kind, Parameter, Reply, Session, Type, Value, guid_text};
use crate::hostcall::{Access, Refusal, RefusalCode, SqlDone, SqlFind, SqlMessage, SqlRows, Text, Write};
use crate::resource::sql::QUERIES;
use crate::value::{FOUND_MARK, quote_name, quote_text};

/// The connection of a batch of calls.
pub struct SqlConnection {
    instance: Instance,
    session: Session,
}

/// The most that `nvarchar(n)` holds.
const MAX_SHORT_UNITS: usize = 4000;
/// There is no such object.
const NO_OBJECT: i32 = 208;

impl Model {
    /// The rows of one of the questions that the agent asks; of any other where the session may change things anyhow.
    pub(super) fn ask_sql(
        &mut self,
        instance: &str,
        database: &str,
        query: &str,
        arguments: &BTreeMap<String, String>,
    ) -> Told {
        let shipped = QUERIES.iter().any(|it| it.text == query);
        if !shipped && self.access == Access::ReadOnly {
            return Err(refused_plainly(RefusalCode::Invalid, "no such question"));
        }
        let connection = self.enter(instance, database)?;
        let (rows, _) = connection.run(query, &parameters(arguments))?;
        told(&rows)
    }

    /// Carries out a batch.
    pub(super) fn tell_sql(&mut self, write: &Write) -> Told {
        let Write::Sql { instance, database, text, arguments, find, .. } = write else {
            return Err(refused_plainly(RefusalCode::Unsupported, "no such write"));
        };
        let mut text = plain(text)?.to_owned();
        let mut plain_arguments = BTreeMap::new();
        for (name, value) in arguments {
            plain_arguments.insert(name.clone(), plain(value)?.to_owned());
        }
        let connection = self.enter(instance, database)?;
        let found = find.as_ref().map(|find| connection.find(find)).transpose()?;
        if let Some(found) = &found {
            text = text.replacen(FOUND_MARK, &quote_text(found), 1);
        }
        let (_, messages) = connection.run(&text, &parameters(&plain_arguments))?;
        told(&SqlDone { found, messages })
    }

    /// Sets one of the arguments that the instance starts with; the lab has no other value below HKLM that is set so.
    /// The inner error is the value that is no longer what it was.
    pub(super) fn set_registry(
        &mut self,
        key: &str,
        name: &str,
        was: Option<&str>,
        text: Option<&str>,
    ) -> Result<Result<(), String>, Refusal> {
        let unknown = || refused(RefusalCode::Unknown, 0x8007_0002, format!("there is no key {key}"));
        let Some(instance) = &self.instance else { return Err(unknown()) };
        let changed = instance.change(|state| {
            let server = &mut state.content.server;
            let parameters = format!(
                r"HKLM\Software\Microsoft\Microsoft SQL Server\{}\MSSQLServer\Parameters",
                server.registry_id()
            );
            let number = name.strip_prefix("SQLArg").and_then(|number| number.parse::<usize>().ok());
            let Some(number) = number.filter(|_| key.eq_ignore_ascii_case(&parameters)) else { return Err(unknown()) };
            let arguments = &mut server.startup_arguments;
            if arguments.get(number).map(String::as_str) != was {
                return Ok(Err(format!(r"{key}\{name}")));
            }
            match (text, arguments.get_mut(number)) {
                (Some(text), Some(argument)) => text.clone_into(argument),
                (Some(text), None) => arguments.push(text.to_owned()),
                (None, _) => arguments.truncate(number),
            }
            Ok(Ok(()))
        });
        changed.map_err(Refusal::from)?
    }

    /// The batch's connection, in a database.
    fn enter(&mut self, instance: &str, database: &str) -> Result<&mut SqlConnection, Refusal> {
        let mut connection = match self.sql.take() {
            Some(connection) => connection,
            None => SqlConnection::open(self, instance)?,
        };
        if connection.session.database() != database {
            connection.run(&format!("USE {}", quote_name(database)), &[])?;
        }
        Ok(self.sql.insert(connection))
    }
}

impl SqlConnection {
    fn open(model: &Model, name: &str) -> Result<SqlConnection, Refusal> {
        let none = || refused_plainly(RefusalCode::Unsupported, "there is no instance of SQL Server on this host");
        let instance = model.instance.clone().ok_or_else(none)?;
        let server = instance.about().map_err(Refusal::from)?.server_name;
        if !server.split_once('\\').map_or("", |(_, name)| name).eq_ignore_ascii_case(name) {
            return Err(none());
        }
        let host = model.computer.computer.clone();
        let client = Client { host: host.clone(), program: "farmhand".to_owned(), database: String::new() };
        let session = instance.log_in_windows(&format!(r"{host}\Administrator"), &client);
        let session = session.map_err(|error| Refusal::sql(error.number, error.severity, error.state, error.text))?;
        Ok(SqlConnection { instance, session })
    }

    /// Runs a batch: its first result, and what was said besides.
    fn run(&mut self, text: &str, parameters: &[Parameter]) -> Result<(SqlRows, Vec<SqlMessage>), Refusal> {
        let mut rows = None;
        let mut messages = Vec::new();
        for reply in self.instance.execute(&mut self.session, Kind::Host, text, parameters) {
            match reply {
                Reply::Rows(found) => {
                    let columns = found.columns.iter().map(|column| column.name.to_lowercase()).collect();
                    let values = found.rows.into_iter().map(|row| row.into_iter().map(json).collect()).collect();
                    rows.get_or_insert(SqlRows { columns, rows: values });
                }
                Reply::Message(said) => messages.push(SqlMessage { number: said.number, text: said.text }),
                Reply::Error(error) => {
                    let refusal = Refusal::sql(error.number, error.severity, error.state, error.text);
                    let code = if error.number == NO_OBJECT { RefusalCode::Unsupported } else { refusal.code };
                    return Err(Refusal { code, ..refusal });
                }
                Reply::Dropped => {
                    let text = "A transport-level error has occurred when receiving results from the server.";
                    return Err(Refusal::sql(0, 20, 0, text));
                }
                Reply::Done { .. } | Reply::Database { .. } | Reply::Transaction(_) => {}
            }
        }
        Ok((rows.unwrap_or_default(), messages))
    }

    /// The one text that a question gives.
    fn find(&mut self, find: &SqlFind) -> Result<String, Refusal> {
        let (rows, _) = self.run(&find.query, &parameters(&find.arguments))?;
        match rows.rows.as_slice() {
            [row] if let [Json::String(text)] = row.as_slice() => Ok(text.clone()),
            _ => {
                let text = "what the statement needs from the server was not found there";
                Err(refused_plainly(RefusalCode::Failed, text))
            }
        }
    }
}

fn parameters(arguments: &BTreeMap<String, String>) -> Vec<Parameter> {
    let parameter = |(name, text): (&String, &String)| {
        let units = Some(text.encode_utf16().count().max(1)).filter(|units| *units <= MAX_SHORT_UNITS);
        let kind = Type::Text(units.and_then(|units| u16::try_from(units).ok()));
        Parameter { name: format!("@{name}"), kind, value: Value::Text(text.clone()) }
    };
    arguments.iter().map(parameter).collect()
}

fn plain(text: &Text) -> Result<&str, Refusal> {
    match text {
        Text::Plain(text) => Ok(text),
        _ => Err(refused_plainly(RefusalCode::Invalid, "a secret came by name and not by value")),
    }
}

/// A value as [`SqlRows`] tells it.
fn json(value: Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bit(bit) => bit.into(),
        Value::Int(number) => number.into(),
        Value::Text(text) => text.into(),
        Value::Bytes(bytes) => bytes.iter().fold("0x".to_owned(), |text, byte| text + &format!("{byte:02X}")).into(),
        Value::Guid(guid) => guid_text(&guid).into(),
        Value::Time(moment) => moment.odbc().replace(' ', "T").into(),
    }
}
