//! Windows features: the table of what there is, and what a host has of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use indexmap::{IndexMap, IndexSet};
use serde::{Deserialize, Serialize};

use super::error::{refused, refused_plainly};
use super::versions::Windows;
use super::{LabError, drive};
use crate::hostcall::answer::{FeatureState, Features, Installed};
use crate::hostcall::{Refusal, RefusalCode};

/// A row of the table of features.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Feature {
    name: String,
    parent: Option<String>,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    brings: Vec<String>,
    #[serde(default)]
    tools: Vec<String>,
    #[serde(default = "available")]
    state: FeatureState,
    #[serde(default)]
    reboot: bool,
}

fn available() -> FeatureState {
    FeatureState::Available
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    feature: Vec<Feature>,
}

static TABLE: LazyLock<IndexMap<String, Feature>> = LazyLock::new(|| {
    let table: Table =
        toml::from_str(include_str!("features.toml")).unwrap_or_else(|error| unreachable!("features.toml: {error}"));
    table.feature.into_iter().map(|feature| (feature.name.to_ascii_lowercase(), feature)).collect()
});

fn feature(name: &str) -> Option<&'static Feature> {
    TABLE.get(&name.to_ascii_lowercase())
}

/// The features of a host, as its `features.toml` keeps them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostFeatures {
    /// State by ServerManager id.
    pub features: IndexMap<String, FeatureState>,
}

/// What an installation is asked for.
pub struct Wanted<'a> {
    /// ServerManager ids.
    pub names: &'a [String],
    /// Whether management tools come too.
    pub management_tools: bool,
    /// Where payloads are found, as Windows paths.
    pub source: &'a [String],
    /// Whether the payloads of all features not installed are gone.
    pub payload_missing: bool,
    /// The folder of the host, in which sources are looked for.
    pub host: &'a Path,
}

impl HostFeatures {
    /// Name of the file.
    pub const FILE: &'static str = "features.toml";
    /// What the file says of itself.
    pub const HEADING: &'static str = "Windows features: installed, available, removed (payload gone from the image), \
                                       install_pending or uninstall_pending.";

    /// The features of a fresh server.
    pub fn fresh(windows: &Windows) -> HostFeatures {
        let has = |feature: &&Feature| !windows.lacks.contains(&feature.name);
        HostFeatures {
            features: TABLE.values().filter(has).map(|feature| (feature.name.clone(), feature.state)).collect(),
        }
    }

    /// The state of a feature; letter case does not count.
    pub fn state(&self, name: &str) -> FeatureState {
        let found = self.features.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or(FeatureState::Unknown, |(_, state)| *state)
    }

    /// Whether a feature is installed.
    pub fn has(&self, name: &str) -> bool {
        self.state(name) == FeatureState::Installed
    }

    /// The answer to a question for some names.
    pub fn answer(&self, names: &[String], payload_missing: bool) -> Features {
        let tell = |name: &String| match self.state(name) {
            FeatureState::Available if payload_missing => (name.clone(), FeatureState::Removed),
            state => (name.clone(), state),
        };
        Features(names.iter().map(tell).collect::<BTreeMap<_, _>>())
    }

    /// Installs features with all that they need, or nothing.
    ///
    /// # Errors
    /// When a name is unknown, or a payload is gone and no source has it.
    pub fn install(&mut self, wanted: &Wanted) -> Result<Installed, Refusal> {
        let mut order = IndexSet::new();
        for name in wanted.names {
            if self.state(name) == FeatureState::Unknown {
                return Err(unknown(name));
            }
            self.gather(name, wanted.management_tools, &mut order);
        }
        let without_payload = |name: &&String| match self.state(name) {
            FeatureState::Removed => true,
            FeatureState::Available => wanted.payload_missing,
            _ => false,
        };
        if let Some(name) = order.iter().find(without_payload)
            && !wanted.source.iter().any(|source| drive::locate(wanted.host, source).is_ok_and(|path| path.exists()))
        {
            return Err(refused(
                RefusalCode::SourceMissing,
                0x800F_081F,
                format!(
                    "The source files for feature {name} could not be found. Use the Source option to specify where \
                     the files that are required to restore the feature are."
                ),
            ));
        }
        let mut installed = Installed { reboot_needed: false, features: Vec::new(), messages: Vec::new() };
        for name in order {
            let reboot = feature(&name).is_some_and(|feature| feature.reboot);
            let state = if reboot { FeatureState::InstallPending } else { FeatureState::Installed };
            installed.reboot_needed |= reboot;
            self.features.insert(name.clone(), state);
            installed.features.push(name);
        }
        if installed.reboot_needed {
            installed.messages.push("You must restart this server to finish the installation process.".to_owned());
        }
        Ok(installed)
    }

