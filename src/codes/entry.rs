//! One entry of the lists of codes.

use serde::Deserialize;

/// Who says a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// WS-Management, and what its HTTP statuses mean.
    Winrm,
    /// Kerberos.
    Kerberos,
    /// Log-ins, TLS and certificates of Windows.
    Sspi,
    /// Windows' system errors.
    Windows,
    /// Events of the Windows Process Activation Service and of ASP.NET.
    Was,
    /// HTTP statuses of IIS.
    Iis,
    /// SQL Server.
    Sql,
    /// farmhand's own exit codes.
    Exit,
}

impl Area {
    /// All areas, in the order in which they are shown.
    pub const ALL: [Area; 8] =
        [Area::Winrm, Area::Kerberos, Area::Sspi, Area::Windows, Area::Was, Area::Iis, Area::Sql, Area::Exit];

    /// The word for it, as it can be typed before a code.
    pub fn word(self) -> &'static str {
        match self {
            Area::Winrm => "winrm",
            Area::Kerberos => "kerberos",
            Area::Sspi => "sspi",
            Area::Windows => "windows",
            Area::Was => "was",
            Area::Iis => "iis",
            Area::Sql => "sql",
            Area::Exit => "exit",
        }
    }

    /// What it is, for a heading.
    pub fn title(self) -> &'static str {
        match self {
            Area::Winrm => "WinRM",
            Area::Kerberos => "Kerberos",
            Area::Sspi => "log-in, TLS and certificates (SSPI)",
            Area::Windows => "Windows",
            Area::Was => "events of WAS and ASP.NET",
            Area::Iis => "HTTP status of IIS",
            Area::Sql => "SQL Server",
            Area::Exit => "exit code of farmhand",
        }
    }
}

/// What is known of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who says it.
    pub area: Area,
    /// Its codes as they are mostly written; more than one where they mean the same.
    pub codes: Vec<String>,
    /// Its name, or what it is called in a few words.
    pub name: String,
    /// What it means.
    pub means: String,
    /// What to do.
    pub todo: String,
    /// Commands to type, on the host unless they are farmhand's or a Unix tool's.
    pub commands: Vec<String>,
    /// Where this is known from.
    pub source: String,
}

/// A file of entries.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    area: Area,
    source: String,
    code: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    codes: Vec<String>,
    name: String,
    means: String,
    todo: String,
    #[serde(default, rename = "type")]
    commands: Vec<String>,
    source: Option<String>,
}

/// Reads a file of entries.
pub(super) fn read(text: &str) -> Result<Vec<Entry>, toml::de::Error> {
    let Listed { area, source, code } = toml::from_str(text)?;
    let entry = |written: Written| Entry {
        area,
        codes: written.codes,
        name: written.name,
        means: written.means,
        todo: written.todo,
        commands: written.commands,
        source: written.source.unwrap_or_else(|| source.clone()),
    };
    Ok(code.into_iter().map(entry).collect())
}
