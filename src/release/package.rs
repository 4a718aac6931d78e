//! A package: a zip or a folder, every file judged and hashed.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::entry_name::folded;
use super::fault::{Fault, PackageError};
use super::listing::{Limits, PackageFile};
use super::opening;
use super::reader::{PackageReader, Place};

/// The longest path of a file on a host, in UTF-16 units; Windows itself stops at 260 (MAX_PATH).
pub const MAX_PATH_CHARS: usize = 240;

/// How many readers are kept for the next slice of their file.
const PARKED: usize = 16;

/// A package that can be delivered.
pub struct Package {
    root: PathBuf,
    /// Sorted by path.
    files: Vec<PackageFile>,
    /// Of the file of the same number.
    places: Vec<Place>,
    /// The number of the file of a folded path.
    numbers: BTreeMap<String, usize>,
    /// Readers with their files' numbers, so that reading on from where the last slice ended unpacks nothing twice.
    parked: Mutex<Vec<(usize, PackageReader)>>,
}

impl Package {
    /// Opens a zip or a folder, judges every entry and hashes every file.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn open(path: &Path) -> Result<Package, PackageError> {
        Package::open_within(path, &Limits::default())
    }

    /// The same with other limits.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn open_within(path: &Path, limits: &Limits) -> Result<Package, PackageError> {
        let found = opening::open(path, limits);
        let found = found.map_err(|faults| PackageError { package: path.display().to_string(), faults })?;
        let (files, places): (Vec<PackageFile>, Vec<Place>) = found.into_iter().unzip();
        let numbers = files.iter().enumerate().map(|(number, file)| (folded(&file.path), number)).collect();
        Ok(Package { root: path.to_owned(), files, places, numbers, parked: Mutex::default() })
    }

    /// Its files, sorted by path.
    pub fn files(&self) -> &[PackageFile] {
        &self.files
    }

    /// The file of a path, in any letter case.
    pub fn file(&self, path: &str) -> Option<&PackageFile> {
        self.files.get(*self.numbers.get(&folded(path))?)
    }

    /// Up to `length` bytes of a file, from `offset` on; fewer only at its end. Reading a file on from where the last
    /// slice ended costs no more than reading it once.
    ///
    /// # Errors
    /// When there is no such file, the disk says no, or the package has changed.
    pub fn read(&self, path: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let number = *self.numbers.get(&folded(path)).ok_or_else(|| not_there(path))?;
        let parked = {
            let mut parked = self.parked.lock().unwrap_or_else(PoisonError::into_inner);
            let at = parked.iter().position(|(of, reader)| *of == number && reader.position() == offset);
            at.map(|at| parked.remove(at).1)
        };
        let mut reader = match parked {
            Some(reader) => reader,
            None => self.open_file(number)?,
        };
        let bytes = self.files.get(number).map_or(0, |file| file.bytes);
        if offset >= bytes {
            return Ok(Vec::new());
        }
        reader.advance(offset)?;
        let slice = reader.slice(length)?;
        if reader.position() < bytes {
            let mut parked = self.parked.lock().unwrap_or_else(PoisonError::into_inner);
            if parked.len() == PARKED {
                parked.remove(0);
            }
            parked.push((number, reader));
        }
        Ok(slice)
    }

    /// Reads a file from its start.
    ///
    /// # Errors
    /// When there is no such file, or the disk says no.
    pub fn reader(&self, path: &str) -> io::Result<PackageReader> {
        self.open_file(*self.numbers.get(&folded(path)).ok_or_else(|| not_there(path))?)
    }

    /// The zip that it is; a folder is none.
    pub fn archive(&self) -> Option<&Path> {
        self.places.iter().all(Place::is_in_archive).then_some(&self.root)
    }

    /// Whether every file's path is short enough below a folder of so many characters.
    ///
    /// # Errors
    /// The files whose path is too long.
    pub fn check_path_lengths(&self, folder_chars: usize) -> Result<(), PackageError> {
        let faults: Vec<_> = self
            .files
            .iter()
            .map(|file| (file, folder_chars + 1 + file.path.encode_utf16().count()))
            .filter(|(_, chars)| *chars > MAX_PATH_CHARS)
            .map(|(file, chars)| (Some(file.path.clone()), Fault::PathTooLong { chars, limit: MAX_PATH_CHARS }))
            .collect();
        let package = self.root.display().to_string();
        if faults.is_empty() { Ok(()) } else { Err(PackageError { package, faults }) }
    }

    fn open_file(&self, number: usize) -> io::Result<PackageReader> {
        match (self.files.get(number), self.places.get(number)) {
            (Some(file), Some(place)) => PackageReader::open(&self.root, place, file.bytes),
            _ => unreachable!("a number in the index is that of a file"),
        }
    }
}

