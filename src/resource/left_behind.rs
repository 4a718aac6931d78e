//! What is in a folder that an application leaves, and not in its release.

use std::collections::{BTreeMap, BTreeSet};

use crate::hostcall::answer::Listing;
use crate::release::Release;

/// How many lines are told.
const TOLD: usize = 20;

/// Files that are summed up in one line.
#[derive(Default)]
struct Sum {
    files: usize,
    bytes: u64,
}

/// The files of a folder that the release has not, in words: one line each or, where they are many, one for each
/// top-level folder.
pub fn left_behind(listing: &Listing, release: &Release) -> Vec<String> {
    let ours: BTreeSet<String> = release.files().iter().map(|file| file.path.to_lowercase()).collect();
    let only_there = || listing.files.iter().filter(|file| !ours.contains(&file.path.to_lowercase()));
    let many = only_there().count() > TOLD;
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    for file in only_there() {
        let folder = file.path.find('\\').filter(|_| many).map(|at| &file.path[..=at]);
        let sum = sums.entry(folder.unwrap_or(&file.path)).or_default();
        sum.files += 1;
        sum.bytes += file.bytes;
    }
    let line = |(path, sum): (&&str, &Sum)| match sum.files {
        1 if !path.ends_with('\\') => format!("{path} ({})", counted(sum.bytes, "byte")),
        files => format!("{path} ({}, {})", counted(files as u64, "file"), counted(sum.bytes, "byte")),
    };
    let mut lines: Vec<String> = sums.iter().take(TOLD).map(line).collect();
    let untold: usize = sums.values().skip(TOLD).map(|sum| sum.files).sum();
    if untold > 0 {
        lines.push(format!("and {} more", counted(untold as u64, "file")));
    }
    if listing.more > 0 {
        lines.push(format!("and {} that the host did not list", counted(listing.more, "file")));
    }
    lines
}

fn counted(number: u64, of: &str) -> String {
    format!("{number} {of}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::hostcall::answer::ListedFile;
    use crate::release::Package;

    fn told(files: &[(&str, u64)], more: u64) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bin")).unwrap();
        std::fs::write(folder.path().join("bin/a.dll"), "").unwrap();
        std::fs::write(folder.path().join("Default.aspx"), "").unwrap();
        let release = Release::new(Arc::new(Package::open(folder.path()).unwrap()), &[]).unwrap();
        let files = files.iter().map(|(path, bytes)| ListedFile { path: (*path).to_owned(), bytes: *bytes });
        left_behind(&Listing { files: files.collect(), more }, &release)
    }

    #[test]
    fn what_the_release_has_not_is_told() {
        let check = |files: &[(&str, u64)], expected: &[&str]| assert_eq!(told(files, 0), expected);
        check(&[], &[]);
        check(&[("BIN\\A.dll", 9), ("default.aspx", 1)], &[]);
        check(
            &[("App_Data\\x\\1.txt", 1), ("bin\\b.dll", 20), ("robots.txt", 0)],
            &["App_Data\\x\\1.txt (1 byte)", "bin\\b.dll (20 bytes)", "robots.txt (0 bytes)"],
        );
        assert_eq!(told(&[], 3), ["and 3 files that the host did not list"]);
    }

    #[test]
    fn many_files_are_summed_up() {
        let names: Vec<String> = (0..30).map(|number| format!("logs\\{number:02}\\a.log")).collect();
        let mut files: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 10)).collect();
        files.extend([("bin\\a.dll", 1), ("bin\\b.dll", 2), ("robots.txt", 3)]);
        assert_eq!(
            told(&files, 0),
            ["bin\\ (1 file, 2 bytes)", "logs\\ (30 files, 300 bytes)", "robots.txt (3 bytes)"]
        );
        let names: Vec<String> = (0..25).map(|number| format!("{number:02}.txt")).collect();
        let files: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
        let told = told(&files, 7);
        let ends = ["19.txt (1 byte)", "and 5 files more", "and 7 files that the host did not list"];
        assert_eq!((told.len(), &told[19..]), (22, &ends.map(str::to_owned)[..]));
    }
}
