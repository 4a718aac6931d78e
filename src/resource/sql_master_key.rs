//! `sql_master_key`: the master key of a database, and its backup.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sql::{self, BackupFile, Database, Instance, Key, Place, place, place_reads, run, run_with};
use super::{Disturbance, Found, Problems, Reads, Resource, Writes};
use crate::hostcall::{FileAt, FileWant, Read, Refusal, SqlFind};
use crate::value::{Changes, Secret, SqlPart, WindowsPath};

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

/// A backup of a master key: a file that is named for the key and its last change, and never overwritten.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyBackup {
    /// A folder as SQL Server's own account sees it, local or shared; it must be there.
    #[schemars(extend("writeOnly" = true))]
    pub folder: WindowsPath,
    /// The password that the file is sealed with: another one than the key's.
    #[schemars(extend("writeOnly" = true))]
    pub password: Secret,
    /// What is backed up.
    #[serde(default = "as_it_is")]
    #[schemars(skip)]
    pub of: String,
}

/// What a backup shall be of.
const AS_IT_IS: &str = "the key as it is";

fn as_it_is() -> String {
    AS_IT_IS.to_owned()
}

impl SqlMasterKey {
    fn key(&self, found: &Found) -> Result<Option<Key>, Refusal> {
        let keys = found.sql::<Key>(&self.database, sql::SYMMETRIC_KEYS)?.unwrap_or_default();
        Ok(keys.into_iter().find(|key| key.name == Key::MASTER))
    }

