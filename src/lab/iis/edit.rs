//! Edits of a configuration file, checked as IIS checks them.

use std::collections::BTreeMap;

use super::http_sys::{self, Assigned, HttpSys};
use super::{layout, read};
use crate::hostcall::config::{Edit, ElementPath, Step, Text};
use crate::hostcall::{Refusal, RefusalCode};
use crate::lab::Stores;
use crate::lab::error::{refused, refused_plainly};
use crate::lab::features::HostFeatures;
use crate::lab::schema::{AttributeSchema, ElementSchema, Section, join};
use crate::lab::versions::Build;
use crate::xml::{Document, Element, ElementAt};

/// A configuration file and the certificates of endpoints while edits are made.
pub struct Editing<'a> {
    /// The file.
    pub document: Document,
    /// The certificates of endpoints.
    pub http_sys: HttpSys,
    /// The version of IIS.
    pub build: Build,
    /// The features of the host, which declare sections.
    pub features: &'a HostFeatures,
    /// The certificates of the host.
    pub stores: &'a Stores,
    /// Makes what is stored of a password.
    pub encrypt: &'a mut dyn FnMut(&str) -> Result<String, Refusal>,
}

/// An element that was found for an edit.
struct Place {
    at: ElementAt,
    section: &'static Section,
    /// Its way in the schema.
    schema_at: String,
}

