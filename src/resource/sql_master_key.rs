//! `sql_master_key`: the master key of a database, and its backup.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key_backup::KeyBackup;
use super::sql::{self, Database, Key, Place, place, place_reads, run};
use super::{Disturbance, Found, Problems, Reads, Resource, Writes};
use crate::hostcall::{FileWant, Read, Refusal, Write};
use crate::value::{Changes, Secret, SqlPart};

/// The master key of a database, which opens its other keys and certificates; Service Broker's dialogs need it.
///
/// It is made once and never made anew: what it protects would be lost. Its password is used to make it, and to open it
/// where the instance cannot; it is never compared. The key comes with the database to another instance, whose own
/// service master key does not open it: `encrypted_by_service_key` mends that.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlMasterKey {
    /// The database.
    pub database: String,
    /// The password that the key is made with.
    #[schemars(extend("writeOnly" = true))]
    pub password: Secret,
    /// Whether this instance opens the key by itself, with its service master key. Without it SQL Server logs error
    /// 28054 and delivers no messages to the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted_by_service_key: Option<bool>,
    /// Where the key is backed up, each time that it has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<KeyBackup>,
}

impl SqlMasterKey {
    pub(super) fn key(&self, found: &Found) -> Result<Option<Key>, Refusal> {
        let keys = found.sql::<Key>(&self.database, sql::SYMMETRIC_KEYS)?.unwrap_or_default();
        Ok(keys.into_iter().find(|key| key.name == Key::MASTER))
    }

    fn is_encrypted(database: &Database) -> bool {
        database.is_master_key_encrypted_by_server
    }
}

impl Resource for SqlMasterKey {
    const KIND: &'static str = "sql_master_key";
    const EXAMPLE: &'static str = include_str!("sql_master_key.example.yml");

    fn name(&self) -> String {
        self.database.clone()
    }

    fn check(&self, problems: &mut Problems) {
        sql::check_name("database", &self.database, problems);
        if let Some(backup) = &self.backup
            && backup.password == self.password
        {
            let message = "the backup is sealed with the key's own password, so who has one has both";
            problems.add("backup.password", message, "another secret than the key's `password`");
        }
        if self.backup.as_ref().is_some_and(|backup| !backup.is_as_it_is()) {
            problems.add("backup.of", "a backup is always of the key as it is", "leave it out");
        }
    }

    fn reads(&self, reads: &mut Reads) {
        place_reads(reads);
        reads.sql(&self.database, sql::SYMMETRIC_KEYS);
        if let Some(backup) = &self.backup {
            reads.sql_with(sql::MASTER, sql::BACKUP_FILES, backup.arguments());
            reads.sql(sql::MASTER, sql::SERVICE_MASTER_KEY);
        }
    }

    fn conflicts(&self, found: &Found, problems: &mut Problems) {
        match place(found, &self.database) {
            Ok(Place::Absent) => sql::no_database(&self.database, problems),
            Ok(Place::Here(_)) => self.check_scratch(found, problems),
            _ => {}
        }
    }

    fn seen(&self, found: &Found) -> Result<Option<Self>, Refusal> {
        let database = match place(found, &self.database)? {
            Place::Absent => return Ok(None),
            // The key comes from the primary. Whether this instance opens it is the instance's own business, and needs
            // the database writable, which it is only after a failover.
            Place::Secondary => return Ok(Some(self.clone())),
            Place::Here(database) => database,
        };
        let Some(key) = self.key(found)? else { return Ok(None) };
        let mut actual = self.clone();
        actual.encrypted_by_service_key = Some(Self::is_encrypted(&database));
        if let Some(backup) = &mut actual.backup {
            backup.of = self.backed_up(backup, &key, found);
            // A backup that is to be made anew is tried out with that.
            if backup.is_as_it_is() {
                backup.deep_check = backup.deep_check.map(|wanted| wanted && self.is_checked(backup, &key, found));
            }
        }
        Ok(Some(actual))
    }

    fn not_compared(&self, found: &Found) -> Vec<String> {
        sql::not_compared(found, &self.database)
    }

    fn writes(&self, found: &Found, changes: &Changes, writes: &mut Writes) {
        let Some(password) = self.password.reference() else { return };
        let database = match place(found, &self.database) {
            Ok(Place::Here(database)) => Some(database),
            _ => None,
        };
        let exists = matches!(self.key(found), Ok(Some(_)));
        let name = &self.database;
        let parts = [("password", SqlPart::Secret(password))];
        if !exists {
            run(writes, name, format!("create the master key of the database {name}"), sql::CREATE_MASTER_KEY, &parts);
        }
        let encrypted = !exists || database.is_some_and(|database| Self::is_encrypted(&database));
        let encrypt = self.encrypted_by_service_key.unwrap_or(encrypted);
        if encrypt && !encrypted {
            let purpose = format!("let this instance open the master key of the database {name}");
            run(writes, name, purpose, sql::ENCRYPT_MASTER_KEY_BY_SERVICE_KEY, &parts);
        } else if encrypted && !encrypt {
            let purpose = format!("keep this instance from opening the master key of the database {name}");
            run(writes, name, purpose, sql::DECRYPT_MASTER_KEY_BY_SERVICE_KEY, &parts);
        }
        // A key that changes is another state of it, which is backed up too.
        let anew = !exists || encrypt != encrypted || changes.touch("backup.of");
        self.back_up(password, encrypt, anew, changes, writes);
    }

    fn take_back(&self, done: &[Write], writes: &mut Writes) {
        self.drop_left(done, writes);
    }

    fn disturbs(&self, _: &Found, _: &Changes) -> Disturbance {
        Disturbance::None
    }

    fn evidence_reads(&self, found: &Found, reads: &mut Reads) {
        if let (Some(at), Ok(_)) = (self.backup_at(found), found.host()) {
            reads.ask(Read::Files { at, want: FileWant::Sha256 });
        }
    }

    fn evidence(&self, found: &Found) -> BTreeMap<String, String> {
        self.backup_evidence(found)
    }

    fn remarks(&self, _: &Found, changes: &Changes) -> Vec<String> {
        let copy = "copy the backup and both passwords to where this server's loss does not reach them".to_owned();
        let scratch = format!("makes the database {}, restores the backup into it, and drops it", self.scratch());
        let mut remarks = Vec::new();
        remarks.extend(changes.touch("backup.of").then_some(copy));
        remarks.extend(changes.touch("backup.deep_check").then_some(scratch));
        remarks
    }
}
