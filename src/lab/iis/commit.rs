//! One commit: tokens checked, edits made, the file replaced, what it was before kept.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use super::app_config;
use super::edit::{Editing, in_words};
use super::http_sys::HttpSys;
use super::keys::Keys;
use super::layout;
use super::parse::parse;
use super::read::{self, Reading};
use crate::hostcall::config::{Edit, ElementPath, Expected, Source, Step, Token};
use crate::hostcall::{Content, Refusal, RefusalCode};
use crate::lab::error::{refused, refused_plainly};
use crate::lab::features::HostFeatures;
use crate::lab::versions::Build;
use crate::lab::{Folder, LabError, Stores, utc};
use crate::xml::Document;

/// Where IIS keeps the configuration of the server, below the host's folder.
pub const APPLICATION_HOST: &str = "C/Windows/System32/inetsrv/config/applicationHost.config";

/// How often the same edits are made again on a file that somebody else has changed meanwhile.
const ATTEMPTS: usize = 5;
/// How many former generations of the file are kept.
const GENERATIONS: usize = 10;
/// Where they are kept.
const HISTORY: &str = "C/farmhand/history";

/// What somebody else does while a commit is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interference {
    /// Nothing.
    None,
    /// Changes something that the commit is not about.
    Unrelated,
    /// Changes the very element that the commit is about.
    Related,
}

/// The file that a commit is about.
#[derive(Clone, Debug)]
pub struct CommitFile {
    /// Its path, absolute or below the host's folder.
    pub name: String,
    /// What its former generations are called.
    pub history: String,
    /// What it begins with where it is not there.
    pub fresh: Option<&'static str>,
}

impl CommitFile {
    /// The server's own.
    pub fn application_host() -> CommitFile {
        CommitFile { name: APPLICATION_HOST.to_owned(), history: "applicationHost".to_owned(), fresh: None }
    }
}

/// A commit.
pub struct Commit<'a> {
    /// Where the host's files are.
    pub folder: &'a Folder,
    /// The file.
    pub file: &'a CommitFile,
    /// The version of IIS.
    pub build: Build,
    /// The host's features.
    pub features: &'a HostFeatures,
    /// The host's certificates.
    pub stores: &'a Stores,
    /// What must still be as it was read.
    pub expect: &'a [Expected],
    /// The edits.
    pub edits: &'a [Edit],
    /// When the file is kept as it was before; `None` where whoever commits does that.
    pub history: Option<SystemTime>,
}

/// Makes a commit. `Some` names the element that is no longer as it was read; nothing is then changed.
///
/// # Errors
/// When IIS would not take an edit, or the disk fails; nothing is then changed.
pub fn commit(commit: &Commit, keys: &mut Keys, interference: Interference) -> Result<Option<String>, Refusal> {
    let mut interference = interference;
    for _ in 0..ATTEMPTS {
        match attempt(commit, keys, interference)? {
            Attempt::Done => return Ok(None),
            Attempt::Moved(at) => return Ok(Some(at)),
            Attempt::Overtaken => interference = Interference::None,
        }
    }
    Err(overtaken())
}

/// What came of one attempt at a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It is made.
    Done,
    /// This element is no longer as it was read.
    Moved(String),
    /// Somebody else changed the file meanwhile.
    Overtaken,
}

/// Makes one attempt at a commit. Unless it is done nothing is changed.
///
/// # Errors
/// When IIS would not take an edit, or the disk fails; nothing is then changed.
pub fn attempt(commit: &Commit, keys: &mut Keys, interference: Interference) -> Result<Attempt, Refusal> {
    let before = commit.folder.read(&commit.file.name)?;
    let fresh = || commit.file.fresh.map(|text| text.as_bytes().to_vec());
    let text = before.clone().or_else(fresh).unwrap_or_default();
    let document = parse(&text)?;
    let http_sys = HttpSys::load(commit.folder)?;
    if let Some(expected) = commit.moved(&document, &http_sys)? {
        return Ok(Attempt::Moved(in_words(&expected.at)));
    }
    let mut encrypt = |clear: &str| keys.encrypt(commit.folder, clear);
    let mut editing = Editing {
        document,
        http_sys: http_sys.clone(),
        build: commit.build,
        features: commit.features,
        stores: commit.stores,
        encrypt: &mut encrypt,
    };
    for edit in commit.edits {
        if edit.at().app.is_some() {
            Commit::check_editable(&editing.document, &edit.at().section)?;
        }
        editing.apply(edit)?;
    }
    let after = editing.document.print();
    let new_http_sys = editing.http_sys;
    commit.interfere(interference, &text)?;
    if commit.folder.read(&commit.file.name)? != before {
        return Ok(Attempt::Overtaken);
    }
    if let (Some(utc), Some(before)) = (commit.history, &before) {
        keep(commit.folder, &commit.file.history, before, utc)?;
    }
    if after != text {
        commit.folder.write(&commit.file.name, &after)?;
    }
    if new_http_sys != http_sys {
        new_http_sys.save(commit.folder)?;
    }
    Ok(Attempt::Done)
}

/// What IIS refuses a commit with when the file is not the one that was read.
pub fn overtaken() -> Refusal {
    let text = "Filename: applicationHost.config Error: Cannot commit configuration changes because the file has \
                changed on disk";
    refused(RefusalCode::Locked, 0x8007_0021, text)
}

