//! What a host answers of the instance of SQL Server on it, with the rights of whoever administers the host.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::model::{Model, Told, told};
use super::sql::{Client, Column, Instance, Kind, Parameter, Reply, Rows, Session, SqlError, Type, Value, hex_text};
use crate::hostcall::{Refusal, RefusalCode, SqlDone, SqlFind, SqlMessage, SqlRows, Text};
use crate::value::{FOUND_MARK, quote_text};

impl Model {
    /// Answers a question. One that would change something is refused, whatever its text is.
    pub(super) fn sql(&self, database: &str, query: &str, arguments: &BTreeMap<String, String>) -> Result<Json, Refusal> {
        let (instance, mut session) = self.session(database)?;
        told(&ask(&instance, &mut session, query, arguments)?)
    }

    /// Runs a batch, as a batch of its own.
    pub(super) fn run_sql(
        &self,
        database: &str,
        text: &Text,
        arguments: &BTreeMap<String, Text>,
        find: Option<&SqlFind>,
    ) -> Told {
        let (instance, mut session) = self.session(database)?;
        let found = match find {
            None => None,
            Some(find) => Some(one_text(ask(&instance, &mut session, &find.query, &find.arguments)?)?),
        };
        let mut text = plain(text)?.to_owned();
        if let Some(found) = &found {
            text = text.replacen(FOUND_MARK, &quote_text(found), 1);
        }
        let arguments: Result<BTreeMap<String, String>, Refusal> =
            arguments.iter().map(|(name, text)| Ok((name.clone(), plain(text)?.to_owned()))).collect();
        let replies = instance.execute(&mut session, Kind::Host, &text, &parameters(&arguments?));
        let mut messages = Vec::new();
        for reply in replies {
            match reply {
                Reply::Error(error) => return Err(refusal(&error)),
                Reply::Message(SqlError { number, text, .. }) => messages.push(SqlMessage { number, text }),
                _ => {}
            }
        }
        told(&SqlDone { found, messages })
    }

    /// Sets a value in the registry, of which the lab has the startup arguments of its instance alone.
    pub(super) fn set_registry(
        &self,
        key: &str,
        name: &str,
        was: Option<&str>,
        text: Option<&str>,
    ) -> Result<Option<String>, Refusal> {
        let instance = self.instance()?;
        let index: Option<usize> = name.strip_prefix("SQLArg").and_then(|index| index.parse().ok());
        let set = instance.change(|state| {
            let parameters = format!(
                r"HKLM\Software\Microsoft\Microsoft SQL Server\{}\MSSQLServer\Parameters",
                state.content.server.registry_id()
            );
            let list = &mut state.content.server.startup_arguments;
            let Some(index) = index.filter(|index| key.eq_ignore_ascii_case(&parameters) && *index <= list.len()) else {
                return Err(());
            };
            if list.get(index).map(String::as_str) != was {
                return Ok(false);
            }
            match text {
                Some(text) if index == list.len() => list.push(text.to_owned()),
                Some(text) => text.clone_into(&mut list[index]),
                // A value in the middle that goes hides those after it from SQL Server.
                None => list.truncate(index),
            }
            Ok(true)
        });
        match set.map_err(Refusal::from)? {
            Ok(true) => Ok(None),
            Ok(false) => Ok(Some(format!("{key}\\{name}"))),
            Err(()) => {
                let text = format!("the lab's registry has no {key}\\{name}");
                Err(Refusal { code: RefusalCode::Unsupported, text, hresult: None })
            }
        }
    }

    fn instance(&self) -> Result<Instance, Refusal> {
        if Instance::is_in(&self.folder) {
            return Ok(self.sql.clone());
        }
        // SqlClient's own words for nobody there (error 2, named pipes).
        let text = "a network-related or instance-specific error occurred while establishing a connection to SQL Server: \
                    there is no instance on this host";
        Err(Refusal { code: RefusalCode::Unsupported, text: text.to_owned(), hresult: None })
    }

    fn session(&self, database: &str) -> Result<(Instance, Session), Refusal> {
        let instance = self.instance()?;
        let client = Client { host: self.computer.computer.clone(), program: "farmhand".to_owned(), database: String::new() };
        let mut session = instance.log_in_windows(r"LAB\administrator", &client).map_err(|error| refusal(&error))?;
        let change = format!("USE {}", crate::value::quote_name(database));
        let replies = instance.execute(&mut session, Kind::Host, &change, &[]);
        match replies.iter().find_map(error) {
            Some(error) => Err(refusal(error)),
            None => Ok((instance, session)),
        }
    }
}

fn ask(
    instance: &Instance,
    session: &mut Session,
    query: &str,
    arguments: &BTreeMap<String, String>,
) -> Result<SqlRows, Refusal> {
    let replies = instance.execute(session, Kind::Host, query, &parameters(arguments));
    if let Some(error) = replies.iter().find_map(error) {
        return Err(refusal(error));
    }
    let rows = replies.into_iter().find_map(|reply| match reply {
        Reply::Rows(rows) => Some(rows),
        _ => None,
    });
    // A statement such as DBCC TRACESTATUS has no result at all where it has nothing to tell.
    Ok(rows.map(as_told).unwrap_or_default())
}

fn one_text(rows: SqlRows) -> Result<String, Refusal> {
    match rows.rows.into_iter().next().and_then(|row| row.into_iter().next()) {
        Some(Json::String(text)) => Ok(text),
        _ => Err(Refusal {
            code: RefusalCode::Failed,
            text: "what the statement needs was not found on the server".to_owned(),
            hresult: None,
        }),
    }
}

fn parameters(arguments: &BTreeMap<String, String>) -> Vec<Parameter> {
    let parameter = |(name, value): (&String, &String)| Parameter {
        name: format!("@{name}"),
        kind: Type::Text(None),
        value: Value::text(value.clone()),
    };
    arguments.iter().map(parameter).collect()
}

fn as_told(rows: Rows) -> SqlRows {
    let columns = rows.columns.iter().map(|Column { name, .. }| name.to_lowercase()).collect();
    let value = |value: Value| match value {
        Value::Null => Json::Null,
        Value::Bit(on) => Json::Bool(on),
        Value::Int(number) => Json::from(number),
        Value::Time(moment) => Json::from(moment.iso()),
        Value::Bytes(bytes) => Json::from(format!("0x{}", hex_text(&bytes))),
        other => Json::from(other.to_text()),
    };
    SqlRows { columns, rows: rows.rows.into_iter().map(|row| row.into_iter().map(value).collect()).collect() }
}

fn error(reply: &Reply) -> Option<&SqlError> {
    match reply {
        Reply::Error(error) => Some(error),
        _ => None,
    }
}

fn refusal(error: &SqlError) -> Refusal {
    Refusal::sql(error.number, error.severity, error.state, &error.text)
}

fn plain(text: &Text) -> Result<&str, Refusal> {
    match text {
        Text::Plain(text) => Ok(text),
        _ => Err(Refusal {
            code: RefusalCode::Failed,
            text: "a secret came as a reference and not as its value".to_owned(),
            hresult: None,
        }),
    }
}
