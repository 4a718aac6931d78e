//! The parser of statements about master keys.

use super::parser::{Parsed, Parser};
use super::tree_admin::{Admin, KeyChange};

impl Parser {
    pub(super) fn key(&mut self) -> Parsed<Option<Admin>> {
        Ok(Some(if self.words("CREATE MASTER KEY") {
            let password = if self.words("ENCRYPTION") { Some(self.by_password()?) } else { None };
            Admin::CreateMasterKey(password)
        } else if self.words("DROP MASTER KEY") {
            Admin::DropMasterKey
        } else if self.words("OPEN MASTER KEY") {
            self.must("DECRYPTION")?;
            Admin::OpenMasterKey(self.by_password()?)
        } else if self.words("CLOSE MASTER KEY") {
            Admin::CloseMasterKey
        } else if self.words("ALTER MASTER KEY") {
            Admin::AlterMasterKey(self.key_change()?)
        } else if self.ahead("BACKUP MASTER KEY") || self.ahead("BACKUP SERVICE MASTER KEY") {
            self.words("BACKUP");
            let service = self.words("SERVICE");
            self.must("MASTER KEY TO FILE")?;
            let file = self.equals_literal()?;
            self.must("ENCRYPTION")?;
            Admin::BackupKey { service, file, password: self.by_password()? }
        } else if self.words("RESTORE MASTER KEY") {
            self.must("FROM FILE")?;
            let file = self.equals_literal()?;
            self.must("DECRYPTION")?;
            let decryption = self.by_password()?;
            self.must("ENCRYPTION")?;
            let encryption = self.by_password()?;
            Admin::RestoreMasterKey { file, decryption, encryption, force: self.words("FORCE") }
        } else {
            return Ok(None);
        }))
    }

    fn by_password(&mut self) -> Parsed<String> {
        self.must("BY PASSWORD")?;
        self.equals_literal()
    }

    fn key_change(&mut self) -> Parsed<KeyChange> {
        if self.words("FORCE") || self.ahead("REGENERATE") {
            self.must("REGENERATE WITH ENCRYPTION")?;
            return self.by_password().map(KeyChange::Regenerate);
        }
        let add = self.words("ADD");
        if !add {
            self.must("DROP")?;
        }
        self.must("ENCRYPTION")?;
        if self.words("BY SERVICE MASTER KEY") {
            return Ok(if add { KeyChange::AddService } else { KeyChange::DropService });
        }
        let password = self.by_password()?;
        Ok(if add { KeyChange::AddPassword(password) } else { KeyChange::DropPassword(password) })
    }
}
