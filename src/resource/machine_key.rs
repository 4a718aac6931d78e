//! `machine_key`: the key with which ASP.NET signs and encrypts what browsers bring back.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Disturbance, Found, Problems, Reads, Resource, Verdict, Writes, mirror};
use crate::hostcall::config::AppPath;
use crate::hostcall::write::ConfigFile;
use crate::hostcall::{
    Attribute, Content, Edit, Element, ElementPath, Expected, MacForm, Read, Refusal, Source, Text, Token, Write,
};
use crate::release::{ConfigEdit, Overlay, Release};
use crate::value::{
    Changes, CompatibilityMode, Escape, Secret, SecretPart, SecretPiece, SecretRef, SecretText, TextPiece, UrlPath,
};

/// The machine key of an application: one key, kept in the secret store, for all nodes and all later releases.
///
/// Where the same play delivers the application, the key is put into its release; else it is written into the
/// application's web.config on the host.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MachineKey {
    /// The site's name.
    pub site: String,
    /// The application's path; `/` for the one at the site's root.
    #[serde(default = "UrlPath::root")]
    pub path: UrlPath,
    /// The secret with the key and its algorithms, as `secret generate --as machine-key` makes it.
    pub key: Secret,
    /// How ASP.NET uses the key; `Framework45` for everything that targets .NET 4.5 or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compatibility_mode: Option<CompatibilityMode>,
    /// Whether a release of the same play brings it.
    #[serde(skip)]
    #[schemars(skip)]
    pub delivered: bool,
}

/// What IIS has where nobody has set a key: every server makes one of its own.
const AUTOMATIC: [&str; 4] = [
    "AutoGenerate,IsolateApps",
    "AutoGenerate",
    "AutoGenerate,IsolateByAppId",
    "AutoGenerate,IsolateApps,IsolateByAppId",
];

impl MachineKey {
    fn app_path(&self) -> AppPath {
        AppPath { site: self.site.clone(), path: self.path.as_str().to_owned() }
    }

    fn at(&self) -> ElementPath {
        ElementPath::in_app(self.app_path(), "system.web/machineKey")
    }

    /// The key on the host, in the desired value's own words; `None` where it has none that nodes could share.
    fn found_key(&self, element: &Element, found: &Found) -> Option<Secret> {
        let reference = self.key.reference()?;
        let content = |name: &str| element.attributes.get(name).map(|it| &it.content);
        let keys = [("validationKey", SecretPart::ValidationKey), ("decryptionKey", SecretPart::DecryptionKey)];
        let verdicts: Vec<Verdict> = keys
            .iter()
            .filter_map(|(name, part)| Some((content(name)?, *part)))
            .map(|(content, part)| found.verdict_of_part(content, reference, part, MacForm::Upper))
            .collect();
        if keys.iter().all(|(name, _)| is_automatic(element.attributes.get(*name), found)) {
            return None;
        }
        if verdicts.contains(&Verdict::Unreadable) {
            return Some(Secret::Unreadable);
        }
        if verdicts.contains(&Verdict::NotCompared) {
            return Some(self.key.clone());
        }
        let same = verdicts.len() == 2 && verdicts.iter().all(|it| *it == Verdict::Equal);
        let algorithms = [("validation", SecretPart::Validation), ("decryption", SecretPart::Decryption)];
        let agree = algorithms.iter().all(|(name, part)| {
            let wanted = found.macs().secrets.get(&(reference.clone(), *part, MacForm::Upper));
            element.text(name).map(|text| found.macs().of_text(text, MacForm::Upper)).as_ref() == wanted
        });
        Some(if same && agree { self.key.clone() } else { Secret::Differs })
    }

    fn part(reference: &SecretRef, part: SecretPart) -> Text {
        let piece = SecretPiece { secret: reference.clone(), part, escape: Escape::None };
        Text::Composed(SecretText { pieces: vec![TextPiece::Secret(piece)], ..SecretText::default() })
    }
}

