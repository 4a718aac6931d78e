//! `web_config`: an application's own settings in its web.config.

use std::sync::Arc;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config_edits::{Edits, descend};
use super::section_path::element_path;
use super::setting::Setting;
use super::start_anew::leads_to;
use super::{Claim, Disturbance, Found, Problems, Reads, Resource, Writes};
use crate::hostcall::config::AppPath;
use crate::hostcall::write::ConfigFile;
use crate::hostcall::{Content, Element, ElementPath, Refusal, RefusalCode, Write};
use crate::release::{ConfigEdit, ConfigPath, Overlay, Release};
use crate::value::{Changes, UrlPath};

/// Settings of an application: application settings, connection strings, and any other attribute of its web.config.
///
/// Where the same play delivers the application they are put into its release; else they are written into the
/// application's web.config on the host. What is not named here stays as it is, comments and blanks too.
///
/// They are compared with what holds for the application on the host, whatever file it comes from. Of a section that a
/// host's IIS does not know the `attributes` cannot be compared: where a release brings them, its whole web.config is
/// compared by `app_release`; where none does, the host says so and nothing is written.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebConfig {
    /// The site's name.
    pub site: String,
    /// The application's path; `/` for the one at the site's root.
    #[serde(default = "UrlPath::root")]
    pub path: UrlPath,
    /// `appSettings` by key: text or a secret.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub app_settings: IndexMap<String, Setting>,
    /// `connectionStrings` by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub connection_strings: IndexMap<String, ConnectionString>,
    /// Attributes of any other element.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<ConfigAttribute>,
    /// Whether a release of the same play brings them.
    #[serde(skip)]
    #[schemars(skip)]
    pub delivered: bool,
}

/// A connection string.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionString {
    /// The string: a secret where it holds a password.
    pub connection_string: Setting,
    /// `providerName`, such as `System.Data.SqlClient`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

/// An attribute of an element.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigAttribute {
    /// The element, such as `system.web/compilation` or `system.webServer/rewrite/rules/rule[name='to https']`. One
    /// that is not there is made.
    pub at: String,
    /// The attribute's name.
    pub name: String,
    /// Its value: text or a secret.
    pub value: Setting,
}

impl ConfigAttribute {
    fn path(&self) -> Option<ConfigPath> {
        ConfigPath::parse(&self.at).ok()
    }
}

/// Sections that have a better place than `attributes`.
const ELSEWHERE: [(&str, &str); 3] = [
    ("system.web/machineKey", "a machine_key step"),
    ("appSettings", "app_settings: { KEY: value }"),
    ("connectionStrings", "connection_strings: { NAME: { connection_string: … } }"),
];

impl WebConfig {
    fn app_path(&self) -> AppPath {
        AppPath { site: self.site.clone(), path: self.path.as_str().to_owned() }
    }

    fn section(&self, name: &str) -> ElementPath {
        ElementPath::in_app(self.app_path(), name)
    }

    /// The elements of attributes as a host is asked for them.
    fn elements(&self) -> Vec<Option<ElementPath>> {
        let element = |attribute: &ConfigAttribute| element_path(self.app_path(), &attribute.path()?);
        self.attributes.iter().map(element).collect()
    }

    /// The value of one attribute on the host; the desired one where the host tells nothing of it and need not.
    fn seen_attribute(
        &self,
        wanted: &ConfigAttribute,
        at: Option<&ElementPath>,
        found: &Found,
    ) -> Result<Setting, Refusal> {
        let Some(at) = at else { return Ok(wanted.value.clone()) };
        let section = match found.config(&root_of(at)) {
            // A refusal is no absence; the release's web.config is compared as a whole.
            Err(refusal) if self.delivered && refusal.code == RefusalCode::Unsupported => {
                return Ok(wanted.value.clone());
            }
            other => other?,
        };
        let element = section.as_ref().and_then(|section| descend(section, &at.steps));
        let content = element.and_then(|it| content(it, &wanted.name));
        Ok(wanted.value.told(content, found))
    }
}

/// The section's own element.
fn root_of(at: &ElementPath) -> ElementPath {
    ElementPath { steps: Vec::new(), ..at.clone() }
}