impl Commit<'_> {
    fn check_editable(document: &Document, section: &str) -> Result<(), Refusal> {
        let at = layout::find(document, section, None);
        let element = at.and_then(|at| document.element(&at));
        element.map_or(Ok(()), |element| app_config::check_editable(element, section))
    }

    /// The first element that is no longer as it was read.
    fn moved(&self, document: &Document, http_sys: &HttpSys) -> Result<Option<&Expected>, Refusal> {
        let reading = Reading { document, build: self.build, http_sys, tell: &|_| Ok(Content::Empty {}) };
        for expected in self.expect {
            let section = read::section(&expected.at.section, self.features)?;
            let found = reading.element(section, &expected.at)?;
            if found.map_or_else(Token::absent, |element| element.token) != expected.token {
                return Ok(Some(expected));
            }
        }
        Ok(None)
    }

    fn interfere(&self, interference: Interference, before: &[u8]) -> Result<(), Refusal> {
        match interference {
            Interference::None => Ok(()),
            Interference::Unrelated => {
                let text = String::from_utf8_lossy(before).into_owned();
                let (head, tail) = text.rsplit_once("</configuration>").unwrap_or((&text, ""));
                let changed = format!("{head}<!-- somebody else was here -->\r\n</configuration>{tail}");
                Ok(self.folder.write(&self.file.name, changed.as_bytes())?)
            }
            Interference::Related => {
                let mut encrypt = |clear: &str| Ok(clear.to_owned());
                let mut editing = Editing {
                    document: parse(before)?,
                    http_sys: HttpSys::default(),
                    build: self.build,
                    features: self.features,
                    stores: self.stores,
                    encrypt: &mut encrypt,
                };
                if let Some(edit) = self.somebodys_edit(&editing.document)? {
                    editing.apply(&edit)?;
                }
                Ok(self.folder.write(&self.file.name, &editing.document.print())?)
            }
        }
    }

    /// An edit of the first element that the commit rests on, such as somebody else might make.
    fn somebodys_edit(&self, document: &Document) -> Result<Option<Edit>, Refusal> {
        let Some(expected) = self.expect.first() else { return Ok(None) };
        let at = &expected.at;
        let section = read::section(&at.section, self.features)?;
        let http_sys = HttpSys::default();
        let reading = Reading { document, build: self.build, http_sys: &http_sys, tell: &|_| Ok(Content::Empty {}) };
        let Some(element) = reading.element(section, at)? else { return Ok(self.somebodys_item(at)) };
        let candidates = ["true", "false", "1", "2", "1024", "00:03:00"];
        for (name, attribute) in &element.attributes {
            let Content::Value(value) = &attribute.content else { continue };
            for candidate in candidates.iter().filter(|candidate| value != *candidate) {
                let value = crate::hostcall::Text::Plain((*candidate).to_owned());
                let edit = Edit::Set { at: at.clone(), attribute: name.clone(), value };
                let key = matches!(at.steps.last(), Some(Step::Item(keys)) if keys.contains_key(name));
                if !key && attribute.source != Source::Inherited && self.takes(document, &edit) {
                    return Ok(Some(edit));
                }
            }
        }
        Ok(None)
    }

    /// The item that the commit would add, added by somebody else.
    fn somebodys_item(&self, at: &ElementPath) -> Option<Edit> {
        let (last, steps) = at.steps.split_last()?;
        let Step::Item(keys) = last else { return None };
        let parent = ElementPath { steps: steps.to_vec(), ..at.clone() };
        let adds = |edit: &&Edit| matches!(edit, Edit::Add { at, .. } if *at == parent);
        let Some(Edit::Add { element, attributes, .. }) = self.edits.iter().find(adds) else { return None };
        let named = |(name, _): &&(String, crate::hostcall::Text)| keys.contains_key(name) || name == "id";
        let attributes = attributes.iter().filter(named).cloned().collect();
        Some(Edit::Add { at: parent, element: element.clone(), attributes })
    }

    fn takes(&self, document: &Document, edit: &Edit) -> bool {
        let mut encrypt = |clear: &str| Ok(clear.to_owned());
        let mut editing = Editing {
            document: document.clone(),
            http_sys: HttpSys::default(),
            build: self.build,
            features: self.features,
            stores: self.stores,
            encrypt: &mut encrypt,
        };
        editing.apply(edit).is_ok()
    }
}

/// Keeps the file as it was, the last ten generations.
fn keep(folder: &Folder, name: &str, before: &[u8], utc: SystemTime) -> Result<(), Refusal> {
    folder.write(&generation(name, utc), before)?;
    let history = folder.path(HISTORY);
    let mut kept: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(&history).map_err(|error| LabError::disk(&history, error))? {
        let entry = entry.map_err(|error| LabError::disk(&history, error))?;
        if entry.file_name().to_string_lossy().starts_with(&format!("{name}-")) {
            kept.push(entry.path());
        }
    }
    kept.sort_unstable();
    let surplus = kept.len().saturating_sub(GENERATIONS);
    for path in kept.into_iter().take(surplus) {
        fs::remove_file(&path)
            .map_err(|error| refused_plainly(RefusalCode::Failed, LabError::disk(&path, error).to_string()))?;
    }
    Ok(())
}

/// A generation by its time, to a ten-millionth of a second as .NET counts.
fn generation(name: &str, utc: SystemTime) -> String {
    let since = utc.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let whole = utc::text(utc).trim_end_matches('Z').replace(':', "");
    format!("{HISTORY}/{name}-{whole}.{:07}Z.config", since.subsec_nanos() / 100)
}
