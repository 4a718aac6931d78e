//! BACKUP DATABASE and RESTORE DATABASE.

use std::fs;

use serde::{Deserialize, Serialize};

use super::file::locate;
use super::{Carried, Run};
use crate::lab::sql::database::Database;
use crate::lab::sql::error::{denied_in_database, in_group, in_transaction, no_database, not_in_azure};
use crate::lab::sql::key::new_guid;
use crate::lab::sql::reply::SqlError;
use crate::lab::sql::server::same;
use crate::lab::sql::tsql::Expression;
use crate::lab::sql::versions::Edition;

/// A backup of a database, as its file holds it. The lab's form, not SQL Server's.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DatabaseBackup {
    lab_backup_of: String,
    /// `ProductVersion` major of the instance that made it.
    major: i64,
    /// Server name of that instance.
    server: String,
    database: Database,
}

/// 3201.
fn cannot_open(file: &str, number: u32) -> SqlError {
    let why = match number {
        2 => "2(The system cannot find the file specified.)",
        _ => "3(The system cannot find the path specified.)",
    };
    SqlError::new(3201, 16, format!("Cannot open backup device '{file}'. Operating system error {why}."))
}

impl Run<'_> {
    pub(super) fn backup_database(&mut self, name: &str, file: &Expression) -> Carried {
        if self.state.content.server.edition == Edition::AzureSqlDatabase {
            return Err(not_in_azure("BACKUP DATABASE").into());
        }
        if self.session.transaction.is_some() {
            let text = "Cannot perform a backup or restore operation within a transaction.";
            return Err(SqlError::new(3021, 16, text).into());
        }
        let file = self.evaluate(file)?.to_text().unwrap_or_default();
        let database = self.state.database(name).ok_or_else(|| no_database(name))?;
        if !self.may_in(database, "BACKUP DATABASE") {
            return Err(denied_in_database("BACKUP DATABASE", name).into());
        }
        let path =
            locate(self.state.folder.root(), &file).filter(|path| path.parent().is_some_and(std::path::Path::is_dir));
        let path = path.ok_or_else(|| terminated("BACKUP", cannot_open(&file, 3)))?;
        let backup = DatabaseBackup {
            lab_backup_of: database.name.clone(),
            major: self.state.content.server.version().major(),
            server: self.state.server_name(),
            database: database.clone(),
        };
        let bytes = serde_json::to_vec_pretty(&backup).unwrap_or_default();
        fs::write(&path, bytes).map_err(|_| terminated("BACKUP", cannot_open(&file, 3)))?;
        self.say(4035, format!("Processed 328 pages for database '{name}', file '{name}' on file 1."));
        self.say(3014, "BACKUP DATABASE successfully processed 330 pages in 0.021 seconds (122.768 MB/sec).");
        Ok(())
    }

    pub(super) fn restore_database(
        &mut self,
        name: &str,
        file: &Expression,
        options: &[String],
        moves: &[(String, String)],
    ) -> Carried {
        if self.state.content.server.edition == Edition::AzureSqlDatabase {
            return Err(not_in_azure("RESTORE DATABASE").into());
        }
        if self.session.transaction.is_some() {
            return Err(in_transaction("RESTORE DATABASE").into());
        }
        let file = self.evaluate(file)?.to_text().unwrap_or_default();
        if !self.may_on_server("CREATE ANY DATABASE") {
            return Err(denied_in_database("CREATE DATABASE", "master").into());
        }
        let host = self.state.folder.root().to_owned();
        let bytes = locate(&host, &file).and_then(|path| fs::read(path).ok());
        let bytes = bytes.ok_or_else(|| terminated("RESTORE", cannot_open(&file, 2)))?;
        let invalid = || {
            let text = format!(
                "The media family on device '{file}' is incorrectly formed. SQL Server cannot process this media family."
            );
            terminated("RESTORE", SqlError::new(3241, 16, text))
        };
        let backup: DatabaseBackup = serde_json::from_slice(&bytes).map_err(|_| invalid())?;
        if backup.major > self.state.content.server.version().major() {
            let text = "The database was backed up on a server running a newer version. That version is incompatible with this server. Either restore the database on a server that supports the backup, or use a backup that is compatible with this server.";
            return Err(terminated("RESTORE", SqlError::new(3169, 16, text)));
        }
        let has = |option: &str| options.iter().any(|known| known == option);
        if let Some(old) = self.state.database(name) {
            if old.group.is_some() {
                return Err(in_group(name).into());
            }
            if !has("REPLACE") && old.name != backup.database.name {
                let text =
                    format!("The backup set holds a backup of a database other than the existing '{name}' database.");
                return Err(terminated("RESTORE", SqlError::new(3154, 16, text).with_state(4)));
            }
        }
        // Two databases cannot share files: a copy beside the original must be moved.
        let copy = !same(name, &backup.database.name) && self.state.database(&backup.database.name).is_some();
        if copy && moves.is_empty() && same(&backup.server, &self.state.server_name()) {
            let text = format!(
                "The file '{}' cannot be overwritten.  It is being used by database '{0}'.",
                backup.database.name
            );
            return Err(terminated("RESTORE", SqlError::new(1834, 16, text)));
        }
        for (_, to) in moves {
            let there = locate(&host, to).is_some_and(|path| path.parent().is_some_and(std::path::Path::is_dir));
            if !there && !same_folder(to, &self.state.content.server.data_folder) {
                let text = format!(
                    "Directory lookup for the file \"{to}\" failed with the operating system error 3(The system cannot find the path specified.)."
                );
                return Err(terminated("RESTORE", SqlError::new(5133, 16, text)));
            }
        }
        let id = self.state.database(name).map_or_else(|| self.free_id(), |database| database.id);
        let mut database = Database {
            name: name.to_owned(),
            id,
            group: None,
            group_database_id: None,
            mirrored: false,
            ..backup.database
        };
        "ONLINE".clone_into(&mut database.state);
        if has("NORECOVERY") {
            "RESTORING".clone_into(&mut database.state);
        }
        database.created = self.state.now();
        // Message delivery is off after a restore unless it is asked for; the identifier stays.
        database.broker = has("ENABLE_BROKER") || has("NEW_BROKER");
        if has("NEW_BROKER") {
            database.broker_guid = new_guid();
        }
        // The restorer owns what was not there; what was there keeps its owner.
        if self.state.database(name).is_none() {
            database.owner_sid = self.login().map(|login| login.sid.clone()).unwrap_or_default();
        }
        self.state.content.databases.retain(|known| !same(&known.name, name));
        self.state.content.databases.push(database);
        self.say(3014, "RESTORE DATABASE successfully processed 330 pages in 0.019 seconds (135.690 MB/sec).");
        Ok(())
    }
}

fn same_folder(file: &str, folder: &str) -> bool {
    file.rsplit_once('\\').is_some_and(|(parent, _)| same(parent.trim_end_matches('\\'), folder.trim_end_matches('\\')))
}

/// A failure and the message that always follows it.
fn terminated(what: &str, error: SqlError) -> super::Failure {
    let text = format!("{what} DATABASE is terminating abnormally.");
    super::Failure::several(vec![error, SqlError::new(3013, 16, text)])
}
