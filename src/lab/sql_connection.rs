//! The connection of a batch of host calls to the instance of SQL Server on the host.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::error::refused_plainly;
use super::sql::{Client, Instance, Kind, Parameter, Reply, Session, Type, Value, guid_text};
use crate::hostcall::{Refusal, RefusalCode, SqlFind, SqlMessage, SqlRows};

/// The most that `nvarchar(n)` holds.
const MAX_SHORT_UNITS: usize = 4000;
/// There is no such object.
const NO_OBJECT: i32 = 208;

/// The connection of a batch of calls.
pub struct SqlConnection {
    instance: Instance,
    session: Session,
}

impl SqlConnection {
    /// As an administrator of the machine, where its instance has the name given; an empty one is that of the default one.
    pub fn open(instance: Option<&Instance>, host: &str, name: &str) -> Result<SqlConnection, Refusal> {
        let none = || refused_plainly(RefusalCode::Unsupported, "there is no instance of SQL Server on this host");
        let instance = instance.cloned().ok_or_else(none)?;
        let server = instance.about().map_err(Refusal::from)?.server_name;
        if !server.split_once('\\').map_or("", |(_, name)| name).eq_ignore_ascii_case(name) {
            return Err(none());
        }
        let client = Client { host: host.to_owned(), program: "farmhand".to_owned(), database: String::new() };
        let session = instance.log_in_windows(&format!(r"{host}\Administrator"), &client);
        let session = session.map_err(|error| Refusal::sql(error.number, error.severity, error.state, error.text))?;
        Ok(SqlConnection { instance, session })
    }

    /// Its current database.
    pub fn database(&self) -> &str {
        self.session.database()
    }

    /// Runs a batch: its first result, and what was said besides.
    pub fn run(&mut self, text: &str, parameters: &[Parameter]) -> Result<(SqlRows, Vec<SqlMessage>), Refusal> {
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
    pub fn find(&mut self, find: &SqlFind) -> Result<String, Refusal> {
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

/// Arguments as parameters of a batch.
pub fn parameters(arguments: &BTreeMap<String, String>) -> Vec<Parameter> {
    let parameter = |(name, text): (&String, &String)| {
        let units = Some(text.encode_utf16().count().max(1)).filter(|units| *units <= MAX_SHORT_UNITS);
        let kind = Type::Text(units.and_then(|units| u16::try_from(units).ok()));
        Parameter { name: format!("@{name}"), kind, value: Value::Text(text.clone()) }
    };
    arguments.iter().map(parameter).collect()
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
