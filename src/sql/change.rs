//! Writes, a batch each.

use std::collections::BTreeMap;

use serde_json::Value;
use zeroize::Zeroizing;

use super::link::{Fault, Link, Statement};
use super::observe::Questions;
use super::{SqlError, observe};
use crate::agent::framing::Resolver;
use crate::hostcall::{Answer, Outcome, Read, Refusal, RefusalCode, SqlDone, SqlFind, SqlRows, Text, Write};
use crate::value::{FOUND_MARK, quote_text};

/// A batch with its secrets in it.
struct Batch<'a> {
    database: &'a str,
    purpose: &'a str,
    text: Zeroizing<String>,
    arguments: BTreeMap<&'a str, Zeroizing<String>>,
    find: Option<&'a SqlFind>,
}

/// Carries out writes in order until one is not done, then asks the reads.
pub(super) async fn change(
    link: &mut Link,
    writes: &[Write],
    then: &[Read],
    secrets: &Resolver<'_>,
) -> Result<(Vec<Outcome>, Vec<Answer>), SqlError> {
    // All of them are made first: a secret that is not to be had must not be found missing half way.
    let batches: Vec<Option<Batch>> = writes.iter().map(|it| Batch::new(it, secrets)).collect::<Result<_, _>>()?;
    let mut outcomes = Vec::with_capacity(writes.len());
    let mut going = true;
    let mut told = None;
    for (write, batch) in writes.iter().zip(&batches) {
        let outcome = match batch {
            _ if !going => Outcome::Skipped {},
            Some(batch) => {
                let sent = batch.send(link).await.map_err(|stray| stray.error(link, batch.purpose, told))?;
                told = Some(batch.purpose);
                sent
            }
            None => Outcome::Failed(refusal(
                RefusalCode::Unsupported,
                &format!("SQL Server over TDS cannot do `{}`", write.name()),
            )),
        };
        going = matches!(outcome, Outcome::Done(_));
        outcomes.push(outcome);
    }
    match (observe::observe(link, then, Questions::Any).await, told) {
        (Ok(answers), _) => Ok((outcomes, answers)),
        (Err(error), None) => Err(error),
        (Err(error), Some(purpose)) => Err(unknown(link, purpose, error.to_string())),
    }
}

/// No answer.
enum Stray {
    /// The write was not sent.
    Before(SqlError),
    /// It may have arrived.
    After(String),
}

impl Stray {
    /// What it means, where a write before may have been told.
    fn error(self, link: &Link, purpose: &str, before: Option<&str>) -> SqlError {
        match (self, before) {
            (Stray::Before(error), None) => error,
            (Stray::Before(error), Some(before)) => unknown(link, before, error.to_string()),
            (Stray::After(why), _) => unknown(link, purpose, why),
        }
    }
}

fn unknown(link: &Link, purpose: &str, why: String) -> SqlError {
    SqlError::Unknown { host: link.host(), purpose: purpose.to_owned(), why }
}

impl<'a> Batch<'a> {
    /// The batch of a write; none where it is no T-SQL.
    fn new(write: &'a Write, secrets: &Resolver<'_>) -> Result<Option<Batch<'a>>, SqlError> {
        let Write::Sql { database, purpose, text, arguments, find, .. } = write else { return Ok(None) };
        let text = plain(text, secrets)?;
        let mut plain_arguments = BTreeMap::new();
        for (name, value) in arguments {
            plain_arguments.insert(name.as_str(), plain(value, secrets)?);
        }
        Ok(Some(Batch { database, purpose, text, arguments: plain_arguments, find: find.as_ref() }))
    }

    async fn send(&self, link: &mut Link) -> Result<Outcome, Stray> {
        let patience = link.patience();
        if let Err(fault) = link.enter(self.database, patience.observe).await {
            return before(link, fault).map(Outcome::Failed);
        }
        let mut done = SqlDone::default();
        let mut filled = None;
        if let Some(find) = self.find {
            let found = match link.ask(&question(find)).await {
                Ok(results) => one_text(&results),
                Err(fault) => return before(link, fault).map(Outcome::Failed),
            };
            let Some(found) = found else {
                let text = "what the statement needs from the server was not found there";
                return Ok(Outcome::Failed(refusal(RefusalCode::Failed, text)));
            };
            filled = Some(Zeroizing::new(self.text.replacen(FOUND_MARK, &quote_text(&found), 1)));
            done.found = Some(found);
        }
        let text = filled.as_ref().unwrap_or(&self.text);
        let arguments = self.arguments.iter().map(|(name, text)| (*name, text.as_str())).collect();
        match link.run(&Statement { text, arguments }, patience.change).await {
            Ok(_) => Ok(Outcome::Done(serde_json::to_value(done).unwrap_or_default())),
            Err(Fault::Refused(refusal)) => Ok(Outcome::Failed(refusal)),
            Err(Fault::Unsent(error)) => Err(Stray::Before(error)),
            Err(Fault::Lost(why)) => Err(Stray::After(why)),
        }
    }
}

/// What a fault of a question that comes before the write means.
fn before(link: &Link, fault: Fault) -> Result<Refusal, Stray> {
    match fault {
        Fault::Refused(refusal) => Ok(refusal),
        Fault::Unsent(error) => Err(Stray::Before(error)),
        Fault::Lost(why) => Err(Stray::Before(SqlError::Lost { host: link.host(), why })),
    }
}

fn question(find: &SqlFind) -> Statement<'_> {
    let arguments = find.arguments.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Statement { text: &find.query, arguments }
}

/// The one text of a result.
fn one_text(results: &[SqlRows]) -> Option<String> {
    let [SqlRows { rows, .. }] = results else { return None };
    let [row] = rows.as_slice() else { return None };
    let [Value::String(text)] = row.as_slice() else { return None };
    Some(text.clone())
}

fn plain(text: &Text, secrets: &Resolver<'_>) -> Result<Zeroizing<String>, SqlError> {
    match text {
        Text::Plain(text) => Ok(Zeroizing::new(text.clone())),
        Text::Secret(reference) => {
            let value = secrets(reference);
            let value = value.map_err(|why| SqlError::Secret { name: reference.name.clone(), why })?;
            Ok(Zeroizing::new(value.expose().to_owned()))
        }
        Text::Composed(text) => {
            let bytes = text.bytes(|reference| secrets(reference));
            let bytes = bytes.map_err(|error| SqlError::Secret { name: error.secret.name, why: error.why })?;
            Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
        }
    }
}

fn refusal(code: RefusalCode, text: &str) -> Refusal {
    Refusal { code, text: text.to_owned(), hresult: None }
}
