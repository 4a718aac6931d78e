//! The user's files: read here and nowhere else, and kept so that any place in them can be shown.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Diagnostic;

/// The largest file that is read, in bytes: 4 MiB. Playbooks are a few KiB.
pub const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// The largest number of entries of a folder that are looked at.
const MAX_FOLDER_ENTRIES: usize = 10_000;

/// One of the texts in [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(u32);

/// A stretch of a text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The text.
    pub source: SourceId,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The stretch from the start of one to the end of another in the same text.
    #[must_use]
    pub fn to(self, end: Span) -> Span {
        Span { end: end.end.max(self.end), ..self }
    }

    /// The empty stretch at its start.
    #[must_use]
    pub fn head(self) -> Span {
        Span { end: self.start, ..self }
    }
}

/// A place as people say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name of the file.
    pub name: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.name, self.line, self.column)
    }
}

/// Every text that was read, by id.
#[derive(Debug, Default)]
pub struct Sources {
    texts: Vec<Source>,
    hidden: Vec<Span>,
    /// In place of the disk, where there is one.
    memory: Option<BTreeMap<PathBuf, Vec<u8>>>,
}

#[derive(Debug)]
struct Source {
    name: String,
    text: Arc<str>,
}

impl Sources {
    /// Reads from the disk.
    pub fn new() -> Sources {
        Sources::default()
    }

    /// Reads from these files and no others.
    pub fn in_memory<P: Into<PathBuf>, B: Into<Vec<u8>>>(files: impl IntoIterator<Item = (P, B)>) -> Sources {
        let files = files.into_iter().map(|(path, bytes)| (path.into(), bytes.into())).collect();
        Sources { memory: Some(files), ..Sources::default() }
    }

    /// Adds a text that is no file, such as what stood behind `-e`.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) -> SourceId {
        let id = SourceId(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        self.texts.push(Source { name: name.into(), text: text.into() });
        id
    }

