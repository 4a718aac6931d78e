//! A plan as a file: what was asked for, what it rests on, and what shall be done.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{Agreed, HostPlan};
use crate::value::SecretRef;

/// What the first member of every plan file says.
const MARK: &str = "farmhand plan";

/// The newest format that this farmhand reads, and the one that it writes.
const FORMAT: u32 = 1;

/// A plan as a file. It holds no secret, only which ones are meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// `farmhand plan`.
    is: String,
    /// The version of the format.
    format: u32,
    /// The farmhand that made it.
    pub farmhand: String,
    /// When it was made, as `2026-11-21T12:34:56Z`.
    pub made: String,
    /// What was asked for.
    pub asked: Asked,
    /// Every text that it was made from.
    pub sources: Vec<SourceDigest>,
    /// The secrets that it refers to, each with the fingerprint of its value where one could be made.
    pub secrets: Vec<SecretRef>,
    /// What shall be done.
    pub hosts: Vec<PlannedHost>,
}

/// What a plan was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The playbook's path, as it was given.
    pub playbook: String,
    /// The inventory's path, where it was given.
    pub inventory: Option<String>,
    /// Whether it was made against the lab.
    pub lab: bool,
    /// Variables that were set on the command line.
    pub extra_vars: Vec<String>,
    /// Which hosts were meant.
    pub limit: Option<String>,
    /// Which steps were meant.
    pub tags: Vec<String>,
    /// Which steps were not meant.
    pub skip_tags: Vec<String>,
}

/// A text that a plan was made from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceDigest {
    /// Its file, or what it is.
    pub name: String,
    /// SHA-256 of it, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// What shall be done on a host in one play.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedHost {
    /// The number of the play, from 0.
    pub play: usize,
    /// What shall be done.
    pub plan: HostPlan,
}

/// Why a text is not a plan to be carried out.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PlanFileError {
    /// It is damaged, or was edited to something else.
    #[error("it is not whole: {0}")]
    Damaged(String),
    /// A later farmhand made it.
    #[error("it has format {found}, and this farmhand reads format {FORMAT}: take the farmhand that made it, {by}")]
    Newer {
        /// Its format.
        found: u64,
        /// The farmhand that made it.
        by: String,
    },
}

