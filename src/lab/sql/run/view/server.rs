//! Sessions, registry, configuration and files.

use super::{Carried, Run, Table, table};
use crate::lab::sql::error::denied_on_server;
use crate::lab::sql::moment::Moment;
use crate::lab::sql::reply::SqlError;
use crate::lab::sql::run::Failure;
use crate::lab::sql::run::file::{entries, existence};
use crate::lab::sql::value::{Type, Value};

impl Run<'_> {
    pub(super) fn sessions(&self) -> Table {
        let all = self.may_on_server("VIEW SERVER STATE");
        let mut rows = Vec::new();
        let mut add = |spid: i64, seen: [&str; 4], since: Moment| {
            let [login, host, program, database] = seen;
            let database = self.state.database(database).map(|database| database.id);
            rows.push(vec![
                Value::Int(spid),
                Value::text(login),
                Value::text(login),
                Value::text(host),
                Value::text(program),
                Value::or_null(database, Value::Int),
                Value::text(if spid == self.session.spid { "running" } else { "sleeping" }),
                Value::Bit(true),
                Value::Time(since),
                Value::Int(4),
            ]);
        };
        let connected = self.shared.connected.all();
        for (spid, seen) in connected.iter().filter(|(spid, _)| all || *spid == self.session.spid) {
            add(*spid, [&seen.login, &seen.host, &seen.program, &seen.database], seen.since);
        }
        // Sessions of other programs have the numbers above those of the lab's clients.
        for (spid, listed) in (201..).zip(self.state.content.server.sessions.iter().filter(|_| all)) {
            let since = self.state.content.server.installed;
            add(spid, [&listed.login, &listed.host, &listed.program, &listed.database], since);
        }
        let columns = &[
            ("session_id", Type::SmallInt),
            ("login_name", Type::NAME),
            ("original_login_name", Type::NAME),
            ("host_name", Type::NAME),
            ("program_name", Type::NAME),
            ("database_id", Type::SmallInt),
            ("status", Type::Text(Some(30))),
            ("is_user_process", Type::Bit),
            ("login_time", Type::Time),
            ("client_version", Type::Int),
        ];
        table(columns, rows)
    }

    pub(super) fn registry(&self) -> Carried<Table> {
        if !self.may_on_server("VIEW SERVER STATE") {
            let plain = SqlError::new(297, 16, "The user does not have permission to perform this action.");
            return Err(Failure::several(vec![denied_on_server("VIEW SERVER STATE"), plain]));
        }
        let server = &self.state.content.server;
        let root = format!(r"HKLM\Software\Microsoft\Microsoft SQL Server\{}\MSSQLServer", server.registry_id());
        let row = |key: String, name: &str, data: Value| vec![Value::Text(key), Value::text(name), data];
        let mut rows = vec![
            row(format!(r"{root}\CurrentVersion"), "CurrentVersion", Value::text(server.version().product.clone())),
            row(format!(r"{root}\SuperSocketNetLib\Tcp\IPAll"), "TcpPort", Value::text("1433")),
        ];
        for (number, argument) in server.startup_arguments.iter().enumerate() {
            rows.push(row(format!(r"{root}\Parameters"), &format!("SQLArg{number}"), Value::text(argument.clone())));
        }
        let columns = &[
            ("registry_key", Type::Text(Some(256))),
            ("value_name", Type::Text(Some(256))),
            ("value_data", Type::Variant),
        ];
        Ok(table(columns, rows))
    }

    /// A function that yields a table; `None` where there is none of that name on this version.
    pub(super) fn function_view(&self, name: &str, arguments: &[Value]) -> Carried<Option<Table>> {
        // Both came with SQL Server 2017.
        if self.state.content.server.version().major() < 14 {
            return Ok(None);
        }
        let text = |at: usize| arguments.get(at).and_then(Value::to_text).unwrap_or_default();
        let host = self.state.folder.root();
        Ok(Some(match (name, arguments.len()) {
            ("dm_os_enumerate_filesystem", 2) => {
                self.need_on_server("VIEW SERVER STATE")?;
                let pattern = text(1).to_lowercase();
                let rows = entries(host, &text(0), 1).into_iter().filter(|entry| matches(&entry.name, &pattern)).map(
                    |entry| {
                        let modified = Moment::parse(&crate::lab::utc::text(entry.modified)).unwrap_or_default();
                        vec![
                            Value::Text(entry.path),
                            Value::Text(entry.name),
                            Value::Int(i64::from(entry.folder)),
                            Value::Int(entry.depth - 1),
                            Value::Int(i64::try_from(entry.length_bytes).unwrap_or(i64::MAX)),
                            Value::Time(modified),
                        ]
                    },
                );
                let columns = &[
                    ("full_filesystem_path", Type::Text(Some(256))),
                    ("file_or_directory_name", Type::Text(Some(256))),
                    ("is_directory", Type::Int),
                    ("level", Type::Int),
                    ("size_in_bytes", Type::BigInt),
                    ("last_write_time", Type::Time),
                ];
                table(columns, rows.collect())
            }
            ("dm_os_file_exists", 1) => {
                let (file, folder, parent) = existence(host, &text(0));
                let bit = |condition: bool| Value::Int(i64::from(condition));
                let columns = &[
                    ("file_exists", Type::Int),
                    ("file_is_a_directory", Type::Int),
                    ("parent_directory_exists", Type::Int),
                ];
                table(columns, vec![vec![bit(file), bit(folder), bit(parent)]])
            }
            _ => return Ok(None),
        }))
    }
}

/// sys.configurations, as far as anybody asks.
pub(super) fn configurations() -> Table {
    let row = |id: i64, name: &str, value: i64| {
        vec![Value::Int(id), Value::text(name), Value::Int(value), Value::Int(value), Value::text(name)]
    };
    let rows = vec![row(16390, "xp_cmdshell", 0), row(16393, "contained database authentication", 0)];
    let columns = &[
        ("configuration_id", Type::Int),
        ("name", Type::Text(Some(35))),
        ("value", Type::Variant),
        ("value_in_use", Type::Variant),
        ("description", Type::Text(Some(255))),
    ];
    table(columns, rows)
}

/// Whether a name fits a pattern of `*` and `?`, in lower case.
fn matches(name: &str, pattern: &str) -> bool {
    fn from(name: &[char], pattern: &[char]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some(('*', rest)) => (0..=name.len()).any(|at| from(&name[at..], rest)),
            Some(('?', rest)) => name.split_first().is_some_and(|(_, name)| from(name, rest)),
            Some((literal, rest)) => {
                name.split_first().is_some_and(|(found, name)| found == literal && from(name, rest))
            }
        }
    }
    let name: Vec<char> = name.to_lowercase().chars().collect();
    from(&name, &pattern.chars().collect::<Vec<char>>())
}