fn content<'e>(element: &'e Element, attribute: &str) -> Option<&'e Content> {
    element.attributes.get(attribute).map(|it| &it.content)
}

impl Resource for WebConfig {
    const KIND: &'static str = "web_config";
    const EXAMPLE: &'static str = include_str!("web_config.example.yml");

    fn name(&self) -> String {
        format!("{}{}", self.site, self.path.as_str())
    }

    fn claims(&self) -> Vec<Claim> {
        let object = format!("{}/{}", Self::KIND, self.name());
        let settings = self.app_settings.keys().map(|key| format!("app_settings.{key}"));
        let strings = self.connection_strings.keys().map(|name| format!("connection_strings.{name}"));
        let attributes = self.attributes.iter().map(|it| format!("{}/@{}", it.at, it.name));
        let all = settings.chain(strings).chain(attributes);
        all.map(|property| Claim { object: object.clone(), property }).collect()
    }

    fn check(&self, problems: &mut Problems) {
        if self.app_settings.is_empty() && self.connection_strings.is_empty() && self.attributes.is_empty() {
            problems.add("", "nothing is set", "app_settings, connection_strings or attributes");
        }
        let secret = "a literal would stand here in clear; keep all of it in the store: \"{{ secret('NAME') }}\"";
        check_names("app_settings", self.app_settings.keys(), problems);
        for (key, _) in self.app_settings.iter().filter(|(_, value)| value.looks_like_password()) {
            problems.add(&format!("app_settings.{key}"), format!("`{key}` holds a password"), secret);
        }
        check_names("connection_strings", self.connection_strings.keys(), problems);
        for (name, _) in self.connection_strings.iter().filter(|(_, it)| it.connection_string.looks_like_password()) {
            let property = format!("connection_strings.{name}.connection_string");
            problems.add(&property, format!("the connection string `{name}` holds a password"), secret);
        }
        for (index, attribute) in self.attributes.iter().enumerate() {
            let property = |name: &str| format!("attributes[{index}].{name}");
            if let Err(why) = ConfigPath::parse(&attribute.at) {
                problems.add(&property("at"), why, "");
            }
            if let Some((at, help)) = ELSEWHERE.iter().find(|(at, _)| attribute.at.starts_with(at)) {
                problems.add(&property("at"), format!("`{at}` is not set as an attribute"), *help);
            }
            let same = |other: &&ConfigAttribute| (&other.at, &other.name) == (&attribute.at, &attribute.name);
            if self.attributes.iter().take(index).any(|other| same(&other)) {
                problems.add(&property("name"), format!("{}/@{} is set twice", attribute.at, attribute.name), "once");
            }
            if attribute.value.looks_like_password() {
                problems.add(&property("value"), format!("`{}` holds a password", attribute.name), secret);
            }
        }
    }

    fn app(&self) -> Option<AppPath> {
        Some(self.app_path())
    }

    fn overlays(&self) -> Vec<Overlay> {
        let settings = self
            .app_settings
            .iter()
            .map(|(key, value)| ConfigEdit::AppSetting { key: key.clone(), value: value.overlay() });
        let strings = self.connection_strings.iter().map(|(name, it)| ConfigEdit::ConnectionString {
            name: name.clone(),
            value: it.connection_string.overlay(),
            provider: it.provider.clone(),
        });
        let attributes = self.attributes.iter().filter_map(|it| {
            Some(ConfigEdit::Attribute { at: it.path()?, name: it.name.clone(), value: it.value.overlay() })
        });
        vec![Overlay::web_config(settings.chain(strings).chain(attributes).collect())]
    }

    fn deliver(&mut self, _: &Arc<Release>) {
        self.delivered = true;
    }

    fn reads(&self, reads: &mut Reads) {
        if !self.app_settings.is_empty() {
            reads.config(self.section("appSettings"));
        }
        if !self.connection_strings.is_empty() {
            reads.config(self.section("connectionStrings"));
        }
        for at in self.elements().into_iter().flatten() {
            reads.config(root_of(&at));
        }
    }

