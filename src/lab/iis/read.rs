//! Configuration as IIS sees it: what is set, what is inherited, what is default.

use indexmap::IndexMap;
use sha2::{Digest, Sha256};

use super::http_sys::{self, HttpSys};
use super::layout;
use crate::hostcall::config::{Attribute, Element, ElementPath, Source, Step, Token};
use crate::hostcall::{Content, Refusal, RefusalCode};
use crate::lab::error::{refused, refused_plainly};
use crate::lab::features::HostFeatures;
use crate::lab::hexadecimal;
use crate::lab::schema::{AttributeSchema, ElementSchema, Section, join};
use crate::lab::versions::Build;
use crate::xml::{Document, Element as Xml};

/// Attributes that any element may have and that are no part of its content.
const META: &[&str] = &[
    "lockItem",
    "lockAttributes",
    "lockElements",
    "lockAllAttributesExcept",
    "lockAllElementsExcept",
    "configProtectionProvider",
    "configSource",
    "overrideMode",
];

/// What an invalid file or value is refused with (`ERROR_INVALID_DATA`).
const INVALID_DATA: u32 = 0x8007_000D;

/// A section that the host has.
///
/// # Errors
/// When there is no such section, or the feature that declares it is not installed.
pub fn section(path: &str, features: &HostFeatures) -> Result<&'static Section, Refusal> {
    let unsupported = |text: String| refused(RefusalCode::Unsupported, 0x8007_0032, text);
    let section = Section::find(path)
        .ok_or_else(|| unsupported(format!("The configuration section '{path}' is not known to this IIS.")))?;
    if features.has(&section.feature) {
        return Ok(section);
    }
    let feature = &section.feature;
    Err(unsupported(format!("The configuration section '{path}' is declared by {feature}, which is not installed.")))
}

/// The places at which an element is written, and those its defaults come from.
#[derive(Clone, Default)]
struct Written<'d> {
    /// At the level asked for.
    own: Option<&'d Xml>,
    /// At the levels above, nearest first.
    above: Vec<&'d Xml>,
    /// In defaults elements, nearest first.
    defaults: Vec<&'d Xml>,
    /// The elements around it, outermost first.
    around: Vec<&'d Xml>,
}

impl<'d> Written<'d> {
    fn child(&self, name: &str) -> Written<'d> {
        Written {
            own: self.own.and_then(|element| element.child(name)),
            above: self.above.iter().filter_map(|element| element.child(name)).collect(),
            defaults: self.defaults.iter().filter_map(|element| element.child(name)).collect(),
            around: self.around.iter().copied().chain(self.own.or(self.above.first().copied())).collect(),
        }
    }

    /// The element itself, where it is written at all.
    fn text(&self) -> Option<&'d Xml> {
        self.own.or(self.above.first().copied())
    }

    /// Whether it is written elsewhere than right below an element.
    fn is_of_another(&self, parent: &Xml) -> bool {
        !self.text().is_some_and(|element| parent.elements().any(|child| std::ptr::eq(child, element)))
    }

    /// The nearest stored text of an attribute, and where it is from.
    fn stored(&self, name: &str) -> Option<(Source, String)> {
        let inherited = || self.above.iter().find_map(|element| element.get(name));
        let default = || self.defaults.iter().find_map(|element| element.get(name));
        let own = self.own.and_then(|element| element.get(name)).map(|text| (Source::Set, text));
        own.or_else(|| inherited().map(|text| (Source::Inherited, text)))
            .or_else(|| default().map(|text| (Source::Default, text)))
    }
}

/// Reads a configuration file as one version of IIS does.
pub struct Reading<'a> {
    /// The file.
    pub document: &'a Document,
    /// The version.
    pub build: Build,
    /// The certificates of endpoints.
    pub http_sys: &'a HttpSys,
    /// What is told of a stored secret.
    pub tell: &'a dyn Fn(&str) -> Result<Content, Refusal>,
}

impl<'a> Reading<'a> {
    /// The element at a path; `None` where the path leads to nothing.
    ///
    /// # Errors
    /// When the version does not know the way, or the file is not valid.
    pub fn element(&self, section: &'static Section, path: &ElementPath) -> Result<Option<Element>, Refusal> {
        self.element_at(section, path, layout::levels(self.document, &section.path, path.location.as_deref()))
    }

