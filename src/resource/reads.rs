//! What the resources of a host want to know, each question once.

use std::collections::BTreeMap;

use indexmap::IndexSet;

use super::question::Query;
use crate::hostcall::{Answer, ElementPath, MacForm, Read};

/// Questions to one host. Those that Windows answers for many names at once are asked once for all names.
#[derive(Clone, Debug, Default)]
pub struct Reads {
    features: IndexSet<String>,
    pools: IndexSet<String>,
    sites: IndexSet<String>,
    accounts: IndexSet<String>,
    others: IndexSet<Read>,
}

impl Reads {
    /// Asks for the state of features; a query of them takes a real server seconds, so there is one.
    pub fn features(&mut self, names: &[String]) {
        self.features.extend(names.iter().cloned());
    }

    /// Asks for an element of IIS configuration, secrets told exactly.
    pub fn config(&mut self, at: ElementPath) {
        self.others.insert(Read::IisConfig { at, mac: MacForm::Exact });
    }

    /// Asks a question that nothing else here has a name for.
    pub fn ask(&mut self, read: Read) {
        self.others.insert(read);
    }

    /// Asks for the state of a pool.
    pub fn pool(&mut self, name: &str) {
        self.pools.insert(name.to_owned());
    }

    /// Asks for the state of a site.
    pub fn site(&mut self, name: &str) {
        self.sites.insert(name.to_owned());
    }

    /// Asks for the account behind a name.
    pub fn account(&mut self, name: &str) {
        self.accounts.insert(name.to_owned());
    }

    /// Asks for the certificates of a store.
    pub fn certificates(&mut self, store: &str) {
        self.others.insert(Read::Certificates { store: store.to_owned() });
    }

    /// Asks the instance of SQL Server one of its questions, in a database.
    pub fn sql(&mut self, database: &str, query: Query) {
        self.sql_with(database, query, BTreeMap::new());
    }

    /// Asks it a question of the playbook's own.
    pub fn sql_text(&mut self, database: &str, query: &str) {
        let (database, query) = (database.to_owned(), query.to_owned());
        self.others.insert(Read::Sql { instance: String::new(), database, query, arguments: BTreeMap::new() });
    }

    /// Asks one of its questions with parameters.
    pub fn sql_with(&mut self, database: &str, query: Query, arguments: BTreeMap<String, String>) {
        let (database, query) = (database.to_owned(), query.text.to_owned());
        self.others.insert(Read::Sql { instance: String::new(), database, query, arguments });
    }

    /// The questions that were not put already.
    pub fn without(self, answered: &[(Read, Answer)]) -> Vec<Read> {
        let mut reads = self.into_vec();
        reads.retain(|read| *read != Read::HostFacts && !answered.iter().any(|(asked, _)| asked == read));
        reads
    }

    /// The questions as one batch; the host's facts come first, always.
    pub fn into_vec(self) -> Vec<Read> {
        let list = |names: IndexSet<String>| names.into_iter().collect::<Vec<_>>();
        let mut reads = vec![Read::HostFacts];
        if !self.features.is_empty() {
            reads.push(Read::Features { names: list(self.features) });
        }
        reads.extend(self.others);
        if !self.pools.is_empty() || !self.sites.is_empty() {
            reads.push(Read::IisRuntime { pools: list(self.pools), sites: list(self.sites) });
        }
        if !self.accounts.is_empty() {
            reads.push(Read::Accounts { names: list(self.accounts) });
        }
        reads
    }
}
