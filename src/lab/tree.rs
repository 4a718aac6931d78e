//! Folders by their end state: `put_tree`, the pieces that it lacks, and removal.
//!
//! What is on its way lies beside the folder, in `PATH.partial`, under the names that it will have. A file there is
//! whole when its digest says so; one that is shorter is the beginning of an upload that broke off.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

use super::drive;
use super::error::{refused, refused_plainly};
use super::hexadecimal::hex;
use super::tree_names::{Names, check_name, fold};
use super::tree_wanted::{PARTIAL, TreeWanted};
use crate::hostcall::answer::{Lacking, TreePut};
use crate::hostcall::{FileData, Refusal, RefusalCode, TreeFile};

/// How much is read at once.
const BUFFER_BYTES: usize = 256 * 1024;
/// Names of folders below which things are removed.
const OURS: &[&str] = &["farmhand", "releases"];

/// Brings a folder to its end state, as far as what is on the host allows.
///
/// # Errors
/// When a name is none that Windows allows, a drive is not there, or the disk fails.
pub fn put(host: &Path, wanted: &TreeWanted) -> Result<TreePut, Refusal> {
    let names = Names::of(wanted)?;
    if !drive::has_drive(host, wanted.path) {
        return Err(no_part(wanted.path));
    }
    let target = drive::locate(host, wanted.path)?;
    let staging = staging(host, wanted.path)?;
    if target.is_file() {
        return Err(in_the_way(wanted.path));
    }
    let failed = |error: io::Error| disk(wanted.path, &error);
    let work = Work { target: &target, staging: &staging, names: &names };
    let lacking = work.stage(host, wanted).map_err(failed)??;
    if lacking.is_empty() {
        work.finish(wanted.except).map_err(failed)?;
    }
    Ok(TreePut { lacking, not_pulled: None })
}

/// Adds a piece to a file that a tree lacks.
///
/// # Errors
/// When the piece does not start where the last one ended, or the disk fails.
pub fn put_file(host: &Path, tree: &str, file: &str, at_bytes: u64, data: &FileData) -> Result<(), Refusal> {
    check_name(file)?;
    let FileData::Base64(text) = data else {
        return Err(refused_plainly(RefusalCode::Invalid, "the piece holds no bytes, only references"));
    };
    let bytes = BASE64.decode(text);
    let bytes = bytes.map_err(|_| refused_plainly(RefusalCode::Invalid, "the piece is not Base64"))?;
    let staging = staging(host, tree)?;
    if !staging.is_dir() {
        let text = format!("nobody has begun '{tree}' with put_tree");
        return Err(refused_plainly(RefusalCode::Failed, text));
    }
    let path = drive::locate(host, &format!("{tree}{PARTIAL}\\{file}"))?;
    let failed = |error: io::Error| disk(file, &error);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    let mut open = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
    let there = open.metadata().map_err(failed)?.len();
    if there != at_bytes {
        let text = format!("'{file}' has {there} bytes, and the piece starts at {at_bytes}");
        return Err(refused_plainly(RefusalCode::Failed, text));
    }
    open.write_all(&bytes).map_err(failed)
}

/// Removes a folder or file with all below it; what is not there is done.
///
/// # Errors
/// When the path is not below a folder of farmhand's, or something cannot be removed.
pub fn remove(host: &Path, path: &str) -> Result<(), Refusal> {
    check_ours(path)?;
    let real = drive::locate(host, path)?;
    // Of a link the link itself is told, and removed.
    let removed = match fs::symlink_metadata(&real) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(&real),
        Ok(_) => fs::remove_file(&real),
    };
    removed.map_err(|error| disk(path, &error))
}

/// Whether a path is below a folder in which farmhand keeps its own things.
///
/// # Errors
/// When it is not.
pub fn check_ours(path: &str) -> Result<(), Refusal> {
    let expanded = drive::expand(path).replace('/', "\\").to_lowercase();
    let parts: Vec<&str> = expanded.trim_end_matches('\\').split('\\').collect();
    let above = parts.split_last().map(|(_, above)| above).unwrap_or_default();
    let ours = above.iter().any(|part| OURS.contains(part)) && parts.iter().all(|part| *part != ".." && *part != ".");
    if ours {
        return Ok(());
    }
    let text = format!("'{path}' is not below a folder named farmhand or releases, and nothing else is removed");
    Err(refused_plainly(RefusalCode::Invalid, text))
}

