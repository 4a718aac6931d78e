//! Text to tree, every character kept.

use super::element::{Attribute, Element, Node};
use super::{MAX_DEPTH, XmlError, escape};

/// The nodes of a document: exactly one of them is an element.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, XmlError> {
    if let Some((at, character)) = text.char_indices().find(|(_, character)| !escape::allowed(*character)) {
        return Err(error(text, at, format!("the character U+{:04X} is not allowed in XML", u32::from(character))));
    }
    let mut parser = Parser { text, at: 0, open: Vec::new() };
    let nodes = parser.document()?;
    Ok(nodes)
}

/// Line and column of a byte, both from 1.
pub(super) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// The elements whose end tags are to come, each with what is inside it so far.
    open: Vec<(Element, Vec<Node>, usize)>,
}

impl<'a> Parser<'a> {
    fn document(&mut self) -> Result<Vec<Node>, XmlError> {
        let mut top = Vec::new();
        while !self.rest().is_empty() {
            let start = self.at;
            let node = if self.rest().starts_with("</") {
                self.end_tag()?
            } else if self.rest().starts_with('<') && !self.rest().starts_with("<!") && !self.rest().starts_with("<?") {
                match self.start_tag()? {
                    Some(node) => node,
                    None => continue,
                }
            } else {
                self.other()?
            };
            if let Some((_, nodes, _)) = self.open.last_mut() {
                nodes.push(node);
                continue;
            }
            let second = node.element().is_some() && top.iter().any(|known: &Node| known.element().is_some());
            if second || !(node.element().is_some() || outside(&node)) {
                return Err(self.error_at(start, "there is content beside the root element"));
            }
            top.push(node);
        }
        if let Some((element, _, start)) = self.open.last() {
            return Err(self.error_at(*start, &format!("`<{}>` is never closed", element.name)));
        }
        if !top.iter().any(|node| node.element().is_some()) {
            return Err(self.error_at(self.at, "there is no root element"));
        }
        Ok(top)
    }

    /// An element written as `<name />` is whole; any other is opened.
    fn start_tag(&mut self) -> Result<Option<Node>, XmlError> {
        let start = self.at;
        self.at += 1;
        let name = self.name()?;
        let mut attributes: Vec<Attribute> = Vec::new();
        loop {
            let before = self.space();
            if self.take("/>") {
                let element =
                    Element { name, attributes, before_end: before, children: None, end_space: String::new() };
                return Ok(Some(Node::Element(element)));
            }
            if self.take(">") {
                if self.open.len() >= MAX_DEPTH {
                    return Err(self.error_at(start, &format!("elements nest deeper than {MAX_DEPTH} levels")));
                }
                let element =
                    Element { name, attributes, before_end: before, children: None, end_space: String::new() };
                self.open.push((element, Vec::new(), start));
                return Ok(None);
            }
            if before.is_empty() {
                return Err(self.error_at(self.at, &format!("`<{name}` is not well-formed here")));
            }
            let at = self.at;
            let attribute = self.attribute(before)?;
            if attributes.iter().any(|known| known.name == attribute.name) {
                return Err(self.error_at(at, &format!("the attribute `{}` is there twice", attribute.name)));
            }
            attributes.push(attribute);
        }
    }

    fn attribute(&mut self, before: String) -> Result<Attribute, XmlError> {
        let name = self.name()?;
        let mut equals = self.space();
        if !self.take("=") {
            return Err(self.error_at(self.at, &format!("`=` is lacking after the attribute `{name}`")));
        }
        equals.push('=');
        equals += &self.space();
        let Some(quote @ ('"' | '\'')) = self.rest().chars().next() else {
            return Err(self.error_at(self.at, &format!("the value of `{name}` is not in quotes")));
        };
        self.at += 1;
        let start = self.at;
        let length = self.rest().find(quote);
        let length = length.ok_or_else(|| self.error_at(start, &format!("the value of `{name}` has no end")))?;
        let raw = self.rest()[..length].to_owned();
        if let Some(at) = raw.find('<') {
            return Err(self.error_at(start + at, "`<` in an attribute's value; write `&lt;`"));
        }
        self.references(start, &raw)?;
        self.at += length + 1;
        Ok(Attribute { before, name, equals, quote, raw })
    }

