//! Functions.

use super::rights::user_of;
use super::text::{hash, text_function};
use super::{Carried, Run};
use crate::lab::sql::database::Database;
use crate::lab::sql::reply::SqlError;
use crate::lab::sql::server::{SERVER_ROLES, same};
use crate::lab::sql::tsql::ObjectName;
use crate::lab::sql::value::{Type, Value, hex_bytes};

/// What functions yield. `None` for the type of the first argument.
const FUNCTIONS: &[(&str, Option<Type>, usize, usize)] = &[
    ("SERVERPROPERTY", Some(Type::Variant), 1, 1),
    ("DATABASEPROPERTYEX", Some(Type::Variant), 2, 2),
    ("SESSIONPROPERTY", Some(Type::Variant), 1, 1),
    ("CONNECTIONPROPERTY", Some(Type::Variant), 1, 1),
    ("DB_ID", Some(Type::SmallInt), 0, 1),
    ("DB_NAME", Some(Type::NAME), 0, 1),
    ("ORIGINAL_DB_NAME", Some(Type::NAME), 0, 0),
    ("SUSER_SNAME", Some(Type::NAME), 0, 1),
    ("SUSER_NAME", Some(Type::NAME), 0, 1),
    ("SYSTEM_USER", Some(Type::NAME), 0, 0),
    ("ORIGINAL_LOGIN", Some(Type::NAME), 0, 0),
    ("SUSER_ID", Some(Type::Int), 0, 1),
    ("SUSER_SID", Some(Type::Bytes(Some(85))), 0, 2),
    ("USER_NAME", Some(Type::NAME), 0, 1),
    ("USER_ID", Some(Type::Int), 0, 1),
    ("DATABASE_PRINCIPAL_ID", Some(Type::Int), 0, 1),
    ("SCHEMA_NAME", Some(Type::NAME), 0, 1),
    ("SCHEMA_ID", Some(Type::Int), 0, 1),
    ("OBJECT_ID", Some(Type::Int), 1, 2),
    ("OBJECT_NAME", Some(Type::NAME), 1, 2),
    ("OBJECT_SCHEMA_NAME", Some(Type::NAME), 1, 2),
    ("IS_SRVROLEMEMBER", Some(Type::Int), 1, 2),
    ("IS_MEMBER", Some(Type::Int), 1, 1),
    ("IS_ROLEMEMBER", Some(Type::Int), 1, 2),
    ("HAS_PERMS_BY_NAME", Some(Type::Int), 3, 5),
    ("HAS_DBACCESS", Some(Type::Int), 1, 1),
    ("HOST_NAME", Some(Type::NAME), 0, 0),
    ("APP_NAME", Some(Type::NAME), 0, 0),
    ("ISNULL", None, 2, 2),
    ("COALESCE", None, 1, 99),
    ("NULLIF", None, 2, 2),
    ("CONCAT", Some(Type::Text(Some(4000))), 2, 254),
    ("QUOTENAME", Some(Type::Text(Some(258))), 1, 2),
    ("REPLACE", Some(Type::Text(None)), 3, 3),
    ("UPPER", Some(Type::Text(Some(4000))), 1, 1),
    ("LOWER", Some(Type::Text(Some(4000))), 1, 1),
    ("LTRIM", Some(Type::Text(Some(4000))), 1, 1),
    ("RTRIM", Some(Type::Text(Some(4000))), 1, 1),
    ("LEFT", Some(Type::Text(Some(4000))), 2, 2),
    ("RIGHT", Some(Type::Text(Some(4000))), 2, 2),
    ("SUBSTRING", Some(Type::Text(Some(4000))), 3, 3),
    ("LEN", Some(Type::Int), 1, 1),
    ("DATALENGTH", Some(Type::Int), 1, 1),
    ("CHARINDEX", Some(Type::Int), 2, 2),
    ("HASHBYTES", Some(Type::Bytes(Some(8000))), 2, 2),
    ("NEWID", Some(Type::Guid), 0, 0),
    ("GETDATE", Some(Type::Time), 0, 0),
    ("GETUTCDATE", Some(Type::Time), 0, 0),
    ("SYSDATETIME", Some(Type::Time), 0, 0),
    ("SYSUTCDATETIME", Some(Type::Time), 0, 0),
    ("XACT_STATE", Some(Type::SmallInt), 0, 0),
];

