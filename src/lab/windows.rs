//! What stands in for Windows asks a host for: the calls behind the agent's .NET types and cmdlets.
//!
//! They are one level below host calls: a section with its values in clear, a commit without tokens and without
//! history, the folder behind a path. Only [`super::pwsh`] asks; nothing of it is reached over the wire.

use serde::Deserialize;
use serde_json::{Value, json};

use super::accounts::Directory;
use super::error::{refused, refused_plainly};
use super::faults::Fault;
use super::iis::{self, Attempt, Commit, Editing, HttpSys, Keys, Reading};
use super::model::{Model, Told, told};
use super::schema::{AttributeSchema, ElementSchema, Section, join};
use super::versions::Build;
use super::{Stores, drive, utc};
use crate::hostcall::config::{Edit, Element, ElementPath, Expected, Source, Step, Token};
use crate::hostcall::{Answer, Content, MacForm, Nonce, Outcome, Read, Refusal, RefusalCode, Text, Write};
use crate::xml::Document;

/// Where the library of IIS is on Windows; the lab has no such file and only says whether IIS is there.
const LIBRARY: &str = r"c:\windows\system32\inetsrv\microsoft.web.administration.dll";
/// Where IIS says that it shares its configuration; the lab keeps that in `host.toml`.
const REDIRECTION: &str = r"c:\windows\system32\inetsrv\config\redirection.config";

/// A request to the simulated Windows.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum WindowsCall {
    /// A host call's answer, where it is what Windows itself says.
    Ask {
        /// The call.
        read: Read,
    },
    /// A host call's outcome, where Windows itself does it in one step.
    Tell {
        /// The call.
        write: Write,
    },
    /// The account behind a name or SID.
    Account {
        /// Its name or SID.
        path: String,
    },
    /// A section of configuration with its schema and values.
    Section {
        /// Where it is.
        at: ElementPath,
    },
    /// Whether IIS would take these edits.
    Check {
        /// The edits.
        edits: Vec<Edit>,
    },
    /// Commits edits; no token is looked at and no history kept.
    Commit {
        /// The edits.
        edits: Vec<Edit>,
    },
    /// What WAS runs at this moment, and its events.
    Running,
    /// Whether the disk can be written.
    Writable,
    /// The lab's own path of a Windows path.
    Locate {
        /// The Windows path.
        path: String,
    },
    /// Whether there is a file.
    Exists {
        /// Its Windows path.
        path: String,
    },
    /// The text of an XML file.
    Xml {
        /// Its Windows path.
        path: String,
    },
    /// A text with variables in it.
    Expand {
        /// The text.
        path: String,
    },
}

impl Model {
    /// Answers what stands in for Windows: `{"done": …}`, `{"absent": {}}` or `{"refused": …}`.
    pub(super) fn windows(&mut self, call: &WindowsCall) -> Value {
        match self.carry_out(call) {
            Ok(Some(value)) => json!({ "done": value }),
            Ok(None) => json!({ "absent": {} }),
            Err(refusal) => json!({ "refused": refusal }),
        }
    }

    fn carry_out(&mut self, call: &WindowsCall) -> Result<Option<Value>, Refusal> {
        match call {
            WindowsCall::Ask { read } => match self.ask(read, &Nonce("00".repeat(32))) {
                Answer::Present(value) => Ok(Some(value)),
                Answer::Absent {} => Ok(None),
                Answer::Refused(refusal) => Err(refusal),
            },
            WindowsCall::Tell { write } => match self.tell(write) {
                Outcome::Done(value) => Ok(Some(value)),
                Outcome::Failed(refusal) => Err(refusal),
                Outcome::Moved { .. } | Outcome::Skipped {} => Err(refused_plainly(RefusalCode::Failed, "not done")),
            },
            WindowsCall::Account { path } => {
                let pools = if self.has_iis() { self.server()?.pools } else { Vec::new() };
                let pools: Vec<String> = pools.into_iter().map(|pool| pool.name).collect();
                let directory = Directory::load(&self.folder)?;
                let known = directory.account_or_sid(&self.computer, &pools, path);
                known.map(|account| told(&account)).transpose()
            }
            WindowsCall::Section { at } => self.whole_section(at).map(Some),
            WindowsCall::Check { edits } => self.edited(edits).map(|_| Some(Value::Null)),
            WindowsCall::Commit { edits } => self.commit_plainly(edits).map(Some),
            WindowsCall::Running => self.running().map(Some),
            WindowsCall::Writable => self.writable().map(|()| Some(Value::Null)),
            WindowsCall::Locate { path } => {
                let real = drive::locate(self.folder.root(), path)?;
                let real = std::path::absolute(&real).unwrap_or(real);
                Ok(Some(json!(real.to_string_lossy())))
            }
            WindowsCall::Exists { path } => self.has_file(path).map(|there| Some(json!(there))),
            WindowsCall::Xml { path } => self.xml_text(path).map(|text| Some(json!(text))),
            WindowsCall::Expand { path } => Ok(Some(json!(drive::expand(path)))),
        }
    }

