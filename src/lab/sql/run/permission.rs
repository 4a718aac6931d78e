//! GRANT, DENY and REVOKE.

use super::{Carried, Run};
use crate::lab::sql::database::{CONTRACTS, Database, Permission};
use crate::lab::sql::error::incorrect;
use crate::lab::sql::reply::SqlError;
use crate::lab::sql::server::same;
use crate::lab::sql::tsql::{PermissionVerb, Securable};

/// Permissions on a database: name and code in sys.database_permissions.
const ON_DATABASE: &[(&str, &str)] = &[
    ("ALTER", "AL"),
    ("ALTER ANY CONTRACT", "ALSC"),
    ("ALTER ANY ROLE", "ALRL"),
    ("ALTER ANY SCHEMA", "ALSM"),
    ("ALTER ANY SERVICE", "ALSV"),
    ("ALTER ANY USER", "ALUS"),
    ("AUTHENTICATE", "AUTH"),
    ("BACKUP DATABASE", "BADB"),
    ("BACKUP LOG", "BALO"),
    ("CHECKPOINT", "CP"),
    ("CONNECT", "CO"),
    ("CONTROL", "CL"),
    ("CREATE CONTRACT", "CRSC"),
    ("CREATE FUNCTION", "CRFN"),
    ("CREATE MESSAGE TYPE", "CRMT"),
    ("CREATE PROCEDURE", "CRPR"),
    ("CREATE QUEUE", "CRQU"),
    ("CREATE ROLE", "CRRL"),
    ("CREATE SCHEMA", "CRSM"),
    ("CREATE SERVICE", "CRSV"),
    ("CREATE TABLE", "CRTB"),
    ("CREATE TYPE", "CRTY"),
    ("CREATE VIEW", "CRVW"),
    ("DELETE", "DL"),
    ("EXECUTE", "EX"),
    ("INSERT", "IN"),
    ("REFERENCES", "RF"),
    ("SELECT", "SL"),
    ("SHOWPLAN", "SPLN"),
    ("SUBSCRIBE QUERY NOTIFICATIONS", "SUQN"),
    ("TAKE OWNERSHIP", "TO"),
    ("UPDATE", "UP"),
    ("VIEW DATABASE STATE", "VWDS"),
    ("VIEW DEFINITION", "VW"),
];

/// Permissions on the server.
const ON_SERVER: &[&str] = &[
    "ADMINISTER BULK OPERATIONS",
    "ALTER ANY CREDENTIAL",
    "ALTER ANY DATABASE",
    "ALTER ANY LOGIN",
    "ALTER SERVER STATE",
    "ALTER SETTINGS",
    "ALTER TRACE",
    "CONNECT ANY DATABASE",
    "CONNECT SQL",
    "CONTROL SERVER",
    "CREATE ANY DATABASE",
    "SHUTDOWN",
    "UNSAFE ASSEMBLY",
    "VIEW ANY DATABASE",
    "VIEW ANY DEFINITION",
    "VIEW SERVER STATE",
    "VIEW SERVER SECURITY STATE",
    "VIEW SERVER PERFORMANCE STATE",
];

/// Permissions on what is in a database, by class.
const ON_CLASS: &[(&str, &str, &[&str])] = &[
    (
        "OBJECT",
        "OBJECT_OR_COLUMN",
        &[
            "ALTER",
            "CONTROL",
            "DELETE",
            "EXECUTE",
            "INSERT",
            "RECEIVE",
            "REFERENCES",
            "SELECT",
            "TAKE OWNERSHIP",
            "UPDATE",
            "VIEW DEFINITION",
        ],
    ),
    (
        "SCHEMA",
        "SCHEMA",
        &[
            "ALTER",
            "CONTROL",
            "DELETE",
            "EXECUTE",
            "INSERT",
            "REFERENCES",
            "SELECT",
            "TAKE OWNERSHIP",
            "UPDATE",
            "VIEW DEFINITION",
        ],
    ),
    ("CONTRACT", "SERVICE_CONTRACT", &["ALTER", "CONTROL", "REFERENCES", "TAKE OWNERSHIP", "VIEW DEFINITION"]),
    ("TYPE", "TYPE", &["CONTROL", "EXECUTE", "REFERENCES", "TAKE OWNERSHIP", "VIEW DEFINITION"]),
    ("SERVICE", "SERVICE", &["ALTER", "CONTROL", "SEND", "TAKE OWNERSHIP", "VIEW DEFINITION"]),
    ("USER", "DATABASE_PRINCIPAL", &["ALTER", "CONTROL", "IMPERSONATE", "VIEW DEFINITION"]),
    ("ROLE", "DATABASE_PRINCIPAL", &["ALTER", "CONTROL", "TAKE OWNERSHIP", "VIEW DEFINITION"]),
];

/// `type` of a permission in sys.database_permissions.
pub fn code(permission: &str) -> &'static str {
    match permission {
        "RECEIVE" => "RC",
        "SEND" => "SN",
        "IMPERSONATE" => "IM",
        other => ON_DATABASE.iter().find(|(known, _)| *known == other).map_or("", |(_, code)| code),
    }
}

