//! The backup of a database's master key: its files, how it is made and tried out, and what is kept of it as evidence.
//!
//! How sure a deep check makes: `RESTORE MASTER KEY` opens the file with its password or fails, and `BACKUP MASTER KEY` from
//! the scratch database works only with a key that can be used, so the file is whole, its password is the right one and what
//! it holds is a master key (Transact-SQL reference, both statements). That it is *this* key is not shown by that: it rests on
//! the file's name, which holds the key's identity and is given in the batch that makes the backup, on SQL Server never
//! overwriting a file (error 15240), and on the SHA-256 in the journal. Whether a restored key keeps its `key_guid` is
//! documented nowhere, and message 15588, which tells of an identical key, comes only in a copy of the whole database.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sql::{self, BackupFile, Database, Instance, Key, MASTER, run, run_with};
use super::sql_master_key::SqlMasterKey;
use super::{Found, Problems, Writes};
use crate::hostcall::{FileAt, FileWant, SqlFind, Write};
use crate::value::{Changes, MAX_NAME_UNITS, Secret, SecretRef, SqlPart, WindowsPath};

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
    /// Whether a backup is tried out: restored into a scratch database, `farmhand_check_` and the database's name, which
    /// is dropped again, and backed up once more from there, to a second file that ends in `-checked.dmk`. That file
    /// being there is the proof, so a backup is tried once. It takes the right to create databases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deep_check: Option<bool>,
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

/// How the name of a backup ends.
const BACKUP: &str = ".dmk";
/// How the name of one ends that was made from a restored backup.
const CHECKED: &str = "-checked.dmk";

impl KeyBackup {
    /// Whether it is of the key as it is, which it always is.
    pub(super) fn is_as_it_is(&self) -> bool {
        self.of == AS_IT_IS
    }

    /// What the question for the folder's files takes.
    pub(super) fn arguments(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("folder".to_owned(), self.folder().to_owned())])
    }

    fn folder(&self) -> &str {
        self.folder.as_str()
    }
}

