//! Windows paths on a host's drives, each drive a folder.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::refused;
use crate::hostcall::{Refusal, RefusalCode};

/// Environment variables of a service, by name in upper case.
const VARIABLES: &[(&str, &str)] = &[
    ("SYSTEMDRIVE", "C:"),
    ("SYSTEMROOT", r"C:\Windows"),
    ("WINDIR", r"C:\Windows"),
    ("PROGRAMDATA", r"C:\ProgramData"),
    ("PROGRAMFILES", r"C:\Program Files"),
    ("TEMP", r"C:\Windows\Temp"),
];

/// Puts values in the place of `%VARIABLES%`; one that is not known stays as it is, as in Windows.
pub fn expand(path: &str) -> String {
    let mut expanded = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        expanded.push_str(before);
        let known = after.split_once('%').and_then(|(name, tail)| {
            let value = VARIABLES.iter().find(|(variable, _)| variable.eq_ignore_ascii_case(name))?.1;
            Some((value, tail))
        });
        if let Some((value, tail)) = known {
            expanded.push_str(value);
            rest = tail;
        } else {
            expanded.push('%');
            rest = after;
        }
    }
    expanded + rest
}

/// The file or folder that a Windows path means on a host, whether it is there or not.
///
/// Letter case does not count: a part that is there in another spelling is that part.
///
/// # Errors
/// When the path is not absolute, leads to another machine or has a name that Windows does not allow.
pub fn locate(host: &Path, path: &str) -> Result<PathBuf, Refusal> {
    let expanded = expand(path).replace('/', "\\");
    if expanded.starts_with(r"\\") {
        // A second hop: the session's credentials end at the host.
        return Err(refused(RefusalCode::Denied, 0x8007_0005, format!("Access to the path '{path}' is denied.")));
    }
    let invalid =
        || refused(RefusalCode::Invalid, 0x8007_007B, format!("The given path's format is not supported: '{path}'"));
    let (drive, rest) = expanded.split_once(':').ok_or_else(invalid)?;
    if drive.len() != 1 || !drive.chars().all(|c| c.is_ascii_alphabetic()) || !rest.starts_with('\\') {
        return Err(invalid());
    }
    let mut real = host.join(drive.to_ascii_uppercase());
    for name in rest.split('\\').filter(|name| !name.is_empty()) {
        let name = name.trim_end_matches([' ', '.']);
        if name.is_empty() || name.contains(['<', '>', ':', '"', '|', '?', '*']) || name.contains(char::is_control) {
            return Err(invalid());
        }
        real = step(&real, name);
    }
    Ok(real)
}

/// Whether the drive of a path is there.
pub fn has_drive(host: &Path, path: &str) -> bool {
    let expanded = expand(path);
    expanded.split_once(':').is_some_and(|(drive, _)| host.join(drive.to_ascii_uppercase()).is_dir())
}

fn step(folder: &Path, name: &str) -> PathBuf {
    let exact = folder.join(name);
    if exact.exists() {
        return exact;
    }
    let same = |found: &fs::DirEntry| found.file_name().to_str().is_some_and(|found| same_name(found, name));
    fs::read_dir(folder)
        .ok()
        .and_then(|entries| entries.filter_map(Result::ok).find(same))
        .map_or(exact, |entry| entry.path())
}

fn same_name(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_expanded() {
        assert_eq!(expand(r"%SystemDrive%\inetpub"), r"C:\inetpub");
        assert_eq!(expand(r"%windir%\x\%nobody%\100%"), r"C:\Windows\x\%nobody%\100%");
    }

    #[test]
    fn a_path_means_a_file_below_the_host_whatever_its_case() {
        let host = tempfile::tempdir().unwrap();
        fs::create_dir_all(host.path().join("C/Inetpub/wwwroot")).unwrap();
        let found = locate(host.path(), r"c:\INETPUB\wwwroot\new.txt").unwrap();
        assert_eq!(found, host.path().join("C/Inetpub/wwwroot/new.txt"));
        assert!(has_drive(host.path(), r"c:\x") && !has_drive(host.path(), r"D:\x"));
    }

    #[test]
    fn a_path_never_leaves_the_host() {
        let host = Path::new("/host");
        for path in
            [r"C:\..\..\etc", "inetpub", r"C:inetpub", r"\\server\share", r"C:\a|b", r"CC:\a", r"C:\.\x", r"C:\a:b"]
        {
            assert!(locate(host, path).is_err(), "{path}");
        }
    }
}