    /// Reads a file: UTF-8 with or without byte order mark, at most [`MAX_FILE_BYTES`].
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&mut self, path: &Path) -> Result<SourceId, Diagnostic> {
        let name = path.display().to_string();
        let bytes = self.bytes(path).map_err(|why| Diagnostic::nowhere(format!("cannot read {name}: {why}")))?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(self.add(name, text)),
            Err(error) => {
                let start = error.utf8_error().valid_up_to();
                let id = self.add(name, String::from_utf8_lossy(error.as_bytes()).into_owned());
                let end = start + '\u{fffd}'.len_utf8();
                Err(Diagnostic::new(Span { source: id, start, end }, "the file is not UTF-8 from here on")
                    .help("save it as UTF-8"))
            }
        }
    }

    /// The bytes of a file that is no text of the user's, such as a certificate.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn bytes(&self, path: &Path) -> Result<Vec<u8>, String> {
        let too_large = |bytes: u64| {
            format!("it is {} MiB large, and {} MiB is the most", bytes.div_ceil(1 << 20), MAX_FILE_BYTES >> 20)
        };
        if let Some(files) = &self.memory {
            let bytes = files.get(path).ok_or("there is no such file")?;
            let length = bytes.len() as u64;
            return if length > MAX_FILE_BYTES { Err(too_large(length)) } else { Ok(bytes.clone()) };
        }
        let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
        if !metadata.is_file() {
            return Err("it is not a file".to_owned());
        }
        if metadata.len() > MAX_FILE_BYTES {
            return Err(too_large(metadata.len()));
        }
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(|error| error.to_string())?;
        // A file can grow between the two calls.
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        if bytes.len() as u64 > MAX_FILE_BYTES { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
    }

    /// Whether there is a file of this name.
    pub fn has(&self, path: &Path) -> bool {
        match &self.memory {
            Some(files) => files.contains_key(path),
            None => path.is_file(),
        }
    }

    /// Whether there is a folder of this name.
    pub fn has_folder(&self, path: &Path) -> bool {
        match &self.memory {
            Some(files) => files.keys().any(|file| file != path && file.starts_with(path)),
            None => path.is_dir(),
        }
    }

    /// The files directly in a folder, in order of name; none where there is no such folder.
    pub fn list(&self, folder: &Path) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = match &self.memory {
            Some(files) => files.keys().filter(|path| path.parent() == Some(folder)).cloned().collect(),
            None => fs::read_dir(folder)
                .into_iter()
                .flatten()
                .take(MAX_FOLDER_ENTRIES)
                .filter_map(|entry| Some(entry.ok()?.path()))
                .filter(|path| path.is_file())
                .collect(),
        };
        files.sort();
        files
    }

    /// The folders directly in a folder.
    pub fn folders(&self, folder: &Path) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> = match &self.memory {
            Some(files) => {
                let below = files.keys().filter_map(|path| path.parent());
                below.filter(|path| path.parent() == Some(folder)).map(Path::to_owned).collect()
            }
            None => fs::read_dir(folder)
                .into_iter()
                .flatten()
                .take(MAX_FOLDER_ENTRIES)
                .filter_map(|entry| Some(entry.ok()?.path()))
                .filter(|path| path.is_dir())
                .collect(),
        };
        folders.sort();
        folders.dedup();
        folders
    }

    /// A text.
    pub fn text(&self, id: SourceId) -> &str {
        self.texts.get(id.0 as usize).map_or("", |source| &source.text)
    }

    /// A text, to be kept.
    pub fn shared_text(&self, id: SourceId) -> Arc<str> {
        self.texts.get(id.0 as usize).map_or_else(|| Arc::from(""), |source| Arc::clone(&source.text))
    }

    /// The name of a text.
    pub fn name(&self, id: SourceId) -> &str {
        self.texts.get(id.0 as usize).map_or("", |source| &source.name)
    }

    /// All texts, each with its name, in the order in which they were read.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|source| (source.name.as_str(), &*source.text))
    }

    /// Keeps a stretch out of everything that is shown: a literal that stands where a secret belongs.
    pub fn hide(&mut self, span: Span) {
        if !self.hidden.contains(&span) {
            self.hidden.push(span);
        }
    }

    /// The hidden stretches of a text.
    pub(super) fn hidden(&self, id: SourceId) -> impl Iterator<Item = Span> {
        self.hidden.iter().copied().filter(move |span| span.source == id)
    }

    /// Where a stretch starts, as people say it.
    pub fn place(&self, span: Span) -> Place {
        let text = self.text(span.source);
        let start = floor(text, span.start);
        let before = &text.as_bytes()[..start];
        let line = text[..start].matches('\n').count() + 1;
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let column = text[line_start..start].trim_start_matches('\u{feff}').chars().count() + 1;
        Place { name: self.name(span.source).to_owned(), line, column }
    }
}

/// The last character boundary that is not after `at`.
pub(super) fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let mut sources = Sources::new();
        let id = sources.add("a.yml", "\u{feff}é: x\r\nbé: y");
        let check = |start, expected: &str| {
            assert_eq!(sources.place(Span { source: id, start, end: start }).to_string(), expected);
        };
        check(3, "a.yml:1:1");
        check(5, "a.yml:1:2");
        check(10, "a.yml:2:1");
        check(13, "a.yml:2:3");
        check(12, "a.yml:2:2");
        check(9_999, "a.yml:2:6");
    }

    #[test]
    fn a_large_file_and_a_file_that_is_not_utf_8_are_refused() {
        let large = vec![b'a'; 5 * 1024 * 1024];
        let mut sources = Sources::in_memory([("large.yml", large), ("latin.yml", b"name: caf\xe9\n".to_vec())]);
        let message = |result: Result<SourceId, Diagnostic>| result.map_err(|diagnostic| diagnostic.message);
        assert_eq!(
            message(sources.read(Path::new("large.yml"))),
            Err("cannot read large.yml: it is 5 MiB large, and 4 MiB is the most".to_owned())
        );
        assert_eq!(message(sources.read(Path::new("latin.yml"))), Err("the file is not UTF-8 from here on".to_owned()));
        assert_eq!(
            message(sources.read(Path::new("none.yml"))),
            Err("cannot read none.yml: there is no such file".to_owned())
        );
    }
}
