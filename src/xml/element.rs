//! The tree: every piece keeps the text it was read from.

use super::escape;

/// A piece of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// An element.
    Element(Element),
    /// Character data as it is written, references included.
    Text(String),
    /// A comment, a CDATA section, a processing instruction or the XML declaration, as it is written.
    Verbatim(String),
}

impl Node {
    /// The element that it is.
    pub fn element(&self) -> Option<&Element> {
        match self {
            Node::Element(element) => Some(element),
            Node::Text(_) | Node::Verbatim(_) => None,
        }
    }

    /// Whether it is white space only.
    pub(super) fn blank(&self) -> bool {
        matches!(self, Node::Text(text) if text.chars().all(char::is_whitespace))
    }

    pub(super) fn print(&self, out: &mut String) {
        match self {
            Node::Element(element) => element.print(out),
            Node::Text(text) | Node::Verbatim(text) => out.push_str(text),
        }
    }
}

/// An attribute, with all the text around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// White space before the name.
    pub(super) before: String,
    pub(super) name: String,
    /// `=` with the white space around it.
    pub(super) equals: String,
    pub(super) quote: char,
    /// What stands between the quotes.
    pub(super) raw: String,
}

impl Attribute {
    /// Its name as it is written, prefix included.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value.
    pub fn value(&self) -> String {
        escape::attribute_value(&self.raw)
    }
}

/// An element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<Attribute>,
    /// White space before `>` or `/>`.
    pub(super) before_end: String,
    /// `None` for an element written as `<name />`.
    pub(super) children: Option<Vec<Node>>,
    /// White space inside the end tag.
    pub(super) end_space: String,
}

impl Element {
    /// An empty element, written as `<name />`.
    ///
    /// The name must be one that XML allows; it is not checked.
    pub fn new(name: &str) -> Element {
        Element {
            name: name.to_owned(),
            attributes: Vec::new(),
            before_end: " ".to_owned(),
            children: None,
            end_space: String::new(),
        }
    }

    /// The same element with one attribute more, or another value of it.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Element {
        self.set(name, value);
        self
    }

    /// Its name as it is written, prefix included.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its attributes in the order in which they are written.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// The value of an attribute.
    pub fn get(&self, name: &str) -> Option<String> {
        self.attributes.iter().find(|attribute| attribute.name == name).map(Attribute::value)
    }

    /// Gives an attribute a value. One that is there keeps its place, its quotes and the space around it.
    pub fn set(&mut self, name: &str, value: &str) {
        if let Some(attribute) = self.attributes.iter_mut().find(|attribute| attribute.name == name) {
            // An equal value in another spelling is left alone.
            if attribute.value() != value {
                attribute.raw = escape::escape_attribute(value, attribute.quote);
            }
            return;
        }
        // Where each attribute stands on a line of its own, the new one does too.
        let before = match self.attributes.as_slice() {
            [.., last] if self.attributes.len() > 1 => last.before.clone(),
            _ => " ".to_owned(),
        };
        self.attributes.push(Attribute {
            before,
            name: name.to_owned(),
            equals: "=".to_owned(),
            quote: '"',
            raw: escape::escape_attribute(value, '"'),
        });
    }

    /// Takes an attribute away; tells whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.attributes.len();
        self.attributes.retain(|attribute| attribute.name != name);
        self.attributes.len() < before
    }

    /// Everything inside it.
    pub fn nodes(&self) -> &[Node] {
        self.children.as_deref().unwrap_or_default()
    }

    /// Its child elements, in order.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.nodes().iter().filter_map(Node::element)
    }

    /// The first child element of a name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.elements().find(|element| element.name == name)
    }

    /// Its own character data, without that of its children.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for node in self.nodes() {
            match node {
                Node::Text(raw) => text.push_str(&escape::text_value(raw)),
                Node::Verbatim(raw) => {
                    let data = raw.strip_prefix("<![CDATA[").and_then(|rest| rest.strip_suffix("]]>"));
                    text.push_str(data.unwrap_or_default());
                }
                Node::Element(_) => {}
            }
        }
        text
    }

    pub(super) fn print(&self, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        for attribute in &self.attributes {
            out.push_str(&attribute.before);
            out.push_str(&attribute.name);
            out.push_str(&attribute.equals);
            out.push(attribute.quote);
            out.push_str(&attribute.raw);
            out.push(attribute.quote);
        }
        out.push_str(&self.before_end);
        let Some(children) = &self.children else {
            out.push_str("/>");
            return;
        };
        out.push('>');
        for node in children {
            node.print(out);
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push_str(&self.end_space);
        out.push('>');
    }
}
