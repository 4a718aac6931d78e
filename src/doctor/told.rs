//! What a host tells of itself when it is examined (`agent/doctor.ps1`). What it could not find out is left out.

use serde::{Deserialize, Serialize};

/// PowerShell without limits.
pub const FULL_LANGUAGE: &str = "FullLanguage";

/// All that is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// Version of what is told; 1.
    pub doctor: u32,
    /// The language mode of PowerShell, such as `FullLanguage`. In any other nothing more is told.
    pub language_mode: String,
    /// Who the session is.
    pub token: Option<Token>,
    /// How WinRM is set up.
    pub winrm: Option<WinRm>,
    /// What WinRM listens at.
    pub listeners: Option<Vec<Listener>>,
    /// WinRM, OpenSSH and SQL Server.
    pub services: Option<Vec<Service>>,
    /// The firewall rules that `farmhand bootstrap` makes.
    pub rules: Option<Vec<Rule>>,
    /// What becomes of local administrators.
    pub policies: Option<Policies>,
    /// The file of administrators' keys, where there is one.
    pub ssh_keys: Option<SshKeys>,
}

/// Who the session is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The account.
    pub user: String,
    /// Its SID.
    pub sid: String,
    /// SIDs of the groups that count.
    pub groups: Vec<String>,
    /// Whether it is an administrator whose rights were taken from the session.
    pub filtered: bool,
}

/// How WinRM is set up (winrm/config).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WinRm {
    /// `MaxEnvelopeSizekb`.
    pub max_envelope_kb: u64,
    /// `Service/AllowUnencrypted`.
    pub allow_unencrypted: bool,
    /// `Service/Auth/Basic`.
    pub basic: bool,
    /// `Winrs/MaxShellsPerUser`.
    pub max_shells_per_user: u64,
    /// `Winrs/MaxMemoryPerShellMB`.
    pub max_memory_per_shell_mb: u64,
    /// `Winrs/MaxConcurrentUsers`.
    pub max_concurrent_users: u64,
    /// `Winrs/IdleTimeout`, in milliseconds.
    pub idle_timeout_ms: u64,
}

impl WinRm {
    /// How it is set up out of the box, since Windows Server 2012.
    pub const STOCK: WinRm = WinRm {
        max_envelope_kb: 500,
        allow_unencrypted: false,
        basic: false,
        max_shells_per_user: 30,
        max_memory_per_shell_mb: 1024,
        max_concurrent_users: 10,
        idle_timeout_ms: 7_200_000,
    };
}

/// What WinRM listens at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// `HTTP` or `HTTPS`.
    pub transport: String,
    /// `*`, or an address.
    pub address: String,
    /// The TCP port.
    pub port: u16,
    /// Whether it listens.
    pub enabled: bool,
    /// Its certificate; `None` without one, or where its store has it no more.
    #[serde(default)]
    pub certificate: Option<Certificate>,
}

/// A certificate of a listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Its SHA-256, as bytes in hexadecimal with colons between.
    pub sha256: String,
    /// For how many days it is still good.
    pub days_left: i64,
    /// Whether the host has its private key.
    pub has_key: bool,
}

/// A service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// `Auto`, `Manual` or `Disabled`.
    pub start_mode: String,
    /// `Running`, `Stopped`, …
    pub state: String,
    /// As whom it runs.
    #[serde(default)]
    pub account: Option<String>,
}

/// A rule of the firewall.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Whether it counts.
    pub enabled: bool,
    /// Whether it lets in.
    pub allows: bool,
}

/// What becomes of local administrators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policies {
    /// Whether `LocalAccountTokenFilterPolicy` is 1: they keep their rights over the network.
    pub local_account_token_filter: bool,
    /// Whether `FilterAdministratorToken` is 1: the built-in Administrator does not keep them either.
    pub filter_administrator: bool,
}

/// The file of administrators' keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SshKeys {
    /// Whether it inherits no rights.
    pub protected: bool,
    /// SIDs that may touch it.
    pub allowed: Vec<String>,
}

impl Told {
    /// A service by its name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().flatten().find(|service| service.name.eq_ignore_ascii_case(name))
    }

    /// The instances of SQL Server, by the names of their services.
    pub fn sql_services(&self) -> impl Iterator<Item = &Service> {
        let sql = |name: &str| name.eq_ignore_ascii_case("MSSQLSERVER") || name.to_uppercase().starts_with("MSSQL$");
        self.services.iter().flatten().filter(move |service| sql(&service.name))
    }
}
