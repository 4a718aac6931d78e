//! What a host is: `host.toml`, and the facts told from it.

use serde::{Deserialize, Serialize};

use super::versions::Windows;
use super::{LabError, utc};
use crate::doctor::told::{FULL_LANGUAGE, WinRm};
use crate::hostcall::answer::{Disk, HostFacts};

/// A host as `host.toml` describes it. A person may edit it; the next batch sees the change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Computer {
    /// The computer's name.
    pub computer: String,
    /// The version of Windows: `2012`, `2012R2`, `2016`, `2019`, `2022`, `2025`.
    pub windows: String,
    /// The DNS name of the domain it has joined; left out in a workgroup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Culture of the agent's thread.
    pub culture: String,
    /// `Release` of a .NET Framework newer than the one in the box.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dotnet_release: Option<u32>,
    /// By how many seconds the host's clock is ahead.
    pub clock_skew_seconds: i64,
    /// Why a reboot is pending: `component_servicing`, `windows_update`, `file_rename`.
    pub pending_reboot: Vec<String>,
    /// The folder of IIS shared configuration, where it is switched on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_configuration: Option<String>,
    /// Whether sessions hold an elevated administrator token.
    pub administrator: bool,
    /// The language mode of PowerShell; in any but `FullLanguage` no agent can run.
    #[serde(skip_serializing_if = "is_full")]
    pub language_mode: String,
    /// When the host started, in seconds since 1970.
    pub booted_unix_seconds: u64,
    /// Fixed disks. The drive `C:` is the folder `C` beside this file.
    pub disks: Vec<Disk>,
    /// How WinRM is set up, where it is not as it is out of the box.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub winrm: Option<WinRm>,
}

fn is_full(mode: &str) -> bool {
    mode == FULL_LANGUAGE
}

impl Default for Computer {
    fn default() -> Computer {
        Computer {
            computer: "SERVER".to_owned(),
            windows: "2019".to_owned(),
            domain: None,
            culture: "en-US".to_owned(),
            dotnet_release: None,
            clock_skew_seconds: 0,
            pending_reboot: Vec::new(),
            shared_configuration: None,
            administrator: true,
            language_mode: FULL_LANGUAGE.to_owned(),
            booted_unix_seconds: 1_795_200_000,
            disks: vec![Disk {
                name: "C:".to_owned(),
                format: "NTFS".to_owned(),
                size_bytes: 136_365_211_648,
                free_bytes: 98_784_247_808,
            }],
            winrm: None,
        }
    }
}

impl Computer {
    /// Name of the file.
    pub const FILE: &'static str = "host.toml";
    /// What the file says of itself.
    pub const HEADING: &'static str = "A simulated Windows server. Edit it; the next call sees the change.";

    /// Its version of Windows.
    ///
    /// # Errors
    /// When the file names one that the lab does not have.
    pub fn version(&self) -> Result<&'static Windows, LabError> {
        Windows::of(&self.windows)
    }

    /// The domain's NetBIOS name, or the computer's where there is no domain.
    pub fn authority(&self) -> String {
        let name = self.domain.as_deref().and_then(|domain| domain.split('.').next()).unwrap_or(&self.computer);
        name.to_ascii_uppercase()
    }

    /// Now, by the host's clock.
    pub fn utc(&self) -> String {
        utc::text(utc::now(self.clock_skew_seconds))
    }

    /// The facts that the host tells of itself.
    ///
    /// # Errors
    /// When the file names a Windows that the lab does not have.
    pub fn facts(&self, iis: bool, dotnet: bool) -> Result<HostFacts, LabError> {
        let windows = self.version()?;
        let now = utc::now(self.clock_skew_seconds);
        Ok(HostFacts {
            computer: self.computer.clone(),
            domain: self.domain.clone(),
            os: windows.os.clone(),
            os_version: windows.os_version.clone(),
            server: true,
            powershell: windows.powershell.clone(),
            iis: iis.then(|| windows.iis.clone()),
            dotnet_release: dotnet.then(|| self.dotnet_release.unwrap_or(windows.dotnet_release)),
            pending_reboot: self.pending_reboot.clone(),
            shared_configuration: self.shared_configuration.clone(),
            utc: utc::text(now),
            uptime_seconds: utc::unix_seconds(now).saturating_sub(self.booted_unix_seconds),
            disks: self.disks.clone(),
            culture: self.culture.clone(),
            administrator: self.administrator,
            system_drive: "C:".to_owned(),
        })
    }
}
