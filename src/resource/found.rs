//! What was found on a host, in a form that kinds can ask.

use serde::de::DeserializeOwned;

use super::SecretMacs;
use super::question::Query;
use crate::hostcall::answer::{
    Accounts, Acl, Certificate, Certificates, FeatureState, Features, FileState, HostFacts, HttpReply, PoolRuntime,
    RunState, Runtime, WasEvent,
};
use crate::hostcall::{
    Answer, Content, Element, ElementPath, FileAt, FileWant, HttpAt, MacForm, Read, Refusal, RefusalCode, SqlRows,
};
use crate::value::{Secret, SecretPart, SecretRef};

/// The answers of one host to one batch of reads.
#[derive(Clone, Copy)]
pub struct Found<'a> {
    answers: &'a [(Read, Answer)],
    macs: &'a SecretMacs,
}

/// What a kind is told of a secret on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the desired one.
    Equal,
    /// It is another one.
    Differs,
    /// There is none.
    Absent,
    /// The host itself cannot decrypt it.
    Unreadable,
    /// There is one, and the desired one cannot be had here.
    NotCompared,
}

impl<'a> Found<'a> {
    /// Puts answers and MACs side by side.
    pub fn new(answers: &'a [(Read, Answer)], macs: &'a SecretMacs) -> Found<'a> {
        Found { answers, macs }
    }

    /// The same with other answers.
    #[must_use]
    pub fn with<'b>(&self, answers: &'b [(Read, Answer)]) -> Found<'b>
    where
        'a: 'b,
    {
        Found { answers, macs: self.macs }
    }

    /// The answers.
    pub fn answers(&self) -> &'a [(Read, Answer)] {
        self.answers
    }

    /// The host's facts.
    ///
    /// # Errors
    /// When the host refused to say.
    pub fn host(&self) -> Result<HostFacts, Refusal> {
        self.read("host_facts", |read| matches!(read, Read::HostFacts))
    }

    /// The element at a path; `None` where there is none.
    ///
    /// # Errors
    /// When the host refused to say.
    pub fn config(&self, at: &ElementPath) -> Result<Option<Element>, Refusal> {
        self.answer("iis_config", |read| matches!(read, Read::IisConfig { at: asked, .. } if asked == at))
    }

    /// The state of a feature.
    ///
    /// # Errors
    /// When the host refused to say.
    pub fn feature(&self, name: &str) -> Result<FeatureState, Refusal> {
        let features: Features = self.read("features", |read| matches!(read, Read::Features { .. }))?;
        features.0.get(name).copied().ok_or_else(|| misanswered("features", &format!("it lacks `{name}`")))
    }

    /// A pool as WAS sees it; `None` where WAS has none of that name.
    ///
    /// # Errors
    /// When the host refused to say.
    pub fn pool(&self, name: &str) -> Result<Option<PoolRuntime>, Refusal> {
        Ok(self.runtime()?.pools.remove(name))
    }

    /// A site as WAS sees it; `None` where WAS has none of that name.
    ///
    /// # Errors
    /// When the host refused to say.
    pub fn site(&self, name: &str) -> Result<Option<RunState>, Refusal> {
        Ok(self.runtime()?.sites.remove(name))
    }

    /// What WAS logged about a pool of late.
    pub fn events(&self, pool: &str) -> Vec<WasEvent> {
        let events = self.runtime().map(|runtime| runtime.events).unwrap_or_default();
        events.into_iter().filter(|event| event.pool.eq_ignore_ascii_case(pool)).collect()
    }

    /// The certificates of a store.
    ///
    /// # Errors
    /// When the host refused to say.
    pub fn certificates(&self, store: &str) -> Result<Vec<Certificate>, Refusal> {
        let asked = |read: &Read| matches!(read, Read::Certificates { store: asked } if asked == store);
        self.read::<Certificates>("certificates", asked).map(|certificates| certificates.0)
    }

    /// The name that Windows gives back for an account; `None` where it knows none or could not be asked.
    pub fn account_name(&self, name: &str) -> Option<String> {
        let accounts: Accounts = self.read("accounts", |read| matches!(read, Read::Accounts { .. })).ok()?;
        accounts.0.get(name)?.as_ref().map(|account| account.name.clone())
    }

    /// A file or folder; `None` where there is none.
    ///
    /// # Errors
    /// When the host refused to say.
    pub fn file(&self, at: &FileAt, want: &FileWant) -> Result<Option<FileState>, Refusal> {
        let asked = |read: &Read| matches!(read, Read::Files { at: of, want: what } if of == at && what == want);
        self.answer("files", asked)
    }

    /// Who may do what to a folder; `None` where there is none.
    ///
    /// # Errors
    /// When the host refused to say.
    pub fn acl(&self, path: &str) -> Result<Option<Acl>, Refusal> {
        self.answer("acl", |read| matches!(read, Read::Acl { path: asked } if asked == path))
    }

    /// What the instance of SQL Server answered to a question in a database; `None` where there is no such database.
    ///
    /// # Errors
    /// When the server refused to say.
    pub fn sql<T: DeserializeOwned>(&self, database: &str, query: Query) -> Result<Option<Vec<T>>, Refusal> {
        let Some(rows) = self.sql_text(database, query.text)? else { return Ok(None) };
        let row = |row| serde_json::from_value(serde_json::Value::Object(row));
        let rows: Result<Vec<T>, _> = rows.into_objects().map(row).collect();
        rows.map(Some).map_err(|error| misanswered(query.name, &error.to_string()))
    }

    /// What it answered to a question of the playbook's own; `None` where there is no such database.
    ///
    /// # Errors
    /// When the server refused to say.
    pub fn sql_text(&self, database: &str, query: &str) -> Result<Option<SqlRows>, Refusal> {
        let asked = |read: &Read| matches!(read, Read::Sql { database: of, query: text, .. } if of == database && text == query);
        match self.answer("sql", asked) {
            Err(refusal) if refusal.is_no_database() => Ok(None),
            answer => answer,
        }
    }

    /// What a site answered to a GET of a path; `None` where nobody did.
    pub fn reply(&self, site: &str, path: &str) -> Option<HttpReply> {
        let asked = |read: &Read| matches!(read, Read::Http { at: HttpAt::Site(of), path: what, .. } if of == site && what == path);
        self.answer("http", asked).ok().flatten()
    }

    /// The MACs of what is desired.
    pub fn macs(&self) -> &'a SecretMacs {
        self.macs
    }

    /// Whether a secret attribute holds the desired secret.
    pub fn verdict(&self, content: &Content, desired: &SecretRef, form: MacForm) -> Verdict {
        self.verdict_of_part(content, desired, SecretPart::Whole, form)
    }

    /// Whether a secret attribute holds a part of the desired secret.
    pub fn verdict_of_part(&self, content: &Content, desired: &SecretRef, part: SecretPart, form: MacForm) -> Verdict {
        match content {
            Content::Empty {} => Verdict::Absent,
            Content::Unreadable {} => Verdict::Unreadable,
            Content::Mac(mac) => match self.macs.secrets.get(&(desired.clone(), part, form)) {
                Some(wanted) if wanted == mac => Verdict::Equal,
                None if self.macs.closed.contains_key(desired) => Verdict::NotCompared,
                _ => Verdict::Differs,
            },
            // The agent withholds secret attributes; one that comes in clear is not trusted to be the right one.
            Content::Value(_) => Verdict::Differs,
        }
    }

    /// A secret attribute in the desired value's own words.
    pub fn secret(&self, content: &Content, desired: &SecretRef, form: MacForm) -> Option<Secret> {
        match self.verdict(content, desired, form) {
            // What is not compared is no difference; it is counted apart.
            Verdict::Equal | Verdict::NotCompared => Some(Secret::Named(desired.clone())),
            Verdict::Differs => Some(Secret::Differs),
            Verdict::Absent => None,
            Verdict::Unreadable => Some(Secret::Unreadable),
        }
    }

    fn runtime(&self) -> Result<Runtime, Refusal> {
        self.read("iis_runtime", |read| matches!(read, Read::IisRuntime { .. }))
    }

    fn read<T: DeserializeOwned>(&self, name: &str, asked: impl Fn(&Read) -> bool) -> Result<T, Refusal> {
        self.answer(name, asked)?.ok_or_else(|| misanswered(name, "the host says there is none"))
    }

    fn answer<T: DeserializeOwned>(&self, name: &str, asked: impl Fn(&Read) -> bool) -> Result<Option<T>, Refusal> {
        match self.answers.iter().find(|(read, _)| asked(read)) {
            Some((_, Answer::Present(value))) => {
                T::deserialize(value).map(Some).map_err(|error| misanswered(name, &error.to_string()))
            }
            Some((_, Answer::Absent {})) => Ok(None),
            Some((_, Answer::Refused(refusal))) => Err(refusal.clone()),
            None => Err(misanswered(name, "it was never asked")),
        }
    }
}

fn misanswered(name: &str, why: &str) -> Refusal {
    let text = format!("no use can be made of the answer to `{name}`: {why}");
    Refusal { code: RefusalCode::Failed, text, hresult: None }
}
