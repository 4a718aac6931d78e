//! CREATE, ALTER and DROP DATABASE.

use super::{Carried, Failure, Run};
use crate::lab::sql::database::Database;
use crate::lab::sql::error::{
    alter_failed, denied_in_database, in_group, in_transaction, lock_timeout, no_database, not_found, not_in_azure,
    read_only,
};
use crate::lab::sql::key::new_guid;
use crate::lab::sql::reply::SqlError;
use crate::lab::sql::server::same;
use crate::lab::sql::tsql::{DatabaseChange, Termination};
use crate::lab::sql::versions::Edition;

/// Collations that exist have one of these beginnings and say whether letter case counts.
fn is_collation(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let known = [
        "sql_",
        "latin1_general",
        "japanese_",
        "finnish_swedish_",
        "french_",
        "danish_norwegian_",
        "modern_spanish_",
        "polish_",
        "czech_",
        "turkish_",
        "cyrillic_general_",
        "chinese_",
        "korean_",
        "greek_",
        "hebrew_",
        "arabic_",
    ];
    known.iter().any(|start| name.starts_with(start))
        && (name.contains("_ci") || name.contains("_cs") || name.contains("_bin"))
}

fn no_collation(name: &str) -> SqlError {
    SqlError::new(448, 16, format!("Invalid collation '{name}'."))
}

