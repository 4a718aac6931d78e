//! Who may do what to files and folders, kept beside the host's files: those have the rights of the lab's own disk.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{Folder, LabError, drive, tree_names};
use crate::hostcall::answer::{Acl, AclEntry, AclRights};

/// What a drive of a fresh Windows Server hands down: SYSTEM and Administrators all, Users read, and to create files
/// and folders of which they are then the owners (`icacls` of a new folder of `C:\`).
const OF_A_DRIVE: &[(&str, AclRights)] = &[
    ("S-1-5-18", AclRights::Full),
    ("S-1-5-32-544", AclRights::Full),
    ("S-1-5-32-545", AclRights::Read),
    ("S-1-5-32-545", AclRights::Other),
    ("S-1-5-32-545", AclRights::Other),
    ("S-1-3-0", AclRights::Other),
];

/// The files and folders with rights of their own, as `acls.toml` keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acls {
    /// Rights by path in lower case, `c:\farmhand`: each a SID and what it may do.
    #[serde(default)]
    acls: IndexMap<String, Vec<(String, AclRights)>>,
}

impl Acls {
    const FILE: &'static str = "acls.toml";
    const HEADING: &'static str =
        "Files and folders with rights of their own; all else inherits from the folder above.";

    /// Reads them.
    ///
    /// # Errors
    /// When the file is broken.
    pub fn load(folder: &Folder) -> Result<Acls, LabError> {
        folder.read_toml(Acls::FILE)
    }

    /// Writes them.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn save(&self, folder: &Folder) -> Result<(), LabError> {
        folder.write_toml(Acls::FILE, Acls::HEADING, self)
    }

    /// The rights to what is at a path.
    pub fn of(&self, path: &str) -> Acl {
        let path = key(path);
        if let Some(own) = self.acls.get(&path) {
            return Acl { inherits: false, entries: entries(own, false) };
        }
        let mut above = path.as_str();
        while let Some((parent, _)) = above.rsplit_once('\\') {
            if let Some(rights) = self.acls.get(parent) {
                return Acl { inherits: true, entries: entries(rights, true) };
            }
            above = parent;
        }
        let drive: Vec<(String, AclRights)> =
            OF_A_DRIVE.iter().map(|(sid, rights)| ((*sid).to_owned(), *rights)).collect();
        Acl { inherits: true, entries: entries(&drive, true) }
    }

    /// Gives a path rights of its own; those of what is below it go.
    pub fn set(&mut self, path: &str, rights: Vec<(String, AclRights)>) {
        self.forget(path);
        self.acls.insert(key(path), rights);
    }

    /// Forgets a path that is removed, with all below it.
    pub fn forget(&mut self, path: &str) {
        let path = key(path);
        self.acls.retain(|known, _| !tree_names::is_below(known, &path));
    }
}

fn key(path: &str) -> String {
    tree_names::fold(drive::expand(path).replace('/', "\\").trim_end_matches('\\'))
}

fn entries(rights: &[(String, AclRights)], inherited: bool) -> Vec<AclEntry> {
    let entry =
        |(sid, rights): &(String, AclRights)| AclEntry { sid: sid.clone(), rights: *rights, deny: false, inherited };
    rights.iter().map(entry).collect()
}
