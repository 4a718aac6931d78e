//! A host's answers about the instance of SQL Server on it: what the agent would say, as an administrator of the machine.

use std::collections::BTreeMap;

use super::error::{refused, refused_plainly};
use super::model::{Model, Told, told};
use super::sql_connection::{SqlConnection, parameters};
use crate::hostcall::{Access, Refusal, RefusalCode, SqlDone, Text, Write};
use crate::resource::sql::QUERIES;
use crate::value::{FOUND_MARK, quote_name, quote_text};

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
            None => SqlConnection::open(self.instance.as_ref(), &self.computer.computer, instance)?,
        };
        if connection.database() != database {
            connection.run(&format!("USE {}", quote_name(database)), &[])?;
        }
        Ok(self.sql.insert(connection))
    }
}

fn plain(text: &Text) -> Result<&str, Refusal> {
    match text {
        Text::Plain(text) => Ok(text),
        _ => Err(refused_plainly(RefusalCode::Invalid, "a secret came by name and not by value")),
    }
}
