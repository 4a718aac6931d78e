//! A document, and edits that lay new elements out as their siblings are.

use super::element::{Element, Node};
use super::encoding::{self, Encoding};
use super::{XmlError, parse};

/// The way from the root element to an element: at each level the number of the child element, from 0.
///
/// It holds until an element before it is inserted or removed.
pub type ElementAt = Vec<usize>;

/// A document that prints as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    encoding: Encoding,
    nodes: Vec<Node>,
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// Where the bytes are not well-formed XML in a known encoding, have a document type declaration or nest too deep.
    pub fn parse(bytes: &[u8]) -> Result<Document, XmlError> {
        let (encoding, text) = encoding::decode(bytes)?;
        Ok(Document { encoding, nodes: parse::parse(&text)? })
    }

    /// The document as bytes: what was not edited is as it was read.
    pub fn print(&self) -> Vec<u8> {
        let mut text = String::new();
        for node in &self.nodes {
            node.print(&mut text);
        }
        encoding::encode(self.encoding, &text)
    }

    /// How it is written as bytes.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The root element.
    pub fn root(&self) -> &Element {
        let root = self.nodes.iter().find_map(Node::element);
        root.unwrap_or_else(|| unreachable!("a document has a root element"))
    }

    /// An element.
    pub fn element(&self, at: &[usize]) -> Option<&Element> {
        at.iter().try_fold(self.root(), |element, index| element.elements().nth(*index))
    }

    /// An element, to set or remove its attributes.
    pub fn element_mut(&mut self, at: &[usize]) -> Option<&mut Element> {
        let root = self.nodes.iter_mut().find_map(as_element)?;
        at.iter()
            .try_fold(root, |element, index| element.children.as_mut()?.iter_mut().filter_map(as_element).nth(*index))
    }

    /// Inserts an element so that it becomes the child element of number `index` of its parent, or the last one;
    /// tells where it is. It is laid out as its siblings are. `None` where there is no such parent.
    pub fn insert(&mut self, parent: &[usize], index: usize, element: Element) -> Option<ElementAt> {
        let separator = self.separator(parent)?;
        let closing = self.indentation(parent);
        let newline = self.newline();
        let target = self.element_mut(parent)?;
        let count = target.elements().count();
        let index = index.min(count);
        if target.children.is_none() {
            target.before_end = String::new();
        }
        let nodes = target.children.get_or_insert_with(Vec::new);
        let place = if index == 0 {
            0
        } else {
            nodes.iter().enumerate().filter(|(_, node)| node.element().is_some()).nth(index - 1)?.0 + 1
        };
        // A comment behind the last element belongs to what is there, so the new one comes after it.
        let place = if index == count {
            nodes.iter().rposition(|node| !node.blank()).map_or(0, |last| last + 1)
        } else {
            place
        };
        let last = nodes[place..].iter().all(Node::blank);
        nodes.insert(place, Node::Element(element));
        nodes.insert(place, Node::Text(separator.clone()));
        if last && nodes.len() == place + 2 && !separator.is_empty() {
            nodes.push(Node::Text(format!("{newline}{closing}")));
        }
        Some(parent.iter().copied().chain([index]).collect())
    }

    /// Removes an element and the white space before it; tells whether it was there. The root stays.
    pub fn remove(&mut self, at: &[usize]) -> bool {
        let Some((index, parent)) = at.split_last() else { return false };
        let Some(parent) = self.element_mut(parent) else { return false };
        let Some(nodes) = parent.children.as_mut() else { return false };
        let place = nodes.iter().enumerate().filter(|(_, node)| node.element().is_some()).nth(*index);
        let Some((place, _)) = place else { return false };
        nodes.remove(place);
        if place > 0 && nodes[place - 1].blank() {
            nodes.remove(place - 1);
        }
        if nodes.iter().all(Node::blank) {
            parent.children = None;
            " ".clone_into(&mut parent.before_end);
        }
        true
    }

    /// The white space that stands before a child of an element.
    fn separator(&self, parent: &[usize]) -> Option<String> {
        let element = self.element(parent)?;
        let nodes = element.nodes();
        let mut siblings = nodes.iter().enumerate().filter(|(_, node)| node.element().is_some());
        if let Some((place, _)) = siblings.next_back() {
            return Some(match place.checked_sub(1).and_then(|before| nodes.get(before)) {
                // An empty line between siblings sets a group apart; the new one joins the last group.
                Some(Node::Text(text)) if text.contains('\n') => format!("{}{}", self.newline(), after_newline(text)),
                _ => String::new(),
            });
        }
        if nodes.iter().any(|node| !node.blank())
            && !nodes.iter().any(|node| matches!(node, Node::Text(text) if text.contains('\n')))
        {
            return Some(String::new());
        }
        let indentation = self.indentation(parent);
        Some(format!("{}{indentation}{}", self.newline(), self.unit()))
    }

    /// The white space at the start of the line on which an element starts.
    fn indentation(&self, at: &[usize]) -> String {
        let Some((index, parent)) = at.split_last() else { return String::new() };
        let nodes = self.element(parent).map(Element::nodes).unwrap_or_default();
        let place = nodes.iter().enumerate().filter(|(_, node)| node.element().is_some()).nth(*index);
        match place.and_then(|(place, _)| nodes.get(place.checked_sub(1)?)) {
            Some(Node::Text(text)) if text.contains('\n') => after_newline(text).to_owned(),
            _ => self.indentation(parent),
        }
    }

    /// What one level is indented by: what the first child of the root is, else four spaces as IIS does.
    fn unit(&self) -> String {
        let first = self.root().nodes().iter().find_map(|node| match node {
            Node::Text(text) if text.contains('\n') => Some(after_newline(text)),
            _ => None,
        });
        match first {
            Some(unit) if !unit.is_empty() && unit.len() <= 8 => unit.to_owned(),
            _ => "    ".to_owned(),
        }
    }

    fn newline(&self) -> &'static str {
        let mut text = String::new();
        for node in &self.nodes {
            node.print(&mut text);
            if let Some(at) = text.find('\n') {
                return if text[..at].ends_with('\r') { "\r\n" } else { "\n" };
            }
        }
        "\n"
    }
}

fn as_element(node: &mut Node) -> Option<&mut Element> {
    match node {
        Node::Element(element) => Some(element),
        Node::Text(_) | Node::Verbatim(_) => None,
    }
}

/// The text after the last line end.
fn after_newline(text: &str) -> &str {
    text.rsplit('\n').next().unwrap_or_default()
}