/// 15151, as GRANT says it.
fn cannot_find(what: &str, name: &str) -> SqlError {
    let text = format!("Cannot find the {what} '{name}', because it does not exist or you do not have permission.");
    SqlError::new(15151, 16, text)
}

impl Run<'_> {
    pub(super) fn permission(
        &mut self,
        verb: PermissionVerb,
        permissions: &[String],
        on: Option<&Securable>,
        principals: &[String],
        with_grant: bool,
    ) -> Carried {
        let database = self.current()?;
        let (class, name, major_id) = match on {
            Some(on) if on.class == "LOGIN" || on.class == "ENDPOINT" => return Err(incorrect(&on.class).into()),
            Some(on) if on.class == "DATABASE" => {
                let named = on.name.last().cloned().unwrap_or_default();
                if !same(&named, &database.name) {
                    let text = "You can only grant or revoke permissions on the current database.";
                    return Err(SqlError::new(4610, 16, text).into());
                }
                ("DATABASE", String::new(), 0)
            }
            Some(on) => securable(database, on)?,
            None => {
                let of_server = permissions.iter().all(|permission| ON_SERVER.contains(&permission.as_str()));
                if of_server {
                    return self.server_permission(verb, permissions, principals);
                }
                ("DATABASE", String::new(), 0)
            }
        };
        let asked = on.map_or("DATABASE", |on| on.class.as_str());
        for permission in permissions {
            let known = if class == "DATABASE" {
                ON_DATABASE.iter().any(|(known, _)| known == permission)
            } else {
                let allowed = ON_CLASS.iter().find(|(known, _, _)| *known == asked);
                allowed.is_some_and(|(_, _, allowed)| allowed.contains(&permission.as_str()))
            };
            if !known {
                let elsewhere =
                    ON_DATABASE.iter().any(|(known, _)| known == permission) || !code(permission).is_empty();
                if elsewhere {
                    let text = format!("Granted or revoked privilege {permission} is not compatible with object.");
                    return Err(SqlError::new(4606, 16, text).into());
                }
                return Err(incorrect(permission).into());
            }
        }
        let mut to = Vec::new();
        for principal in principals {
            let found = database.principal(principal).ok_or_else(|| cannot_find("user", principal))?;
            // Those who may everything are given nothing.
            if found.fixed && found.id != 0 || matches!(found.id, 1 | 3 | 4) {
                let text = "Cannot grant, deny, or revoke permissions to sa, dbo, entity owner, information_schema, sys, or yourself.";
                return Err(SqlError::new(4617, 16, text).into());
            }
            to.push(found.name.clone());
        }
        if !self.may_on(database, "CONTROL", class, &name) && !self.may_in(database, "CONTROL") {
            let text = if class == "DATABASE" {
                "Grantor does not have GRANT permission.".to_owned()
            } else {
                cannot_find("object", &name).text
            };
            return Err(SqlError::new(if class == "DATABASE" { 4613 } else { 15151 }, 16, text).into());
        }
        let state = match verb {
            PermissionVerb::Deny => "D",
            _ if with_grant => "W",
            _ => "G",
        };
        let database = self.current_mut()?;
        for to in to {
            for permission in permissions {
                let is_it = |known: &Permission| {
                    known.name == *permission && known.class == class && same(&known.on, &name) && same(&known.to, &to)
                };
                database.permissions.retain(|known| !is_it(known));
                if verb != PermissionVerb::Revoke {
                    database.permissions.push(Permission {
                        state: state.to_owned(),
                        name: permission.clone(),
                        class: class.to_owned(),
                        on: name.clone(),
                        major_id,
                        to: to.clone(),
                    });
                }
            }
        }
        Ok(())
    }
}

/// The class, name and id of what a permission is on.
fn securable(database: &Database, on: &Securable) -> Result<(&'static str, String, i64), SqlError> {
    let shown = on.name.join(".");
    let last = on.name.last().cloned().unwrap_or_default();
    let class = ON_CLASS.iter().find(|(known, _, _)| *known == on.class).map(|(_, class, _)| *class);
    let class = class.ok_or_else(|| incorrect(&on.class))?;
    match on.class.as_str() {
        "OBJECT" => {
            let schema =
                on.name.len().checked_sub(2).and_then(|at| on.name.get(at)).filter(|schema| !schema.is_empty());
            let object = database.object(Some(schema.map_or("dbo", String::as_str)), &last);
            let object = object.ok_or_else(|| cannot_find("object", &last))?;
            Ok((class, format!("{}.{}", object.schema, object.name), object.id))
        }
        "SCHEMA" => {
            let schema = database.schema(&last).ok_or_else(|| cannot_find("schema", &last))?;
            Ok((class, schema.name.clone(), schema.id))
        }
        "CONTRACT" => {
            // Names of contracts are compared byte by byte.
            let contract =
                CONTRACTS.iter().find(|(_, name)| *name == last).ok_or_else(|| cannot_find("contract", &shown))?;
            Ok((class, contract.1.to_owned(), contract.0))
        }
        "USER" | "ROLE" => {
            let principal = database.principal(&last).ok_or_else(|| cannot_find("user", &last))?;
            Ok((class, principal.name.clone(), principal.id))
        }
        _ => Err(cannot_find(&on.class.to_lowercase(), &shown)),
    }
}
