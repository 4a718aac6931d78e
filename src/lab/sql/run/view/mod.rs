//! Catalog views and functions.

mod broker;
mod database;
mod group;
mod key;
mod permission;
mod principal;
mod server;
mod user;

use super::table::{Table, table};
use super::{Carried, Run};
use crate::lab::sql::database::Database;
use crate::lab::sql::reply::SqlError;
use crate::lab::sql::tsql::ObjectName;
use crate::lab::sql::value::{Type, Value, hex_bytes};

/// `nvarchar(60)`, the type of all descriptions.
const DESC: Type = Type::Text(Some(60));
/// `char(1)` to `char(4)`, the types of all codes.
const CODE: Type = Type::Text(Some(4));
/// `varbinary(85)`.
const SID: Type = Type::Bytes(Some(85));

impl Run<'_> {
    /// A view of the catalog, or a function that yields one.
    pub(super) fn view(&mut self, name: &ObjectName, arguments: Option<&[Value]>) -> Carried<Table> {
        let unknown = || SqlError::new(208, 16, format!("Invalid object name '{}'.", name.join(".")));
        let (database, schema, view) = match name.as_slice() {
            [schema, view] => (self.session.database.clone(), schema, view),
            [database, schema, view] => (database.clone(), schema, view),
            _ => return Err(unknown().into()),
        };
        if !schema.eq_ignore_ascii_case("sys") {
            return Err(unknown().into());
        }
        super::may_use(&self.state, &self.session.login, &database)?;
        let view = view.to_ascii_lowercase();
        if let Some(arguments) = arguments {
            return self.function_view(&view, arguments)?.ok_or_else(|| unknown().into());
        }
        if let Some(table) = self.server_view(&view)? {
            return Ok(table);
        }
        let database = self.state.database(&database).ok_or_else(unknown)?;
        self.database_view(database, &view).ok_or_else(|| unknown().into())
    }

    fn server_view(&self, view: &str) -> Carried<Option<Table>> {
        Ok(Some(match view {
            "databases" => self.databases(),
            "database_mirroring" => self.database_mirroring(),
            "server_principals" | "sql_logins" => self.server_principals(view == "sql_logins"),
            "server_role_members" => self.server_role_members(),
            "server_permissions" => self.server_permissions(),
            "dm_exec_sessions" => self.sessions(),
            "dm_server_registry" => self.registry()?,
            "configurations" => server::configurations(),
            "dm_hadr_availability_replica_states" => self.replica_states()?,
            "availability_replicas" => self.replicas(),
            "availability_groups" => self.groups(),
            _ => return Ok(None),
        }))
    }

    fn database_view(&self, database: &Database, view: &str) -> Option<Table> {
        Some(match view {
            "symmetric_keys" => self.symmetric_keys(database),
            "key_encryptions" => self.key_encryptions(database),
            "database_principals" => user::principals(database),
            "database_role_members" => user::role_members(database),
            "database_permissions" => user::permissions(database),
            "schemas" => user::schemas(database),
            "objects" | "all_objects" | "tables" => user::objects(database, view),
            "service_contracts" => broker::contracts(),
            "service_queues" => broker::queues(database),
            "services" => broker::services(),
            "dm_qn_subscriptions" | "transmission_queue" | "conversation_endpoints" => broker::empty(view),
            _ => return None,
        })
    }
}

/// The bytes of a SID, or NULL.
fn sid(hexadecimal: &str) -> Value {
    match hex_bytes(hexadecimal) {
        Some(bytes) if !bytes.is_empty() => Value::Bytes(bytes),
        _ => Value::Null,
    }
}

/// A GUID's value, or NULL.
fn guid(text: &str) -> Value {
    Value::or_null(uuid::Uuid::parse_str(text).ok(), Value::Guid)
}