impl fmt::Debug for Package {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.debug_struct("Package").field("root", &self.root).field("files", &self.files).finish_non_exhaustive()
    }
}

fn not_there(path: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("there is no `{path}` in the package"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    fn faults(path: &Path) -> Vec<(Option<String>, Fault)> {
        Package::open(path).unwrap_err().faults
    }

    #[test]
    fn a_folder_is_listed_hashed_and_read() {
        let folder = folder(&[("web.config", b"<configuration />"), ("bin/Chat.dll", b"abc"), ("empty.txt", b"")]);
        let package = Package::open(folder.path()).unwrap();
        let paths: Vec<&str> = package.files().iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["bin\\Chat.dll", "empty.txt", "web.config"]);
        // FIPS 180-2, B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(package.file("BIN\\chat.dll").unwrap().sha256.to_string(), expected);
        assert_eq!(package.read("bin\\Chat.dll", 1, 10).unwrap(), b"bc");
        assert_eq!(package.read("empty.txt", 0, 10).unwrap(), b"");
        assert_eq!(package.read("none", 0, 1).unwrap_err().kind(), io::ErrorKind::NotFound);
        let json = serde_json::to_string(&package.files()[0]).unwrap();
        assert_eq!(serde_json::from_str::<PackageFile>(&json).unwrap(), package.files()[0]);
    }

    #[test]
    fn a_path_that_windows_cannot_hold_is_named() {
        let folder = folder(&[("a/b.txt", b"")]);
        let package = Package::open(folder.path()).unwrap();
        assert_eq!(package.check_path_lengths(MAX_PATH_CHARS - 8), Ok(()));
        let error = package.check_path_lengths(MAX_PATH_CHARS - 7).unwrap_err();
        let fault = Fault::PathTooLong { chars: 241, limit: 240 };
        assert_eq!(error.faults, [(Some("a\\b.txt".to_owned()), fault)]);
    }

    #[test]
    fn what_is_no_package_is_refused() {
        let folder = folder(&[("x.zip", b"hello")]);
        assert_eq!(faults(&folder.path().join("y.zip")), [(None, Fault::NotThere)]);
        assert!(matches!(&faults(&folder.path().join("x.zip"))[..], [(None, Fault::NotZip(_))]));
        assert_eq!(faults(tempfile::tempdir().unwrap().path()), [(None, Fault::Empty)]);
    }

    #[test]
    fn a_package_that_shrinks_while_it_is_sent_is_noticed() {
        let folder = folder(&[("a.txt", b"hello")]);
        let package = Package::open(folder.path()).unwrap();
        fs::write(folder.path().join("a.txt"), b"hi").unwrap();
        let error = package.read("a.txt", 0, 5).unwrap_err();
        assert_eq!(error.to_string(), "the package has changed since it was opened");
    }

    #[cfg(unix)]
    #[test]
    fn links_and_names_of_other_systems_are_refused() {
        use std::os::unix::ffi::OsStringExt;
        let folder = folder(&[("a.txt", b""), ("b\\c", b""), ("CON", b"")]);
        std::os::unix::fs::symlink("a.txt", folder.path().join("link")).unwrap();
        std::os::unix::fs::symlink("/", folder.path().join("root")).unwrap();
        fs::write(folder.path().join(std::ffi::OsString::from_vec(b"\xff".to_vec())), b"").unwrap();
        let mut faults = faults(folder.path());
        faults.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = [
            ("CON", Fault::Device("CON".to_owned())),
            ("b\\c", Fault::Forbidden('\\')),
            ("link", Fault::Link),
            ("root", Fault::Link),
            ("\u{FFFD}", Fault::NotUtf8),
        ];
        assert_eq!(faults, expected.map(|(name, fault)| (Some(name.to_owned()), fault)));
    }
}
