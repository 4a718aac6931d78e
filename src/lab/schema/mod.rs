//! The sections of IIS configuration as data: which elements, attributes and defaults each version knows.
//!
//! A kind that needs another section adds rows to the files beside this one, and no code. A row says:
//!
//! - section: `path`; `overridable`, whether web.config files may set it (`overrideModeDefault`); `feature`, the
//!   Windows feature that declares it.
//! - element: `at`, its way from the section's element; `items`, the tags of its collection; `keys`, what tells items
//!   apart; `unique`, attributes no two items may share; `defaults`, the element of an ancestor that holds the
//!   defaults of the collection's items; `like` and `without`, the same as another element but for some names.
//! - attribute: `type`, `default` (none and not `required` is not set), `min`, `max`, `step` (time spans in seconds),
//!   `values` of an enum or flags in the schema's order, `encrypted`, `outside` (not kept in the file).
//! - any: `since`, the first version of IIS; `later`, what a later version has otherwise.

mod attribute;
mod text;

use std::sync::LazyLock;

use indexmap::IndexMap;
use serde::Deserialize;

pub use attribute::AttributeSchema;

use super::versions::Build;
use crate::xml::Element as Xml;

/// A section.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SectionRow {
    path: String,
    #[serde(default = "web_server")]
    feature: String,
    #[serde(default = "yes")]
    overridable: bool,
    element: Vec<ElementSchema>,
}

fn web_server() -> String {
    "Web-WebServer".to_owned()
}

fn yes() -> bool {
    true
}

/// An element of a section.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ElementSchema {
    at: String,
    like: String,
    without: Vec<String>,
    since: Build,
    /// Tags of its collection's items.
    pub items: Vec<String>,
    /// What tells an item from its siblings.
    pub keys: Vec<String>,
    /// Attributes of which no two items have the same.
    pub unique: Vec<String>,
    /// The element that holds its defaults, a child of one of its ancestors.
    pub defaults: Option<String>,
    attributes: Vec<AttributeSchema>,
}

/// A section with all its elements.
#[derive(Debug)]
pub struct Section {
    /// Its path, such as `system.webServer/webSocket`.
    pub path: String,
    /// The Windows feature that declares it.
    pub feature: String,
    /// Whether levels below the server may set it.
    pub overridable: bool,
    elements: IndexMap<String, ElementSchema>,
}

static SECTIONS: LazyLock<Vec<Section>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        section: Vec<SectionRow>,
    }
    let files = [
        include_str!("application_pools.toml"),
        include_str!("dotnet.toml"),
        include_str!("sites.toml"),
        include_str!("server.toml"),
        include_str!("web_server.toml"),
    ];
    let parse = |text: &str| -> File {
        toml::from_str(text).unwrap_or_else(|error| unreachable!("the schema is not as it must be: {error}"))
    };
    files.into_iter().flat_map(|text| parse(text).section).map(Section::of).collect()
});

impl Section {
    /// The section of a path; letter case counts, as it does in IIS.
    pub fn find(path: &str) -> Option<&'static Section> {
        SECTIONS.iter().find(|section| section.path == path)
    }

    /// Every section there is.
    pub fn all() -> &'static [Section] {
        &SECTIONS
    }

    /// An element by its way from the section's element, where the version knows it.
    pub fn element(&self, at: &str, build: Build) -> Option<&ElementSchema> {
        self.elements.get(at).filter(|element| element.since <= build)
    }

    /// The names of the child elements of an element that are no items of its collection.
    pub fn children(&self, at: &str, build: Build) -> Vec<&str> {
        let Some(parent) = self.elements.get(at) else { return Vec::new() };
        let child = |(path, element): (&'_ String, &ElementSchema)| -> Option<String> {
            let name = below(at, path)?;
            let known = !name.contains('/') && !parent.items.iter().any(|item| item == name) && element.since <= build;
            known.then(|| path.clone())
        };
        let names = self.elements.iter().filter_map(child);
        let key = |path: String| self.elements.get_key_value(&path).map(|(path, _)| path.as_str());
        names.filter_map(key).filter_map(|path| below(at, path)).collect()
    }

    /// Puts rows that are like others in full.
    fn of(row: SectionRow) -> Section {
        let mut elements: IndexMap<String, ElementSchema> = IndexMap::new();
        for element in row.element {
            if element.like.is_empty() {
                elements.insert(element.at.clone(), element);
                continue;
            }
            let copies: Vec<(String, ElementSchema)> =
                elements.iter().filter_map(|(path, known)| element.copy(path, known)).collect();
            elements.extend(copies);
        }
        Section { path: row.path, feature: row.feature, overridable: row.overridable, elements }
    }
}

impl ElementSchema {
    /// Whether a known item is told apart from another by nothing; never where there is nothing that tells items apart.
    pub fn same_keys(&self, known: Option<&Xml>, other: &Xml) -> bool {
        let same = |key: &String| {
            let value = |element: &Xml| element.get(key).unwrap_or_default().to_lowercase();
            known.is_some_and(|known| value(known) == value(other))
        };
        !self.keys.is_empty() && self.keys.iter().all(same)
    }

