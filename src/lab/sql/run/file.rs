//! Files of a host as SQL Server's service sees them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::lab::drive;
use crate::lab::sql::error::cannot_write;
use crate::lab::sql::reply::SqlError;

/// Where a new file goes.
///
/// # Errors
/// 15240 where its folder is not there, or the file is.
pub fn new_file(host: &Path, path: &str) -> Result<PathBuf, SqlError> {
    let found = locate(host, path).ok_or_else(|| cannot_write(path))?;
    let folder = found.parent().is_some_and(Path::is_dir);
    if !folder || found.exists() || found.parent() == Some(host) {
        return Err(cannot_write(path));
    }
    Ok(found)
}

/// The file that a Windows path means; `None` where it means none.
pub fn locate(host: &Path, path: &str) -> Option<PathBuf> {
    drive::locate(host, path).ok()
}

/// What is told of a file or folder: whether it is a file, a folder, and has a folder above it.
pub fn existence(host: &Path, path: &str) -> (bool, bool, bool) {
    let Some(found) = locate(host, path) else { return (false, false, false) };
    (found.is_file(), found.is_dir(), found.parent().is_some_and(Path::is_dir))
}

/// An entry of a folder.
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its path on the host.
    pub path: String,
    /// Whether it is a folder.
    pub folder: bool,
    /// Its length.
    pub length_bytes: u64,
    /// When it was changed.
    pub modified: std::time::SystemTime,
    /// How deep below the folder asked for, 1 for its own entries.
    pub depth: i64,
}

/// The entries of a folder and of the folders in it, so many levels deep, by name.
pub fn entries(host: &Path, path: &str, levels: i64) -> Vec<Entry> {
    let mut found = Vec::new();
    if let Some(folder) = locate(host, path) {
        collect(&folder, path.trim_end_matches(['\\', '/']), 1, levels, &mut found);
    }
    found
}

fn collect(folder: &Path, path: &str, depth: i64, levels: i64, found: &mut Vec<Entry>) {
    let Ok(listed) = fs::read_dir(folder) else { return };
    let mut listed: Vec<fs::DirEntry> = listed.filter_map(Result::ok).collect();
    listed.sort_by_key(fs::DirEntry::file_name);
    for entry in listed {
        let (Ok(metadata), Ok(name)) = (entry.metadata(), entry.file_name().into_string()) else { continue };
        let own = format!("{path}\\{name}");
        found.push(Entry {
            path: own.clone(),
            name,
            folder: metadata.is_dir(),
            length_bytes: if metadata.is_dir() { 0 } else { metadata.len() },
            modified: metadata.modified().unwrap_or(std::time::UNIX_EPOCH),
            depth,
        });
        if metadata.is_dir() && depth < levels {
            collect(&entry.path(), &own, depth + 1, levels, found);
        }
    }
}
