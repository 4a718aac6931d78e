//! A journal in memory, whose disk can be full.

use std::sync::Mutex;

use farmhand::engine::Stop;
use farmhand::hostcall::Marker;
use farmhand::journal::{JournalError, Ledger, Record};

/// Keeps records in memory, and takes no more than so many.
pub struct Memory {
    pub records: Mutex<Vec<Record>>,
    pub most: usize,
    /// Asked to end the run once a first batch is announced.
    pub stop: Option<Stop>,
}

impl Default for Memory {
    fn default() -> Memory {
        Memory { records: Mutex::default(), most: usize::MAX, stop: None }
    }
}

impl Ledger for Memory {
    fn write(&self, record: &Record) -> Result<u64, JournalError> {
        let mut records = self.records.lock().unwrap();
        if records.len() >= self.most {
            let error = std::io::Error::other("no space left on device");
            return Err(JournalError::Write { path: "run.jsonl".into(), error });
        }
        records.push(record.clone());
        if let (Record::Intent(_), Some(stop)) = (record, &self.stop) {
            stop.ask();
        }
        Ok(records.len() as u64)
    }

    fn marker(&self) -> Result<Marker, JournalError> {
        let text = |text: &str| text.to_owned();
        let (run, controller) = (text("20261121T123456.789Z-0000002a"), text("2a".repeat(16).as_str()));
        let (who, why, since) = (text("ana@desk"), text("apply site.yml"), text("2026-11-21T12:34:56Z"));
        Ok(Marker { run, controller, who, why, since })
    }
}
