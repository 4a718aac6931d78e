//! Reads: calls that change nothing on the host.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::config::ElementPath;

/// A question to a host. Every variant is free of effects: a read-only session sends nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "read", rename_all = "snake_case", deny_unknown_fields)]
pub enum Read {
    /// Operating system, PowerShell, IIS, .NET, domain, pending reboot, clock, disks. Answer: [`super::answer::HostFacts`].
    HostFacts,
    /// State of Windows features by ServerManager name. Answer: [`super::answer::Features`].
    Features {
        /// ServerManager ids, such as `Web-WebSockets`.
        names: Vec<String>,
    },
    /// One element of IIS configuration with all below it. Answer: [`super::config::Element`].
    /// Absent when the path leads to nothing; refused as `unsupported` where IIS is not installed.
    IisConfig {
        /// Where the element is.
        at: ElementPath,
        /// How secret attributes are normalised before their MAC is made.
        #[serde(default)]
        mac: MacForm,
    },
    /// State of pools and sites, worker processes and WAS events. Answer: [`super::answer::Runtime`].
    IisRuntime {
        /// Pools asked for, by name; one that is not there is left out of the answer.
        #[serde(default)]
        pools: Vec<String>,
        /// Sites asked for, by name; one that is not there is left out of the answer.
        #[serde(default)]
        sites: Vec<String>,
    },
    /// One file or folder. Answer: [`super::answer::FileState`].
    Files {
        /// Where it is.
        at: FileAt,
        /// What to tell of it.
        want: FileWant,
    },
    /// Certificates in a store of the local machine. Answer: [`super::answer::Certificates`].
    Certificates {
        /// Store name, such as `My` or `WebHosting`.
        store: String,
    },
    /// Account names to SIDs. Answer: [`super::answer::Accounts`].
    Accounts {
        /// Names as an operator writes them: `CORP\svc-chat`, `NetworkService`, `IIS AppPool\Chat`.
        names: Vec<String>,
    },
    /// Who may do what to a file or folder. Answer: [`super::answer::Acl`].
    Acl {
        /// An absolute Windows path; `%SystemDrive%` and its like are expanded on the host.
        path: String,
    },
    /// A GET or HEAD from the host to itself over loopback. Answer: [`super::answer::HttpReply`].
    Http {
        /// The verb; there is no way to name another.
        verb: HttpVerb,
        /// Who is asked.
        at: HttpAt,
        /// Path and query, starting with `/`.
        path: String,
    },
    /// One of the shipped questions to the instance of SQL Server on the host. Answer: [`super::SqlRows`].
    /// Absent where the database is not there; refused as `unsupported` where SQL Server has no such view.
    Sql {
        /// The instance's name on its machine; empty for the default one. The session knows it, and fills it in.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        instance: String,
        /// The database in which the question is asked.
        database: String,
        /// The question's text. Hosts answer those that farmhand ships and refuse any other.
        query: String,
        /// Parameters, all of them texts, by name without `@`.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        arguments: BTreeMap<String, String>,
    },
}

impl Read {
    /// The call's name as it stands on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Read::HostFacts => "host_facts",
            Read::Features { .. } => "features",
            Read::IisConfig { .. } => "iis_config",
            Read::IisRuntime { .. } => "iis_runtime",
            Read::Files { .. } => "files",
            Read::Certificates { .. } => "certificates",
            Read::Accounts { .. } => "accounts",
            Read::Acl { .. } => "acl",
            Read::Http { .. } => "http",
            Read::Sql { .. } => "sql",
        }
    }
}

/// Whom an `http` read asks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum HttpAt {
    /// Whatever listens at a port of 127.0.0.1.
    Port {
        /// TCP port.
        port: u16,
        /// Value of the Host header; empty for none.
        host: String,
    },
    /// A site, at its first binding: an http one if it has any, else https without a look at the certificate.
    /// Absent where the site is not there or has no such binding.
    Site(String),
}

/// The verbs that have no effect on a well-behaved application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HttpVerb {
    /// The whole reply.
    Get,
    /// Its head alone.
    Head,
}

/// How a secret is normalised on the host before HMAC-SHA256 is taken over its UTF-8 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MacForm {
    /// As it is.
    #[default]
    Exact,
    /// In upper case (invariant culture): keys in hexadecimal, whose letter case is no drift.
    Upper,
}

/// Where a file is. Paths that follow from configuration are resolved on the host, so that no read needs another's answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FileAt {
    /// An absolute Windows path; `%SystemDrive%` and its like are expanded on the host.
    Path(String),
    /// Below the folder of an application.
    App {
        /// The site's name.
        site: String,
        /// The application's path, such as `/`.
        path: String,
        /// The file below the application's folder; empty for the folder itself.
        file: String,
    },
}

/// What to tell of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileWant {
    /// Kind, length and time of last change.
    Stat,
    /// The same and its text (at most 1 MiB, decoded by its byte order mark, else UTF-8).
    Text,
    /// The same and SHA-256 of its bytes.
    Sha256,
    /// The same and HMAC-SHA256 of its bytes under the batch's nonce.
    Mac,
    /// The same and, of a folder, [`super::answer::Tree`]: what is in it by name and length.
    Tree {
        /// Paths below the folder, with `\`, that are left out with all below them; letter case does not count.
        except: Vec<String>,
    },
    /// The same and the names of what is directly in a folder, newest first.
    Names,
    /// The same and, of a folder, [`super::answer::Listing`]: every file below it. The answer may be long, so it is asked
    /// for only where a run cannot go on without.
    Listing {
        /// How many files are told at the most.
        most: u32,
    },
}
