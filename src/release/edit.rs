//! Overlays carried out on one document.

use std::collections::BTreeSet;

use super::config_path::{ConfigPath, PathStep, is_name};
use super::overlay::{ConfigEdit, OverlayError, OverlayValue, ValuePiece};
use super::placeholders::Placeholders;
use crate::value::{SecretPart, SecretText, TextEncoding, xml_allows};
use crate::xml::{Document, Element, ElementAt, Encoding};

/// What a web.config is made of where the package has none.
pub(super) const EMPTY_CONFIG: &[u8] =
    b"<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<configuration>\r\n</configuration>\r\n";

/// Carries out edits on a file's bytes.
pub(super) fn apply(file: &str, bytes: &[u8], edits: &[&ConfigEdit]) -> Result<SecretText, OverlayError> {
    let document = Document::parse(bytes).map_err(|error| OverlayError::NotXml { file: file.to_owned(), error })?;
    let (_, text) = text(&document);
    let texts = std::iter::once(text.as_str()).chain(edits.iter().flat_map(|it| plain(it)));
    let placeholders = Placeholders::unlike(&texts);
    let mut editor = Editor { file, document, placeholders, set: BTreeSet::new() };
    for edit in edits {
        editor.apply(edit)?;
    }
    let (encoding, text) = self::text(&editor.document);
    Ok(SecretText { encoding, pieces: editor.placeholders.split(&text) })
}

