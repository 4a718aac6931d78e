//! In what the settings of an application that a release takes over are others than the release's.

use super::{Found, SettingMac};
use crate::hostcall::{Content, Element, ElementPath, MacForm, Source};
use crate::release::{Release, SettingSection};

/// The settings that are on one side alone or have another value, one line each; values are compared by MAC alone.
pub fn left_settings(found: &Found, release: &Release, at: impl Fn(SettingSection) -> ElementPath) -> Vec<String> {
    let Some(ours) = found.macs().settings.get(release.digest().as_str()) else {
        return vec![
            "they cannot be compared: the release keeps some in another file, or has no readable web.config".into(),
        ];
    };
    let mut lines = Vec::new();
    for section in SettingSection::ALL {
        let of_section: Vec<&SettingMac> = ours.iter().filter(|it| it.section == section).collect();
        match found.config(&at(section)) {
            Ok(theirs) => lines.extend(compared(section, theirs.as_ref(), &of_section, found)),
            Err(refusal) => lines.push(format!("{section}: cannot be compared: {}", refusal.text)),
        }
    }
    lines
}

fn compared(section: SettingSection, theirs: Option<&Element>, ours: &[&SettingMac], found: &Found) -> Vec<String> {
    let named = |item: &Element| item.text(section.key()).map(str::to_lowercase);
    // What comes from the levels above stays.
    let own = |item: &&Element| item.attributes.get(section.key()).is_some_and(|it| it.source == Source::Set);
    let items = || theirs.iter().flat_map(|element| &element.items).filter(own);
    let mut lines = Vec::new();
    for item in items() {
        let name = item.text(section.key()).unwrap_or_default();
        let same = ours.iter().find(|it| Some(it.name.to_lowercase()) == named(item));
        let value = item.attributes.get(section.value()).map(|it| &it.content);
        let how = match same {
            None => "not in the release",
            Some(SettingMac { mac: None, .. }) => "not compared: its secret cannot be opened here",
            Some(SettingMac { mac: Some(mac), .. }) if mac_of(value, found).as_ref() == Some(mac) => continue,
            Some(_) => "another value in the release",
        };
        lines.push(format!("{section} {name}: {how}"));
    }
    let new = ours.iter().filter(|it| !items().any(|item| named(item) == Some(it.name.to_lowercase())));
    lines.extend(new.map(|it| format!("{section} {}: only in the release", it.name)));
    lines
}

/// The MAC of what a host has; `None` where the host itself cannot read it.
fn mac_of(content: Option<&Content>, found: &Found) -> Option<String> {
    match content {
        Some(Content::Mac(mac)) => Some(mac.clone()),
        Some(Content::Value(text)) => Some(found.macs().of_text(text, MacForm::Exact)),
        Some(Content::Empty {}) | None => Some(found.macs().of_text("", MacForm::Exact)),
        Some(Content::Unreadable {}) => None,
    }
}
