//! What may be a key.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Content, Entry, Key, Node};
use crate::diagnostic::{Diagnostic, shown};
use crate::value::SecretRef;

/// The key of a map, or `None` when its value is to be passed over.
pub(super) fn check_key(
    node: Node,
    entries: &[Entry],
    seen: &mut HashSet<Arc<str>>,
    foreign: bool,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Key> {
    let span = node.span;
    let Content::Scalar(scalar) = node.content else {
        let braces = matches!(node.content, Content::Map(_));
        let help = if braces { "quote a value that starts with `{{`: \"{{ name }}\"" } else { "" };
        diagnostics.push(Diagnostic::new(span, "a key must be a text").help(help));
        return None;
    };
    let text = scalar.text;
    if &*text == SecretRef::MARK {
        diagnostics.push(
            Diagnostic::new(span, format!("`{text}` cannot be written as a key"))
                .help("a secret is written \"{{ secret('name') }}\""),
        );
        return None;
    }
    if &*text == "<<" && scalar.plain && !foreign {
        diagnostics
            .push(Diagnostic::new(span, "`<<` merges maps, which YAML 1.2 does not know").help("write the keys out"));
        return None;
    }
    if !seen.insert(Arc::clone(&text)) {
        let mut diagnostic =
            Diagnostic::new(span, format!("the key {} is there twice", shown(&text))).help("remove one of the two");
        if let Some(first) = entries.iter().find(|entry| entry.key.text == text) {
            diagnostic = diagnostic.note(first.key.span, "it is here first");
        }
        diagnostics.push(diagnostic);
        return None;
    }
    Some(Key { text, span })
}