    /// The same, given the elements of the section at all levels, nearest first.
    ///
    /// # Errors
    /// Those of [`Reading::element`].
    pub fn element_at(
        &self,
        section: &'static Section,
        path: &ElementPath,
        levels: Vec<Option<&'a Xml>>,
    ) -> Result<Option<Element>, Refusal> {
        let mut levels = levels.into_iter();
        let own = levels.next().flatten();
        let mut written = Written { own, above: levels.flatten().collect(), ..Written::default() };
        let mut at = String::new();
        let mut name = section.path.rsplit('/').next().unwrap_or_default().to_owned();
        for step in &path.steps {
            match step {
                Step::Child(child) => {
                    self.known_child(section, &at, child)?;
                    written = written.child(child);
                    at = join(&at, child);
                    name.clone_from(child);
                }
                Step::Item(keys) => {
                    let items = self.items(section, &at, &written)?;
                    let mut found = None;
                    for (tag, item) in items {
                        if found.is_none() && self.matches(section, &join(&at, &tag), &item, keys)? {
                            found = Some((tag, item));
                        }
                    }
                    let Some((tag, item)) = found else { return Ok(None) };
                    at = join(&at, &tag);
                    name = tag;
                    written = item;
                }
            }
        }
        self.build(section, &at, &name, &written).map(Some)
    }

    /// An item of a collection on which nothing is set; `None` where the version has no such item.
    ///
    /// # Errors
    /// When the schema contradicts itself.
    pub fn blank(&self, section: &'static Section, at: &str) -> Result<Option<Element>, Refusal> {
        let name = at.rsplit('/').next().unwrap_or(at);
        section.element(at, self.build).map(|_| self.build(section, at, name, &Written::default())).transpose()
    }

    fn known_child(&self, section: &Section, at: &str, name: &str) -> Result<(), Refusal> {
        if section.children(at, self.build).contains(&name) {
            return Ok(());
        }
        let text = format!("The element '{name}' is not known to this version of IIS below {}/{at}.", section.path);
        Err(refused(RefusalCode::Unsupported, 0x8007_0032, text))
    }

