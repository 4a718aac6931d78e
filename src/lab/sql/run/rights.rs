//! What a login may do.

use super::{Carried, Run};
use crate::lab::sql::database::Database;
use crate::lab::sql::error::{denied_in_database, denied_on_server, no_access, no_database};
use crate::lab::sql::reply::SqlError;
use crate::lab::sql::server::{Login, same};
use crate::lab::sql::state::State;

/// Whether a login may use a database.
///
/// # Errors
/// 911 where there is none, 942 where it is not online, 976 and 978 on a secondary replica, 916 where the login has
/// no user in it.
pub fn may_use(state: &State, login: &str, name: &str) -> Result<(), SqlError> {
    let database = state.database(name).ok_or_else(|| no_database(name))?;
    if database.state == "RESTORING" {
        let text = format!("Database '{name}' cannot be opened. It is in the middle of a restore.");
        return Err(SqlError::new(927, 14, text).with_state(2));
    }
    if database.state != "ONLINE" {
        let text = format!("Database '{name}' cannot be opened because it is {}.", database.state.to_lowercase());
        return Err(SqlError::new(942, 14, text).with_state(4));
    }
    match state.secondary_connections(database) {
        Some("NO") => {
            let text = format!(
                "The target database, '{name}', is participating in an availability group and is currently not accessible for queries. Either data movement is suspended or the availability replica is not enabled for read access. To allow read-only access to this and other databases in the availability group, enable read access to one or more secondary availability replicas in the group.  For more information, see the ALTER AVAILABILITY GROUP statement in SQL Server Books Online."
            );
            return Err(SqlError::new(976, 14, text));
        }
        Some("READ_ONLY") => {
            let text = format!(
                "The target database ('{name}') is in an availability group and is currently accessible for connections when the application intent is set to read only. For more information about application intent, see SQL Server Books Online."
            );
            return Err(SqlError::new(978, 14, text));
        }
        _ => {}
    }
    let account = state.content.server.login(login);
    if account.and_then(|login| user_of(state, login, database)).is_some() {
        Ok(())
    } else {
        Err(no_access(login, &database.name))
    }
}

/// The user that a login is in a database; `None` where it has none.
pub(super) fn user_of(state: &State, login: &Login, database: &Database) -> Option<String> {
    if is_sysadmin(login) || login.sid == database.owner_sid {
        return Some("dbo".to_owned());
    }
    let own = database.principals.iter().find(|principal| principal.sid == login.sid && principal.kind != "R");
    if let Some(own) = own {
        return Some(own.name.clone());
    }
    if has_server(login, "CONNECT ANY DATABASE") || has_server(login, "CONTROL SERVER") {
        return Some("public".to_owned());
    }
    let _ = state;
    let guest = database
        .permissions
        .iter()
        .any(|known| known.name == "CONNECT" && same(&known.to, "guest") && known.state != "D");
    guest.then(|| "guest".to_owned())
}

fn is_sysadmin(login: &Login) -> bool {
    login.roles.iter().any(|role| same(role, "sysadmin"))
}

/// Whether a login has a permission on the server, named or through a role.
fn has_server(login: &Login, permission: &str) -> bool {
    if is_sysadmin(login) {
        return true;
    }
    let denied = login.permissions.iter().any(|(name, denied)| *denied && name == permission);
    let granted = |wanted: &str| login.permissions.iter().any(|(name, denied)| !denied && name == wanted);
    let role = |role: &str| login.roles.iter().any(|known| same(known, role));
    let by_role = match permission {
        "CREATE ANY DATABASE" | "ALTER ANY DATABASE" => role("dbcreator"),
        "ALTER ANY LOGIN" => role("securityadmin"),
        "VIEW SERVER STATE" | "ALTER SERVER STATE" | "ALTER SETTINGS" => role("serveradmin"),
        "ADMINISTER BULK OPERATIONS" => role("bulkadmin"),
        "VIEW ANY DATABASE" | "CONNECT SQL" => true,
        _ => false,
    };
    let implied = match permission {
        "CREATE ANY DATABASE" => granted("ALTER ANY DATABASE"),
        "VIEW SERVER STATE" => granted("ALTER SERVER STATE"),
        "VIEW ANY DEFINITION" => granted("ALTER ANY LOGIN") || role("securityadmin"),
        _ => false,
    };
    !denied && (granted(permission) || granted("CONTROL SERVER") || by_role || implied)
}