/// Whether a key is one that the server makes for itself.
fn is_automatic(attribute: Option<&Attribute>, found: &Found) -> bool {
    match attribute {
        None | Some(Attribute { source: Source::Default, .. } | Attribute { content: Content::Empty {}, .. }) => true,
        Some(Attribute { content: Content::Mac(mac), .. }) => {
            AUTOMATIC.iter().any(|text| found.macs().of_text(text, MacForm::Upper) == *mac)
        }
        Some(Attribute { content: Content::Value(text), .. }) => {
            AUTOMATIC.iter().any(|automatic| automatic.eq_ignore_ascii_case(text))
        }
        Some(Attribute { content: Content::Unreadable {}, .. }) => false,
    }
}

impl Resource for MachineKey {
    const KIND: &'static str = "machine_key";
    const EXAMPLE: &'static str = include_str!("machine_key.example.yml");

    fn name(&self) -> String {
        format!("{}{}", self.site, self.path.as_str())
    }

    fn check(&self, problems: &mut Problems) {
        if self.key.reference().is_none() {
            problems.add("key", "a machine key is a secret", "key: \"{{ secret('chat-machine-key') }}\"");
        }
    }

    fn app(&self) -> Option<AppPath> {
        Some(self.app_path())
    }

    fn overlays(&self) -> Vec<Overlay> {
        let key = self.key.reference().cloned();
        let compatibility_mode = self.compatibility_mode;
        key.map(|key| Overlay::web_config(vec![ConfigEdit::MachineKey { key, compatibility_mode }]))
            .into_iter()
            .collect()
    }

    fn machine_key(&self) -> Option<&SecretRef> {
        self.key.reference()
    }

    fn deliver(&mut self, _: &Arc<Release>) {
        self.delivered = true;
    }

    fn reads(&self, reads: &mut Reads) {
        reads.ask(Read::IisConfig { at: self.at(), mac: MacForm::Upper });
    }

    fn seen(&self, found: &Found) -> Result<Option<Self>, Refusal> {
        let Some(element) = found.config(&self.at())? else { return Ok(None) };
        let Some(key) = self.found_key(&element, found) else { return Ok(None) };
        let compatibility_mode = element.text("compatibilityMode").and_then(CompatibilityMode::of);
        Ok(Some(MachineKey { key, compatibility_mode, ..self.clone() }))
    }

    fn writes(&self, found: &Found, _: &Changes, writes: &mut Writes) {
        let Some(reference) = self.key.reference().filter(|_| !self.delivered) else { return };
        let at = self.at();
        let set = |attribute: &str, value: Text| Edit::Set { at: at.clone(), attribute: attribute.to_owned(), value };
        let mut edits = vec![
            set("validationKey", MachineKey::part(reference, SecretPart::ValidationKey)),
            set("decryptionKey", MachineKey::part(reference, SecretPart::DecryptionKey)),
            set("validation", MachineKey::part(reference, SecretPart::Validation)),
            set("decryption", MachineKey::part(reference, SecretPart::Decryption)),
        ];
        let mode = self.compatibility_mode.map(|mode| set("compatibilityMode", Text::Plain(mode.as_str().to_owned())));
        edits.extend(mode);
        let expect = match found.config(&at) {
            Ok(Some(element)) => mirror::expected(&edits, &element, &at),
            _ => vec![Expected { at: at.clone(), token: Token::absent() }],
        };
        let file = ConfigFile::WebConfig { site: self.site.clone(), path: self.path.as_str().to_owned() };
        writes.add(super::Phase::Commit, Write::IisCommit { file, expect, edits });
    }

    fn disturbs(&self, _: &Found, changes: &Changes) -> Disturbance {
        // A changed web.config restarts the application; one that comes with a release is switched with it.
        if self.delivered || changes.is_empty() { Disturbance::None } else { Disturbance::Recycles }
    }
}