    /// What stands before a backup's own part of its name. The database's name is told as far as a file's name can.
    fn prefix(&self, backup: &KeyBackup) -> String {
        let name: String =
            self.database.chars().map(|c| if c.is_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
        format!("{}\\{name}-", backup.folder.as_str().trim_end_matches('\\'))
    }

    /// The name of the backup of a key as it is; the statement `backup_path.sql` makes the same one on the server.
    fn file(&self, backup: &KeyBackup, key: &Key) -> Option<String> {
        let (guid, modified) = (key.key_guid.as_ref()?, key.modify_date.as_ref()?);
        let stamp: String = modified.chars().filter(|c| !"-:".contains(*c)).collect();
        let path = format!("{}{guid}-{stamp}.dmk", self.prefix(backup));
        path.rsplit('\\').next().map(str::to_owned)
    }

    /// Where the backup of the key as it is lies, as the machine sees it.
    fn backup_at(&self, found: &Found) -> Option<FileAt> {
        let (backup, key) = (self.backup.as_ref()?, self.key(found).ok().flatten()?);
        let folder = backup.folder.as_str().trim_end_matches('\\');
        self.file(backup, &key).map(|name| FileAt::Path(format!("{folder}\\{name}")))
    }

    fn backed_up(&self, backup: &KeyBackup, key: &Key, found: &Found) -> String {
        let folder = backup.folder.as_str();
        let files = match found.sql::<BackupFile>(sql::MASTER, sql::BACKUP_FILES) {
            Ok(files) => files.unwrap_or_default(),
            Err(refusal) => return format!("{folder} cannot be looked at: {}", refusal.text),
        };
        let Some(wanted) = self.file(backup, key) else { return "a key without identity".to_owned() };
        let same = |file: &&BackupFile| file.file_or_directory_name.eq_ignore_ascii_case(&wanted);
        match files.iter().find(same) {
            Some(file) if file.size_in_bytes == Some(0) => format!("nothing: {wanted} is empty"),
            Some(_) => as_it_is(),
            None if files.iter().any(|file| self.is_of_this_database(backup, file)) => {
                "the key as it was before its last change".to_owned()
            }
            None => "nothing".to_owned(),
        }
    }

    fn is_of_this_database(&self, backup: &KeyBackup, file: &BackupFile) -> bool {
        let prefix = self.prefix(backup).to_lowercase();
        let prefix = prefix.rsplit('\\').next().unwrap_or_default();
        file.file_or_directory_name.to_lowercase().starts_with(prefix)
    }

    fn arguments(backup: &KeyBackup) -> BTreeMap<String, String> {
        BTreeMap::from([("folder".to_owned(), backup.folder.as_str().to_owned())])
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
        if self.backup.as_ref().is_some_and(|backup| backup.of != AS_IT_IS) {
            problems.add("backup.of", "a backup is always of the key as it is", "leave it out");
        }
    }

    fn reads(&self, reads: &mut Reads) {
        place_reads(reads);
        reads.sql(&self.database, sql::SYMMETRIC_KEYS);
        if let Some(backup) = &self.backup {
            reads.sql_with(sql::MASTER, sql::BACKUP_FILES, Self::arguments(backup));
            reads.sql(sql::MASTER, sql::SERVICE_MASTER_KEY);
        }
    }

    fn conflicts(&self, found: &Found, problems: &mut Problems) {
        if let Ok(Place::Absent) = place(found, &self.database) {
            sql::no_database(&self.database, problems);
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
        let Some(backup) = self.backup.as_ref() else { return };
        // A key that changes is another state of it, which is backed up too.
        if !changes.touch("backup") && encrypt == encrypted && exists {
            return;
        }
        let Some(sealed) = backup.password.reference() else { return };
        let purpose = format!("back up the master key of the database {name} to {}", backup.folder.as_str());
        let find = SqlFind {
            query: sql::BACKUP_PATH.text.to_owned(),
            arguments: BTreeMap::from([("prefix".to_owned(), self.prefix(backup))]),
        };
        let parts = [
            ("path", SqlPart::Found),
            ("password", SqlPart::Secret(sealed)),
            ("key_password", SqlPart::Secret(password)),
        ];
        let template = if encrypt { sql::BACKUP_MASTER_KEY } else { sql::OPEN_AND_BACKUP_MASTER_KEY };
        run_with(writes, name, purpose, template, &parts, Some(find));
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
        let (Some(backup), Ok(Some(key))) = (&self.backup, self.key(found)) else { return BTreeMap::new() };
        let service: Vec<Key> = found.sql(sql::MASTER, sql::SERVICE_MASTER_KEY).ok().flatten().unwrap_or_default();
        let instance: Vec<Instance> = found.sql(sql::MASTER, sql::INSTANCE).ok().flatten().unwrap_or_default();
        let files: Vec<BackupFile> = found.sql(sql::MASTER, sql::BACKUP_FILES).ok().flatten().unwrap_or_default();
        let name = self.file(backup, &key);
        let file = files.into_iter().find(|file| Some(&file.file_or_directory_name) == name.as_ref());
        let bytes = file.as_ref().and_then(|file| file.size_in_bytes);
        let seen = self.backup_at(found).and_then(|at| found.file(&at, &FileWant::Sha256).ok().flatten());
        let sha256 = seen.and_then(|file| file.sha256);
        let proof = match (&file, bytes) {
            (None, _) => "none",
            (Some(_), _) if sha256.is_some() => "a file of that name is there and was read on the machine",
            (Some(_), None) => "a file of that name is there",
            (Some(_), Some(_)) => "a file of that name and length is there",
        };
        let instance = instance.into_iter().next();
        let facts = [
            ("server", instance.as_ref().and_then(|it| it.server_name.clone())),
            ("version", instance.and_then(|it| it.product_version)),
            ("database", Some(self.database.clone())),
            ("key_guid", key.key_guid.clone()),
            ("key_created", key.create_date.clone()),
            ("key_modified", key.modify_date.clone()),
            ("service_key_guid", service.into_iter().next().and_then(|it| it.key_guid)),
            ("file", name.map(|name| format!("{}\\{name}", backup.folder.as_str().trim_end_matches('\\')))),
            ("bytes", bytes.map(|bytes| bytes.to_string())),
            ("sha256", sha256),
            ("proof", Some(proof.to_owned())),
        ];
        facts.into_iter().filter_map(|(name, fact)| Some((name.to_owned(), fact?))).collect()
    }

    fn remarks(&self, _: &Found, changes: &Changes) -> Vec<String> {
        let copy = "copy the backup and both passwords to where this server's loss does not reach them".to_owned();
        if changes.touch("backup") { vec![copy] } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{SecretRef, Store};

    #[test]
    fn a_backup_is_named_for_the_key_and_its_last_change() {
        let password = || Secret::Named(SecretRef { store: Store::Age, name: "k".to_owned(), fingerprint: None });
        let folder = WindowsPath::try_from("E:\\keys\\".to_owned()).unwrap();
        let backup = KeyBackup { folder, password: password(), of: as_it_is() };
        let key = Key {
            name: Key::MASTER.to_owned(),
            key_guid: Some("0B1C".to_owned()),
            create_date: None,
            modify_date: Some("2026-11-21T18:16:14.123".to_owned()),
        };
        let check = |database: &str, expected: &str| {
            let resource = SqlMasterKey {
                database: database.to_owned(),
                password: password(),
                encrypted_by_service_key: None,
                backup: None,
            };
            assert_eq!(resource.file(&backup, &key).unwrap(), expected);
        };
        check("Chat", "Chat-0B1C-20261121T181614.123.dmk");
        check("a/b:c", "a_b_c-0B1C-20261121T181614.123.dmk");
    }
}