impl Editing<'_> {
    /// Makes one edit.
    ///
    /// # Errors
    /// When IIS would not take it; the document is then of no use any more.
    pub fn apply(&mut self, edit: &Edit) -> Result<(), Refusal> {
        match edit {
            Edit::Set { at, attribute, value } => self.set(at, attribute, value),
            Edit::Clear { at, attribute } => self.clear(at, attribute),
            Edit::Add { at, element, attributes } => self.add(at, element, attributes),
            Edit::Remove { at } => self.remove(at),
            Edit::Certificate { at, thumbprint, store } => self.certificate(at, thumbprint, store),
        }
    }

    fn set(&mut self, path: &ElementPath, name: &str, value: &Text) -> Result<(), Refusal> {
        let place = self.place(path)?;
        let schema = self.schema(&place)?;
        let attribute = self.attribute(schema, name)?;
        let stored = self.stored(attribute, value)?;
        if schema.keys.iter().chain(&schema.unique).any(|key| key == name) {
            let mut values = self.key_values(schema, &place.at);
            values.insert(name.to_owned(), stored.clone());
            self.check_unique(schema, &place.at, Some(&place.at), &values)?;
        }
        self.element_mut(&place)?.set(name, &stored);
        Ok(())
    }

    fn clear(&mut self, path: &ElementPath, name: &str) -> Result<(), Refusal> {
        let place = self.place(path)?;
        let attribute = self.attribute(self.schema(&place)?, name)?;
        if attribute.required {
            let text = format!("Required attribute '{name}' cannot be removed");
            return Err(refused(RefusalCode::Invalid, INVALID_DATA, text));
        }
        self.element_mut(&place)?.remove(name);
        Ok(())
    }

    fn add(&mut self, path: &ElementPath, tag: &str, attributes: &[(String, Text)]) -> Result<(), Refusal> {
        let place = self.place(path)?;
        let parent = self.schema(&place)?;
        if !parent.items.iter().any(|item| item == tag) {
            let text = format!("Unrecognized element '{tag}'");
            return Err(refused(RefusalCode::Invalid, INVALID_DATA, text));
        }
        let schema_at = join(&place.schema_at, tag);
        let schema = place.section.element(&schema_at, self.build).ok_or_else(|| not_there(path))?;
        let mut element = Element::new(tag);
        let mut values = BTreeMap::new();
        for (name, value) in attributes {
            let stored = self.stored(self.attribute(schema, name)?, value)?;
            element.set(name, &stored);
            values.insert(name.clone(), stored);
        }
        for attribute in schema.attributes(self.build).filter(|attribute| attribute.required) {
            if !values.contains_key(&attribute.name) {
                let text = format!("Required attribute '{}' not found", attribute.name);
                return Err(refused(RefusalCode::Invalid, INVALID_DATA, text));
            }
        }
        let siblings = self.document.element(&place.at).map(|parent| {
            let last = parent.elements().enumerate().filter(|(_, element)| element.name() == tag).last();
            (last.map(|(index, _)| index), parent.elements().count())
        });
        // A collection's defaults stand behind its items.
        let index = siblings.and_then(|(last, _)| last).map_or(0, |last| last + 1);
        let at: ElementAt = place.at.iter().copied().chain([index]).collect();
        self.check_unique(schema, &at, None, &values)?;
        self.document.insert(&place.at, index, element).ok_or_else(|| not_there(path))?;
        Ok(())
    }

    fn remove(&mut self, path: &ElementPath) -> Result<(), Refusal> {
        if !matches!(path.steps.last(), Some(Step::Item(_))) {
            return Err(refused_plainly(RefusalCode::Invalid, "only an item of a collection can be removed"));
        }
        let place = self.place(path)?;
        // Windows takes an endpoint's certificate away with a binding that names it, shared or not.
        if let Some(element) = self.document.element(&place.at) {
            let bindings = element.child("bindings").into_iter().flat_map(Element::elements).chain([element]);
            let endpoints: Vec<String> = bindings.filter_map(endpoint).collect();
            for endpoint in endpoints {
                self.http_sys.release(&endpoint);
            }
        }
        self.document.remove(&place.at);
        Ok(())
    }

    fn certificate(&mut self, path: &ElementPath, thumbprint: &str, store: &str) -> Result<(), Refusal> {
        let place = self.place(path)?;
        let endpoint = self.document.element(&place.at).and_then(endpoint);
        let endpoint = endpoint.ok_or_else(|| {
            refused_plainly(RefusalCode::Invalid, "a certificate can be assigned to an https binding alone")
        })?;
        let found = self.stores.find(store, thumbprint).filter(|certificate| certificate.private_key);
        let certificate = found.ok_or_else(|| {
            let text = "A specified logon session does not exist. It may already have been terminated.";
            refused(RefusalCode::Unknown, 0x8007_0520, text)
        })?;
        let assigned = Assigned { thumbprint: certificate.thumbprint.to_ascii_uppercase(), store: store.to_owned() };
        self.http_sys.assign(endpoint, assigned);
        Ok(())
    }

    /// The element of a path; child elements on the way that the file does not name are made.
    fn place(&mut self, path: &ElementPath) -> Result<Place, Refusal> {
        let section = read::section(&path.section, self.features)?;
        let at = layout::find_or_make(&mut self.document, path).ok_or_else(|| not_there(path))?;
        let mut place = Place { at, section, schema_at: String::new() };
        for step in &path.steps {
            match step {
                Step::Child(name) => {
                    let schema_at = join(&place.schema_at, name);
                    if !section.children(&place.schema_at, self.build).contains(&name.as_str()) {
                        let text = format!("Unrecognized element '{name}'");
                        return Err(refused(RefusalCode::Invalid, INVALID_DATA, text));
                    }
                    let parent = self.document.element(&place.at).ok_or_else(|| not_there(path))?;
                    let found = parent.elements().position(|element| element.name() == name);
                    if let Some(index) = found {
                        place.at.push(index);
                    } else {
                        let made = self.document.insert(&place.at, usize::MAX, Element::new(name));
                        place.at = made.ok_or_else(|| not_there(path))?;
                    }
                    place.schema_at = schema_at;
                }
                Step::Item(keys) => {
                    let parent = self.document.element(&place.at).ok_or_else(|| not_there(path))?;
                    let items = &self.schema(&place)?.items;
                    let is_item = |(_, element): &(usize, &Element)| {
                        items.iter().any(|item| item == element.name())
                            && self.matches(section, &join(&place.schema_at, element.name()), element, keys)
                    };
                    let found = parent.elements().enumerate().find(is_item);
                    let (index, tag) = found
                        .map(|(index, element)| (index, element.name().to_owned()))
                        .ok_or_else(|| not_there(path))?;
                    place.at.push(index);
                    place.schema_at = join(&place.schema_at, &tag);
                }
            }
        }
        Ok(place)
    }

    fn matches(&self, section: &Section, at: &str, element: &Element, keys: &BTreeMap<String, String>) -> bool {
        let Some(schema) = section.element(at, self.build) else { return false };
        keys.iter().all(|(name, wanted)| {
            let Some(attribute) = schema.attribute(name, self.build) else { return false };
            let value = element.get(name).unwrap_or_else(|| attribute.default(self.build).to_owned());
            let words = |text: &str| attribute.normalise(text, self.build).unwrap_or_else(|_| text.to_owned());
            words(&value).to_lowercase() == words(wanted).to_lowercase()
        })
    }

    fn schema(&self, place: &Place) -> Result<&'static ElementSchema, Refusal> {
        let unknown = || refused_plainly(RefusalCode::Unsupported, format!("this IIS has no {}", place.schema_at));
        place.section.element(&place.schema_at, self.build).ok_or_else(unknown)
    }

    fn attribute<'s>(&self, schema: &'s ElementSchema, name: &str) -> Result<&'s AttributeSchema, Refusal> {
        let attribute = schema
            .attribute(name, self.build)
            .ok_or_else(|| refused(RefusalCode::Invalid, INVALID_DATA, format!("Unrecognized attribute '{name}'")))?;
        if attribute.outside {
            let text = format!("The '{name}' attribute is read-only.");
            return Err(refused(RefusalCode::Invalid, INVALID_DATA, text));
        }
        Ok(attribute)
    }

    /// What the file holds of a value.
    fn stored(&mut self, attribute: &AttributeSchema, value: &Text) -> Result<String, Refusal> {
        let Text::Plain(value) = value else {
            return Err(refused_plainly(RefusalCode::Invalid, "a secret came by name and not by value"));
        };
        if attribute.encrypted {
            return (self.encrypt)(value);
        }
        attribute.normalise(value, self.build).map_err(|why| {
            let text = format!("The '{}' attribute is invalid.  {why}", attribute.name);
            refused(RefusalCode::Invalid, INVALID_DATA, text)
        })
    }

    fn key_values(&self, schema: &ElementSchema, at: &[usize]) -> BTreeMap<String, String> {
        let element = self.document.element(at);
        let value = |name: &String| Some((name.clone(), element?.get(name)?));
        schema.keys.iter().chain(&schema.unique).filter_map(value).collect()
    }

    /// No two items of a collection have the same keys, nor the same of an attribute that is unique.
    fn check_unique(
        &self,
        schema: &ElementSchema,
        at: &[usize],
        but: Option<&ElementAt>,
        values: &BTreeMap<String, String>,
    ) -> Result<(), Refusal> {
        let Some((_, parent)) = at.split_last() else { return Ok(()) };
        let siblings = self.document.element(parent).into_iter().flat_map(Element::elements).enumerate();
        for (index, sibling) in siblings {
            if but.is_some_and(|but| but.last() == Some(&index)) {
                continue;
            }
            let same = |name: &String| {
                let value = values.get(name).map(String::as_str).unwrap_or_default();
                sibling.get(name).unwrap_or_default().to_lowercase() == value.to_lowercase()
            };
            let is_item = schema.keys.iter().any(|key| sibling.get(key).is_some());
            let clash = (!schema.keys.is_empty() && schema.keys.iter().all(same)).then_some(&schema.keys);
            let unique = schema.unique.iter().any(same).then_some(&schema.unique);
            if let Some(names) = clash.or(unique).filter(|_| is_item) {
                let given: Vec<&str> = names.iter().filter_map(|name| values.get(name)).map(String::as_str).collect();
                let text = format!(
                    "Cannot add duplicate collection entry of type '{}' with unique key attribute '{}' set to '{}'",
                    sibling.name(),
                    names.join(", "),
                    given.join(", ")
                );
                return Err(refused(RefusalCode::Failed, 0x8007_00B7, text));
            }
        }
        Ok(())
    }

    fn element_mut(&mut self, place: &Place) -> Result<&mut Element, Refusal> {
        let gone = || refused_plainly(RefusalCode::Failed, format!("{} is gone", place.schema_at));
        self.document.element_mut(&place.at).ok_or_else(gone)
    }
}

/// What invalid data is refused with (`ERROR_INVALID_DATA`).
const INVALID_DATA: u32 = 0x8007_000D;

fn endpoint(binding: &Element) -> Option<String> {
    let flags = binding.get("sslFlags").unwrap_or_default();
    http_sys::endpoint(&binding.get("protocol")?, &binding.get("bindingInformation")?, &flags)
}

fn not_there(path: &ElementPath) -> Refusal {
    refused(RefusalCode::Unknown, 0x8007_0490, format!("Element not found: {}", in_words(path)))
}

/// A path as an operator reads it, such as `system.applicationHost/sites[name=Chat]/limits`.
pub fn in_words(path: &ElementPath) -> String {
    let mut words = path.section.clone();
    for step in &path.steps {
        match step {
            Step::Child(name) => words = format!("{words}/{name}"),
            Step::Item(keys) => {
                let keys: Vec<String> = keys.iter().map(|(name, value)| format!("{name}={value}")).collect();
                words = format!("{words}[{}]", keys.join(", "));
            }
        }
    }
    match &path.location {
        Some(location) => format!("{words} at {location}"),
        None => words,
    }
}
