//! SOAP messages as small trees, and as text.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

/// No message of WS-Management is nested deeper by far.
const MAX_DEPTH: usize = 64;

/// An element. Prefixes are dropped: the names that matter here are distinct without them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Its local name.
    pub name: String,
    /// Its attributes by local name.
    pub attributes: Vec<(String, String)>,
    /// The text directly in it.
    pub text: String,
    /// The elements in it.
    pub children: Vec<Element>,
}

impl Element {
    /// Reads a document. Document types, and with them entities of the document's own, are refused.
    ///
    /// # Errors
    ///
    /// What is wrong with the document.
    pub fn parse(text: &str) -> Result<Element, String> {
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Element> = vec![Element::default()];
        loop {
            let event = reader.read_event().map_err(|error| error.to_string())?;
            let top = open.len() - 1;
            match event {
                Event::Start(start) if top < MAX_DEPTH => open.push(element(&start)?),
                Event::Start(_) => return Err("elements are nested too deeply".to_owned()),
                Event::Empty(start) => open[top].children.push(element(&start)?),
                Event::End(_) => {
                    let closed = open.pop().unwrap_or_default();
                    let parent = open.last_mut().ok_or("an element ends that did not begin")?;
                    parent.children.push(closed);
                }
                Event::Text(piece) => {
                    open[top].text.push_str(&piece.decode().map_err(|error| error.to_string())?);
                }
                Event::CData(piece) => {
                    open[top].text.push_str(&piece.decode().map_err(|error| error.to_string())?);
                }
                Event::GeneralRef(name) => {
                    let character = name.resolve_char_ref().map_err(|error| error.to_string())?;
                    let name = name.decode().map_err(|error| error.to_string())?;
                    match (character, resolve_predefined_entity(&name)) {
                        (Some(character), _) => open[top].text.push(character),
                        (None, Some(known)) => open[top].text.push_str(known),
                        (None, None) => return Err(format!("the entity `{name}` is not known")),
                    }
                }
                Event::DocType(_) => return Err("a document type is not allowed".to_owned()),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
                Event::Eof => break,
            }
        }
        match open.as_mut_slice() {
            [document] => document.children.pop().ok_or_else(|| "there is no element".to_owned()),
            _ => Err("the document is cut short".to_owned()),
        }
    }

    /// The first child of this name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The element at the end of a way down.
    pub fn at(&self, way: &[&str]) -> Option<&Element> {
        way.iter().try_fold(self, |element, name| element.child(name))
    }

    /// The children of this name.
    pub fn children_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first element of this name, wherever it is.
    pub fn find(&self, name: &str) -> Option<&Element> {
        if self.name == name {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.find(name))
    }

    /// An attribute's value.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All text in it, also in the elements below.
    pub fn all_text(&self) -> String {
        let below: String = self.children.iter().map(Element::all_text).collect();
        format!("{}{below}", self.text)
    }
}

fn element(start: &BytesStart<'_>) -> Result<Element, String> {
    let local = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value = attribute.unescape_value().map_err(|error| error.to_string())?;
        attributes.push((local(attribute.key.local_name().as_ref()), value.into_owned()));
    }
    Ok(Element { name: local(start.local_name().as_ref()), attributes, ..Element::default() })
}

/// Text as it stands between tags or in an attribute.
pub fn escape(text: &str) -> std::borrow::Cow<'_, str> {
    quick_xml::escape::escape(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_go_and_references_are_resolved() {
        let root =
            Element::parse("<?xml version=\"1.0\"?><s:a x:b='1&lt;2'> t&amp;&#x41;<![CDATA[<]]><b/><b>2</b></s:a>")
                .unwrap();
        assert_eq!((root.name.as_str(), root.attribute("b"), root.text.as_str()), ("a", Some("1<2"), " t&A<"));
        assert_eq!(root.children_named("b").count(), 2);
        assert_eq!(root.all_text(), " t&A<2");
    }

    #[test]
    fn documents_that_are_none_are_errors() {
        let deep = "<a>".repeat(20_000);
        for text in ["", "x", "<a>", "<a></b>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<a>&b;</a>", &deep] {
            assert!(Element::parse(text).is_err(), "{}", text.get(..40).unwrap_or(text));
        }
    }
}