/// A document as text, byte order mark included, and how that becomes bytes.
fn text(document: &Document) -> (TextEncoding, String) {
    let bytes = document.print();
    let wide = |read: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| read([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match document.encoding() {
        Encoding::Utf8 | Encoding::Utf8Marked => (TextEncoding::Utf8, String::from_utf8_lossy(&bytes).into_owned()),
        Encoding::DeclaredAscii => (TextEncoding::XmlAscii, String::from_utf8_lossy(&bytes).into_owned()),
        Encoding::Utf16Le => (TextEncoding::Utf16Le, wide(u16::from_le_bytes)),
        Encoding::Utf16Be => (TextEncoding::Utf16Be, wide(u16::from_be_bytes)),
    }
}

/// The texts that an edit brings in.
fn plain(edit: &ConfigEdit) -> Vec<&str> {
    let (mut texts, value) = match edit {
        ConfigEdit::Attribute { at, name, value } => {
            let keys = at.steps().iter().flat_map(|step| step.keys.iter().map(|(_, value)| value.as_str()));
            let names = at.steps().iter().map(|step| step.element.as_str());
            (keys.chain(names).chain([name.as_str()]).collect(), Some(value))
        }
        ConfigEdit::AppSetting { key, value } => (vec![key.as_str()], Some(value)),
        ConfigEdit::ConnectionString { name, value, provider } => {
            (std::iter::once(name.as_str()).chain(provider.as_deref()).collect(), Some(value))
        }
        ConfigEdit::MachineKey { .. } | ConfigEdit::File { .. } => (Vec::new(), None),
    };
    texts.extend(value.iter().flat_map(|value| &value.0).filter_map(|piece| match piece {
        ValuePiece::Plain(text) => Some(text.as_str()),
        ValuePiece::Secret(_) => None,
    }));
    texts
}

struct Editor<'a> {
    file: &'a str,
    document: Document,
    placeholders: Placeholders,
    /// What was set, so that nothing is set twice.
    set: BTreeSet<String>,
}

impl Editor<'_> {
    fn apply(&mut self, edit: &ConfigEdit) -> Result<(), OverlayError> {
        match edit {
            // It comes alone, or something else sets the same.
            ConfigEdit::File { .. } => {
                return Err(OverlayError::Twice { file: self.file.to_owned(), target: "the whole file".to_owned() });
            }
            ConfigEdit::Attribute { at, name, value } => {
                let target = format!("{at}/@{name}");
                if !is_name(name) {
                    return Err(OverlayError::AttributeName { file: self.file.to_owned(), name: name.clone() });
                }
                self.once(&target)?;
                let value = self.value(&target, value)?;
                let element = self.element(at, &target)?;
                self.set(&element, name, &value);
            }
            ConfigEdit::AppSetting { key, value } => {
                let target = format!("the application setting `{key}`");
                self.once(&target.to_lowercase())?;
                let value = self.value(&target, value)?;
                let element = self.item("appSettings", "key", key, &target)?;
                self.set(&element, "value", &value);
            }
            ConfigEdit::ConnectionString { name, value, provider } => {
                let target = format!("the connection string `{name}`");
                self.once(&target.to_lowercase())?;
                let value = self.value(&target, value)?;
                let element = self.item("connectionStrings", "name", name, &target)?;
                self.set(&element, "connectionString", &value);
                if let Some(provider) = provider {
                    self.allowed(&target, provider)?;
                    self.set(&element, "providerName", provider);
                }
            }
            ConfigEdit::MachineKey { key, compatibility_mode } => {
                self.configuration()?;
                self.once("the machine key")?;
                let element = self.element(&ConfigPath::of(&["system.web", "machineKey"]), "the machine key")?;
                for (name, part) in [
                    ("validationKey", SecretPart::ValidationKey),
                    ("decryptionKey", SecretPart::DecryptionKey),
                    ("validation", SecretPart::Validation),
                    ("decryption", SecretPart::Decryption),
                ] {
                    let value = self.placeholders.stand_in(key, part);
                    self.set(&element, name, &value);
                }
                if let Some(mode) = compatibility_mode {
                    self.set(&element, "compatibilityMode", mode.as_str());
                }
            }
        }
        Ok(())
    }

    fn once(&mut self, target: &str) -> Result<(), OverlayError> {
        if self.set.insert(target.to_owned()) {
            return Ok(());
        }
        Err(OverlayError::Twice { file: self.file.to_owned(), target: target.to_owned() })
    }

    fn configuration(&self) -> Result<(), OverlayError> {
        match self.document.root().name() {
            "configuration" => Ok(()),
            found => Err(OverlayError::Root { file: self.file.to_owned(), found: found.to_owned() }),
        }
    }

    fn allowed(&self, target: &str, text: &str) -> Result<(), OverlayError> {
        match text.chars().find(|character| !xml_allows(*character)) {
            None => Ok(()),
            Some(character) => {
                let (file, target) = (self.file.to_owned(), target.to_owned());
                Err(OverlayError::Character { file, target, character })
            }
        }
    }

    fn value(&mut self, target: &str, value: &OverlayValue) -> Result<String, OverlayError> {
        let mut text = String::new();
        for piece in &value.0 {
            match piece {
                ValuePiece::Plain(plain) => {
                    self.allowed(target, plain)?;
                    text.push_str(plain);
                }
                ValuePiece::Secret(secret) => text += &self.placeholders.stand_in(secret, SecretPart::Whole),
            }
        }
        Ok(text)
    }

    fn set(&mut self, at: &[usize], name: &str, value: &str) {
        match self.document.element_mut(at) {
            Some(element) => element.set(name, value),
            None => unreachable!("the element was found or made just now"),
        }
    }

    /// The `add` of a collection that holds in the end, made if there is none: what a later `clear` or `remove` takes
    /// away does not hold, and the last of equal keys does.
    fn item(&mut self, section: &str, key: &str, value: &str, target: &str) -> Result<ElementAt, OverlayError> {
        self.configuration()?;
        self.allowed(target, value)?;
        let section = self.element(&ConfigPath::of(&[section]), target)?;
        let mut holds = None;
        let items = self.document.element(&section).into_iter().flat_map(Element::elements).enumerate();
        for (number, item) in items {
            let same = item.get(key).is_some_and(|found| found.to_lowercase() == value.to_lowercase());
            match item.name() {
                "add" if same => holds = Some(number),
                "remove" if same => holds = None,
                "clear" => holds = None,
                _ => {}
            }
        }
        match holds {
            Some(number) => Ok(section.into_iter().chain([number]).collect()),
            None => Ok(self.insert(&section, Element::new("add").with(key, value))),
        }
    }

    /// An element, made with those above it where they are not there.
    fn element(&mut self, path: &ConfigPath, target: &str) -> Result<ElementAt, OverlayError> {
        let (mut at, found) = self.find(path);
        for step in &path.steps()[found..] {
            let mut element = Element::new(&step.element);
            for (name, value) in &step.keys {
                self.allowed(target, value)?;
                element = element.with(name, value);
            }
            at = self.insert(&at, element);
        }
        for depth in 1..=at.len() {
            self.in_clear(&at[..depth])?;
        }
        Ok(at)
    }

    /// Refuses an element whose content is not here.
    fn in_clear(&self, at: &[usize]) -> Result<(), OverlayError> {
        let Some(element) = self.document.element(at) else { return Ok(()) };
        let (file, section) = (self.file.to_owned(), element.name().to_owned());
        if let Some(provider) = element.get("configProtectionProvider") {
            return Err(OverlayError::Encrypted { file, section, provider });
        }
        match element.get("configSource") {
            Some(source_file) => Err(OverlayError::Elsewhere { file, section, source_file }),
            None => Ok(()),
        }
    }

    /// How far down a path there are elements: the deepest, and how many steps lead to it. Where the path goes on
    /// deeper inside a `<location>` that means the same folder, it is meant, as Visual Studio and people write
    /// `<location path="." inheritInChildApplications="false">` around whole sections.
    fn find(&self, path: &ConfigPath) -> (ElementAt, usize) {
        let root = self.document.root();
        let here = |element: &Element| matches!(element.get("path").as_deref(), None | Some("" | "."));
        let locations = root.elements().enumerate().filter(|(_, it)| it.name() == "location" && here(it));
        let mut best = self.follow(Vec::new(), path.steps());
        for (number, _) in locations {
            let found = self.follow(vec![number], path.steps());
            if found.1 > best.1 {
                best = found;
            }
        }
        best
    }

    fn follow(&self, start: ElementAt, steps: &[PathStep]) -> (ElementAt, usize) {
        let mut at = start;
        for (found, step) in steps.iter().enumerate() {
            let children = self.document.element(&at).into_iter().flat_map(Element::elements);
            let fits = |child: &Element| {
                let keys = step.keys.iter().all(|(name, value)| child.get(name).as_ref() == Some(value));
                child.name() == step.element && keys
            };
            let Some((number, _)) = children.enumerate().find(|(_, child)| fits(child)) else { return (at, found) };
            at.push(number);
        }
        (at, steps.len())
    }

    fn insert(&mut self, parent: &[usize], element: Element) -> ElementAt {
        let at = self.document.insert(parent, usize::MAX, element);
        at.unwrap_or_else(|| unreachable!("the parent was found or made just now"))
    }
}