struct Work<'a> {
    target: &'a Path,
    staging: &'a Path,
    names: &'a Names,
}

impl Work<'_> {
    /// Looks for each file where it belongs, where it was staged, and in other folders. What was found elsewhere is
    /// staged; what was not is lacking.
    fn stage(&self, host: &Path, wanted: &TreeWanted) -> io::Result<Result<Vec<Lacking>, Refusal>> {
        let there = listing(self.target)?;
        let staged = listing(self.staging)?;
        let mut sources = Vec::new();
        for folder in wanted.from {
            match drive::locate(host, folder) {
                Ok(real) => sources.push(listing(&real)?),
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        fs::create_dir_all(self.staging)?;
        let mut lacking = Vec::new();
        for (index, (file, name)) in wanted.files.iter().zip(&self.names.files).enumerate() {
            if is_whole(there.get(name), file)? {
                continue;
            }
            let mut have_bytes = 0;
            if let Some(entry) = staged.get(name) {
                if is_whole(Some(entry), file)? {
                    continue;
                }
                if !entry.folder && entry.bytes < file.bytes {
                    have_bytes = entry.bytes;
                } else {
                    drop_entry(entry)?;
                }
            }
            let place = self.staging.join(native(&file.path));
            let copied = sources.iter().filter_map(|source| source.get(name)).any(|entry| {
                // A source that cannot be read is as good as none: the file is sent.
                copy_if_whole(entry, file, &place).unwrap_or(false)
            });
            if !copied && file.bytes == 0 {
                write_new(&place)?;
            } else if !copied {
                lacking.push(Lacking { file: index, have_bytes });
            }
        }
        Ok(Ok(lacking))
    }

    /// Makes the folder what it shall be, now that everything is there.
    fn finish(&self, except: &[String]) -> io::Result<()> {
        self.prune(self.staging)?;
        if self.target.is_dir() {
            self.prune(self.target)?;
            for (name, entry) in listing(self.staging)? {
                if !entry.folder {
                    let place = self.target.join(native(&entry.relative));
                    if let Some(parent) = place.parent() {
                        fs::create_dir_all(parent)?;
                    }
                    tracing::trace!(name, "a file is replaced");
                    fs::rename(&entry.path, &place)?;
                }
            }
            fs::remove_dir_all(self.staging)?;
        }
        let folder = if self.target.is_dir() { self.target } else { self.staging };
        let there = listing(folder)?;
        for path in except.iter().filter(|path| !there.contains_key(&fold(path))) {
            fs::create_dir_all(folder.join(native(path)))?;
        }
        if folder == self.staging {
            fs::rename(self.staging, self.target)?;
        }
        Ok(())
    }

    /// Removes what is not named.
    fn prune(&self, folder: &Path) -> io::Result<()> {
        for (name, entry) in listing(folder)? {
            let named =
                if entry.folder { self.names.folders.contains(&name) } else { self.names.known.contains(&name) };
            if !named && !self.names.is_left_alone(&name) && entry.path.symlink_metadata().is_ok() {
                drop_entry(&entry)?;
            }
        }
        Ok(())
    }
}

/// Something in a folder.
pub struct Entry {
    /// Its path below the folder, with `\`.
    pub relative: String,
    /// Its length; 0 for a folder.
    pub bytes: u64,
    /// Whether it is a folder. A link is none, wherever it leads.
    pub folder: bool,
    path: PathBuf,
}

/// All that is below a folder, by its path in lower case; nothing where there is no folder. Links are not followed.
///
/// # Errors
/// When the disk fails.
pub fn listing(folder: &Path) -> io::Result<HashMap<String, Entry>> {
    let mut found = HashMap::new();
    let mut waiting = vec![(folder.to_owned(), String::new())];
    while let Some((folder, prefix)) = waiting.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let relative = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let metadata = entry.metadata()?;
            let is_folder = metadata.is_dir();
            if is_folder {
                waiting.push((entry.path(), format!("{relative}\\")));
            }
            let bytes = if is_folder { 0 } else { metadata.len() };
            found.insert(fold(&relative), Entry { relative, bytes, folder: is_folder, path: entry.path() });
        }
    }
    Ok(found)
}

