//! Things in a database that permissions are on.

use std::fmt;

use super::{Contract, Permission, SchemaRow};

/// What a permission is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Securable {
    /// The database itself.
    Database,
    /// A schema.
    Schema(String),
    /// An object, by schema and name.
    Object(String, String),
    /// A contract of Service Broker.
    Contract(String),
}

impl Securable {
    /// Whether a permission is on this.
    pub fn is(&self, permission: &Permission, schemas: &[SchemaRow], contracts: &[Contract]) -> bool {
        let id = permission.major_id;
        let same = |one: &str, other: &str| one.to_lowercase() == other.to_lowercase();
        match self {
            Securable::Database => permission.class_desc == "DATABASE",
            Securable::Schema(name) => {
                permission.class_desc == "SCHEMA" && schemas.iter().any(|it| it.schema_id == id && same(&it.name, name))
            }
            Securable::Contract(name) => {
                permission.class_desc == "SERVICE_CONTRACT"
                    // Names in Service Broker tell letter cases apart (sysname under a binary collation).
                    && contracts.iter().any(|it| it.service_contract_id == id && it.name == *name)
            }
            Securable::Object(schema, name) => {
                permission.class_desc == "OBJECT_OR_COLUMN"
                    && permission.object_schema.as_deref().is_some_and(|it| same(it, schema))
                    && permission.object_name.as_deref().is_some_and(|it| same(it, name))
            }
        }
    }
}

impl fmt::Display for Securable {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Securable::Database => formatter.write_str("the database"),
            Securable::Schema(name) => write!(formatter, "schema {name}"),
            Securable::Object(schema, name) => write!(formatter, "{schema}.{name}"),
            Securable::Contract(name) => write!(formatter, "contract {name}"),
        }
    }
}
