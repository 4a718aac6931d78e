//! The application settings and connection strings that a release brings.

use std::collections::BTreeMap;
use std::fmt;

use super::delivery::{FileContent, Release, ReleaseError};
use super::placeholders::Placeholders;
use crate::value::{Escape, SecretText, TextEncoding, TextPiece};
use crate::xml::{Document, Element};

/// The file that they stand in.
const WEB_CONFIG: &str = "web.config";

/// A section of web.config that an application keeps settings of its own in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SettingSection {
    /// `appSettings`.
    AppSettings,
    /// `connectionStrings`.
    ConnectionStrings,
}

impl SettingSection {
    /// Both.
    pub const ALL: [SettingSection; 2] = [SettingSection::AppSettings, SettingSection::ConnectionStrings];

    /// The section's element.
    pub fn element(self) -> &'static str {
        match self {
            SettingSection::AppSettings => "appSettings",
            SettingSection::ConnectionStrings => "connectionStrings",
        }
    }

    /// The attribute that names a setting. ASP.NET does not tell its letter cases apart.
    pub fn key(self) -> &'static str {
        match self {
            SettingSection::AppSettings => "key",
            SettingSection::ConnectionStrings => "name",
        }
    }

    /// The attribute with the value.
    pub fn value(self) -> &'static str {
        match self {
            SettingSection::AppSettings => "value",
            SettingSection::ConnectionStrings => "connectionString",
        }
    }
}

impl fmt::Display for SettingSection {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.element())
    }
}

/// A setting that a release brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseSetting {
    /// Its section.
    pub section: SettingSection,
    /// Its name.
    pub name: String,
    /// Its value, which may hold secrets.
    pub value: SecretText,
}

impl Release {
    /// The settings in its web.config that hold in the end; `None` where they cannot be told, since the file is no XML,
    /// or keeps a section in another file or encrypted.
    ///
    /// # Errors
    /// When the package cannot be read.
    pub fn settings(&self) -> Result<Option<Vec<ReleaseSetting>>, ReleaseError> {
        let Some(file) = self.file(WEB_CONFIG) else { return Ok(Some(Vec::new())) };
        let (text, placeholders) = match &file.content {
            FileContent::Plain { .. } => {
                let bytes = self.read(WEB_CONFIG, 0, usize::MAX, |_| Err("no secret is here".to_owned()))?;
                return Ok(Document::parse(&bytes).ok().and_then(|document| settings(&document, &no_secrets())));
            }
            FileContent::Overlaid(text) => stood_in(text),
        };
        // The text is UTF-8 here, whatever encoding its declaration names.
        let text = text.trim_start_matches('\u{feff}');
        let text = text.strip_prefix("<?xml").and_then(|rest| Some(rest.split_once("?>")?.1)).unwrap_or(text);
        Ok(Document::parse(text.as_bytes()).ok().and_then(|document| settings(&document, &placeholders)))
    }
}

fn no_secrets() -> Placeholders {
    Placeholders::unlike(&std::iter::empty())
}

/// A text with something in the place of its secrets.
fn stood_in(text: &SecretText) -> (String, Placeholders) {
    let plain = text.pieces.iter().filter_map(|piece| match piece {
        TextPiece::Plain(text) => Some(text.as_str()),
        TextPiece::Secret(_) => None,
    });
    let mut placeholders = Placeholders::unlike(&plain);
    let pieces = text.pieces.iter().map(|piece| match piece {
        TextPiece::Plain(text) => text.clone(),
        TextPiece::Secret(piece) => placeholders.stand_in(&piece.secret, piece.part),
    });
    let text = pieces.collect();
    (text, placeholders)
}

fn settings(document: &Document, placeholders: &Placeholders) -> Option<Vec<ReleaseSetting>> {
    let here = |element: &&Element| {
        element.name() == "location" && matches!(element.get("path").as_deref(), None | Some("" | "."))
    };
    let mut found = Vec::new();
    for section in SettingSection::ALL {
        let root = document.root();
        let places = std::iter::once(root).chain(root.elements().filter(here));
        let mut named: BTreeMap<String, (String, String)> = BTreeMap::new();
        for element in places.filter_map(|place| place.child(section.element())) {
            if ["configSource", "configProtectionProvider", "file"].iter().any(|it| element.get(it).is_some()) {
                return None;
            }
            for item in element.elements() {
                let name = item.get(section.key()).unwrap_or_default();
                match item.name() {
                    "add" => {
                        let value = item.get(section.value()).unwrap_or_default();
                        named.insert(name.to_lowercase(), (name, value));
                    }
                    "remove" => drop(named.remove(&name.to_lowercase())),
                    "clear" => named.clear(),
                    _ => {}
                }
            }
        }
        found.extend(named.into_values().map(|(name, value)| {
            let mut pieces = placeholders.split(&value);
            for piece in &mut pieces {
                if let TextPiece::Secret(piece) = piece {
                    piece.escape = Escape::None;
                }
            }
            ReleaseSetting { section, name, value: SecretText { encoding: TextEncoding::Utf8, pieces } }
        }));
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::release::{ConfigEdit, Overlay, OverlayValue, Package, ValuePiece};
    use crate::value::{Fingerprint, SecretRef, SecretValue, Store};

    /// The settings as `section/name=value`.
    fn check(config: &[u8], overlays: &[Overlay], expected: Option<&[&str]>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("web.config"), config).unwrap();
        let release = Release::new(Arc::new(Package::open(folder.path()).unwrap()), overlays).unwrap();
        let told = release.settings().unwrap().map(|settings| {
            let value = |text: &SecretText| {
                let bytes = text.bytes(|_| Ok(SecretValue::new("a<b".to_owned()))).unwrap();
                String::from_utf8(bytes.to_vec()).unwrap()
            };
            settings.iter().map(|it| format!("{}/{}={}", it.section, it.name, value(&it.value))).collect::<Vec<_>>()
        });
        assert_eq!(told, expected.map(|it| it.iter().map(|it| (*it).to_owned()).collect()));
    }

    #[test]
    fn what_holds_in_the_end_is_told() {
        check(b"<configuration />", &[], Some(&[]));
        let config = br#"<configuration><appSettings><add key="A" value="1"/><add key="b" value="x &amp; y"/>
            <add key="a" value="2"/><remove key="B"/></appSettings>
            <location path="."><connectionStrings><clear/><add name="Chat" connectionString="s"/></connectionStrings>
            </location></configuration>"#;
        check(config, &[], Some(&["appSettings/a=2", "connectionStrings/Chat=s"]));
        check(b"<configuration><appSettings configSource=\"a.config\"/></configuration>", &[], None);
        check(b"<configuration><appSettings file=\"a.config\"/></configuration>", &[], None);
    }

    #[test]
    fn secrets_stand_in_values_as_they_are() {
        let fingerprint = Some(Fingerprint("0011223344556677".to_owned()));
        let secret = SecretRef { store: Store::Age, name: "s".to_owned(), fingerprint };
        let value = OverlayValue(vec![ValuePiece::Plain("x=".to_owned()), ValuePiece::Secret(secret)]);
        let edit = ConfigEdit::AppSetting { key: "Key".to_owned(), value };
        let config = b"<?xml version=\"1.0\" encoding=\"us-ascii\"?><configuration/>";
        check(config, &[Overlay::web_config(vec![edit])], Some(&["appSettings/Key=x=a<b"]));
    }
}
