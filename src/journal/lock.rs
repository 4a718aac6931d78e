//! Locks: one host is changed by one run at a time, as far as the runs share a folder. Hosts hold others apart
//! themselves, see [`crate::hostcall::Write::Marker`].
//!
//! The lock of a host is the system's advisory lock on a file, which ends with the process that holds it, however it
//! ends. Who holds it stands in a second file, because Windows lets nobody read a locked one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// Who runs it.
    pub user: String,
    /// On which machine.
    pub machine: String,
    /// As which process.
    pub pid: u32,
    /// Since when, as `2026-11-21T12:34:56Z`.
    pub since: String,
    /// The command, without values of variables.
    pub command: String,
    /// Its journal.
    pub run: PathBuf,
}

/// Why hosts were not locked.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another run holds them.
    #[error("{}", held(.hosts, .holder.as_deref()))]
    Held {
        /// The hosts.
        hosts: Vec<String>,
        /// Who holds the first of them, where that could be read.
        holder: Option<Box<Holder>>,
    },
    /// The disk would not have it.
    #[error("{path} cannot be locked: {error}")]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// The locks of some hosts. They end with this value, and with the process.
#[derive(Debug)]
pub struct Locks {
    held: Vec<(File, PathBuf)>,
}

/// Locks all of some hosts, or none of them.
///
/// # Errors
/// When another run holds one, or the disk says no.
pub fn lock(folder: &Path, hosts: &[String], holder: &Holder) -> Result<Locks, LockError> {
    let disk = |path: &Path| {
        let path = path.to_owned();
        move |error| LockError::Disk { path, error }
    };
    fs::create_dir_all(folder).map_err(disk(folder))?;
    let mut locks = Locks { held: Vec::new() };
    let mut refused: Vec<String> = Vec::new();
    let mut first = None;
    for host in hosts {
        let path = folder.join(format!("{}.lock", file_name(host)));
        let open = || OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = open().map_err(disk(&path))?;
        match file.try_lock() {
            Ok(()) => locks.held.push((file, path.with_extension("holder"))),
            Err(TryLockError::WouldBlock) => {
                let holder = || serde_json::from_slice(&fs::read(path.with_extension("holder")).ok()?).ok();
                first = first.or_else(holder);
                refused.push(host.clone());
            }
            Err(TryLockError::Error(error)) => return Err(disk(&path)(error)),
        }
    }
    if !refused.is_empty() {
        return Err(LockError::Held { hosts: refused, holder: first });
    }
    let text = serde_json::to_vec(holder).unwrap_or_default();
    for (_, path) in &locks.held {
        fs::write(path, &text).map_err(disk(path))?;
    }
    Ok(locks)
}

impl Drop for Locks {
    fn drop(&mut self) {
        for (_, path) in &self.held {
            // It only tells who holds the lock; one that stays is written over by the next holder.
            let _ = fs::remove_file(path);
        }
    }
}

fn held(hosts: &[String], holder: Option<&Holder>) -> String {
    let hosts = match hosts {
        [one] => format!("{one} is"),
        many => format!("{} are", many.join(", ")),
    };
    match holder {
        None => format!("{hosts} being changed by another run of farmhand"),
        Some(Holder { user, machine, pid, since, command, run }) => format!(
            "{hosts} being changed by {user}@{machine} since {since}: process {pid}, `farmhand {command}`, journal {}",
            run.display()
        ),
    }
}

/// A host's name as a file's: what no file system minds stays, the rest is written as `%` and its bytes. Letter case
/// does not tell hosts apart.
fn file_name(host: &str) -> String {
    let mut name = String::new();
    for (index, byte) in host.to_ascii_lowercase().bytes().enumerate() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' || (byte == b'.' && index > 0) {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(command: &str) -> Holder {
        Holder {
            user: "ana".to_owned(),
            machine: "desk".to_owned(),
            pid: 7,
            since: "2026-11-21T12:34:56Z".to_owned(),
            command: command.to_owned(),
            run: PathBuf::from("runs/x.jsonl"),
        }
    }

    fn hosts(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_host_is_locked_once_and_the_holder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(folder.path(), &hosts(&["web01", "web02"]), &holder("apply site.yml")).unwrap();
        let refused = lock(folder.path(), &hosts(&["web02", "web03"]), &holder("apply other.yml")).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "web02 is being changed by ana@desk since 2026-11-21T12:34:56Z: process 7, `farmhand apply site.yml`, \
             journal runs/x.jsonl"
        );
        let other = lock(folder.path(), &hosts(&["web03"]), &holder("apply other.yml"));
        assert!(other.is_ok(), "a run that was refused holds nothing");
        drop(first);
        lock(folder.path(), &hosts(&["WEB02"]), &holder("apply other.yml")).unwrap();
    }

    #[test]
    fn a_name_stays_inside_the_folder() {
        for (host, expected) in [("web01.example.com", "web01.example.com"), ("../x", "%2E.%2Fx"), ("Web01", "web01")] {
            assert_eq!(file_name(host), expected);
        }
    }
}