/// What a function yields.
///
/// # Errors
/// 195 for one that is not known, 174 for the wrong number of arguments.
pub fn type_of(name: &ObjectName, arguments: &[Type]) -> Result<Type, SqlError> {
    let shown = name.last().cloned().unwrap_or_default();
    let known = FUNCTIONS.iter().find(|(known, ..)| name.len() == 1 && known.eq_ignore_ascii_case(&shown));
    let Some((_, kind, least, most)) = known else {
        let text = format!("'{shown}' is not a recognized built-in function name.");
        return Err(SqlError::new(195, 15, text).with_state(10));
    };
    if !(*least..=*most).contains(&arguments.len()) {
        let text = format!("The {} function requires {least} argument(s).", shown.to_lowercase());
        return Err(SqlError::new(174, 15, text));
    }
    Ok(kind.or_else(|| arguments.first().copied()).unwrap_or(Type::Variant))
}

impl Run<'_> {
    /// The value of a function, and its type.
    pub(super) fn call(&mut self, name: &ObjectName, arguments: &[Value]) -> Carried<(Type, Value)> {
        let kinds: Vec<Type> = arguments.iter().map(Value::natural_type).collect();
        let kind = type_of(name, &kinds)?;
        let upper = name.last().map(|name| name.to_ascii_uppercase()).unwrap_or_default();
        let first = arguments.first().unwrap_or(&Value::Null);
        let text = first.to_text();
        let value = match upper.as_str() {
            "SERVERPROPERTY" => self.server_property(text.as_deref().unwrap_or_default()),
            "DATABASEPROPERTYEX" => {
                let property = arguments.get(1).and_then(Value::to_text).unwrap_or_default();
                self.database_property(text.as_deref().unwrap_or_default(), &property)
            }
            "ISNULL" | "COALESCE" => {
                arguments.iter().find(|value| **value != Value::Null).cloned().unwrap_or(Value::Null)
            }
            "NULLIF" => match arguments.get(1) {
                Some(second) if super::convert::compare(first, second)?.is_some_and(std::cmp::Ordering::is_eq) => {
                    Value::Null
                }
                _ => first.clone(),
            },
            "NEWID" => Value::Guid(uuid::Uuid::new_v4()),
            "GETDATE" | "GETUTCDATE" | "SYSDATETIME" | "SYSUTCDATETIME" => Value::Time(self.state.now()),
            "XACT_STATE" => Value::Int(i64::from(self.session.transaction.is_some())),
            "HOST_NAME" | "APP_NAME" => {
                let own = self.shared.connected.all().into_iter().find(|(spid, _)| *spid == self.session.spid);
                Value::or_null(own, |(_, seen)| Value::Text(if upper == "APP_NAME" { seen.program } else { seen.host }))
            }
            "SESSIONPROPERTY" => Value::Int(1),
            "CONNECTIONPROPERTY" => match text.as_deref().map(str::to_lowercase).as_deref() {
                Some("net_transport") => Value::text("TCP"),
                Some("protocol_type") => Value::text("TSQL"),
                Some("auth_scheme") => Value::text("SQL"),
                _ => Value::Null,
            },
            "HASHBYTES" => hash(text.as_deref().unwrap_or_default(), arguments.get(1).unwrap_or(&Value::Null)),
            other => match self.principal_function(other, arguments) {
                Some(value) => value,
                None => text_function(other, arguments)?,
            },
        };
        Ok((kind, value))
    }

    fn named_database(&self, value: Option<&Value>) -> Option<&Database> {
        match value {
            None => self.state.database(&self.session.database),
            Some(Value::Int(id)) => self.state.content.databases.iter().find(|database| database.id == *id),
            Some(value) => value.to_text().and_then(|name| self.state.database(&name)),
        }
    }

    fn principal_function(&self, name: &str, arguments: &[Value]) -> Option<Value> {
        let server = &self.state.content.server;
        let first = arguments.first();
        let text = first.and_then(Value::to_text);
        let database = self.state.database(&self.session.database)?;
        let number = |id: Option<i64>| Value::or_null(id, Value::Int);
        let name_or_null = |name: Option<String>| Value::or_null(name, Value::Text);
        let one = |condition: bool| Value::Int(i64::from(condition));
        Some(match name {
            "DB_ID" => number(self.named_database(first).map(|database| database.id)),
            "DB_NAME" => name_or_null(self.named_database(first).map(|database| database.name.clone())),
            "ORIGINAL_DB_NAME" => Value::text(self.session.database.clone()),
            "SYSTEM_USER" => Value::text(self.session.login.clone()),
            "ORIGINAL_LOGIN" => Value::text(self.session.impersonators.first().unwrap_or(&self.session.login).clone()),
            "SUSER_SNAME" | "SUSER_NAME" => match first {
                None => Value::text(self.session.login.clone()),
                Some(Value::Bytes(sid)) => name_or_null(self.sid_name(&super::super::value::hex_text(sid))),
                Some(Value::Int(id)) => {
                    name_or_null(server.logins.iter().find(|login| login.id == *id).map(|login| login.name.clone()))
                }
                Some(_) => Value::Null,
            },
            "SUSER_ID" => {
                let name = text.unwrap_or_else(|| self.session.login.clone());
                let role = SERVER_ROLES.iter().find(|(role, _)| same(role, &name)).map(|(_, id)| *id);
                number(server.login(&name).map(|login| login.id).or(role))
            }
            "SUSER_SID" => {
                let name = text.unwrap_or_else(|| self.session.login.clone());
                let sid = server.login(&name).map(|login| login.sid.clone()).or_else(|| self.windows_sid(&name));
                Value::or_null(sid.and_then(|sid| hex_bytes(&sid)), Value::Bytes)
            }
            "USER_NAME" => match first {
                None => name_or_null(self.login().and_then(|login| user_of(&self.state, login, database))),
                Some(_) => name_or_null(principal_by_id(database, first)),
            },
            "USER_ID" | "DATABASE_PRINCIPAL_ID" => {
                let name = text.or_else(|| self.user_in(database));
                number(name.and_then(|name| database.principal(&name)).map(|principal| principal.id))
            }
            "SCHEMA_NAME" => match first {
                None => {
                    let user = self.user_in(database).and_then(|user| database.principal(&user));
                    name_or_null(user.and_then(|user| user.default_schema.clone()).or_else(|| Some("dbo".to_owned())))
                }
                Some(id) => {
                    let found = database.schemas.iter().find(|schema| Value::Int(schema.id) == *id);
                    name_or_null(found.map(|schema| schema.name.clone()))
                }
            },
            "SCHEMA_ID" => number(database.schema(text.as_deref().unwrap_or("dbo")).map(|schema| schema.id)),
            "OBJECT_ID" => number(self.object_id(&text.unwrap_or_default())),
            "OBJECT_NAME" | "OBJECT_SCHEMA_NAME" => {
                let database = arguments.get(1).map_or(Some(database), |id| self.named_database(Some(id)))?;
                let found = database.objects.iter().find(|object| Some(&Value::Int(object.id)) == first);
                let of = |object: &super::super::database::Object| {
                    if name == "OBJECT_NAME" { object.name.clone() } else { object.schema.clone() }
                };
                name_or_null(found.map(of))
            }
            "IS_SRVROLEMEMBER" => {
                let role = text.unwrap_or_default();
                let login = arguments.get(1).and_then(Value::to_text).unwrap_or_else(|| self.session.login.clone());
                match (SERVER_ROLES.iter().any(|(known, _)| same(known, &role)), server.login(&login)) {
                    (true, Some(login)) => {
                        one(role.eq_ignore_ascii_case("public") || login.roles.iter().any(|known| same(known, &role)))
                    }
                    _ => Value::Null,
                }
            }
            "IS_MEMBER" | "IS_ROLEMEMBER" => {
                let role = text.unwrap_or_default();
                let user =
                    arguments.get(1).and_then(Value::to_text).or_else(|| self.user_in(database)).unwrap_or_default();
                let is = database.is_member(&user, &role) || (same(&user, "dbo") && same(&role, "db_owner"));
                if database.principal(&role).is_some() { one(is) } else { Value::Null }
            }
            "HAS_DBACCESS" => {
                let name = text.unwrap_or_default();
                match self.state.database(&name) {
                    Some(_) => one(super::may_use(&self.state, &self.session.login, &name).is_ok()),
                    None => Value::Null,
                }
            }
            "HAS_PERMS_BY_NAME" => self.has_permissions(database, arguments),
            _ => return None,
        })
    }

    fn has_permissions(&self, database: &Database, arguments: &[Value]) -> Value {
        let text = |at: usize| arguments.get(at).and_then(Value::to_text);
        let (Some(permission), securable) = (text(2).map(|permission| permission.to_ascii_uppercase()), text(0)) else {
            return Value::Null;
        };
        let class = text(1).map(|class| class.to_ascii_uppercase());
        let may = match (class.as_deref(), securable) {
            (None | Some("SERVER"), _) => Some(self.may_on_server(&permission)),
            (Some("DATABASE"), None) => Some(self.may_in(database, &permission)),
            (Some("DATABASE"), Some(name)) => {
                let name = unquoted(&name).pop().unwrap_or_default();
                self.state.database(&name).map(|database| self.may_in(database, &permission))
            }
            (Some(class), Some(name)) => {
                let class = if class == "CONTRACT" { "SERVICE_CONTRACT" } else { class };
                let class = if class == "OBJECT" { "OBJECT_OR_COLUMN" } else { class };
                let parts = if class == "OBJECT_OR_COLUMN" { unquoted(&name) } else { vec![unquoted_one(&name)] };
                let on = match (class, parts.as_slice()) {
                    ("OBJECT_OR_COLUMN", [name]) => format!("dbo.{name}"),
                    (_, parts) => parts.join("."),
                };
                Some(self.may_on(database, &permission, class, &on))
            }
            (Some(_), None) => None,
        };
        Value::or_null(may, |may| Value::Int(i64::from(may)))
    }

    /// Who has a SID, as far as SQL Server and Windows know.
    fn sid_name(&self, sid: &str) -> Option<String> {
        if let Some(known) = self.state.content.server.sid_name(sid) {
            return Some(known.to_owned());
        }
        let mut names = self.state.directory.accounts.keys();
        names.find(|name| self.windows_sid(name).as_deref() == Some(sid)).cloned()
    }

    /// The binary SID of a Windows account, in hexadecimal.
    pub(super) fn windows_sid(&self, name: &str) -> Option<String> {
        // SQL Server takes DOMAIN\name alone.
        if !name.contains('\\') {
            return None;
        }
        let account = self.state.directory.account(&self.state.computer, &[], name)?;
        Some(super::convert::binary_sid(&account.sid))
    }

    fn object_id(&self, name: &str) -> Option<i64> {
        let parts = unquoted(name);
        let (object, rest) = parts.split_last()?;
        let (database, schema) = match rest {
            [] => (None, None),
            [schema] => (None, Some(schema)),
            [database, schema] => (Some(database), Some(schema)),
            _ => return None,
        };
        let database = self.state.database(database.unwrap_or(&self.session.database))?;
        let schema = schema.filter(|schema| !schema.is_empty()).map_or("dbo", String::as_str);
        database.object(Some(schema), object).map(|object| object.id)
    }

    /// A global variable and its type.
    pub(super) fn global(&self, name: &str) -> Carried<(Type, Value)> {
        let server = &self.state.content.server;
        let version = server.version();
        Ok(match name.to_ascii_uppercase().as_str() {
            "@@VERSION" => {
                let edition = server.edition.title();
                let text = format!(
                    "{} \n\tCopyright (C) Microsoft Corporation\n\t{edition} on Windows Server\n",
                    version.title
                );
                (Type::Text(Some(300)), Value::Text(text))
            }
            "@@SERVERNAME" => (Type::NAME, Value::Text(self.state.server_name())),
            "@@SERVICENAME" => {
                (Type::NAME, Value::text(server.instance.clone().unwrap_or_else(|| "MSSQLSERVER".to_owned())))
            }
            "@@SPID" => (Type::SmallInt, Value::Int(self.session.spid)),
            "@@TRANCOUNT" => {
                let depth = self.session.transaction.as_ref().map_or(0, |open| i64::from(open.depth));
                (Type::Int, Value::Int(depth))
            }
            "@@ROWCOUNT" => (Type::Int, Value::Int(self.row_count)),
            "@@ERROR" => (Type::Int, Value::Int(0)),
            "@@LANGUAGE" => (Type::NAME, Value::text("us_english")),
            "@@LOCK_TIMEOUT" => (Type::Int, Value::Int(self.session.lock_timeout_millis)),
            "@@MICROSOFTVERSION" => {
                let [major, minor, build, _] = version.parts();
                (Type::Int, Value::Int(major << 24 | minor << 16 | build))
            }
            "@@MAX_PRECISION" => (Type::TinyInt, Value::Int(38)),
            "@@OPTIONS" => (Type::Int, Value::Int(5496)),
            _ => return Err(super::step::undeclared(name).into()),
        })
    }
}

fn principal_by_id(database: &Database, id: Option<&Value>) -> Option<String> {
    let found = database.principals.iter().find(|principal| Some(&Value::Int(principal.id)) == id);
    found.map(|principal| principal.name.clone())
}

/// The parts of a name that is a text, quoted or not.
pub(super) fn unquoted(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = name.chars().peekable();
    while let Some(character) = characters.next() {
        let Some(part) = parts.last_mut() else { break };
        match character {
            '[' if part.is_empty() => {
                while let Some(inner) = characters.next() {
                    if inner != ']' {
                        part.push(inner);
                    } else if characters.peek() == Some(&']') {
                        characters.next();
                        part.push(']');
                    } else {
                        break;
                    }
                }
            }
            '.' => parts.push(String::new()),
            other => part.push(other),
        }
    }
    parts
}

/// A name that is a text and has one part, whatever points it holds.
fn unquoted_one(name: &str) -> String {
    match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(inner) => inner.replace("]]", "]"),
        None => name.to_owned(),
    }
}