    fn shared(&mut self) -> Result<Option<String>, Refusal> {
        let Some(facts) = self.carry_out(&WindowsCall::Ask { read: Read::HostFacts })? else { return Ok(None) };
        Ok(facts["shared_configuration"].as_str().map(str::to_owned))
    }

    fn has_file(&mut self, path: &str) -> Result<bool, Refusal> {
        match drive::expand(path).to_lowercase().as_str() {
            LIBRARY => Ok(self.has_iis()),
            REDIRECTION => Ok(self.shared()?.is_some()),
            _ => Ok(drive::locate(self.folder.root(), path)?.is_file()),
        }
    }

    fn xml_text(&mut self, path: &str) -> Result<String, Refusal> {
        if drive::expand(path).to_lowercase() == REDIRECTION {
            let mut document = Document::parse(b"<configuration><configurationRedirection/></configuration>")
                .map_err(|error| refused_plainly(RefusalCode::Failed, error.to_string()))?;
            if let (Some(folder), Some(element)) = (self.shared()?, document.element_mut(&[0])) {
                element.set("enabled", "true");
                element.set("path", &folder);
            }
            return Ok(String::from_utf8_lossy(&document.print()).into_owned());
        }
        let real = drive::locate(self.folder.root(), path)?;
        std::fs::read_to_string(&real)
            .map_err(|_| refused(RefusalCode::Unknown, 0x8007_0002, format!("Could not find file '{path}'.")))
    }

    /// Configuration with edits made, in memory alone.
    fn edited(&self, edits: &[Edit]) -> Result<(Document, HttpSys), Refusal> {
        self.may_read_iis()?;
        let stores = Stores::load(&self.folder)?;
        let mut encrypt = |clear: &str| Ok(clear.to_owned());
        let mut editing = Editing {
            document: self.document()?,
            http_sys: HttpSys::load(&self.folder)?,
            build: self.computer.version()?.iis_build,
            features: &self.features,
            stores: &stores,
            encrypt: &mut encrypt,
        };
        for edit in edits {
            editing.apply(edit)?;
        }
        Ok((editing.document, editing.http_sys))
    }

    fn whole_section(&self, at: &ElementPath) -> Told {
        let (document, http_sys) = self.edited(&[])?;
        let section = iis::section(&at.section, &self.features)?;
        let keys = Keys::load(&self.folder, self.faults.has(Fault::ClonedKeys))?;
        let tell = |stored: &str| Ok(keys.decrypt(stored).map_or(Content::Unreadable {}, Content::Value));
        let build = self.computer.version()?.iis_build;
        let reading = Reading { document: &document, build, http_sys: &http_sys, tell: &tell };
        let missing = || refused_plainly(RefusalCode::Failed, format!("{} is not there", at.section));
        let element = reading.element(section, at)?.ok_or_else(missing)?;
        Shown { section, build, reading: &reading }.element("", &element)
    }

    fn commit_plainly(&mut self, edits: &[Edit]) -> Told {
        self.may_read_iis()?;
        self.writable()?;
        let interference = self.interference()?;
        // Where somebody else changes what a commit is about, that is what its first edit is about.
        let mut expect = Vec::new();
        if let Some(edit) = edits.first() {
            let at = subject(edit);
            let found = self.config(&at, MacForm::Exact, &Nonce("00".repeat(32)))?;
            expect.push(Expected { token: found.map_or_else(Token::absent, |element| element.token), at });
        }
        let mut keys = Keys::load(&self.folder, self.faults.has(Fault::ClonedKeys))?;
        let commit = Commit {
            folder: &self.folder,
            build: self.computer.version()?.iis_build,
            features: &self.features,
            stores: &Stores::load(&self.folder)?,
            expect: &expect,
            edits,
            history: None,
        };
        if iis::attempt(&commit, &mut keys, interference)? != Attempt::Done {
            return Err(iis::overtaken());
        }
        self.committed()?;
        Ok(Value::Null)
    }

