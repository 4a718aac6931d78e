//! A host's answers about files and folders, and what it does to them.

use super::accounts::Directory;
use super::acl::Acls;
use super::error::{refused, refused_plainly};
use super::model::{Model, Told, told};
use super::tree;
use super::tree_wanted::TreeWanted;
use super::{drive, files, pull};
use crate::hostcall::answer::{Acl, AclRights, FileState, TreePut};
use crate::hostcall::{FileAt, FileData, FileWant, Grant, Nonce, Pull, Refusal, RefusalCode};

impl Model {
    /// Answers `files`.
    pub(super) fn file(&self, at: &FileAt, want: &FileWant, nonce: &Nonce) -> Result<Option<FileState>, Refusal> {
        let path = match at {
            FileAt::Path(path) => path.clone(),
            FileAt::App { site, path, file } => match self.app_folder(site, path)? {
                Some(folder) if file.is_empty() => folder,
                Some(folder) => format!("{folder}\\{file}"),
                None => return Ok(None),
            },
        };
        files::state(self.folder.root(), &path, want, nonce)
    }

    /// Answers `acl`.
    pub(super) fn acl(&self, path: &str) -> Result<Option<Acl>, Refusal> {
        let there = drive::locate(self.folder.root(), path)?.exists();
        Ok(if there { Some(Acls::load(&self.folder)?.of(path)) } else { None })
    }

    /// Carries out `put_tree` of a folder whose files are not named.
    pub(super) fn make_folder(&self, path: &str) -> Told {
        self.writable()?;
        files::make_folder(self.folder.root(), path)?;
        Ok(serde_json::Value::Null)
    }

    /// Carries out `put_tree`.
    pub(super) fn put_tree(&self, wanted: &TreeWanted, pull: Option<&Pull>) -> Told {
        self.writable()?;
        let put = tree::put(self.folder.root(), wanted)?;
        let Some(pull) = pull.filter(|_| !put.lacking.is_empty()) else { return told(&put) };
        match pull::stage(self.folder.root(), wanted, &put.lacking, pull) {
            Ok(()) => told(&tree::put(self.folder.root(), wanted)?),
            Err(why) => told(&TreePut { not_pulled: Some(why), ..put }),
        }
    }

    /// Carries out `put_file`.
    pub(super) fn put_file(&self, tree: &str, file: &str, at_bytes: u64, data: &FileData) -> Told {
        self.writable()?;
        tree::put_file(self.folder.root(), tree, file, at_bytes, data)?;
        Ok(serde_json::Value::Null)
    }

    /// Carries out `remove`.
    pub(super) fn remove(&self, path: &str, must: bool) -> Told {
        tree::check_ours(path)?;
        let removed = self.writable().and_then(|()| tree::remove(self.folder.root(), path));
        match removed {
            Err(refusal) if must => return Err(refusal),
            Err(_) => {}
            Ok(()) => self.change_acls(|acls| acls.forget(path))?,
        }
        Ok(serde_json::Value::Null)
    }

    /// Carries out `set_acl`.
    pub(super) fn set_acl(&self, path: &str, grants: &[Grant]) -> Told {
        self.writable()?;
        if !drive::locate(self.folder.root(), path)?.exists() {
            let text = format!("Could not find file '{path}'.");
            return Err(refused(RefusalCode::Unknown, 0x8007_0002, text));
        }
        let pools = if self.has_iis() { self.server()?.pools } else { Vec::new() };
        let pools: Vec<String> = pools.into_iter().map(|pool| pool.name).collect();
        let directory = Directory::load(&self.folder)?;
        let mut rights = Vec::with_capacity(grants.len());
        for Grant { account, rights: granted } in grants {
            if *granted == AclRights::Other {
                return Err(refused_plainly(RefusalCode::Invalid, "rights are given as read, modify or full"));
            }
            let known = directory.account(&self.computer, &pools, account).map(|known| known.sid);
            let sid = known.or_else(|| is_sid(account).then(|| account.clone())).ok_or_else(|| {
                let text = format!("Some or all identity references could not be translated: '{account}'.");
                refused(RefusalCode::Unknown, 0x8007_0534, text)
            })?;
            rights.push((sid, *granted));
        }
        self.change_acls(|acls| acls.set(path, rights))?;
        Ok(serde_json::Value::Null)
    }

    fn change_acls(&self, change: impl FnOnce(&mut Acls)) -> Result<(), Refusal> {
        let before = Acls::load(&self.folder)?;
        let mut acls = before.clone();
        change(&mut acls);
        if acls != before {
            acls.save(&self.folder)?;
        }
        Ok(())
    }
}

/// `S-1-` and numbers.
fn is_sid(text: &str) -> bool {
    let numbers = text.strip_prefix("S-1-").unwrap_or_default();
    numbers.split('-').all(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}