impl PlanFile {
    /// A plan as a file.
    pub fn new(
        made: String,
        asked: Asked,
        sources: Vec<SourceDigest>,
        secrets: Vec<SecretRef>,
        hosts: Vec<PlannedHost>,
    ) -> PlanFile {
        let (is, farmhand) = (MARK.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        PlanFile { is, format: FORMAT, farmhand, made, asked, sources, secrets, hosts }
    }

    /// The file's text: JSON, with line feeds for those who read it.
    pub fn text(&self) -> String {
        // Only maps with keys that are no text cannot be written, and there is none here.
        format!("{}\n", serde_json::to_string_pretty(self).unwrap_or_default())
    }

    /// Whether a text is a plan file, whole or not; a playbook is none, whatever its file is called.
    pub fn is_one(text: &str) -> bool {
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let rest = text.strip_prefix('{').map(str::trim_start).and_then(|text| text.strip_prefix("\"is\""));
        let rest = rest.map(str::trim_start).and_then(|text| text.strip_prefix(':')).map(str::trim_start);
        rest.and_then(|text| text.strip_prefix('"')).is_some_and(|text| text.starts_with(MARK))
    }

    /// Reads a plan file.
    ///
    /// # Errors
    /// When it is damaged, or newer than this farmhand.
    pub fn parse(text: &str) -> Result<PlanFile, PlanFileError> {
        let damaged = |error: serde_json::Error| PlanFileError::Damaged(error.to_string());
        let value: serde_json::Value = serde_json::from_str(text).map_err(damaged)?;
        let format = value.get("format").and_then(serde_json::Value::as_u64).unwrap_or_default();
        if format > u64::from(FORMAT) {
            let by = value.get("farmhand").and_then(serde_json::Value::as_str).unwrap_or("a later one").to_owned();
            return Err(PlanFileError::Newer { found: format, by });
        }
        // Read from the text and not from the value, so that a mistake has a line.
        serde_json::from_str(text).map_err(damaged)
    }

    /// What was agreed on.
    pub fn agreed(&self) -> Agreed {
        let key = |planned: &PlannedHost| (planned.plan.host.clone(), planned.play);
        Agreed(self.hosts.iter().map(|planned| (key(planned), planned.plan.clone())).collect())
    }

    /// The names of the texts that are no longer as they were, gone or new.
    pub fn changed_sources(&self, now: &[SourceDigest]) -> Vec<String> {
        let by_name = |sources: &[SourceDigest]| -> BTreeMap<String, Vec<String>> {
            let mut digests: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for source in sources {
                digests.entry(source.name.clone()).or_default().push(source.sha256.clone());
            }
            digests
        };
        let (then, now) = (by_name(&self.sources), by_name(now));
        let names = then.keys().chain(now.keys().filter(|name| !then.contains_key(*name)));
        names.filter(|name| then.get(*name) != now.get(*name)).cloned().collect()
    }
}

impl Asked {
    /// The command that asks for it again, but for the values of variables.
    pub fn command(&self, out: &str) -> String {
        let mut words = format!("farmhand {}plan {}", if self.lab { "--lab " } else { "" }, self.playbook);
        let options = [
            ("-i", self.inventory.as_slice()),
            ("--limit", self.limit.as_slice()),
            ("--tags", &self.tags),
            ("--skip-tags", &self.skip_tags),
        ];
        for (name, values) in options {
            words.extend(values.iter().map(|value| format!(" {name} {value}")));
        }
        if !self.extra_vars.is_empty() {
            words.push_str(" -e ...");
        }
        format!("{words} --out {out}")
    }
}

impl SourceDigest {
    /// The digest of a text.
    pub fn new(name: &str, text: &str) -> SourceDigest {
        SourceDigest { name: name.to_owned(), sha256: format!("{:x}", Sha256::digest(text.as_bytes())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> PlanFile {
        let asked = Asked { playbook: "site.yml".to_owned(), ..Asked::default() };
        let sources = vec![SourceDigest::new("site.yml", "a"), SourceDigest::new("inventory.yml", "b")];
        let plan = HostPlan { host: "web01".to_owned(), stages: Vec::new() };
        let hosts = vec![PlannedHost { play: 1, plan }];
        PlanFile::new("2026-11-21T12:34:56Z".to_owned(), asked, sources, Vec::new(), hosts)
    }

    #[test]
    fn a_plan_file_is_known_by_its_content() {
        let text = file().text();
        assert_eq!(PlanFile::parse(&text), Ok(file()));
        for (text, expected) in [
            (text.as_str(), true),
            (&text[..text.len() / 2], true),
            ("\u{feff} {\"is\":\"farmhand plan\"", true),
            ("plays: []", false),
            ("{\"plays\": []}", false),
            ("{\"is\": \"something else\"}", false),
            ("", false),
        ] {
            assert_eq!(PlanFile::is_one(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_plan_says_why() {
        let text = file().text();
        let newer = text.replace("\"format\": 1", "\"format\": 2").replace(env!("CARGO_PKG_VERSION"), "9.9.9");
        let expected = "it has format 2, and this farmhand reads format 1: take the farmhand that made it, 9.9.9";
        assert_eq!(PlanFile::parse(&newer).unwrap_err().to_string(), expected);
        let cut = PlanFile::parse(&text[..text.len() - 3]).unwrap_err().to_string();
        assert!(cut.starts_with("it is not whole: EOF while parsing an object at line "), "{cut}");
        let unknown = PlanFile::parse(&text.replace("\"made\"", "\"mode\"")).unwrap_err().to_string();
        assert!(unknown.contains("unknown field `mode`") && unknown.contains("at line 5"), "{unknown}");
    }

    #[test]
    fn a_text_that_changed_came_or_went_is_named() {
        let now =
            [SourceDigest::new("site.yml", "a"), SourceDigest::new("inventory.yml", "c"), SourceDigest::new("new", "")];
        assert_eq!(file().changed_sources(&now), ["inventory.yml", "new"]);
        assert_eq!(file().changed_sources(&now[..1]), ["inventory.yml"]);
        assert_eq!(file().changed_sources(&file().sources), [""; 0]);
    }
}
