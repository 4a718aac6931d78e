//! Writes: calls that change a host. Only a writing session can send them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::answer::AclRights;
use super::config::{Edit, Expected, Text};
use crate::value::SecretText;

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
    /// Names the end state of a folder and brings it there, as far as what is on the host allows. Outcome:
    /// [`super::answer::TreePut`].
    ///
    /// A folder that is not there yet is built beside its place, as `PATH.partial`, and moved there when it is whole; one
    /// that is there has what differs replaced file by file, and what is not named removed. Each file's SHA-256 is
    /// checked on the host. What lacks is sent with `put_file`, and the call made again.
    PutTree {
        /// The folder: an absolute Windows path; `%SystemDrive%` and its like are expanded on the host.
        path: String,
        /// What shall be in it; `None` for a folder that shall only be there, with the folders above it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        files: Option<Vec<TreeFile>>,
        /// Folders where files of the same name and content may be copied from: earlier releases.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        from: Vec<String>,
        /// Paths below the folder, with `\`, that are made as folders and otherwise left alone: the app's own files.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        except: Vec<String>,
        /// Where the host may fetch what lacks by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pull: Option<Pull>,
    },
    /// A piece of a file that `put_tree` lacks.
    PutFile {
        /// The folder of the `put_tree` call.
        tree: String,
        /// The file below it, with `\`.
        file: String,
        /// Where the piece starts; it must be where the last one ended.
        at_bytes: u64,
        /// The piece.
        data: FileData,
    },
    /// Removes a folder or file with all below it; of a link the link alone. What is not there is done; what cannot be
    /// removed fails the call only if `must` says so.
    Remove {
        /// An absolute Windows path below a folder named `farmhand` or `releases`; anything else is refused.
        path: String,
        /// Whether it must go.
        must: bool,
    },
    /// Replaces who may do what to a folder and all below it: nothing is inherited from above. A folder below that shall
    /// have other rights is given them afterwards.
    SetAcl {
        /// An absolute Windows path; `%SystemDrive%` and its like are expanded on the host.
        path: String,
        /// Who may do what.
        grants: Vec<Grant>,
    },
    /// Says who changes the host from now on, and why. It goes first in the first batch of a session that changes something.
    ///
    /// The marker lasts as long as the process that carries out the call. Where another controller's lasts, the call is
    /// refused as [`super::RefusalCode::Held`] in words that name it; one of the same controller or run is replaced.
    Marker(Marker),
    /// One logon attempt with a password; counts towards account lock-out, so it is sent once per changed account, from one host.
    TestLogon {
        /// `DOMAIN\user`.
        account: String,
        /// The password.
        password: Text,
    },
    /// A batch for the instance of SQL Server on the host, as one batch of its own. Outcome: [`super::SqlDone`].
    Sql {
        /// The instance's name on its machine; empty for the default one. The session knows it, and fills it in.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        instance: String,
        /// The database in which it runs.
        database: String,
        /// What it is for, in words for messages: `turn the broker on`.
        purpose: String,
        /// The batch. Without arguments it goes as it is, never inside another statement, so that SQL Server itself
        /// keeps passwords of keys out of its traces.
        text: Text,
        /// Parameters, all of them texts, by name without `@`.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        arguments: BTreeMap<String, Text>,
        /// A question whose answer, one text, takes the place of the first `{found}` in the batch, quoted as a text:
        /// for what T-SQL takes no parameter for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        find: Option<SqlFind>,
    },
    /// Sets a text value in the registry, below `HKLM`. Guarded: [`super::Outcome::Moved`] where the value is not what
    /// it was.
    SetRegistry {
        /// The key, such as `HKLM\SOFTWARE\…`.
        key: String,
        /// The value's name.
        name: String,
        /// What was there; `None` for nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        was: Option<String>,
        /// What shall be there; `None` for nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
}

/// A question whose answer a batch needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlFind {
    /// Its text, which gives one row with one text.
    pub query: String,
    /// Its parameters, all of them texts, by name without `@`.
    pub arguments: BTreeMap<String, String>,
}

impl Write {
    /// A folder that shall be there, whatever is in it.
    pub fn folder(path: String) -> Write {
        Write::PutTree { path, files: None, from: Vec::new(), except: Vec::new(), pull: None }
    }

    /// The call's name as it stands on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Write::InstallFeatures { .. } => "install_features",
            Write::Reboot => "reboot",
            Write::IisCommit { .. } => "iis_commit",
            Write::IisControl { .. } => "iis_control",
            Write::PutTree { .. } => "put_tree",
            Write::PutFile { .. } => "put_file",
            Write::Remove { .. } => "remove",
            Write::SetAcl { .. } => "set_acl",
            Write::Marker(_) => "marker",
            Write::TestLogon { .. } => "test_logon",
            Write::Sql { .. } => "sql",
            Write::SetRegistry { .. } => "set_registry",
        }
    }
}

/// Who changes a host, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marker {
    /// The run's name, that of its journal.
    pub run: String,
    /// The controller's identity: what is random in a folder `.farmhand`, the same for all its runs.
    pub controller: String,
    /// Who runs it where, such as `ana@desk`.
    pub who: String,
    /// The command, without values of variables.
    pub why: String,
    /// Since when, as `2026-11-21T12:34:56Z`, by the controller's clock.
    pub since: String,
}

/// A zip that a host fetches by itself. What comes of it is trusted no more than what is sent: files are staged, and
/// compared by their digests like all others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pull {
    /// Where it is, by http or https.
    pub url: String,
    /// SHA-256 of its bytes, 64 lower-case hexadecimal digits; a zip with another is thrown away. Empty in a plan, and
    /// put in when the call is made.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256: String,
}

/// A file of a tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeFile {
    /// Its path below the folder, with `\`.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: FileDigest,
}

/// The SHA-256 of a file, 64 lower-case hexadecimal digits. On the wire it is a string, whichever it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FileDigest {
    /// The digits.
    Known(String),
    /// Those of a file that holds secrets: made when bytes for the wire are made, and nowhere kept.
    Secret(SecretFile),
}

impl FileDigest {
    /// The digits; none where only the wire has them.
    pub fn digits(&self) -> &str {
        if let FileDigest::Known(digits) = self { digits } else { "" }
    }
}

/// The bytes of a file that holds secrets, as references. Framing puts what is meant in its place: the digest of the
/// bytes in a [`FileDigest`], the bytes in Base64 in a [`FileData`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretFile {
    /// The file.
    pub secret_file: SecretText,
}

/// Bytes on their way to a host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FileData {
    /// The bytes, in Base64.
    Base64(String),
    /// The bytes of a file that holds secrets: on the wire, `base64`.
    Secret(SecretFile),
}

/// Who may do what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// An account as an operator writes it, or a SID: `IIS AppPool\Chat`, `S-1-5-18`.
    pub account: String,
    /// What it may do; never [`AclRights::Other`].
    pub rights: AclRights,
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
