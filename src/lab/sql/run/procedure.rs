//! Stored procedures.

use super::file::{entries, existence};
use super::{Carried, Run};
use crate::lab::sql::error::incorrect;
use crate::lab::sql::reply::{Column, Reply, Rows, SqlError};
use crate::lab::sql::tsql::{Argument, Expression};
use crate::lab::sql::value::{Type, Value};

impl Run<'_> {
    /// Runs a procedure; whether the batch goes on after it.
    pub(super) fn procedure(&mut self, name: &[String], arguments: &[Argument]) -> Carried<bool> {
        let procedure = name.last().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
        match procedure.as_str() {
            "sp_executesql" => return self.execute_sql(arguments),
            "xp_fileexist" => {
                let path = self.argument(arguments, 0)?.to_text().unwrap_or_default();
                let (file, folder, parent) = existence(self.state.folder.root(), &path);
                let names = ["File Exists", "File is a Directory", "Parent Directory Exists"];
                let columns = names.map(|name| Column { name: name.to_owned(), kind: Type::TinyInt }).to_vec();
                let row = [file, folder, parent].map(|condition| Value::Int(i64::from(condition))).to_vec();
                self.result(columns, vec![row]);
            }
            "xp_dirtree" => self.dirtree(arguments)?,
            "xp_create_subdir" => {
                if !self.is_sysadmin() {
                    return Err(super::super::error::not_permitted().into());
                }
                self.begin_change()?;
                let path = self.argument(arguments, 0)?.to_text().unwrap_or_default();
                let made = super::file::locate(self.state.folder.root(), &path).map(std::fs::create_dir_all);
                if !matches!(made, Some(Ok(()))) {
                    let text = "xp_create_subdir() returned error 3, 'The system cannot find the path specified.'";
                    return Err(SqlError::new(22048, 16, text).into());
                }
                self.done += 1;
                self.count(None);
            }
            "sp_reset_connection" => {
                let database = self.session.database.clone();
                self.session.reset(&database);
            }
            "sp_who2" | "sp_who" => return Err(incorrect(&procedure).into()),
            _ => {
                let text = format!("Could not find stored procedure '{}'.", name.join("."));
                return Err(SqlError::new(2812, 16, text).with_state(62).into());
            }
        }
        Ok(true)
    }

    fn argument(&mut self, arguments: &[Argument], at: usize) -> Carried<Value> {
        match arguments.get(at) {
            Some(argument) => self.evaluate(&argument.value),
            None => Ok(Value::Null),
        }
    }

    fn result(&mut self, columns: Vec<Column>, rows: Vec<Vec<Value>>) {
        let count = u64::try_from(rows.len()).ok();
        self.replies.push(Reply::Rows(Rows { columns, rows }));
        self.count(count);
    }

    fn dirtree(&mut self, arguments: &[Argument]) -> Carried {
        let path = self.argument(arguments, 0)?.to_text().unwrap_or_default();
        let number = |value: Value| match value {
            Value::Int(number) => number,
            _ => 0,
        };
        let levels = number(self.argument(arguments, 1)?);
        let files = number(self.argument(arguments, 2)?) != 0;
        let found = entries(self.state.folder.root(), &path, if levels == 0 { 64 } else { levels });
        let mut columns = vec![
            Column { name: "subdirectory".to_owned(), kind: Type::Text(Some(512)) },
            Column { name: "depth".to_owned(), kind: Type::Int },
        ];
        if files {
            columns.push(Column { name: "file".to_owned(), kind: Type::Int });
        }
        let rows = found.into_iter().filter(|entry| files || entry.folder).map(|entry| {
            let mut row = vec![Value::Text(entry.name), Value::Int(entry.depth)];
            if files {
                row.push(Value::Int(i64::from(!entry.folder)));
            }
            row
        });
        let rows = rows.collect();
        self.result(columns, rows);
        Ok(())
    }

    /// `sp_executesql @stmt, @params, …`: a batch of its own, in which the parameters are its variables.
    fn execute_sql(&mut self, arguments: &[Argument]) -> Carried<bool> {
        let Value::Text(text) = self.argument(arguments, 0)? else {
            let text = "Procedure expects parameter '@statement' of type 'ntext/nchar/nvarchar'.";
            return Err(SqlError::new(214, 16, text).with_state(2).into());
        };
        let mut parameters = Vec::new();
        if let Some(Argument { value: Expression::Text(_) | Expression::Variable(_), .. }) = arguments.get(1) {
            let declared = self.argument(arguments, 1)?.to_text().unwrap_or_default();
            let declared = declarations(&declared)?;
            for (at, (name, kind)) in declared.into_iter().enumerate() {
                let named = arguments
                    .iter()
                    .skip(2)
                    .find(|argument| argument.name.as_deref().is_some_and(|given| given.eq_ignore_ascii_case(&name)));
                let given = named.or_else(|| arguments.get(2 + at).filter(|argument| argument.name.is_none()));
                let Some(given) = given.cloned() else {
                    let text =
                        format!("The parameterized query expects the parameter '{name}', which was not supplied.");
                    return Err(SqlError::new(8178, 16, text).into());
                };
                let value = self.evaluate(&given.value)?;
                let value = super::convert::convert(&value, kind, None)?;
                parameters.push((name.to_lowercase(), (kind, value)));
            }
        }
        self.execute_text(&text, parameters)
    }
}

/// The names and types in a text such as `@a int, @b nvarchar(128)`.
pub fn declarations(text: &str) -> Result<Vec<(String, Type)>, SqlError> {
    use crate::lab::sql::tsql::{Statement, parse};
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let steps = parse(&format!("DECLARE {text}"))?;
    match steps.into_iter().next().map(|step| step.statement) {
        Some(Statement::Declare(variables)) => Ok(variables.into_iter().map(|(name, kind, _)| (name, kind)).collect()),
        _ => Err(incorrect(text)),
    }
}
