//! What a host of the lab shall be.

use super::computer::Computer;
use super::versions::Windows;
use super::{LabError, utc};

/// What a new host shall be.
#[derive(Clone, Debug)]
pub struct HostSpec {
    /// Its name in the inventory; the computer's name is its first label in upper case.
    pub name: String,
    /// Its version of Windows, such as `2019`.
    pub windows: String,
    /// The DNS name of the domain it has joined.
    pub domain: Option<String>,
    /// Whether IIS is already installed; a fresh server has none.
    pub iis: bool,
    /// Whether an account that nobody declared is believed as it first presents itself (see [`super::Directory`]).
    pub learn_accounts: bool,
    /// DNS names for each of which the host has a certificate in its store `My`.
    pub certificates: Vec<String>,
    /// Folders that it has, as Windows paths.
    pub folders: Vec<String>,
    /// The instance of SQL Server that the host has.
    pub sql: Option<super::sql::SqlSpec>,
}

impl HostSpec {
    /// A fresh server in the domain `corp.example.com` that believes new accounts: what a newcomer's lab starts with.
    pub fn new(name: impl Into<String>, windows: impl Into<String>) -> HostSpec {
        HostSpec {
            name: name.into(),
            windows: windows.into(),
            domain: Some("corp.example.com".to_owned()),
            iis: false,
            learn_accounts: true,
            certificates: Vec::new(),
            folders: Vec::new(),
            sql: None,
        }
    }

    /// The description of the host that it asks for.
    ///
    /// # Errors
    /// When it names a Windows that the lab does not have.
    pub fn computer(&self) -> Result<Computer, LabError> {
        let label = self.name.split('.').next().unwrap_or(&self.name);
        Ok(Computer {
            computer: label.to_ascii_uppercase(),
            windows: Windows::of(&self.windows)?.name.clone(),
            domain: self.domain.clone(),
            // Servers were up for a while before anybody looked at them.
            booted_unix_seconds: utc::unix_seconds(utc::now(-3 * 86_400)),
            ..Computer::default()
        })
    }
}
