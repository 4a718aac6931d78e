//! Looking at a tree as what it should be, with a diagnostic where it is not.

use super::{Content, Entry, Node, Scalar};
use crate::diagnostic::{Diagnostic, did_you_mean, shown};

/// The entries of what should be a map; nothing at all is an empty one.
pub fn map<'a>(node: &'a Node, what: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<&'a [Entry]> {
    match &node.content {
        Content::Map(entries) => Some(entries),
        Content::Scalar(_) if node.is_null() => Some(&[]),
        Content::Scalar(_) | Content::List(_) => {
            diagnostics.push(Diagnostic::new(node.span, format!("{what} must be a map, and this is {}", node.kind())));
            None
        }
    }
}

/// The text of what should be a text.
pub fn text<'a>(node: &'a Node, what: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<&'a str> {
    match &node.content {
        Content::Scalar(scalar) if !node.is_null() => Some(&scalar.text),
        Content::Scalar(_) | Content::List(_) | Content::Map(_) => {
            diagnostics.push(Diagnostic::new(node.span, format!("{what} must be a text, and this is {}", node.kind())));
            None
        }
    }
}

/// The scalar that a node is.
pub fn scalar_text(node: &Node) -> Option<&Scalar> {
    match &node.content {
        Content::Scalar(scalar) => Some(scalar),
        Content::List(_) | Content::Map(_) => None,
    }
}

/// Reports the keys of a map that are not known, each with the one that may be meant.
pub fn reject_unknown_keys(entries: &[Entry], known: &[&str], what: &str, diagnostics: &mut Vec<Diagnostic>) {
    for entry in entries.iter().filter(|entry| !known.contains(&&*entry.key.text)) {
        let message = format!("{what} has no key {}", shown(&entry.key.text));
        let help = match did_you_mean(&entry.key.text, known.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("it has {}", listed(known)),
        };
        diagnostics.push(Diagnostic::new(entry.key.span, message).help(help));
    }
}

/// Whether a text can name a variable.
pub fn identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