impl Run<'_> {
    fn outside_transaction(&self, statement: &str) -> Carried {
        if self.session.transaction.is_some() { Err(in_transaction(statement).into()) } else { Ok(()) }
    }

    pub(super) fn create_database(&mut self, name: &str, collation: Option<&str>) -> Carried {
        self.outside_transaction("CREATE DATABASE")?;
        if !self.may_on_server("CREATE ANY DATABASE") {
            return Err(denied_in_database("CREATE DATABASE", "master").into());
        }
        if self.state.database(name).is_some() {
            let text = format!("Database '{name}' already exists. Choose a different database name.");
            return Err(SqlError::new(1801, 16, text).with_state(3).into());
        }
        if let Some(unknown) = collation.filter(|collation| !is_collation(collation)) {
            return Err(no_collation(unknown).into());
        }
        let server = &self.state.content.server;
        let collation = collation.unwrap_or(&server.collation).to_owned();
        let (compatibility, now) = (server.version().compatibility, self.state.now());
        let mut database = Database::new(name, self.free_id(), &collation, compatibility, now);
        // A new database is a copy of model in what model was given, but for its broker.
        if let Some(model) = self.state.database("model") {
            database.recovery.clone_from(&model.recovery);
            database.auto_close = model.auto_close || self.state.content.server.edition == Edition::Express;
            database.read_committed_snapshot = model.read_committed_snapshot;
        }
        database.owner_sid = self.login().map(|login| login.sid.clone()).unwrap_or_default();
        self.state.content.databases.push(database);
        Ok(())
    }

    /// The least number that no database has.
    pub(super) fn free_id(&self) -> i64 {
        (5..=i64::from(i16::MAX))
            .find(|id| self.state.content.databases.iter().all(|database| database.id != *id))
            .unwrap_or(i64::MAX)
    }

    pub(super) fn drop_databases(&mut self, names: &[String], if_exists: bool) -> Carried {
        self.outside_transaction("DROP DATABASE")?;
        for name in names {
            let Some(database) = self.state.database(name) else {
                if if_exists {
                    continue;
                }
                let text = format!(
                    "Cannot drop the database '{name}', because it does not exist or you do not have permission."
                );
                return Err(SqlError::new(3701, 11, text).into());
            };
            if database.is_system() {
                let text = format!("Cannot drop database '{name}' because it is a system database.");
                return Err(SqlError::new(3708, 16, text).into());
            }
            if !self.may_in(database, "CONTROL") {
                let text = format!(
                    "Cannot drop the database '{name}', because it does not exist or you do not have permission."
                );
                return Err(SqlError::new(3701, 14, text).into());
            }
            if database.group.is_some() {
                let text = format!(
                    "The database '{name}' is currently joined to an availability group.  Before you can drop the database, you need to remove it from the availability group."
                );
                return Err(SqlError::new(3752, 16, text).into());
            }
            let here = same(&self.session.database, name);
            if here || !self.others_in(name).is_empty() {
                let text = format!("Cannot drop database \"{name}\" because it is currently in use.");
                return Err(SqlError::new(3702, 16, text).with_state(if here { 3 } else { 4 }).into());
            }
            self.state.content.databases.retain(|database| !same(&database.name, name));
        }
        Ok(())
    }

    /// Other sessions in a database, by number; listed ones have the number 0.
    fn others_in(&self, database: &str) -> Vec<i64> {
        let connected = self.shared.connected.all().into_iter();
        let connected = connected.filter(|(spid, seen)| *spid != self.session.spid && same(&seen.database, database));
        let listed = self.state.content.server.sessions.iter().filter(|listed| same(&listed.database, database));
        connected.map(|(spid, _)| spid).chain(listed.map(|_| 0)).collect()
    }

    pub(super) fn alter_database(
        &mut self,
        name: &str,
        changes: &[DatabaseChange],
        termination: Termination,
    ) -> Carried {
        self.outside_transaction("ALTER DATABASE")?;
        let failed = |error: SqlError| Failure::several(vec![error, alter_failed()]);
        let database = self.state.database(name).ok_or_else(|| {
            // Whether it is there is told to nobody who could not alter it.
            let text = format!("User does not have permission to alter database '{name}', the database does not exist, or the database is not in a state that allows access checks.");
            failed(SqlError::new(5011, 14, text).with_state(5))
        })?;
        if !self.may_in(database, "ALTER") {
            let text = format!(
                "User does not have permission to alter database '{name}', the database does not exist, or the database is not in a state that allows access checks."
            );
            return Err(failed(SqlError::new(5011, 14, text).with_state(9)));
        }
        if self.state.is_secondary(database) == Some(true) {
            return Err(failed(in_group(&database.name)));
        }
        let azure = self.state.content.server.edition == Edition::AzureSqlDatabase;
        for change in changes {
            self.check_change(name, change, azure).map_err(failed)?;
        }
        // What takes no other session is nothing to wait for.
        if changes.iter().any(|change| needs_exclusive(change) || *change == DatabaseChange::ReadOnly(true)) {
            self.take_alone(name, termination)?;
        }
        // While it waited, somebody may have done the same.
        for change in changes {
            self.check_change(name, change, azure).map_err(failed)?;
            self.apply_change(name, change)?;
        }
        Ok(())
    }

    fn check_change(&self, name: &str, change: &DatabaseChange, azure: bool) -> Result<(), SqlError> {
        let database = self.state.database(name).ok_or_else(|| no_database(name))?;
        let broker =
            matches!(change, DatabaseChange::EnableBroker | DatabaseChange::DisableBroker | DatabaseChange::NewBroker);
        let refused_in_azure = broker
            || matches!(
                change,
                DatabaseChange::Recovery(_) | DatabaseChange::AutoClose(_) | DatabaseChange::Trustworthy(_)
            );
        if azure && refused_in_azure {
            return Err(not_in_azure("ALTER DATABASE"));
        }
        let changes_state = broker
            || matches!(
                change,
                DatabaseChange::ReadOnly(_) | DatabaseChange::UserAccess(_) | DatabaseChange::AutoClose(true)
            )
            || matches!(change, DatabaseChange::Recovery(model) if model != "FULL");
        if changes_state && (database.group.is_some() || database.mirrored) {
            return Err(in_group(&database.name));
        }
        if let DatabaseChange::Collation(collation) = change
            && !is_collation(collation)
        {
            return Err(no_collation(collation));
        }
        if broker && matches!(database.id, 1 | 3) {
            let text = format!("Option '{}' cannot be set in database '{name}'.", broker_word(change));
            return Err(SqlError::new(5058, 16, text));
        }
        if *change == DatabaseChange::EnableBroker {
            let twin = |other: &&Database| {
                other.id != database.id && other.broker && other.broker_guid == database.broker_guid
            };
            if self.state.content.databases.iter().any(|other| twin(&other)) {
                let text = format!(
                    "The Service Broker in database \"{name}\" cannot be enabled because there is already an enabled Service Broker with the same ID."
                );
                return Err(SqlError::new(9772, 16, text));
            }
        }
        let writes = !matches!(change, DatabaseChange::ReadOnly(_) | DatabaseChange::UserAccess(_));
        if database.read_only && writes {
            return Err(read_only(&database.name));
        }
        Ok(())
    }

    /// Sees to it that no other session is in a database, as the termination clause says.
    fn take_alone(&mut self, name: &str, termination: Termination) -> Carried {
        if self.others_in(name).is_empty() {
            return Ok(());
        }
        match termination {
            Termination::NoWait => {
                let text =
                    format!("Database state cannot be changed while other users are using the database '{name}'");
                Err(Failure::several(vec![SqlError::new(5070, 16, text).with_state(2), alter_failed()]))
            }
            Termination::Rollback => {
                for percent in [0, 100] {
                    let text = format!(
                        "Nonqualified transactions are being rolled back. Estimated rollback completion: {percent}%."
                    );
                    self.say(5060, text);
                }
                for (spid, seen) in self.shared.connected.all() {
                    if spid != self.session.spid && same(&seen.database, name) {
                        seen.signs.kill();
                    }
                }
                self.state.content.server.sessions.retain(|listed| !same(&listed.database, name));
                Ok(())
            }
            Termination::Wait => {
                if self.wait_until(|run| run.others_in(name).is_empty())? {
                    return Ok(());
                }
                let text = format!(
                    "ALTER DATABASE failed because a lock could not be placed on database '{name}'. Try again later."
                );
                let refused =
                    if self.session.lock_timeout_millis >= 0 { lock_timeout() } else { SqlError::new(5061, 16, text) };
                Err(Failure::several(vec![refused, alter_failed()]))
            }
        }
    }

    fn apply_change(&mut self, name: &str, change: &DatabaseChange) -> Carried {
        let database = self.state.database_mut(name).ok_or_else(|| no_database(name))?;
        match change {
            DatabaseChange::Recovery(model) => database.recovery.clone_from(model),
            DatabaseChange::AutoClose(on) => database.auto_close = *on,
            DatabaseChange::ReadCommittedSnapshot(on) => database.read_committed_snapshot = *on,
            DatabaseChange::SnapshotIsolation(on) => database.snapshot_isolation = *on,
            DatabaseChange::ReadOnly(on) => database.read_only = *on,
            DatabaseChange::UserAccess(access) => database.user_access.clone_from(access),
            DatabaseChange::Trustworthy(on) => database.trustworthy = *on,
            DatabaseChange::EnableBroker => database.broker = true,
            DatabaseChange::DisableBroker => database.broker = false,
            DatabaseChange::NewBroker => {
                database.broker = true;
                database.broker_guid = new_guid();
            }
            DatabaseChange::CompatibilityLevel(level) => database.compatibility = *level,
            DatabaseChange::Collation(collation) => database.collation.clone_from(collation),
        }
        Ok(())
    }

    pub(super) fn alter_authorization(&mut self, class: &str, name: &str, to: &str) -> Carried {
        if class == "SCHEMA" {
            self.need("ALTER")?;
            let database = self.current_mut()?;
            let owner = database.principal(to).map(|principal| principal.name.clone());
            let owner = owner.ok_or_else(|| not_found("find", "principal", to))?;
            let schema = database.schemas.iter_mut().find(|schema| same(&schema.name, name));
            schema.ok_or_else(|| not_found("find", "schema", name))?.owner = owner;
            return Ok(());
        }
        let missing = || not_found("find", "database", name);
        let database = self.state.database(name).ok_or_else(missing)?;
        if !self.is_sysadmin() && !self.may_in(database, "TAKE OWNERSHIP") {
            return Err(missing().into());
        }
        if self.state.is_secondary(database) == Some(true) || database.read_only {
            return Err(read_only(name).into());
        }
        let login = self.state.content.server.login(to).ok_or_else(|| not_found("find", "principal", to))?;
        let sid = login.sid.clone();
        let is_user = database.principals.iter().any(|user| user.id > 4 && user.sid == sid);
        if is_user {
            let text = "The proposed new database owner is already a user or aliased in the database.";
            return Err(SqlError::new(15110, 16, text).into());
        }
        if let Some(database) = self.state.database_mut(name) {
            database.owner_sid = sid;
        }
        Ok(())
    }
}

/// Whether a change is made in a database where no other session is.
fn needs_exclusive(change: &DatabaseChange) -> bool {
    use DatabaseChange::{Collation, DisableBroker, EnableBroker, NewBroker, ReadCommittedSnapshot, UserAccess};
    match change {
        EnableBroker | DisableBroker | NewBroker | ReadCommittedSnapshot(_) | Collation(_) => true,
        UserAccess(access) => access == "SINGLE_USER",
        _ => false,
    }
}

fn broker_word(change: &DatabaseChange) -> &'static str {
    match change {
        DatabaseChange::EnableBroker => "ENABLE_BROKER",
        DatabaseChange::DisableBroker => "DISABLE_BROKER",
        _ => "NEW_BROKER",
    }
}
