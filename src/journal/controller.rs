//! Who farmhand is on this machine: one identity for each folder `.farmhand`, so that hosts tell one controller's runs
//! from another's.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use super::JournalError;

/// The file in the folder.
const FILE: &str = "controller";

/// The identity kept in a folder, 32 hexadecimal digits; a new random one where there is none yet.
///
/// # Errors
/// When the disk would not have it.
pub fn controller(folder: &Path) -> Result<String, JournalError> {
    let path = folder.join(FILE);
    if let Some(known) = kept(&path).map_err(JournalError::controller(&path))? {
        return Ok(known);
    }
    let made = || {
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
        let identity: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        writeln!(file, "{identity}")?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(&path) {
            Ok(_) => Ok(identity),
            // Another run was first, or what is there is damaged.
            Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => match kept(&path)? {
                Some(known) => Ok(known),
                None => failed.file.persist(&path).map(|_| identity).map_err(|failed| failed.error),
            },
            Err(failed) => Err(failed.error),
        }
    };
    made().map_err(JournalError::controller(&path))
}

/// What the file holds, where that is an identity.
fn kept(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let text = text.trim();
            let whole = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            Ok(whole.then(|| text.to_owned()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound || error.kind() == ErrorKind::InvalidData => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_identity_and_another_folder_another() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().join(".farmhand");
        let identity = controller(&here).unwrap();
        assert_eq!(controller(&here).unwrap(), identity);
        assert_ne!(controller(&folder.path().join("other")).unwrap(), identity);
    }

    #[test]
    fn a_damaged_identity_is_made_anew() {
        for damaged in [&b""[..], b"12", b"\xff\xfe"] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(FILE), damaged).unwrap();
            let identity = controller(folder.path()).unwrap();
            assert_eq!((identity.len(), controller(folder.path()).unwrap()), (32, identity));
        }
    }
}