/// Fixed roles of a database through which a permission comes.
fn role_gives(role: &str, permission: &str) -> bool {
    match role {
        "db_owner" => true,
        "db_ddladmin" => {
            permission.starts_with("CREATE ") || permission == "ALTER ANY SCHEMA" || permission == "REFERENCES"
        }
        "db_securityadmin" => {
            matches!(permission, "ALTER ANY ROLE" | "ALTER ANY APPLICATION ROLE" | "CREATE SCHEMA" | "VIEW DEFINITION")
        }
        "db_accessadmin" => matches!(permission, "ALTER ANY USER" | "CREATE SCHEMA" | "CONNECT"),
        "db_backupoperator" => matches!(permission, "BACKUP DATABASE" | "BACKUP LOG" | "CHECKPOINT"),
        "db_datareader" => permission == "SELECT",
        "db_datawriter" => matches!(permission, "INSERT" | "UPDATE" | "DELETE"),
        _ => false,
    }
}

impl Run<'_> {
    /// The session's login; `None` where somebody dropped it.
    pub(super) fn login(&self) -> Option<&Login> {
        self.state.content.server.login(&self.session.login)
    }

    /// Whether the session may do everything.
    pub(super) fn is_sysadmin(&self) -> bool {
        self.login().is_some_and(is_sysadmin)
    }

    /// Whether the session has a permission on the server.
    pub(super) fn may_on_server(&self, permission: &str) -> bool {
        self.login().is_some_and(|login| has_server(login, permission))
    }

    /// Whether the session has a permission in a database.
    pub(super) fn may_in(&self, database: &Database, permission: &str) -> bool {
        self.may_on(database, permission, "DATABASE", "")
    }

    /// The session's user in a database.
    pub(super) fn user_in(&self, database: &Database) -> Option<String> {
        self.login().and_then(|login| user_of(&self.state, login, database))
    }

    /// Whether the session has a permission on something in a database.
    pub(super) fn may_on(&self, database: &Database, permission: &str, class: &str, on: &str) -> bool {
        let Some(user) = self.user_in(database) else { return false };
        if user == "dbo" {
            return true;
        }
        if permission != "CONTROL" && self.may_on_server("ALTER ANY DATABASE") && permission == "ALTER" {
            return true;
        }
        let names: Vec<&str> = database
            .principals
            .iter()
            .map(|principal| principal.name.as_str())
            .filter(|name| same(name, &user) || same(name, "public") || database.is_member(&user, name))
            .collect();
        if names.iter().any(|name| role_gives(name, permission)) {
            return true;
        }
        let covers = |known: &str| {
            known == permission
                || known == "CONTROL"
                || (known == "ALTER" && (permission.starts_with("CREATE ") || permission.starts_with("ALTER ANY ")))
        };
        // An object's permissions may come from its schema or from the database.
        let schema = on.split_once('.').map(|(schema, _)| schema);
        let on_it = |class_known: &str, on_known: &str| {
            class_known == "DATABASE"
                || (class_known == class && same(on_known, on))
                || (class_known == "SCHEMA" && schema.is_some_and(|schema| same(schema, on_known)))
        };
        let relevant = || {
            database.permissions.iter().filter(|known| {
                names.iter().any(|name| same(name, &known.to)) && covers(&known.name) && on_it(&known.class, &known.on)
            })
        };
        let owns = database.schemas.iter().any(|known| {
            same(&known.owner, &user)
                && (class == "SCHEMA" && same(&known.name, on)
                    || schema.is_some_and(|schema| same(schema, &known.name)))
        });
        !relevant().any(|known| known.state == "D") && (owns || relevant().any(|known| known.state != "D"))
    }

    /// The session must have a permission on the server.
    pub(super) fn need_on_server(&self, permission: &str) -> Carried {
        if self.may_on_server(permission) { Ok(()) } else { Err(denied_on_server(permission).into()) }
    }

    /// The session must have a permission in its current database.
    pub(super) fn need(&self, permission: &str) -> Carried {
        let database = self.current()?;
        if self.may_in(database, permission) {
            return Ok(());
        }
        Err(denied_in_database(permission, &database.name).into())
    }
}