    fn running(&self) -> Told {
        self.may_read_iis()?;
        let (_, runtime) = self.settle()?;
        let busy = runtime.busy_until_unix_seconds > utc::unix_seconds(std::time::SystemTime::now());
        let mut pools = serde_json::Map::new();
        for (name, pool) in &runtime.pools {
            let shown = if busy {
                json!({ "state": "starting", "workers": [] })
            } else {
                json!({ "state": pool.state, "workers": pool.workers })
            };
            pools.insert(name.clone(), shown);
        }
        let state = |site: &iis::RunningSite| if busy { json!("starting") } else { json!(site.state) };
        let sites: serde_json::Map<String, Value> =
            runtime.sites.iter().map(|(name, site)| (name.clone(), json!({ "state": state(site) }))).collect();
        Ok(json!({ "pools": pools, "sites": sites, "events": runtime.events }))
    }
}

/// The element that an edit is about; for an added item, that item.
fn subject(edit: &Edit) -> ElementPath {
    let mut at = edit.at().clone();
    if let Edit::Add { attributes, .. } = edit {
        let plain = |(name, text): &(String, Text)| match text {
            Text::Plain(text) => Some((name.clone(), text.clone())),
            Text::Secret(_) => None,
        };
        at.steps.push(Step::Item(attributes.iter().filter_map(plain).collect()));
    }
    at
}

/// A section as what stands in for IIS needs it: every element with its schema.
struct Shown<'a> {
    section: &'static Section,
    build: Build,
    reading: &'a Reading<'a>,
}

impl Shown<'_> {
    fn element(&self, at: &str, element: &Element) -> Told {
        let unknown = || refused_plainly(RefusalCode::Unsupported, format!("this IIS has no {at}"));
        let schema = self.section.element(at, self.build).ok_or_else(unknown)?;
        let attributes = schema.attributes(self.build);
        let attributes: Vec<Value> = attributes.map(|attribute| self.attribute(attribute, element)).collect();
        let below = |child: &Element| self.element(&join(at, &child.name), child);
        let children = element.children.values().map(below).collect::<Result<Vec<Value>, Refusal>>()?;
        let mut shown = json!({
            "name": element.name,
            "local": element.token != Token::absent(),
            "attributes": attributes,
            "keys": self.keys(schema, element),
            "children": children,
        });
        if !schema.items.is_empty() {
            let items = element.items.iter().map(below).collect::<Result<Vec<Value>, Refusal>>()?;
            let mut fresh = serde_json::Map::new();
            for tag in &schema.items {
                if let Some(blank) = self.reading.blank(self.section, &join(at, tag))? {
                    fresh.insert(tag.clone(), self.element(&join(at, tag), &blank)?);
                }
            }
            shown["items"] = items.into();
            shown["new"] = fresh.into();
        }
        Ok(shown)
    }

    fn attribute(&self, schema: &AttributeSchema, element: &Element) -> Value {
        let read = element.attributes.get(&schema.name);
        let (value, unreadable) = match read.map(|read| &read.content) {
            Some(Content::Value(text)) => (text.as_str(), false),
            Some(Content::Unreadable {}) => ("", true),
            _ => ("", false),
        };
        json!({
            "name": schema.name,
            "type": schema.kind.word(),
            "encrypted": schema.encrypted,
            "words": schema.words(),
            "default": schema.default(self.build),
            "value": value,
            "unreadable": unreadable,
            "source": read.map_or(Source::Default, |read| read.source),
        })
    }

    /// What tells an item from its siblings; all that is set on it where its schema names nothing.
    fn keys(&self, schema: &ElementSchema, element: &Element) -> Vec<String> {
        if !schema.keys.is_empty() {
            return schema.keys.clone();
        }
        let known = |name: &String| schema.attribute(name, self.build).is_some_and(|it| !it.secret(&self.section.path));
        let set = element.attributes.iter().filter(|(name, read)| read.source == Source::Set && known(name));
        set.map(|(name, _)| name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_about_what_it_adds() {
        let at = ElementPath::section("a/b");
        let attributes = vec![("name".to_owned(), Text::Plain("x".to_owned()))];
        let add = Edit::Add { at: at.clone(), element: "add".to_owned(), attributes };
        assert_eq!(subject(&add), at.clone().item([("name", "x")]));
        assert_eq!(subject(&Edit::Remove { at: at.clone() }), at);
    }
}
