//! Edits of sections that were read, with the tokens they rest on.

use super::section_path::section_length;
use super::{Found, mirror};
use crate::hostcall::{Edit, Element, ElementPath, Expected, Step, Text, Token};
use crate::release::ConfigPath;

/// Edits in the making.
pub struct Edits<'f> {
    found: Found<'f>,
    made: Vec<Edit>,
    expected: Vec<Expected>,
    /// Items that the edits before add.
    added: Vec<ElementPath>,
}

impl<'f> Edits<'f> {
    /// None yet.
    pub fn new(found: &Found<'f>) -> Edits<'f> {
        Edits { found: *found, made: Vec::new(), expected: Vec::new(), added: Vec::new() }
    }

    /// Sets attributes of the item of a section that has this key; one that is not there is added.
    pub fn set_item(&mut self, section: &ElementPath, key: (&str, &str), values: &[(&str, Text)]) {
        let root = self.section(section);
        let there = root.as_ref().is_some_and(|root| root.find_item(&[key]).is_some());
        if there {
            let at = section.clone().item([key]);
            let set = |(name, value): &(&str, Text)| Edit::Set {
                at: at.clone(),
                attribute: (*name).to_owned(),
                value: value.clone(),
            };
            self.push(section, root.as_ref(), values.iter().map(set).collect());
        } else {
            let key = (key.0.to_owned(), Text::Plain(key.1.to_owned()));
            let values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
            let attributes = std::iter::once(key).chain(values).collect();
            let add = Edit::Add { at: section.clone(), element: "add".to_owned(), attributes };
            self.push(section, root.as_ref(), vec![add]);
        }
    }

    /// Sets an attribute of any element; items on the way that are not there are added. `path` and `at` are the same
    /// way, the one with the names of items and the other as hosts are asked.
    pub fn set(&mut self, path: &ConfigPath, at: &ElementPath, name: &str, value: Text) {
        let section = ElementPath { steps: Vec::new(), ..at.clone() };
        let root = self.section(&section);
        let names = path.steps().iter().skip(section_length(path)).map(|step| step.element.clone());
        let mut edits = Vec::new();
        for (depth, element) in names.enumerate() {
            let item = ElementPath { steps: at.steps[..=depth].to_vec(), ..at.clone() };
            let there = root.as_ref().is_some_and(|root| descend(root, &item.steps).is_some());
            if let (Some(Step::Item(keys)), false) = (item.steps.last(), there || self.added.contains(&item)) {
                let attributes = keys.iter().map(|(name, value)| (name.clone(), Text::Plain(value.clone()))).collect();
                let parent = ElementPath { steps: at.steps[..depth].to_vec(), ..at.clone() };
                edits.push(Edit::Add { at: parent, element, attributes });
                self.added.push(item);
            }
        }
        edits.push(Edit::Set { at: at.clone(), attribute: name.to_owned(), value });
        self.push(&section, root.as_ref(), edits);
    }

    /// What the edits rest on, and the edits.
    pub fn done(self) -> (Vec<Expected>, Vec<Edit>) {
        (self.expected, self.made)
    }

    fn section(&self, at: &ElementPath) -> Option<Element> {
        self.found.config(at).ok().flatten()
    }

    fn push(&mut self, section: &ElementPath, root: Option<&Element>, edits: Vec<Edit>) {
        let expected = match root {
            Some(root) => mirror::expected(&edits, root, section),
            None => vec![Expected { at: section.clone(), token: Token::absent() }],
        };
        for token in expected {
            if !self.expected.contains(&token) {
                self.expected.push(token);
            }
        }
        self.made.extend(edits);
    }
}

/// The element at the end of a way.
pub(super) fn descend<'e>(element: &'e Element, steps: &[Step]) -> Option<&'e Element> {
    steps.iter().try_fold(element, |element, step| match step {
        Step::Child(name) => element.children.get(name),
        Step::Item(keys) => {
            let keys: Vec<(&str, &str)> = keys.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            element.find_item(&keys)
        }
    })
}
