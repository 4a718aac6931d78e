//! Writes: calls that change a host. Only a writing session can send them.

use serde::{Deserialize, Serialize};

use super::config::{Edit, Expected, Text};

/// A change to a host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "write", rename_all = "snake_case", deny_unknown_fields)]
pub enum Write {
    /// Installs Windows features, all names in one servicing operation. Outcome: [`super::answer::Installed`].
    InstallFeatures {
        /// ServerManager ids.
        names: Vec<String>,
        /// Whether the features' management tools come too.
        management_tools: bool,
        /// Where payloads removed from the image are found; empty for Windows' own order of search.
        source: Vec<String>,
    },
    /// Restarts the host, at once. The session ends with it.
    Reboot,
    /// All edits of one configuration file in one commit, guarded by tokens.
    IisCommit {
        /// The file.
        file: ConfigFile,
        /// What must still be as it was read; a token that differs gives [`super::Outcome::Moved`] and commits nothing.
        expect: Vec<Expected>,
        /// The edits, in order.
        edits: Vec<Edit>,
    },
    /// Starts, stops or recycles a pool or a site. What is already so is done.
    IisControl {
        /// What is controlled.
        target: ControlTarget,
        /// What is done to it.
        action: Control,
    },
    /// Makes a folder exist, with the folders above it.
    PutTree {
        /// An absolute Windows path; `%SystemDrive%` and its like are expanded on the host.
        path: String,
    },
    /// One logon attempt with a password; counts towards account lock-out, so it is sent once per changed account, from one host.
    TestLogon {
        /// `DOMAIN\user`.
        account: String,
        /// The password.
        password: Text,
    },
}

impl Write {
    /// The call's name as it stands on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Write::InstallFeatures { .. } => "install_features",
            Write::Reboot => "reboot",
            Write::IisCommit { .. } => "iis_commit",
            Write::IisControl { .. } => "iis_control",
            Write::PutTree { .. } => "put_tree",
            Write::TestLogon { .. } => "test_logon",
        }
    }
}

/// A configuration file that IIS reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ConfigFile {
    /// `%windir%\System32\inetsrv\config\applicationHost.config`.
    ApplicationHost {},
    /// The web.config of an application.
    WebConfig {
        /// The site's name.
        site: String,
        /// The application's path, such as `/`.
        path: String,
    },
}

/// What `iis_control` acts on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ControlTarget {
    /// An application pool, by name.
    Pool(String),
    /// A site, by name.
    Site(String),
}

/// What `iis_control` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Replace a pool's worker processes; starts nothing that is stopped.
    Recycle,
}
