//! What a host answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use super::listing::{ListedFile, Listing};
use super::refusal::Refusal;
pub use super::runtime::{PoolRuntime, RunState, Runtime, WasEvent, Worker};

/// The answer to a read. Absence is an answer; a refusal is never taken for absence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer<T = serde_json::Value> {
    /// It is there.
    Present(T),
    /// It is not there.
    Absent {},
    /// The host would not or could not say.
    Refused(Refusal),
}

impl<T> Answer<T> {
    /// The same answer with what is present put through `convert`.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Answer<U> {
        match self {
            Answer::Present(value) => Answer::Present(convert(value)),
            Answer::Absent {} => Answer::Absent {},
            Answer::Refused(refusal) => Answer::Refused(refusal),
        }
    }
}

/// The outcome of a write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Carried out; what the call tells besides.
    Done(serde_json::Value),
    /// Not carried out: an element is no longer as it was read.
    Moved {
        /// The element, in words.
        at: String,
    },
    /// Not carried out, or not to the end.
    Failed(Refusal),
    /// Not tried, because a write before it in the batch was not done.
    Skipped {},
}

/// Answer to `host_facts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostFacts {
    /// The computer's name.
    pub computer: String,
    /// The domain it has joined; `None` in a workgroup.
    pub domain: Option<String>,
    /// Product name, such as `Windows Server 2019 Standard`.
    pub os: String,
    /// Version, such as `10.0.17763`.
    pub os_version: String,
    /// Whether it is a server edition.
    pub server: bool,
    /// Version of the PowerShell that runs the agent.
    pub powershell: String,
    /// IIS version as `major.minor`, such as `8.5`; `None` where IIS is not installed.
    pub iis: Option<String>,
    /// `Release` of .NET Framework 4 (528040 is 4.8); `None` where it is not installed.
    pub dotnet_release: Option<u32>,
    /// Why a reboot is pending: `component_servicing`, `windows_update`, `file_rename`; empty for none.
    pub pending_reboot: Vec<String>,
    /// The folder of IIS shared configuration, where redirection.config enables it.
    pub shared_configuration: Option<String>,
    /// The host's clock, as `2026-11-21T12:34:56Z`.
    pub utc: String,
    /// Seconds since the host started.
    pub uptime_seconds: u64,
    /// Fixed disks.
    pub disks: Vec<Disk>,
    /// Culture of the agent's thread, such as `en-US`.
    pub culture: String,
    /// Whether the session holds an elevated administrator token.
    pub administrator: bool,
    /// `%SystemDrive%`, such as `C:`.
    pub system_drive: String,
}

/// A fixed disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// Drive, such as `C:`.
    pub name: String,
    /// File system, such as `NTFS`.
    pub format: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Free bytes.
    pub free_bytes: u64,
}

/// Answer to `features`: the state of each name asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Features(pub BTreeMap<String, FeatureState>);

/// State of a Windows feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureState {
    /// Installed.
    Installed,
    /// Not installed, its payload on the disk.
    Available,
    /// Not installed, its payload removed.
    Removed,
    /// Installed after the next reboot.
    InstallPending,
    /// Removed after the next reboot.
    UninstallPending,
    /// This Windows has no feature of that name.
    Unknown,
}

/// Answer to `files`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileState {
    /// Whether it is a folder.
    pub folder: bool,
    /// Length in bytes; 0 for a folder.
    pub length_bytes: u64,
    /// Time of last change in UTC.
    pub modified_utc: String,
    /// Its text, where asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// SHA-256 in lower-case hexadecimal, where asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// HMAC-SHA256 under the nonce, where asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// What is in a folder, where asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<Tree>,
    /// Names of the files and folders directly in a folder, where asked for: the one that was written to last comes
    /// first, and what was written to at the same time (to 100 ns, as NTFS keeps it) is sorted by UTF-16 code units. A
    /// folder is written to when something directly in it comes or goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// Every file below a folder, where asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listing: Option<Listing>,
}

/// What is in a folder, told without reading the files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// How many files there are.
    pub files: u64,
    /// SHA-256 in lower-case hexadecimal over a line `PATH|LENGTH` and a line feed for each file, in UTF-8: the path
    /// below the folder with `\`, in lower case (invariant culture), the length in bytes; lines sorted by UTF-16 code
    /// units.
    pub digest: String,
}

/// Answer to `acl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acl {
    /// Whether entries come down from the folder above.
    pub inherits: bool,
    /// The entries, in their order.
    pub entries: Vec<AclEntry>,
}

/// One entry of an access control list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AclEntry {
    /// The account's security identifier.
    pub sid: String,
    /// What it may do.
    pub rights: AclRights,
    /// Whether the entry denies and does not allow.
    #[serde(default)]
    pub deny: bool,
    /// Whether it comes from the folder above.
    #[serde(default)]
    pub inherited: bool,
}

/// Rights by the names that Windows gives their usual sums (`FileSystemRights`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AclRights {
    /// Read, list and execute: `ReadAndExecute`.
    Read,
    /// The same, write and delete: `Modify`.
    Modify,
    /// `FullControl`.
    Full,
    /// Any other sum.
    Other,
}

/// What `put_tree` tells when done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreePut {
    /// The files that must still be sent; empty when the folder is as named.
    pub lacking: Vec<Lacking>,
    /// Why nothing was fetched, where the call said where from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_pulled: Option<String>,
}

/// A file that `put_tree` lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lacking {
    /// Its number in the call's list of files.
    pub file: usize,
    /// How many of its first bytes are there already, from an upload that broke off.
    pub have_bytes: u64,
}

/// Answer to `certificates`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Certificates(pub Vec<Certificate>);

/// A certificate in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// SHA-1 thumbprint, 40 upper-case hexadecimal digits.
    pub thumbprint: String,
    /// Distinguished name of the subject.
    pub subject: String,
    /// DNS names it is good for, subject common name included.
    pub dns_names: Vec<String>,
    /// Start of validity, UTC.
    pub not_before: String,
    /// End of validity, UTC.
    pub not_after: String,
    /// Whether its private key is on the host.
    pub private_key: bool,
}

/// Answer to `accounts`: for each name asked for its account, or `None` where nobody knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Accounts(pub BTreeMap<String, Option<Account>>);

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Security identifier, `S-1-…`.
    pub sid: String,
    /// The name Windows gives back for the SID.
    pub name: String,
}

/// Answer to `http`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpReply {
    /// Status code.
    pub status: u16,
    /// Reply headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The first 4,096 characters of the body.
    pub body: String,
}

/// What `install_features` tells when done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installed {
    /// Whether Windows wants a reboot to finish.
    pub reboot_needed: bool,
    /// The features that were installed, those pulled in included.
    pub features: Vec<String>,
    /// What Windows said besides.
    pub messages: Vec<String>,
}
