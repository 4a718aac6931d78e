//! Edits that a release makes to the configuration in its package.

use super::config_path::ConfigPath;
use crate::value::{CompatibilityMode, SecretRef};
use crate::xml::XmlError;

/// Edits of one file of a package. They are made on the controller; nothing is edited on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    /// The file's path in the package. A `web.config` at the root that is not there is made.
    pub file: String,
    /// What is set, in order.
    pub edits: Vec<ConfigEdit>,
}

impl Overlay {
    /// Edits of the application's own web.config.
    pub fn web_config(edits: Vec<ConfigEdit>) -> Overlay {
        Overlay { file: "web.config".to_owned(), edits }
    }

    /// A whole file, there or not.
    pub fn whole(file: &str, text: &str) -> Overlay {
        Overlay { file: file.to_owned(), edits: vec![ConfigEdit::File { text: text.to_owned() }] }
    }
}

/// One edit.
///
/// All but [`ConfigEdit::File`] edit XML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigEdit {
    /// An attribute of an element; elements on the way that are not there are made.
    Attribute {
        /// The element.
        at: ConfigPath,
        /// The attribute.
        name: String,
        /// Its value.
        value: OverlayValue,
    },
    /// `appSettings/add[key]/@value`. ASP.NET does not tell letter cases of keys apart.
    AppSetting {
        /// The key.
        key: String,
        /// Its value.
        value: OverlayValue,
    },
    /// `connectionStrings/add[name]`. ASP.NET does not tell letter cases of names apart.
    ConnectionString {
        /// The name.
        name: String,
        /// `connectionString`.
        value: OverlayValue,
        /// `providerName`, such as `System.Data.SqlClient`; left as it is without.
        provider: Option<String>,
    },
    /// `system.web/machineKey`: its two keys and the algorithms that were kept with them.
    MachineKey {
        /// The secret that holds the element (see [`crate::value::MachineKey`]).
        key: SecretRef,
        /// `compatibilityMode`; not written without.
        compatibility_mode: Option<CompatibilityMode>,
    },
    /// The whole file, which is made where it is not there; no other edit of it goes with that.
    File {
        /// Its text.
        text: String,
    },
}

/// A value that may hold secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OverlayValue(pub Vec<ValuePiece>);

/// A piece of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValuePiece {
    /// The text itself.
    Plain(String),
    /// All of a secret.
    Secret(SecretRef),
}

impl From<&str> for OverlayValue {
    fn from(text: &str) -> OverlayValue {
        OverlayValue(vec![ValuePiece::Plain(text.to_owned())])
    }
}

impl From<SecretRef> for OverlayValue {
    fn from(secret: SecretRef) -> OverlayValue {
        OverlayValue(vec![ValuePiece::Secret(secret)])
    }
}

/// Why an edit cannot be made. `file` is the file's path in the package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverlayError {
    /// The file's path is none, or is that of a folder.
    #[error("`{file}` cannot be a file of the package: {why}")]
    Path {
        /// The file.
        file: String,
        /// What is wrong with its path.
        why: String,
    },
    /// The package lacks the file.
    #[error("there is no `{file}` in the package; only a web.config at its root is made")]
    NotThere {
        /// The file.
        file: String,
    },
    /// The file cannot be read.
    #[error("`{file}` cannot be read: {why}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the disk said.
        why: String,
    },
    /// The file is no XML.
    #[error("`{file}`: {error}")]
    NotXml {
        /// The file.
        file: String,
        /// What is wrong there.
        error: XmlError,
    },
    /// The file is no configuration.
    #[error("`{file}` is no configuration: its root element is <{found}>, not <configuration>")]
    Root {
        /// The file.
        file: String,
        /// Its root element.
        found: String,
    },
    /// The section is in a file of its own.
    #[error("`{file}`: <{section}> is kept in another file (configSource=\"{source_file}\"); set it there")]
    Elsewhere {
        /// The file.
        file: String,
        /// The section's element.
        section: String,
        /// The file that keeps it.
        source_file: String,
    },
    /// The section is encrypted.
    #[error("`{file}`: <{section}> is encrypted by `{provider}` and cannot be set; put it into the package in clear")]
    Encrypted {
        /// The file.
        file: String,
        /// The section's element.
        section: String,
        /// What encrypted it.
        provider: String,
    },
    /// Two edits set the same thing.
    #[error("`{file}`: {target} is set twice")]
    Twice {
        /// The file.
        file: String,
        /// What is set.
        target: String,
    },
    /// An attribute's name is none.
    #[error("`{file}`: {name:?} cannot name an attribute")]
    AttributeName {
        /// The file.
        file: String,
        /// What was given.
        name: String,
    },
    /// A value that XML cannot hold.
    #[error("`{file}`: the value of {target} holds the character U+{:04X}, which XML cannot hold", u32::from(*.character))]
    Character {
        /// The file.
        file: String,
        /// What is set.
        target: String,
        /// The character.
        character: char,
    },
}
