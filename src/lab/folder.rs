//! A folder of ordinary files, read whole and replaced atomically.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::LabError;

/// The folder in which a lab host is kept.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// A folder, whether it is there yet or not.
    pub fn new(root: impl Into<PathBuf>) -> Folder {
        Folder { root: root.into() }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path below the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// A file's bytes; `None` where there is none.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, LabError> {
        let path = self.path(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LabError::disk(&path, error)),
        }
    }

    /// A TOML file as a type; the type's default where there is no file.
    ///
    /// # Errors
    /// When the disk fails or the file does not fit the type.
    pub fn read_toml<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T, LabError> {
        let Some(bytes) = self.read(name)? else { return Ok(T::default()) };
        let broken = |message: String| LabError::File { path: self.path(name), message };
        let text = String::from_utf8(bytes).map_err(|_| broken("it is not UTF-8".to_owned()))?;
        toml::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| broken(error.to_string()))
    }

    /// Writes a TOML file under a heading of comments that says what it is.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn write_toml<T: Serialize>(&self, name: &str, heading: &str, value: &T) -> Result<(), LabError> {
        let body = toml::to_string(value)
            .map_err(|error| LabError::File { path: self.path(name), message: error.to_string() })?;
        let comments = heading.replace('\n', "\n# ");
        self.write(name, format!("# {comments}\n\n{body}").as_bytes())
    }

    /// A JSON file as a type; the type's default where there is no file.
    ///
    /// # Errors
    /// When the disk fails or the file does not fit the type.
    pub fn read_json<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T, LabError> {
        let Some(bytes) = self.read(name)? else { return Ok(T::default()) };
        serde_json::from_slice(&bytes)
            .map_err(|error| LabError::File { path: self.path(name), message: error.to_string() })
    }

    /// Writes a JSON file for people.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), LabError> {
        let body = serde_json::to_vec_pretty(value)
            .map_err(|error| LabError::File { path: self.path(name), message: error.to_string() })?;
        self.write(name, &body)
    }

    /// Replaces a file as a whole: who reads it sees the old one or the new one.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), LabError> {
        replace(&self.path(name), bytes)
    }
}

/// Replaces a file through a temporary one beside it, with the folders above it.
///
/// # Errors
/// When the disk fails.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), LabError> {
    let failed = |error| LabError::disk(path, error);
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