    /// Marks features and all that they need as installed, as an image that was made with them has it.
    pub fn install_from_image(&mut self, names: &[String]) {
        let mut order = IndexSet::new();
        for name in names {
            self.gather(name, true, &mut order);
        }
        for name in order {
            self.features.insert(name, FeatureState::Installed);
        }
    }

    /// Finishes what waited for a reboot.
    pub fn reboot(&mut self) {
        for state in self.features.values_mut() {
            *state = match *state {
                FeatureState::InstallPending => FeatureState::Installed,
                FeatureState::UninstallPending => FeatureState::Available,
                state => state,
            };
        }
    }

    /// Makes the host a server on which IIS was never installed.
    pub fn without_iis(&mut self) {
        for (name, state) in &mut self.features {
            if name.starts_with("Web-") || name.starts_with("WAS") {
                *state = feature(name).map_or(FeatureState::Available, |feature| feature.state);
            }
        }
    }

    /// What must be installed for a feature and is not, in the order of installation.
    fn gather(&self, name: &str, tools: bool, order: &mut IndexSet<String>) {
        let Some((name, state)) = self.features.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) else {
            return;
        };
        if matches!(state, FeatureState::Installed | FeatureState::InstallPending) || order.contains(name) {
            return;
        }
        let Some(row) = feature(name) else {
            order.insert(name.clone());
            return;
        };
        for before in row.parent.iter().chain(&row.needs) {
            self.gather(before, tools, order);
        }
        // A parent brings its usual children, and one of them may be the feature itself.
        order.insert(name.clone());
        for with in &row.brings {
            self.gather(with, false, order);
        }
        if tools {
            for tool in &row.tools {
                self.gather(tool, false, order);
            }
        }
    }
}

fn unknown(name: &str) -> Refusal {
    refused_plainly(
        RefusalCode::Unknown,
        format!(
            "ArgumentNotValid: The role, role service, or feature name is not valid: '{name}'. The name was not found."
        ),
    )
}

/// Reads a host's features; a host without the file is fresh.
///
/// # Errors
/// When the file cannot be read.
pub fn load(folder: &super::Folder, windows: &Windows) -> Result<HostFeatures, LabError> {
    if folder.path(HostFeatures::FILE).exists() {
        folder.read_toml(HostFeatures::FILE)
    } else {
        Ok(HostFeatures::fresh(windows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(features: &mut HostFeatures, names: &[&str], tools: bool) -> Result<Installed, Refusal> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        features.install(&Wanted {
            names: &names,
            management_tools: tools,
            source: &[],
            payload_missing: false,
            host: Path::new("/nonexistent"),
        })
    }

    #[test]
    fn every_feature_the_table_refers_to_is_in_the_table() {
        for row in TABLE.values() {
            for name in row.parent.iter().chain(&row.needs).chain(&row.brings).chain(&row.tools) {
                assert!(feature(name).is_some(), "{} refers to {name}", row.name);
            }
        }
    }

    #[test]
    fn a_feature_comes_with_all_that_it_needs() {
        let mut features = HostFeatures::fresh(Windows::of("2019").unwrap());
        let installed = install(&mut features, &["web-websockets"], false).unwrap();
        assert_eq!(installed.features.first().map(String::as_str), Some("Web-Server"));
        assert!(installed.features.contains(&"Web-App-Dev".to_owned()));
        assert!(features.has("Web-WebSockets") && features.has("Web-Static-Content"));
        assert!(!features.has("Web-Mgmt-Console"));
        assert_eq!(install(&mut features, &["Web-WebSockets"], false).unwrap().features, Vec::<String>::new());
    }

    #[test]
    fn every_installation_leaves_parents_and_needs_installed() {
        for row in TABLE.values() {
            let mut features = HostFeatures::fresh(Windows::of("2016").unwrap());
            let done = install(&mut features, &[&row.name], true);
            if let Ok(installed) = done {
                for name in &installed.features {
                    let row = feature(name).unwrap();
                    for before in row.parent.iter().chain(&row.needs) {
                        assert!(features.has(before), "{name} without {before}");
                    }
                }
            } else {
                assert_eq!(done.unwrap_err().code, RefusalCode::SourceMissing, "{}", row.name);
            }
        }
    }
}