    fn end_tag(&mut self) -> Result<Node, XmlError> {
        let start = self.at;
        self.at += 2;
        let name = self.name()?;
        let end_space = self.space();
        if !self.take(">") {
            return Err(self.error_at(self.at, &format!("`</{name}` is not well-formed here")));
        }
        match self.open.pop() {
            Some((element, nodes, _)) if element.name == name => {
                Ok(Node::Element(Element { children: Some(nodes), end_space, ..element }))
            }
            Some((element, _, _)) => {
                Err(self.error_at(start, &format!("`</{name}>` where `</{}>` is awaited", element.name)))
            }
            None => Err(self.error_at(start, &format!("`</{name}>` closes nothing"))),
        }
    }

    /// Text, a comment, a CDATA section or a processing instruction.
    fn other(&mut self) -> Result<Node, XmlError> {
        let start = self.at;
        let rest = self.rest();
        for (open, close, what) in
            [("<!--", "-->", "comment"), ("<![CDATA[", "]]>", "CDATA section"), ("<?", "?>", "processing instruction")]
        {
            if let Some(inside) = rest.strip_prefix(open) {
                let length = inside.find(close);
                let length = length.ok_or_else(|| self.error_at(start, &format!("a {what} has no end")))?;
                if open == "<!--" && (inside[..length].contains("--") || inside[..length].ends_with('-')) {
                    return Err(self.error_at(start, "`--` inside a comment"));
                }
                if open == "<?" && inside[..length].get(..3).is_some_and(|name| name.eq_ignore_ascii_case("xml")) {
                    let declaration = inside[3..length].starts_with(char::is_whitespace);
                    if declaration && start > 0 {
                        return Err(self.error_at(start, "the XML declaration is not at the start"));
                    }
                }
                let end = start + open.len() + length + close.len();
                self.at = end;
                return Ok(Node::Verbatim(self.text[start..end].to_owned()));
            }
        }
        if rest.starts_with("<!") {
            return Err(self.error_at(start, "a document type declaration is not taken"));
        }
        let length = rest.find('<').unwrap_or(rest.len());
        let raw = &rest[..length];
        if let Some(at) = raw.find("]]>") {
            return Err(self.error_at(start + at, "`]]>` in text"));
        }
        self.references(start, raw)?;
        self.at += length;
        Ok(Node::Text(raw.to_owned()))
    }

    fn references(&self, start: usize, raw: &str) -> Result<(), XmlError> {
        for (at, _) in raw.match_indices('&') {
            let name = raw[at + 1..].split_once(';').map(|(name, _)| name);
            if name.and_then(escape::reference).is_none() {
                return Err(self.error_at(start + at, "`&` starts no known reference; write `&amp;`"));
            }
        }
        Ok(())
    }

    fn name(&mut self) -> Result<String, XmlError> {
        let rest = self.rest();
        let part = |character: char| {
            character.is_alphanumeric() || matches!(character, '_' | ':' | '-' | '.') || character == '\u{B7}'
        };
        let length = rest.find(|character| !part(character)).unwrap_or(rest.len());
        let name = &rest[..length];
        if name.is_empty() || name.starts_with(|first: char| !(first.is_alphabetic() || matches!(first, '_' | ':'))) {
            return Err(self.error_at(self.at, "a name is awaited"));
        }
        self.at += length;
        Ok(name.to_owned())
    }

    fn space(&mut self) -> String {
        let rest = self.rest();
        let length = rest.find(|character| !matches!(character, ' ' | '\t' | '\r' | '\n')).unwrap_or(rest.len());
        self.at += length;
        rest[..length].to_owned()
    }

    fn take(&mut self, token: &str) -> bool {
        let there = self.rest().starts_with(token);
        if there {
            self.at += token.len();
        }
        there
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn error_at(&self, at: usize, message: &str) -> XmlError {
        error(self.text, at, message.to_owned())
    }
}

/// Whether a node may stand outside the root element.
fn outside(node: &Node) -> bool {
    match node {
        Node::Text(_) => node.blank(),
        Node::Verbatim(raw) => !raw.starts_with("<![CDATA["),
        Node::Element(_) => false,
    }
}

fn error(text: &str, at: usize, message: String) -> XmlError {
    let (line, column) = position(text, at);
    XmlError { line, column, message }
}
