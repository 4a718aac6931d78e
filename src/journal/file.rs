//! The file of a run.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::chain::{self, Kept};
use super::{JournalError, Open, Record};
use crate::value::utc_text;

/// The largest journal that is read, in bytes. A run of a thousand hosts writes some 5 MB.
const MAX_BYTES: u64 = 256 << 20;

/// Where a run's journal will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunName(PathBuf);

impl RunName {
    /// A new name in a folder of runs. Names sort by time; two runs never share one.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn new(folder: &Path) -> Result<RunName, JournalError> {
        let mut bytes = [0_u8; 4];
        let random = |error: getrandom::Error| std::io::Error::other(error.to_string());
        getrandom::fill(&mut bytes).map_err(random).map_err(JournalError::write(folder))?;
        let random = u32::from_be_bytes(bytes);
        // A colon cannot be part of a file's name on Windows.
        let now = SystemTime::now();
        let milliseconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().subsec_millis();
        let time = utc_text(now).replace([':', '-'], "").replace('Z', "");
        Ok(RunName(folder.join(format!("{time}.{milliseconds:03}Z-{random:08x}.jsonl"))))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What the run is called, such as `20261121T123456.789Z-0f3a9c11`.
    pub fn name(&self) -> String {
        self.0.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// The journal of a run that is going on.
pub struct Journal {
    path: PathBuf,
    file: File,
    written: Mutex<Written>,
    /// How many records are known to survive a crash.
    kept: Mutex<u64>,
}

/// What was handed to the system so far.
#[derive(Default)]
struct Written {
    records: u64,
    last: Option<String>,
    open: Open,
    broken: bool,
}

impl Journal {
    /// Begins the journal of a run; its folder is made where there is none.
    ///
    /// # Errors
    /// When the disk would not have it.
    pub fn create(name: &RunName) -> Result<Journal, JournalError> {
        let path = name.path();
        let folder = path.parent().unwrap_or(Path::new("."));
        make_folder(folder)?;
        let file = OpenOptions::new().create_new(true).append(true).open(path).map_err(JournalError::write(path))?;
        sync_folder(folder)?;
        Ok(Journal { path: path.to_owned(), file, written: Mutex::default(), kept: Mutex::default() })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What a crash at this moment would leave in doubt.
    pub fn open_intents(&self) -> Open {
        guard(&self.written).open.clone()
    }

    /// Keeps a record, and gives its number, from 1. What it has taken survives a crash.
    ///
    /// # Errors
    /// When it cannot be kept. Nothing that it announces may be done then.
    pub fn write(&self, record: &Record) -> Result<u64, JournalError> {
        let number = self.append(record)?;
        self.keep(number)?;
        #[cfg(debug_assertions)]
        super::crash::point(number, "after", &self.file, "");
        Ok(number)
    }

    fn append(&self, record: &Record) -> Result<u64, JournalError> {
        let mut written = guard(&self.written);
        if written.broken {
            return Err(JournalError::Broken { path: self.path.clone() });
        }
        let line = chain::encode(written.last.as_deref(), &utc_text(SystemTime::now()), record);
        let number = written.records + 1;
        #[cfg(debug_assertions)]
        super::crash::point(number, "before", &self.file, &line);
        #[cfg(debug_assertions)]
        super::crash::point(number, "torn", &self.file, &line);
        if let Err(error) = (&self.file).write_all(format!("{line}\n").as_bytes()) {
            written.broken = true;
            return Err(JournalError::write(&self.path)(error));
        }
        written.records = number;
        written.last = Some(line);
        written.open.note(number, record);
        Ok(number)
    }

    /// Waits until a record survives a crash. Those who wait at the same time share one trip to the disk.
    fn keep(&self, number: u64) -> Result<(), JournalError> {
        let mut kept = guard(&self.kept);
        if *kept >= number {
            return Ok(());
        }
        let reached = guard(&self.written).records;
        if let Err(error) = self.file.sync_data() {
            guard(&self.written).broken = true;
            return Err(JournalError::write(&self.path)(error));
        }
        *kept = reached;
        Ok(())
    }
}

/// Reads a run back and verifies it.
///
/// # Errors
/// When it cannot be read, or is not as it was written; a last line that a crash cut off is no error.
pub fn read(path: &Path) -> Result<Kept, JournalError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(JournalError::read(path))?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(JournalError::read(path))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(JournalError::read(path)(std::io::Error::other("it is larger than 256 MiB")));
    }
    chain::verify(&bytes).map_err(|(line, why)| JournalError::Damaged { path: path.to_owned(), line, why })
}

/// The journals in a folder of runs, oldest first; none where there is no such folder.
///
/// # Errors
/// When the folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, JournalError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(JournalError::read(folder)(error)),
    };
    let mut runs = Vec::new();
    for entry in entries {
        let path = entry.map_err(JournalError::read(folder))?.path();
        if path.extension().is_some_and(|it| it == "jsonl") {
            runs.push(path);
        }
    }
    runs.sort();
    Ok(runs)
}

/// Makes a folder and those above it, each known to its parent before anything is put into it.
fn make_folder(folder: &Path) -> Result<(), JournalError> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().unwrap_or(Path::new(""));
    make_folder(above)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(JournalError::write(folder)(error)),
        _ => sync_folder(above),
    }
}

/// A new name in a folder survives a crash once the folder itself is on disk. Windows keeps names in its own log.
fn sync_folder(folder: &Path) -> Result<(), JournalError> {
    if cfg!(unix) {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder).and_then(|it| it.sync_all()).map_err(JournalError::write(folder))?;
    }
    Ok(())
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{HostEnd, Proof};
    use std::sync::Arc;

    fn proof(of: u64) -> Record {
        Record::Proof(Proof {
            of,
            host: "web01".to_owned(),
            left: Vec::new(),
            evidence: std::collections::BTreeMap::new(),
        })
    }

    #[test]
    fn records_of_many_threads_are_one_chain() {
        let folder = tempfile::tempdir().unwrap();
        let name = RunName::new(&folder.path().join("a/runs")).unwrap();
        let journal = Arc::new(Journal::create(&name).unwrap());
        let write = |number: u64| {
            let journal = Arc::clone(&journal);
            std::thread::spawn(move || journal.write(&proof(number)).unwrap())
        };
        let mut numbers: Vec<u64> = (0..20).map(write).map(|thread| thread.join().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
        let end = HostEnd { host: "web01".to_owned(), status: "ok".to_owned(), reasons: Vec::new() };
        journal.write(&Record::End { hosts: vec![end] }).unwrap();
        assert_eq!(read(name.path()).unwrap().records.len(), 21);
        assert_eq!(list(&folder.path().join("a/runs")).unwrap(), [name.path()]);
        assert!(Journal::create(&name).is_err(), "a run never writes into another's journal");
    }

    #[test]
    fn damage_names_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let name = RunName::new(folder.path()).unwrap();
        let journal = Journal::create(&name).unwrap();
        journal.write(&proof(1)).unwrap();
        journal.write(&proof(2)).unwrap();
        let text = fs::read_to_string(name.path()).unwrap();
        fs::write(name.path(), text.replacen("web01", "web02", 1)).unwrap();
        let error = read(name.path()).unwrap_err().to_string();
        let expected = format!("{}:1: the journal was damaged or altered", name.path().display());
        assert!(error.starts_with(&expected), "{error}");
        fs::write(name.path(), &text[..text.len() - 5]).unwrap();
        let kept = read(name.path()).unwrap();
        assert_eq!((kept.records.len(), kept.torn.map(|torn| torn.line)), (1, Some(2)));
    }
}
