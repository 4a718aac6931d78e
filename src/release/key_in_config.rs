//! The machine key that an application's web.config on a host has, to be kept from now on.

use zeroize::Zeroizing;

use super::fault::InLocation;
use crate::value::SecretValue;
use crate::xml::{Document, Element, XmlError};

/// Why a web.config has no machine key that can be read off it. No message holds a digit of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The file is no XML.
    #[error("it is no configuration that IIS can read: {0}")]
    NotXml(XmlError),
    /// There is none.
    #[error("it has no <machineKey>; a key that holds there is set above the application, for the whole server")]
    None,
    /// It is in a file of its own.
    #[error("its <machineKey> is kept in another file (configSource=\"{0}\"); take it from there")]
    Elsewhere(String),
    /// It is encrypted.
    #[error(
        "its <machineKey> is encrypted by `{0}`; decrypt it there: aspnet_regiis -pdf \"system.web/machineKey\" FOLDER"
    )]
    Encrypted(String),
    /// It holds for a part of the application alone.
    #[error("its <machineKey>{0} holds for that part of the application alone")]
    Location(InLocation),
}

/// The `<machineKey/>` element of a web.config's text, as a text of its own.
///
/// # Errors
/// Why there is none to be had.
pub fn machine_key_element(text: &str) -> Result<SecretValue, KeyError> {
    // With a byte order mark the text is what it is, whatever encoding the file declares.
    let marked = Zeroizing::new([b"\xEF\xBB\xBF", text.trim_start_matches('\u{feff}').as_bytes()].concat());
    let document = Document::parse(&marked).map_err(KeyError::NotXml)?;
    let own = key_of(document.root());
    let locations = || document.root().elements().filter(|it| it.name() == "location");
    let here = |it: &&Element| matches!(it.get("path").as_deref(), None | Some("" | "."));
    let Some(key) = own.or_else(|| locations().filter(here).find_map(key_of)) else {
        let part = locations().find(|it| key_of(it).is_some());
        return Err(part.map_or(KeyError::None, |it| KeyError::Location(InLocation(it.get("path")))));
    };
    if let Some(provider) = key.get("configProtectionProvider") {
        return Err(KeyError::Encrypted(provider));
    }
    if let Some(file) = key.get("configSource") {
        return Err(KeyError::Elsewhere(file));
    }
    let mut element = String::with_capacity(1024);
    element.push_str("<machineKey");
    for attribute in key.attributes() {
        let value = Zeroizing::new(attribute.value());
        // Keys and names of algorithms need no references; whatever does is no machine key.
        for piece in [" ", attribute.name(), "=\"", &value.replace(['"', '<', '&'], "?"), "\""] {
            element.push_str(piece);
        }
    }
    element.push_str(" />");
    Ok(SecretValue::new(element))
}

fn key_of(element: &Element) -> Option<&Element> {
    element.child("system.web")?.child("machineKey")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "<system.web><machineKey validationKey='AB' decryption=\"AES\"/></system.web>";

    #[test]
    fn the_key_is_found_where_it_holds_for_the_application() {
        for config in [
            format!("<configuration>{KEY}</configuration>"),
            format!("\u{feff}<?xml version='1.0' encoding='utf-16'?><configuration>{KEY}</configuration>"),
            format!("<configuration><location path='.'>{KEY}</location></configuration>"),
            format!("<configuration><location path='api'><system.web/></location>{KEY}</configuration>"),
        ] {
            let element = machine_key_element(&config).map(|it| it.expose().to_owned());
            assert_eq!(element, Ok("<machineKey validationKey=\"AB\" decryption=\"AES\" />".to_owned()), "{config}");
        }
    }

    #[test]
    fn whatever_else_there_is_has_a_message_of_its_own() {
        let check = |inside: &str, expected: &str| {
            let error = machine_key_element(&format!("<configuration>{inside}</configuration>")).err();
            let message = error.map(|it| it.to_string()).unwrap_or_default();
            assert!(message.starts_with(expected), "{message}");
        };
        check("", "it has no <machineKey>");
        check("<system.web><compilation/></system.web>", "it has no <machineKey>");
        check("<system.web><machineKey configSource='k.config'/></system.web>", "its <machineKey> is kept in another");
        check("<system.web><machineKey configProtectionProvider='Rsa'/></system.web>", "its <machineKey> is encrypted");
        check(
            &format!("<location path='api'>{KEY}</location>"),
            "its <machineKey> (inside <location path=\"api\">) holds",
        );
        check("<", "it is no configuration that IIS can read");
    }
}
