//! `windows_feature`: roles and features of Windows Server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Claim, Disturbance, Found, Phase, Problems, Reads, Resource, Writes};
use crate::hostcall::answer::FeatureState;
use crate::hostcall::{Refusal, Write};
use crate::value::Changes;

/// Windows features that shall be installed, all in one servicing operation.
///
/// Ends a stage: what follows is planned from what the features leave behind.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowsFeature {
    /// ServerManager ids, such as `Web-Server` or `Web-WebSockets` (`Get-WindowsFeature` lists them). No wildcards.
    pub names: Vec<String>,
    /// Whether the management tools of the features come too. Used when something is installed; not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("writeOnly" = true))]
    pub management_tools: Option<bool>,
    /// Folders or a WIM image that hold payloads removed from the image, such as `D:\sources\sxs`.
    /// A UNC path is read as the computer's account. Used when something is installed; not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("writeOnly" = true))]
    pub source: Option<Vec<String>>,
    /// Whether the host may restart when Windows needs it to finish; `never` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("writeOnly" = true))]
    pub reboot: Option<Reboot>,
}

/// Whether a host may be restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reboot {
    /// Never: a reboot that is needed ends the host's run, and says so.
    Never,
    /// When Windows asks for it.
    IfNeeded,
}

impl Resource for WindowsFeature {
    const KIND: &'static str = "windows_feature";
    const EXAMPLE: &'static str = "\
names: [Web-Server, Web-Asp-Net45, Web-WebSockets]
management_tools: true
source: ['D:\\sources\\sxs']
reboot: if_needed
";
    const BARRIER: Option<&'static str> = Some("features");

    fn name(&self) -> String {
        self.names.join(",")
    }

    fn claims(&self) -> Vec<Claim> {
        let claim = |name: &String| Claim { object: format!("windows_feature/{name}"), property: "names".to_owned() };
        self.names.iter().map(claim).collect()
    }

    fn check(&self, problems: &mut Problems) {
        if self.names.is_empty() {
            problems.add("names", "no feature is named", "names: [Web-Server]");
        }
        for (index, name) in self.names.iter().enumerate() {
            let property = format!("names[{index}]");
            if name.contains(['*', '?']) {
                problems.add(
                    &property,
                    format!("`{name}` is a wildcard"),
                    "name each feature; a wildcard would also install what nobody asked for",
                );
            } else if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
                problems.add(
                    &property,
                    format!("`{name}` is not a feature's ServerManager id"),
                    "an id such as Web-WebSockets",
                );
            }
            if self.names[..index].iter().any(|earlier| earlier.eq_ignore_ascii_case(name)) {
                problems.add(&property, format!("`{name}` is named twice"), "name it once");
            }
        }
    }

    fn reads(&self, reads: &mut Reads) {
        reads.features(&self.names);
    }

    fn conflicts(&self, found: &Found, problems: &mut Problems) {
        for (index, name) in self.names.iter().enumerate() {
            if found.feature(name) == Ok(FeatureState::Unknown) {
                problems.add(
                    &format!("names[{index}]"),
                    format!("this Windows has no feature `{name}`"),
                    "an id that `Get-WindowsFeature` lists on the host",
                );
            }
        }
    }

    fn seen(&self, found: &Found) -> Result<Option<Self>, Refusal> {
        let mut installed = Vec::new();
        for name in &self.names {
            if found.feature(name)? == FeatureState::Installed {
                installed.push(name.clone());
            }
        }
        Ok(Some(WindowsFeature { names: installed, ..self.clone() }))
    }

    fn writes(&self, found: &Found, _: &Changes, writes: &mut Writes) {
        let installed = |name: &&String| found.feature(name) == Ok(FeatureState::Installed);
        writes.add(
            Phase::Features,
            Write::InstallFeatures {
                names: self.names.iter().filter(|name| !installed(name)).cloned().collect(),
                management_tools: self.management_tools.unwrap_or(false),
                source: self.source.clone().unwrap_or_default(),
            },
        );
        writes.reboot_allowed |= self.reboot == Some(Reboot::IfNeeded);
    }

    fn disturbs(&self, found: &Found, changes: &Changes) -> Disturbance {
        // A server without IIS serves nothing yet; on one with it, installing features can bounce http.sys and every site.
        let serves = found.host().is_ok_and(|host| host.iis.is_some());
        match self.reboot {
            _ if changes.is_empty() => Disturbance::None,
            Some(Reboot::IfNeeded) => Disturbance::Reboots,
            Some(Reboot::Never) | None if serves => Disturbance::Restarts,
            Some(Reboot::Never) | None => Disturbance::None,
        }
    }
}
