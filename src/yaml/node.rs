//! The tree.

use std::sync::Arc;

use crate::diagnostic::Span;

/// A value, and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it stands; for an alias, where the alias stands.
    pub span: Span,
    /// What it is.
    pub content: Content,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Content {
    /// A single value.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order in which it is written.
    Map(Vec<Entry>),
}

/// A single value as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// Its text after quotes and escapes.
    pub text: Arc<str>,
    /// Whether it is written without quotes, so that `5` is a number and `"5"` is not.
    pub plain: bool,
    /// Where in the file the text stands letter by letter; `None` where quotes, escapes or folding changed it.
    pub verbatim: Option<usize>,
}

/// A key of a map with its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// The value.
    pub value: Node,
}

/// A key, and where it stands.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its text.
    pub text: Arc<str>,
    /// Where it stands.
    pub span: Span,
}

impl Node {
    /// The entry of a map.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.content {
            Content::Map(entries) => entries.iter().find(|entry| &*entry.key.text == key),
            Content::Scalar(_) | Content::List(_) => None,
        }
    }

    /// The value of a map's entry.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The item of a list.
    pub fn item(&self, index: usize) -> Option<&Node> {
        match &self.content {
            Content::List(items) => items.get(index),
            Content::Scalar(_) | Content::Map(_) => None,
        }
    }

    /// What it is, in words.
    pub fn kind(&self) -> &'static str {
        match &self.content {
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
            Content::Scalar(scalar) => match super::resolve(scalar) {
                serde_json::Value::Null => "nothing",
                serde_json::Value::Bool(_) => "a boolean",
                serde_json::Value::Number(_) => "a number",
                _ => "text",
            },
        }
    }

    /// Whether it is written as nothing at all, `~` or `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar(scalar) if super::resolve(scalar).is_null())
    }
}

/// A node that is a text, whatever it looks like.
pub fn quoted(text: &str, span: Span) -> Node {
    Node { span, content: Content::Scalar(Scalar { text: Arc::from(text), plain: false, verbatim: None }) }
}

/// A node that is nothing at all.
pub fn nothing(span: Span) -> Node {
    Node { span, content: Content::Scalar(Scalar { text: Arc::from(""), plain: true, verbatim: None }) }
}