impl SqlMasterKey {
    /// What stands before a backup's own part of its name. The database's name is told as far as a file's name can.
    fn prefix(&self, backup: &KeyBackup) -> String {
        let name: String =
            self.database.chars().map(|c| if c.is_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
        format!("{}\\{name}-", backup.folder().trim_end_matches('\\'))
    }

    /// The name of the backup of a key as it is; the statement `backup_path.sql` makes the same one on the server.
    fn file(&self, backup: &KeyBackup, key: &Key, suffix: &str) -> Option<String> {
        let (guid, modified) = (key.key_guid.as_ref()?, key.modify_date.as_ref()?);
        let stamp: String = modified.chars().filter(|c| !"-:".contains(*c)).collect();
        let path = format!("{}{guid}-{stamp}{suffix}", self.prefix(backup));
        path.rsplit('\\').next().map(str::to_owned)
    }

    /// Where the backup of the key as it is lies, as the machine sees it.
    pub(super) fn backup_at(&self, found: &Found) -> Option<FileAt> {
        let (backup, key) = (self.backup.as_ref()?, self.key(found).ok().flatten()?);
        let folder = backup.folder().trim_end_matches('\\');
        self.file(backup, &key, BACKUP).map(|name| FileAt::Path(format!("{folder}\\{name}")))
    }

    /// What the newest backup is of.
    pub(super) fn backed_up(&self, backup: &KeyBackup, key: &Key, found: &Found) -> String {
        let files = match found.sql::<BackupFile>(MASTER, sql::BACKUP_FILES) {
            Ok(files) => files.unwrap_or_default(),
            Err(refusal) => return format!("{} cannot be looked at: {}", backup.folder(), refusal.text),
        };
        let Some(wanted) = self.file(backup, key, BACKUP) else { return "a key without identity".to_owned() };
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

    /// Whether the backup of the key as it is was tried out.
    pub(super) fn is_checked(&self, backup: &KeyBackup, key: &Key, found: &Found) -> bool {
        let files = found.sql::<BackupFile>(MASTER, sql::BACKUP_FILES).ok().flatten().unwrap_or_default();
        let wanted = self.file(backup, key, CHECKED);
        files.iter().any(|file| {
            let same = wanted.as_ref().is_some_and(|name| file.file_or_directory_name.eq_ignore_ascii_case(name));
            same && file.size_in_bytes != Some(0)
        })
    }

    fn is_of_this_database(&self, backup: &KeyBackup, file: &BackupFile) -> bool {
        let prefix = self.prefix(backup).to_lowercase();
        let prefix = prefix.rsplit('\\').next().unwrap_or_default();
        file.file_or_directory_name.to_lowercase().starts_with(prefix)
    }

    /// The name of the database that a deep check makes and drops.
    pub(super) fn scratch(&self) -> String {
        let mut name = format!("farmhand_check_{}", self.database);
        while name.encode_utf16().count() > MAX_NAME_UNITS {
            name.pop();
        }
        name
    }

    /// A database of that name is not ours to drop.
    pub(super) fn check_scratch(&self, found: &Found, problems: &mut Problems) {
        let Some(backup) = self.backup.as_ref().filter(|backup| backup.deep_check == Some(true)) else { return };
        let checked = self.key(found).ok().flatten().is_some_and(|key| self.is_checked(backup, &key, found));
        let databases = found.sql::<Database>(MASTER, sql::DATABASES).ok().flatten().unwrap_or_default();
        let scratch = self.scratch();
        if !checked && databases.iter().any(|database| database.name.eq_ignore_ascii_case(&scratch)) {
            let message = format!("there is a database {scratch} already, which a deep check would make and drop");
            let help = format!("where it is left over from a check that was cut off: DROP DATABASE [{scratch}]");
            problems.add("backup.deep_check", message, help);
        }
    }

    /// The statements that back the key up, where it is to be backed up anew, and try the backup out.
    pub(super) fn back_up(
        &self,
        password: &SecretRef,
        opened: bool,
        anew: bool,
        changes: &Changes,
        writes: &mut Writes,
    ) {
        let Some(backup) = self.backup.as_ref() else { return };
        let Some(sealed) = backup.password.reference() else { return };
        let (name, folder, scratch) = (self.database.as_str(), backup.folder(), self.scratch());
        let find = |suffix: &str| {
            let prefix = ("prefix".to_owned(), self.prefix(backup));
            let arguments = BTreeMap::from([prefix, ("suffix".to_owned(), suffix.to_owned())]);
            Some(SqlFind { query: sql::BACKUP_PATH.text.to_owned(), arguments })
        };
        let parts = [
            ("path", SqlPart::Found),
            ("password", SqlPart::Secret(sealed)),
            ("key_password", SqlPart::Secret(password)),
            ("database", SqlPart::Name(name)),
            ("scratch", SqlPart::Name(&scratch)),
            // Wherever the scratch database could not be entered, nothing may be restored: it would be the live key.
            ("scratch_name", SqlPart::Text(&scratch)),
        ];
        if anew {
            let purpose = format!("back up the master key of the database {name} to {folder}");
            let template = if opened { sql::BACKUP_MASTER_KEY } else { sql::OPEN_AND_BACKUP_MASTER_KEY };
            run_with(writes, name, purpose, template, &parts, find(BACKUP));
        }
        if backup.deep_check == Some(true) && (anew || changes.touch("backup.deep_check")) {
            let own = [("database", SqlPart::Name(&scratch))];
            run(writes, MASTER, self.creation(), sql::CREATE_DATABASE, &own);
            let purpose = format!("restore the backup of the master key of {name} into the scratch database {scratch}");
            run_with(writes, name, purpose, sql::RESTORE_MASTER_KEY_ELSEWHERE, &parts, find(BACKUP));
            let purpose = format!("back up the restored master key of {name} from the scratch database {scratch}");
            run_with(writes, name, purpose, sql::BACKUP_MASTER_KEY_ELSEWHERE, &parts, find(CHECKED));
            run(writes, MASTER, format!("drop the scratch database {scratch}"), sql::DROP_DATABASE, &own);
        }
    }

    fn creation(&self) -> String {
        format!("create the scratch database {}", self.scratch())
    }

    /// The scratch database goes too where the check came to nothing, but only one that was made here.
    pub(super) fn drop_left(&self, done: &[Write], writes: &mut Writes) {
        let creation = self.creation();
        let made = |write: &Write| matches!(write, Write::Sql { purpose, .. } if *purpose == creation);
        if done.iter().any(made) {
            let scratch = self.scratch();
            let parts = [("name", SqlPart::Text(&scratch)), ("database", SqlPart::Name(&scratch))];
            run(writes, MASTER, format!("drop the scratch database {scratch}"), sql::DROP_LEFT_DATABASE, &parts);
        }
    }

    /// What is kept of a backup.
    pub(super) fn backup_evidence(&self, found: &Found) -> BTreeMap<String, String> {
        let (Some(backup), Ok(Some(key))) = (&self.backup, self.key(found)) else { return BTreeMap::new() };
        let service: Vec<Key> = found.sql(MASTER, sql::SERVICE_MASTER_KEY).ok().flatten().unwrap_or_default();
        let instance: Vec<Instance> = found.sql(MASTER, sql::INSTANCE).ok().flatten().unwrap_or_default();
        let files: Vec<BackupFile> = found.sql(MASTER, sql::BACKUP_FILES).ok().flatten().unwrap_or_default();
        let name = self.file(backup, &key, BACKUP);
        let file = files.into_iter().find(|file| Some(&file.file_or_directory_name) == name.as_ref());
        let bytes = file.as_ref().and_then(|file| file.size_in_bytes);
        let seen = self.backup_at(found).and_then(|at| found.file(&at, &FileWant::Sha256).ok().flatten());
        let sha256 = seen.and_then(|file| file.sha256);
        let proof = match (&file, bytes) {
            (None, _) => "none",
            (Some(_), _) if self.is_checked(backup, &key, found) => {
                "deep: it was restored into a scratch database with its password, and backed up again from there"
            }
            (Some(_), _) if sha256.is_some() => "present: a file of that name is there and was read on the machine",
            (Some(_), None) => "present: a file of that name is there",
            (Some(_), Some(_)) => "present: a file of that name and length is there",
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
            ("file", name.map(|name| format!("{}\\{name}", backup.folder().trim_end_matches('\\')))),
            ("bytes", bytes.map(|bytes| bytes.to_string())),
            ("sha256", sha256),
            ("proof", Some(proof.to_owned())),
        ];
        facts.into_iter().filter_map(|(name, fact)| Some((name.to_owned(), fact?))).collect()
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
        let backup = KeyBackup { folder, password: password(), deep_check: None, of: as_it_is() };
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
            assert_eq!(resource.file(&backup, &key, BACKUP).unwrap(), expected);
        };
        check("Chat", "Chat-0B1C-20261121T181614.123.dmk");
        check("a/b:c", "a_b_c-0B1C-20261121T181614.123.dmk");
    }
}
