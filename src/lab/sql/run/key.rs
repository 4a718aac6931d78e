//! Master keys.

use std::fs;

use super::file::{locate, new_file};
use super::{Carried, Run};
use crate::lab::faults::Fault;
use crate::lab::sql::error::{cannot_write, denied_in_database, not_in_azure, not_permitted};
use crate::lab::sql::key::{KeyBackup, MasterKey, Password, Weakness, weakness};
use crate::lab::sql::reply::SqlError;
use crate::lab::sql::server::same;
use crate::lab::sql::tsql::KeyChange;
use crate::lab::sql::versions::Edition;

/// 15581.
fn not_open() -> SqlError {
    let text = "Please create a master key in the database or open the master key in the session before performing this operation.";
    SqlError::new(15581, 16, text).with_state(3)
}

/// 15116 and 15118.
pub(super) fn check_policy(password: &str) -> Result<(), SqlError> {
    let why = match weakness(password) {
        None => return Ok(()),
        Some(Weakness::Short) => (15116, "it is too short"),
        Some(Weakness::Simple) => (15118, "it is not complex enough"),
    };
    let text = format!(
        "Password validation failed. The password does not meet the operating system policy requirements because {}.",
        why.1
    );
    Err(SqlError::new(why.0, 16, text))
}

impl Run<'_> {
    /// Master keys ask for CONTROL on the database.
    fn need_control(&self) -> Carried {
        let database = self.current()?;
        if self.may_in(database, "CONTROL") { Ok(()) } else { Err(not_permitted().into()) }
    }

    fn is_azure(&self) -> bool {
        self.state.content.server.edition == Edition::AzureSqlDatabase
    }

    /// The database's key, where this session can use it.
    fn usable_key(&self) -> Carried<MasterKey> {
        let database = self.current()?;
        let open = self.session.open_keys.iter().any(|name| same(name, &database.name));
        let key = database.master_key.as_ref().ok_or_else(not_open)?;
        if open || key.opened_by(&self.state.content.server.service_key) {
            return Ok(key.clone());
        }
        Err(not_open().into())
    }

    pub(super) fn create_master_key(&mut self, password: Option<&str>) -> Carried {
        let database = self.current()?;
        if !self.may_in(database, "CONTROL") {
            return Err(denied_in_database("CREATE MASTER KEY", &database.name).into());
        }
        if password.is_none() && !self.is_azure() {
            return Err(crate::lab::sql::error::incorrect("KEY").into());
        }
        let exists = self.current_mut()?.master_key.is_some();
        if exists {
            let text =
                "There is already a master key in the database. Please drop it before performing this statement.";
            return Err(SqlError::new(15578, 16, text).into());
        }
        if let Some(password) = password {
            check_policy(password)?;
        }
        let key = MasterKey::new(self.state.now(), password, Some(&self.state.content.server.service_key));
        self.current_mut()?.master_key = Some(key);
        Ok(())
    }

    pub(super) fn drop_master_key(&mut self) -> Carried {
        self.need_control()?;
        if self.current_mut()?.master_key.take().is_none() {
            let text = "Cannot drop the master key because it does not exist or you do not have permission.";
            return Err(SqlError::new(15151, 16, text).into());
        }
        self.forget_open_key();
        Ok(())
    }

    fn forget_open_key(&mut self) {
        let name = self.session.database.clone();
        self.session.open_keys.retain(|open| !same(open, &name));
    }

    pub(super) fn alter_master_key(&mut self, change: &KeyChange) -> Carried {
        self.need_control()?;
        let key = self.usable_key()?;
        let service = self.state.content.server.service_key.clone();
        if let KeyChange::AddPassword(password) = change {
            check_policy(password)?;
        }
        let same_encryption = || {
            let text = "Adding an encryption to the symmetric key failed. An encryption by the same service master key '' may already exist.";
            SqlError::new(15579, 16, text)
        };
        if *change == KeyChange::DropService && self.is_azure() {
            return Err(not_in_azure("ALTER MASTER KEY").into());
        }
        let mut changed = key.clone();
        match change {
            KeyChange::AddService if key.opened_by(&service) => return Err(same_encryption().into()),
            KeyChange::AddService => changed.service_key = Some(service.key_guid),
            KeyChange::DropService => {
                if changed.service_key.take().is_none() {
                    return Err(cannot_drop_encryption("service master key").into());
                }
            }
            KeyChange::AddPassword(password) => {
                if key.opens_with(password) {
                    let text = "Adding an encryption to the symmetric key failed. An encryption by the same password '' may already exist.";
                    return Err(SqlError::new(15579, 16, text).into());
                }
                changed.passwords.push(Password::new(password));
            }
            KeyChange::DropPassword(password) => {
                let before = changed.passwords.len();
                changed.passwords.retain(|known| !known.is(password));
                if changed.passwords.len() == before {
                    return Err(
                        SqlError::new(15313, 16, "The key is not encrypted using the specified decryptor.").into()
                    );
                }
                if changed.passwords.is_empty() {
                    let text = "Cannot remove the only remaining password encryption from the master key.";
                    return Err(SqlError::new(15558, 16, text).into());
                }
            }
            KeyChange::Regenerate(_) => {}
        }
        changed.modified = self.state.now();
        self.current_mut()?.master_key = Some(changed);
        Ok(())
    }

    pub(super) fn regenerate_master_key(&mut self, password: &str) -> Carried {
        self.need_control()?;
        let old = self.usable_key()?;
        check_policy(password)?;
        let new = MasterKey::new(self.state.now(), Some(password), Some(&self.state.content.server.service_key));
        let service_key = old.service_key.clone().and(new.service_key.clone());
        self.current_mut()?.master_key = Some(MasterKey { created: old.created, service_key, ..new });
        Ok(())
    }

    pub(super) fn open_master_key(&mut self, password: &str) -> Carried {
        self.need_control()?;
        let database = self.current()?;
        let key = database.master_key.as_ref().ok_or_else(not_open)?;
        if !key.opens_with(password) {
            return Err(SqlError::new(15313, 16, "The key is not encrypted using the specified decryptor.").into());
        }
        let name = database.name.clone();
        self.forget_open_key();
        self.session.open_keys.push(name);
        Ok(())
    }

    pub(super) fn close_master_key(&mut self) -> Carried {
        let name = self.session.database.clone();
        if !self.session.open_keys.iter().any(|open| same(open, &name)) {
            let text = "The key 'master key' is not open. Please open the key before using it.";
            return Err(SqlError::new(15315, 16, text).into());
        }
        self.forget_open_key();
        Ok(())
    }

    pub(super) fn backup_key(&mut self, service: bool, file: &str, password: &str) -> Carried {
        if self.is_azure() {
            return Err(not_in_azure("BACKUP MASTER KEY").into());
        }
        let material = if service {
            self.need_on_server("CONTROL SERVER")?;
            self.state.content.server.service_key.key_guid.clone()
        } else {
            self.need_control()?;
            self.usable_key()?.material
        };
        check_policy(password)?;
        let path = new_file(self.state.folder.root(), file)?;
        let what = if service { "service master key" } else { "master key" };
        let backup = KeyBackup { lab_backup_of: what.to_owned(), material, password: Password::new(password) };
        let mut bytes = serde_json::to_vec_pretty(&backup).unwrap_or_default();
        if self.state.faults.has(Fault::SqlBackupEmpty) {
            bytes.clear();
        }
        fs::write(&path, bytes).map_err(|_| cannot_write(file))?;
        Ok(())
    }

    pub(super) fn restore_master_key(
        &mut self,
        file: &str,
        decryption: &str,
        encryption: &str,
        force: bool,
    ) -> Carried {
        self.need_control()?;
        let bytes = locate(self.state.folder.root(), file).and_then(|path| fs::read(path).ok());
        let bytes = bytes.ok_or_else(|| {
            let text = format!(
                "Cannot read from file '{file}'. Verify that you have read permissions and that the file path is valid."
            );
            SqlError::new(15317, 16, text)
        })?;
        let backup: KeyBackup = serde_json::from_slice(&bytes)
            .ok()
            .filter(|backup: &KeyBackup| backup.lab_backup_of == "master key")
            .ok_or_else(|| SqlError::new(15316, 16, "The master key file does not exist or has invalid format."))?;
        if !backup.password.is(decryption) {
            return Err(SqlError::new(15465, 16, "The private key password is invalid.").into());
        }
        check_policy(encryption)?;
        let now = self.state.now();
        let old = self.current_mut()?.master_key.clone();
        if let Some(old) = old {
            if old.material == backup.material {
                let text = "The old and new master keys are identical. No data re-encryption is required.";
                self.say(15588, text);
                return Ok(());
            }
            if !force {
                self.usable_key()?;
            }
        }
        // A restored key is opened by its new password alone.
        let key = MasterKey { material: backup.material, ..MasterKey::new(now, Some(encryption), None) };
        self.current_mut()?.master_key = Some(key);
        self.forget_open_key();
        Ok(())
    }
}

/// 15580's kin: there is no such encryption to take away.
fn cannot_drop_encryption(by: &str) -> SqlError {
    SqlError::new(15559, 16, format!("Cannot drop the encryption by the {by} because the key is not encrypted by it."))
}
