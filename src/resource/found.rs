//! What was found on a host, in a form that kinds can ask.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::de::DeserializeOwned;

use crate::hostcall::answer::{Accounts, Certificates, Features, HostFacts, Runtime};
use crate::hostcall::{Answer, Content, Element, ElementPath, MacForm, Read, Refusal, RefusalCode};
use crate::value::{Secret, SecretRef};

/// The answers of one host. Kinds ask it by the very question they put.
pub struct Found<'a> {
    answers: &'a IndexMap<Read, Answer>,
    macs: &'a SecretMacs,
}

/// The MACs that the desired secrets would give under this run's nonce. Never recorded, never shown.
#[derive(Default)]
pub struct SecretMacs(pub BTreeMap<(SecretRef, MacForm), String>);

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
}

impl<'a> Found<'a> {
    /// Puts answers and MACs side by side.
    pub fn new(answers: &'a IndexMap<Read, Answer>, macs: &'a SecretMacs) -> Found<'a> {
        Found { answers, macs }
    }

    /// The element at a path; `None` where there is none.
    ///
    /// # Errors
    /// When the host refused to say.
    pub fn config(&self, at: &ElementPath) -> Result<Option<Element>, Refusal> {
        self.answer(&Read::IisConfig { at: at.clone(), mac: MacForm::Exact })
    }

    /// The host's facts.
    ///
    /// # Errors
    /// When the host refused to say.
    pub fn host(&self) -> Result<HostFacts, Refusal> {
        self.required(&Read::HostFacts)
    }

    /// The state of features.
    ///
    /// # Errors
    /// When the host refused to say.
    pub fn features(&self, names: &[String]) -> Result<Features, Refusal> {
        self.required(&Read::Features { names: names.to_vec() })
    }

    /// The state of pools and sites.
    ///
    /// # Errors
    /// When the host refused to say.
    pub fn runtime(&self, pools: &[String], sites: &[String]) -> Result<Option<Runtime>, Refusal> {
        self.answer(&Read::IisRuntime { pools: pools.to_vec(), sites: sites.to_vec() })
    }

    /// The certificates of a store.
    ///
    /// # Errors
    /// When the host refused to say.
    pub fn certificates(&self, store: &str) -> Result<Certificates, Refusal> {
        self.required(&Read::Certificates { store: store.to_owned() })
    }

    /// The accounts behind names.
    ///
    /// # Errors
    /// When the host refused to say.
    pub fn accounts(&self, names: &[String]) -> Result<Accounts, Refusal> {
        self.required(&Read::Accounts { names: names.to_vec() })
    }

    /// Whether a secret attribute holds the desired secret.
    pub fn verdict(&self, content: &Content, desired: &SecretRef, form: MacForm) -> Verdict {
        match content {
            Content::Empty {} => Verdict::Absent,
            Content::Unreadable {} => Verdict::Unreadable,
            Content::Mac(mac) => match self.macs.0.get(&(desired.clone(), form)) {
                Some(wanted) if wanted == mac => Verdict::Equal,
                _ => Verdict::Differs,
            },
            // The agent withholds secret attributes; one that comes in clear is not trusted to be the right one.
            Content::Value(_) => Verdict::Differs,
        }
    }

    /// A secret attribute in the desired value's own words.
    pub fn secret(&self, content: &Content, desired: &SecretRef, form: MacForm) -> Option<Secret> {
        match self.verdict(content, desired, form) {
            Verdict::Equal => Some(Secret::Named(desired.clone())),
            Verdict::Differs => Some(Secret::Differs),
            Verdict::Absent => None,
            Verdict::Unreadable => Some(Secret::Unreadable),
        }
    }

    fn required<T: DeserializeOwned>(&self, read: &Read) -> Result<T, Refusal> {
        self.answer(read)?.ok_or_else(|| misanswered(read, "the host says there is none"))
    }

    fn answer<T: DeserializeOwned>(&self, read: &Read) -> Result<Option<T>, Refusal> {
        match self.answers.get(read) {
            Some(Answer::Present(value)) => {
                T::deserialize(value).map(Some).map_err(|error| misanswered(read, &error.to_string()))
            }
            Some(Answer::Absent {}) => Ok(None),
            Some(Answer::Refused(refusal)) => Err(refusal.clone()),
            None => Err(misanswered(read, "it was never asked")),
        }
    }
}

fn misanswered(read: &Read, why: &str) -> Refusal {
    Refusal {
        code: RefusalCode::Failed,
        text: format!("no use can be made of the answer to `{}`: {why}", read.name()),
        hresult: None,
    }
}
