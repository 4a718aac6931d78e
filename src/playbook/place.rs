//! Where a step is written, down to each of its properties.

use std::sync::Arc;

use crate::diagnostic::{Sources, Span};
use crate::yaml::{Content, Node};

/// Where a play or step is written.
#[derive(Clone, Debug)]
pub struct Place {
    span: Span,
    properties: Option<Arc<Node>>,
    text: Arc<str>,
}

impl Place {
    /// A place with the tree of properties that is written there.
    pub(super) fn new(sources: &Sources, span: Span, properties: Option<Arc<Node>>) -> Place {
        let place = sources.place(span);
        Place { span, properties, text: format!("{}:{}", place.name, place.line).into() }
    }

    /// Where it starts: the step's kind, or the play's name.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Where a property stands, such as `identity.password` or `bindings[1].port`; as near as the file comes to it.
    pub fn property(&self, path: &str) -> Span {
        let Some(node) = self.properties.as_deref().filter(|_| !path.is_empty()) else { return self.span };
        let path = parse_path(path);
        match path.first().and_then(|first| node_at(node, std::slice::from_ref(first))) {
            Some(_) => nearest(node, &path).value,
            // A property that is not written: the step is what says so.
            None => self.span,
        }
    }

    /// File and line, as `playbooks/farm.yml:12`.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// One step down a tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Segment {
    Key(String),
    Index(usize),
}

/// Where something stands: its key, or its value where it has none, and its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub key: Span,
    pub value: Span,
}

/// The deepest place on a path that the file shows; what a template gives is where the template stands.
pub(super) fn nearest(node: &Node, path: &[Segment]) -> Spot {
    let mut spot = Spot { key: node.span, value: node.span };
    let mut node = node;
    for segment in path {
        let next = match (segment, &node.content) {
            (Segment::Key(key), Content::Map(_)) => node.entry(key).map(|entry| (entry.key.span, &entry.value)),
            (Segment::Index(index), Content::List(_)) => node.item(*index).map(|item| (item.span, item)),
            _ => None,
        };
        let Some((key, below)) = next else { break };
        spot = Spot { key, value: below.span };
        node = below;
    }
    spot
}

/// The node at a path, where the file shows it.
pub(super) fn node_at<'a>(node: &'a Node, path: &[Segment]) -> Option<&'a Node> {
    path.iter().try_fold(node, |node, segment| match segment {
        Segment::Key(key) => node.get(key),
        Segment::Index(index) => node.item(*index),
    })
}

/// Reads `bindings[1].port`.
pub(super) fn parse_path(text: &str) -> Vec<Segment> {
    let mut path = Vec::new();
    for part in text.split('.').filter(|part| !part.is_empty()) {
        let (name, indices) = part.split_once('[').map_or((part, ""), |(name, rest)| (name, rest));
        if !name.is_empty() {
            path.push(Segment::Key(name.to_owned()));
        }
        path.extend(
            indices.split('[').filter_map(|index| index.trim_end_matches(']').parse().ok().map(Segment::Index)),
        );
    }
    path
}

/// A path as it is written, `bindings[1].port`.
pub(super) fn path_text(path: &[Segment]) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Key(key) if text.is_empty() => text.push_str(key),
            Segment::Key(key) => {
                text.push('.');
                text.push_str(key);
            }
            Segment::Index(index) => {
                text.push('[');
                text.push_str(&index.to_string());
                text.push(']');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_it_is_written() {
        for text in ["", "names", "identity.password", "bindings[1].port", "a[0][2].b"] {
            assert_eq!(path_text(&parse_path(text)), text);
        }
        assert_eq!(parse_path("a[x].b["), [Segment::Key("a".to_owned()), Segment::Key("b".to_owned())]);
    }
}