    /// The attributes that a version knows.
    pub fn attributes(&self, build: Build) -> impl Iterator<Item = &AttributeSchema> {
        self.attributes.iter().filter(move |attribute| attribute.since <= build)
    }

    /// An attribute that a version knows.
    pub fn attribute(&self, name: &str, build: Build) -> Option<&AttributeSchema> {
        self.attributes(build).find(|attribute| attribute.name == name)
    }

    /// The copy of a row that this one is like, or of one below it.
    fn copy(&self, path: &str, known: &ElementSchema) -> Option<(String, ElementSchema)> {
        let here = path == self.like;
        let rest = if here { "" } else { below(&self.like, path)? };
        if rest.split('/').next().is_some_and(|first| self.without.iter().any(|name| name == first)) {
            return None;
        }
        let mut copy = known.clone();
        copy.at = if here { self.at.clone() } else { join(&self.at, rest) };
        if here {
            let without = |name: &String| !self.without.contains(name);
            copy.attributes.retain(|attribute| without(&attribute.name));
            copy.items.retain(without);
            copy.keys.clear();
            copy.unique.clear();
            copy.defaults = None;
        }
        Some((copy.at.clone(), copy))
    }
}

/// A way one step further.
pub fn join(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}/{name}") }
}

fn below<'a>(at: &str, path: &'a str) -> Option<&'a str> {
    if at.is_empty() {
        return (!path.is_empty()).then_some(path);
    }
    path.strip_prefix(at)?.strip_prefix('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Windows;

    #[test]
    fn every_default_is_a_value_of_its_own_type() {
        for windows in Windows::all() {
            for section in Section::all() {
                for element in section.elements.values() {
                    for attribute in element.attributes(windows.iis_build) {
                        let default = attribute.default(windows.iis_build);
                        if !attribute.required && !default.is_empty() {
                            let told = attribute.normalise(default, windows.iis_build);
                            assert!(told.is_ok(), "{} {}: {told:?}", section.path, attribute.name);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn versions_differ_where_they_do() {
        let pools = Section::find("system.applicationHost/applicationPools").unwrap();
        let sites = Section::find("system.applicationHost/sites").unwrap();
        for (windows, action, variables, hsts, flags, events) in [
            ("2012", false, false, false, 3, 3),
            ("2012R2", true, false, false, 3, 3),
            ("2016", true, true, false, 3, 8),
            ("2019", true, true, true, 15, 8),
            ("2022", true, true, true, 127, 8),
        ] {
            let build = Windows::of(windows).unwrap().iis_build;
            let model = pools.element("add/processModel", build).unwrap();
            assert_eq!(model.attribute("idleTimeoutAction", build).is_some(), action, "{windows}");
            assert_eq!(pools.children("add", build).contains(&"environmentVariables"), variables, "{windows}");
            assert_eq!(sites.children("site", build).contains(&"hsts"), hsts, "{windows}");
            let binding = sites.element("site/bindings/binding", build).unwrap();
            assert!(binding.attribute("sslFlags", build).unwrap().normalise(&flags.to_string(), build).is_ok());
            assert!(binding.attribute("sslFlags", build).unwrap().normalise(&(flags + 1).to_string(), build).is_err());
            let logged = pools.element("add/recycling", build).unwrap().attribute("logEventOnRecycle", build).unwrap();
            assert_eq!(logged.default(build).split(", ").count(), events, "{windows}");
        }
    }

    #[test]
    fn a_pool_has_all_its_properties() {
        let build = Windows::of("2022").unwrap().iis_build;
        let pools = Section::find("system.applicationHost/applicationPools").unwrap();
        let own = pools.elements.iter().filter(|(at, _)| at.starts_with("add"));
        let keyed = own.filter(|(at, _)| !at.ends_with("/add"));
        let count: usize = keyed.map(|(_, element)| element.attributes(build).count()).sum();
        // With `state`, `schedule` and `environmentVariables` the 56 of the published comparison of pool properties.
        assert_eq!(count, 53);
    }

    #[test]
    fn a_row_like_another_has_what_that_one_has() {
        let build = Windows::of("2019").unwrap().iis_build;
        let sites = Section::find("system.applicationHost/sites").unwrap();
        assert!(sites.element("siteDefaults", build).unwrap().attribute("name", build).is_none());
        assert!(sites.element("siteDefaults/logFile/customFields/add", build).is_some());
        assert!(sites.element("siteDefaults/application", build).is_none());
        assert_eq!(
            sites.children("siteDefaults", build),
            ["bindings", "limits", "logFile", "traceFailedRequestsLogging", "hsts"]
        );
        assert_eq!(sites.children("", build), ["siteDefaults", "applicationDefaults", "virtualDirectoryDefaults"]);
    }
}