    fn conflicts(&self, _: &Found, problems: &mut Problems) {
        for (index, at) in self.elements().iter().enumerate().filter(|_| !self.delivered) {
            if at.is_none() {
                let message = "this can be set in a release alone, and no step of this play delivers the application";
                problems.add(&format!("attributes[{index}].at"), message, "an app_release step, or another path");
            }
        }
    }

    fn seen(&self, found: &Found) -> Result<Option<Self>, Refusal> {
        let mut actual = self.clone();
        if !self.app_settings.is_empty() {
            let Some(section) = found.config(&self.section("appSettings"))? else { return Ok(None) };
            for (key, value) in &mut actual.app_settings {
                let item = section.find_item(&[("key", key)]);
                *value = value.told(item.and_then(|item| content(item, "value")), found);
            }
        }
        if !self.connection_strings.is_empty() {
            let Some(section) = found.config(&self.section("connectionStrings"))? else { return Ok(None) };
            for (name, it) in &mut actual.connection_strings {
                let item = section.find_item(&[("name", name)]);
                let told = it.connection_string.told(item.and_then(|item| content(item, "connectionString")), found);
                it.connection_string = told;
                it.provider = item.and_then(|item| item.text("providerName")).map(str::to_owned);
            }
        }
        let elements = self.elements();
        for (attribute, at) in actual.attributes.iter_mut().zip(&elements) {
            attribute.value = self.seen_attribute(attribute, at.as_ref(), found)?;
        }
        Ok(Some(actual))
    }

    fn writes(&self, found: &Found, changes: &Changes, writes: &mut Writes) {
        if self.delivered {
            return;
        }
        let mut edits = Edits::new(found);
        let settings = self.section("appSettings");
        for (key, value) in self.app_settings.iter().filter(|(key, _)| changes.touch(&format!("app_settings.{key}"))) {
            edits.set_item(&settings, ("key", key), &[("value", value.text())]);
        }
        let strings = self.section("connectionStrings");
        for (name, it) in &self.connection_strings {
            if changes.touch(&format!("connection_strings.{name}")) {
                let mut values = vec![("connectionString", it.connection_string.text())];
                values.extend(it.provider.iter().map(|it| ("providerName", crate::hostcall::Text::Plain(it.clone()))));
                edits.set_item(&strings, ("name", name), &values);
            }
        }
        if changes.touch("attributes") {
            for (attribute, at) in self.attributes.iter().zip(self.elements()) {
                let (Some(path), Some(at)) = (attribute.path(), at) else { continue };
                let seen = self.seen_attribute(attribute, Some(&at), found);
                if !seen.is_ok_and(|seen| seen == attribute.value) {
                    edits.set(&path, &at, &attribute.name, attribute.value.text());
                }
            }
        }
        let file = ConfigFile::WebConfig { site: self.site.clone(), path: self.path.as_str().to_owned() };
        let (expect, edits) = edits.done();
        if !edits.is_empty() {
            writes.add(super::Phase::Commit, Write::IisCommit { file, expect, edits });
        }
    }

    fn uses_database(&self, database: &str, servers: &[&str]) -> bool {
        self.connection_strings.values().any(|it| match &it.connection_string {
            Setting::Text(text) => leads_to(text, database, servers),
            _ => false,
        })
    }

    fn disturbs(&self, _: &Found, changes: &Changes) -> Disturbance {
        // A changed web.config restarts the application; one that comes with a release is switched with it.
        if self.delivered || changes.is_empty() { Disturbance::None } else { Disturbance::Recycles }
    }
}

/// Names that ASP.NET takes for one, since it does not tell letter cases apart, and names that are none.
fn check_names<'n>(property: &str, names: impl Iterator<Item = &'n String>, problems: &mut Problems) {
    let mut seen: Vec<String> = Vec::new();
    for name in names {
        if name.trim().is_empty() {
            problems.add(property, "a name is empty", "letters, digits, `.`, `_`, `-` or `:`");
        }
        let lower = name.to_lowercase();
        if seen.contains(&lower) {
            let message = format!("`{name}` is there twice: ASP.NET does not tell letter cases apart");
            problems.add(&format!("{property}.{name}"), message, "once");
        }
        seen.push(lower);
    }
}