    fn schema(&self, section: &'static Section, at: &str) -> Result<&'static ElementSchema, Refusal> {
        let unknown = || refused_plainly(RefusalCode::Unsupported, format!("this IIS has no {}/{at}", section.path));
        section.element(at, self.build).ok_or_else(unknown)
    }

    /// The items of a collection, in order: what is inherited first.
    fn items(
        &self,
        section: &'static Section,
        at: &str,
        written: &Written<'a>,
    ) -> Result<Vec<(String, Written<'a>)>, Refusal> {
        let tags = &self.schema(section, at)?.items;
        let mut items: Vec<(String, Written)> = Vec::new();
        if tags.is_empty() {
            return Ok(items);
        }
        let levels = written.above.iter().rev().map(|level| (*level, false)).chain(written.own.map(|own| (own, true)));
        for (level, own) in levels {
            for element in level.elements() {
                if element.name() == "clear" {
                    items.clear();
                } else if element.name() == "remove" {
                    let gone = |item: &Written| {
                        let item = item.own.or(item.above.first().copied());
                        element.attributes().iter().all(|key| {
                            item.and_then(|item| item.get(key.name()))
                                .is_some_and(|value| value.eq_ignore_ascii_case(&key.value()))
                        })
                    };
                    items.retain(|(_, item)| !gone(item));
                } else if tags.iter().any(|tag| tag == element.name()) {
                    let schema = self.schema(section, &join(at, element.name()))?;
                    let around: Vec<&Xml> = written.around.iter().copied().chain([level]).collect();
                    let defaults = schema
                        .defaults
                        .as_deref()
                        .map(|name| around.iter().rev().filter_map(|above| above.child(name)).collect::<Vec<&Xml>>());
                    let item = Written {
                        own: own.then_some(element),
                        above: if own { Vec::new() } else { vec![element] },
                        defaults: defaults.unwrap_or_default(),
                        around,
                    };
                    let again = |(tag, known): &(String, Written)| {
                        tag == element.name() && known.is_of_another(level) && schema.same_keys(known.text(), element)
                    };
                    // What a level says again takes the place of what it inherits.
                    match items.iter().position(again) {
                        Some(place) => items[place].1 = item,
                        None => items.push((element.name().to_owned(), item)),
                    }
                }
            }
        }
        Ok(items)
    }

    fn matches(
        &self,
        section: &'static Section,
        at: &str,
        item: &Written,
        keys: &std::collections::BTreeMap<String, String>,
    ) -> Result<bool, Refusal> {
        let schema = self.schema(section, at)?;
        for (name, wanted) in keys {
            let attribute = schema.attribute(name, self.build).ok_or_else(|| unrecognized(name))?;
            let stored = item.stored(name).map(|(_, text)| text);
            let value = stored.unwrap_or_else(|| attribute.default(self.build).to_owned());
            let normalised = attribute.normalise(&value, self.build).unwrap_or(value);
            let wanted = attribute.normalise(wanted, self.build).unwrap_or_else(|_| wanted.clone());
            if normalised.to_lowercase() != wanted.to_lowercase() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn build(
        &self,
        section: &'static Section,
        at: &str,
        name: &str,
        written: &Written<'a>,
    ) -> Result<Element, Refusal> {
        let schema = self.schema(section, at)?;
        let names = section.children(at, self.build);
        if let Some(own) = written.own {
            self.check_known(schema, &names, own)?;
        }
        let mut attributes = IndexMap::new();
        for attribute in schema.attributes(self.build) {
            attributes.insert(attribute.name.clone(), self.attribute(section, attribute, written)?);
        }
        let mut children = IndexMap::new();
        for child in names {
            let below = self.build(section, &join(at, child), child, &written.child(child))?;
            children.insert(child.to_owned(), below);
        }
        let mut items = Vec::new();
        for (tag, item) in self.items(section, at, written)? {
            items.push(self.build(section, &join(at, &tag), &tag, &item)?);
        }
        let token = token(section, schema, self.build, written.own, &attributes);
        Ok(Element { name: name.to_owned(), token, attributes, children, items })
    }

    fn check_known(&self, schema: &ElementSchema, children: &[&str], own: &Xml) -> Result<(), Refusal> {
        for attribute in own.attributes() {
            let known = META.contains(&attribute.name())
                || attribute.name().starts_with("xml")
                || schema.attribute(attribute.name(), self.build).is_some_and(|attribute| !attribute.outside);
            if !known {
                return Err(unrecognized(attribute.name()));
            }
        }
        for element in own.elements() {
            let name = element.name();
            let collection = !schema.items.is_empty() && (name == "clear" || name == "remove");
            if !collection && !children.contains(&name) && !schema.items.iter().any(|item| item == name) {
                let text = format!("Configuration Error: Unrecognized element '{name}'");
                return Err(refused(RefusalCode::Invalid, INVALID_DATA, text));
            }
        }
        Ok(())
    }

    fn attribute(
        &self,
        section: &Section,
        attribute: &AttributeSchema,
        written: &Written,
    ) -> Result<Attribute, Refusal> {
        let (source, stored) = match self.outside(attribute, written) {
            Some(text) => (Source::Set, text),
            None => written
                .stored(&attribute.name)
                .unwrap_or_else(|| (Source::Default, attribute.default(self.build).to_owned())),
        };
        if attribute.secret(&section.path) {
            let content = if stored.is_empty() { Content::Empty {} } else { (self.tell)(&stored)? };
            return Ok(Attribute { source, content });
        }
        // A default that is empty stands for no value, whatever the type.
        if source == Source::Default && stored.is_empty() {
            return Ok(Attribute { source, content: Content::Value(stored) });
        }
        let value = attribute.normalise(&stored, self.build).map_err(|why| {
            let text = format!("Configuration Error: The '{}' attribute is invalid.  {why}", attribute.name);
            refused(RefusalCode::Invalid, INVALID_DATA, text)
        })?;
        Ok(Attribute { source, content: Content::Value(value) })
    }

    /// An attribute of an https binding that http.sys keeps.
    fn outside(&self, attribute: &AttributeSchema, written: &Written) -> Option<String> {
        if !attribute.outside {
            return None;
        }
        let element = written.own?;
        let flags = element.get("sslFlags").unwrap_or_default();
        let endpoint = http_sys::endpoint(&element.get("protocol")?, &element.get("bindingInformation")?, &flags)?;
        let assigned = self.http_sys.get(&endpoint)?;
        match attribute.name.as_str() {
            "certificateHash" => Some(assigned.thumbprint.clone()),
            "certificateStoreName" => Some(assigned.store.clone()),
            _ => None,
        }
    }
}

/// The digest of what is set on an element itself, secrets left out.
fn token(
    section: &Section,
    schema: &ElementSchema,
    build: Build,
    own: Option<&Xml>,
    attributes: &IndexMap<String, Attribute>,
) -> Token {
    if own.is_none() {
        return Token::absent();
    }
    let mut set: Vec<(&String, &String)> = attributes
        .iter()
        .filter(|(name, attribute)| {
            let secret = schema.attribute(name, build).is_none_or(|known| known.secret(&section.path));
            attribute.source == Source::Set && !secret
        })
        .filter_map(|(name, attribute)| match &attribute.content {
            Content::Value(value) => Some((name, value)),
            _ => None,
        })
        .collect();
    set.sort();
    let mut digest = Sha256::new();
    for (name, value) in set {
        digest.update(format!("{name}={value}\n").as_bytes());
    }
    let digest = hexadecimal::hex(&digest.finalize());
    Token(digest[..16].to_owned())
}

fn unrecognized(attribute: &str) -> Refusal {
    refused(RefusalCode::Invalid, INVALID_DATA, format!("Configuration Error: Unrecognized attribute '{attribute}'"))
}
