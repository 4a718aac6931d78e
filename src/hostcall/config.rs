//! IIS configuration as a tree of elements, and edits of it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::value::{SecretRef, SecretText};

/// A digest of an element's own content, or `absent`.
///
/// Sixteen hexadecimal digits of SHA-256 over one line `name=value\n` for each attribute that is set on the element
/// itself (not inherited, not default) and is no secret, sorted by name (ordinal), as UTF-8; or the word `absent`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(pub String);

impl Token {
    /// The token of an element that is not there.
    pub fn absent() -> Token {
        Token("absent".to_owned())
    }
}

/// An application.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppPath {
    /// The site's name.
    pub site: String,
    /// The application's path, such as `/` or `/chat`.
    pub path: String,
}

/// Where an element is: a section, and the way from its root to the element.
///
/// What is read of an application is what holds there: what its web.config does not set comes from the levels above,
/// and is then inherited.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElementPath {
    /// The section, such as `system.applicationHost/applicationPools`.
    pub section: String,
    /// The application in whose web.config it is; `None` for applicationHost.config.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<AppPath>,
    /// The `<location path>` in applicationHost.config, such as `Chat/api`; `None` for the server's own level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The way down from the section's element.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
}

impl ElementPath {
    /// The root element of a section at the server's own level.
    pub fn section(section: &str) -> ElementPath {
        ElementPath { section: section.to_owned(), app: None, location: None, steps: Vec::new() }
    }

    /// The root element of a section as it holds for an application.
    pub fn in_app(app: AppPath, section: &str) -> ElementPath {
        ElementPath { app: Some(app), ..ElementPath::section(section) }
    }

    /// The same path, one child element further down.
    #[must_use]
    pub fn child(mut self, name: &str) -> ElementPath {
        self.steps.push(Step::Child(name.to_owned()));
        self
    }

    /// The same path, one collection item further down, found by the attributes given.
    #[must_use]
    pub fn item<const N: usize>(mut self, keys: [(&str, &str); N]) -> ElementPath {
        let keys = keys.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.steps.push(Step::Item(keys.into_iter().collect()));
        self
    }
}

/// One step down from an element.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The child element of this name.
    Child(String),
    /// The first item of the element's collection whose attributes equal all of these, ignoring letter case.
    Item(std::collections::BTreeMap<String, String>),
}

/// An element as read: its own attributes with their effective values, its child elements and its collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Element {
    /// The tag, such as `processModel` or `add`.
    pub name: String,
    /// Digest of its own content.
    pub token: Token,
    /// Every attribute its schema knows.
    #[serde(default)]
    pub attributes: IndexMap<String, Attribute>,
    /// Child elements its schema knows, by name; there even where the file does not name them.
    #[serde(default)]
    pub children: IndexMap<String, Element>,
    /// The items of its collection, in order; empty where it has none.
    #[serde(default)]
    pub items: Vec<Element>,
}

impl Element {
    /// The effective text of an attribute; `None` when the schema lacks it or it is withheld.
    pub fn text(&self, attribute: &str) -> Option<&str> {
        match &self.attributes.get(attribute)?.content {
            Content::Value(text) => Some(text),
            Content::Mac(_) | Content::Empty {} | Content::Unreadable {} => None,
        }
    }

    /// The first item whose attributes equal all of `keys`, ignoring ASCII letter case.
    pub fn find_item(&self, keys: &[(&str, &str)]) -> Option<&Element> {
        self.items.iter().find(|item| {
            keys.iter().all(|(name, value)| item.text(name).is_some_and(|text| text.eq_ignore_ascii_case(value)))
        })
    }
}

/// An attribute's effective value, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// Where the value comes from.
    pub source: Source,
    /// What can be told of it.
    pub content: Content,
}

/// Where an attribute's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Written on this very element, in the file that was read.
    Set,
    /// Written at a level above.
    Inherited,
    /// From the schema or from the collection's defaults element (`applicationPoolDefaults`, `siteDefaults` …).
    Default,
}

/// What is told of an attribute's value.
///
/// Text is in the schema's own words: `true`/`false`, decimal integers, enum names, flag names joined by `, `
/// in the schema's order, time spans as `hh:mm:ss` (`d.hh:mm:ss` from one day on).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// The value.
    Value(String),
    /// A secret: HMAC-SHA256 under the batch's nonce over its UTF-8 bytes, 64 lower-case hexadecimal digits.
    Mac(String),
    /// A secret that is not there or is the empty string.
    Empty {},
    /// A secret that this host cannot decrypt.
    Unreadable {},
}

/// An element and the token it must still have when a commit is made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The element.
    pub at: ElementPath,
    /// What was read.
    pub token: Token,
}

/// One edit of configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "edit", rename_all = "snake_case", deny_unknown_fields)]
pub enum Edit {
    /// Gives an attribute a value of its own.
    Set {
        /// The element.
        at: ElementPath,
        /// The attribute.
        attribute: String,
        /// Its new value.
        value: Text,
    },
    /// Takes an attribute's own value away, so that the inherited or default one holds.
    Clear {
        /// The element.
        at: ElementPath,
        /// The attribute.
        attribute: String,
    },
    /// Adds an item at the end of an element's collection.
    Add {
        /// The element that has the collection.
        at: ElementPath,
        /// The item's tag, such as `add` or `site`.
        element: String,
        /// Its attributes.
        attributes: NewAttributes,
    },
    /// Removes an item from its collection.
    Remove {
        /// The item.
        at: ElementPath,
    },
    /// Assigns the certificate of an https binding (kept by http.sys, committed with the file).
    Certificate {
        /// The binding.
        at: ElementPath,
        /// SHA-1 thumbprint, 40 upper-case hexadecimal digits.
        thumbprint: String,
        /// Store of the local machine, such as `My`.
        store: String,
    },
}

impl Edit {
    /// The element that the edit touches or, for an added item, the one that has the collection.
    pub fn at(&self) -> &ElementPath {
        match self {
            Edit::Set { at, .. }
            | Edit::Clear { at, .. }
            | Edit::Add { at, .. }
            | Edit::Remove { at }
            | Edit::Certificate { at, .. } => at,
        }
    }
}

/// Attributes of a new item, in the order in which they are written.
pub type NewAttributes = Vec<(String, Text)>;

/// Text for the host, or a reference to a secret that takes its place when bytes for the wire are made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Text {
    /// The text itself.
    Plain(String),
    /// A secret's name.
    Secret(SecretRef),
    /// A text that secrets, or parts of them, stand in.
    Composed(SecretText),
}

impl Text {
    /// The text for people, each secret by its name.
    pub fn shown(&self) -> String {
        match self {
            Text::Plain(text) => text.clone(),
            Text::Secret(secret) => secret.shown(),
            Text::Composed(text) => text.shown(),
        }
    }
}
