//! What the resources of a host want to know, each question once.

use indexmap::IndexSet;

use crate::hostcall::{ElementPath, MacForm, Read};

/// Questions to one host, in order of first mention.
#[derive(Clone, Debug, Default)]
pub struct Reads(IndexSet<Read>);

impl Reads {
    /// Adds a question, unless it is there already.
    pub fn ask(&mut self, read: Read) {
        self.0.insert(read);
    }

    /// Asks for an element of IIS configuration, secrets told exactly.
    pub fn config(&mut self, at: ElementPath) {
        self.ask(Read::IisConfig { at, mac: MacForm::Exact });
    }

    /// The questions.
    pub fn into_vec(self) -> Vec<Read> {
        self.0.into_iter().collect()
    }
}
