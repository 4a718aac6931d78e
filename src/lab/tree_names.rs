//! The names in a tree: which ones Windows keeps as they are written, and which are the same.

use std::collections::HashSet;

use super::drive;
use super::error::{refused, refused_plainly};
use super::hexadecimal::key;
use super::tree_wanted::{PARTIAL, TreeWanted};
use crate::hostcall::{Refusal, RefusalCode};

/// The longest path that Windows takes without further ado (`MAX_PATH` with its final zero).
const MAX_PATH: usize = 259;
/// Names of devices, which no file can have, whatever follows a dot.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul"];

/// The names in a tree, checked; all in lower case.
pub struct Names {
    /// Of the files, in their order.
    pub files: Vec<String>,
    /// The same.
    pub known: HashSet<String>,
    /// The folders that the files and what is left alone need.
    pub folders: HashSet<String>,
    except: Vec<String>,
}

impl Names {
    /// The names of a tree.
    ///
    /// # Errors
    /// When one is none, or two are the same on Windows.
    pub fn of(wanted: &TreeWanted) -> Result<Names, Refusal> {
        let mut names = Names { files: Vec::new(), known: HashSet::new(), folders: HashSet::new(), except: Vec::new() };
        for path in wanted.except {
            check_name(path)?;
            names.add_folders(&format!("{}\\", fold(path)));
            names.except.push(fold(path));
        }
        for file in wanted.files {
            check_name(&file.path)?;
            let name = fold(&file.path);
            if drive::expand(wanted.path).chars().count() + PARTIAL.len() + 1 + name.chars().count() > MAX_PATH {
                let text = format!("The specified path, file name, or both are too long: '{}'.", file.path);
                return Err(refused(RefusalCode::Failed, 0x8007_00CE, text));
            }
            if key(file.sha256.digits()).is_none() {
                let text = format!("'{}' comes without its SHA-256", file.path);
                return Err(refused_plainly(RefusalCode::Invalid, text));
            }
            names.add_folders(&name);
            if names.is_left_alone(&name) || !names.known.insert(name.clone()) {
                return Err(invalid(&file.path));
            }
            names.files.push(name);
        }
        match wanted.files.iter().zip(&names.files).find(|(_, name)| names.folders.contains(*name)) {
            Some((file, _)) => Err(invalid(&file.path)),
            None => Ok(names),
        }
    }

    fn add_folders(&mut self, name: &str) {
        for (at, _) in name.match_indices('\\') {
            self.folders.insert(name[..at].to_owned());
        }
    }

    /// Whether something is what is left alone, or below it.
    pub fn is_left_alone(&self, name: &str) -> bool {
        self.except.iter().any(|except| is_below(name, except))
    }
}

/// A path in lower case as .NET's invariant culture has it: each character by itself.
pub fn fold(path: &str) -> String {
    let lower = |c: char| {
        let mut lower = c.to_lowercase();
        match (lower.next(), lower.next()) {
            (Some(one), None) => one,
            _ => c,
        }
    };
    path.chars().map(lower).collect()
}

/// Whether a path is another one or below it; both in lower case.
pub fn is_below(name: &str, above: &str) -> bool {
    name.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('\\'))
}

/// Whether a path below a folder is one that Windows keeps as it is written.
///
/// # Errors
/// When it is not.
pub fn check_name(path: &str) -> Result<(), Refusal> {
    let good = |name: &str| {
        let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
        let numbered = |device: &str| stem.strip_prefix(device).is_some_and(|rest| rest.len() == 1 && rest != "0");
        !name.is_empty()
            && !name.ends_with([' ', '.'])
            && !name.contains(['<', '>', ':', '"', '|', '?', '*', '/'])
            && !name.contains(char::is_control)
            && !DEVICES.contains(&stem.as_str())
            && !numbered("com")
            && !numbered("lpt")
    };
    if path.split('\\').all(good) { Ok(()) } else { Err(invalid(path)) }
}

fn invalid(path: &str) -> Refusal {
    refused(RefusalCode::Invalid, 0x8007_007B, format!("'{path}' is no name for a file of the folder"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_windows_keeps() {
        for good in ["a.txt", r"bin\App.dll", "a b", ".config", "común", "com", "com10.txt", "a.b.c"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", r"\a", r"a\", r"a\\b", "..", r"a\..\b", "a ", "a.", "C:a", "a/b", "nul", "NUL.txt", "Com1.x"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