fn is_whole(entry: Option<&Entry>, file: &TreeFile) -> io::Result<bool> {
    let Some(entry) = entry.filter(|entry| !entry.folder && entry.bytes == file.bytes) else { return Ok(false) };
    Ok(digest(&entry.path, |_| Ok(()))? == file.sha256.digits())
}

/// Copies a file where it is the one that is wanted. It is read once.
fn copy_if_whole(entry: &Entry, file: &TreeFile, place: &Path) -> io::Result<bool> {
    if entry.folder || entry.bytes != file.bytes {
        return Ok(false);
    }
    let mut copy = write_new(place)?;
    if digest(&entry.path, |piece| copy.write_all(piece))? == file.sha256.digits() {
        return Ok(true);
    }
    fs::remove_file(place)?;
    Ok(false)
}

pub(super) fn write_new(place: &Path) -> io::Result<File> {
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    File::create(place)
}

fn digest(path: &Path, mut piece: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut digest = Sha256::new();
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex(&digest.finalize()));
        }
        digest.update(&buffer[..read]);
        piece(&buffer[..read])?;
    }
}

fn drop_entry(entry: &Entry) -> io::Result<()> {
    if entry.folder { fs::remove_dir_all(&entry.path) } else { fs::remove_file(&entry.path) }
}

pub(super) fn native(path: &str) -> PathBuf {
    path.split('\\').collect()
}

pub(super) fn staging(host: &Path, path: &str) -> Result<PathBuf, Refusal> {
    drive::locate(host, &format!("{}{PARTIAL}", path.trim_end_matches('\\')))
}

/// A part of a path that is not there.
pub fn no_part(path: &str) -> Refusal {
    refused(RefusalCode::Unknown, 0x8007_0003, format!("Could not find a part of the path '{path}'."))
}

/// A file where a folder shall be.
pub fn in_the_way(path: &str) -> Refusal {
    let text = format!("Cannot create '{path}' because a file or directory with the same name already exists.");
    refused(RefusalCode::Failed, 0x8007_00B7, text)
}

fn disk(path: &str, error: &io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::StorageFull => {
            refused(RefusalCode::DiskFull, 0x8007_0070, "There is not enough space on the disk.")
        }
        io::ErrorKind::PermissionDenied => {
            refused(RefusalCode::Denied, 0x8007_0005, format!("Access to the path '{path}' is denied."))
        }
        _ => refused_plainly(RefusalCode::Failed, format!("'{path}': {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_below_our_folders_is_removed() {
        for ours in [r"C:\farmhand\x", r"D:\Sites\Releases\a\b", "C:/farmhand/x"] {
            assert!(check_ours(ours).is_ok(), "{ours}");
        }
        for other in [r"C:\farmhand", r"C:\farmhand\", r"C:\x\releases", r"C:\", r"C:\farmhand\..\x", r"C:\a\b", "x"] {
            assert!(check_ours(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_link_is_removed_and_not_what_it_leads_to() {
        let host = tempfile::tempdir().unwrap();
        fs::create_dir_all(host.path().join("C/farmhand/x")).unwrap();
        fs::create_dir_all(host.path().join("C/keep")).unwrap();
        fs::write(host.path().join("C/keep/a.txt"), "a").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(host.path().join("C/keep"), host.path().join("C/farmhand/x/link")).unwrap();
        remove(host.path(), r"C:\farmhand\x").unwrap();
        assert!(!host.path().join("C/farmhand/x").exists() && host.path().join("C/keep/a.txt").exists());
    }
}
