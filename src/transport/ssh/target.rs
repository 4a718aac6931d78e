//! Which host is meant, and what there is to log in with.

use std::path::PathBuf;

use super::kept::Kept;
use crate::value::SecretValue;

/// A host that is reached over SSH. It has no Debug, so that no log shows what logs in.
pub struct Target {
    /// Its name in messages.
    pub name: String,
    /// A DNS name or an IP address; also the name that its key is known by.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// Who logs in: `user`, `DOMAIN\user` or `user@domain`.
    pub user: String,
    /// The account's password, which is never given to the jump host.
    pub password: Option<SecretValue>,
    /// A private key.
    pub key: Option<Key>,
    /// Whether the keys of a running SSH agent are tried.
    pub agent: bool,
    /// The file of known host keys; the user's own and the system's unless given.
    pub known_hosts: Option<PathBuf>,
    /// The host by way of which this one is reached.
    pub jump: Option<Jump>,
    /// Where connections wait between two processes.
    pub kept: Kept,
}

/// A private key in a file.
pub struct Key {
    /// The file.
    pub path: PathBuf,
    /// What opens it, where it is locked.
    pub passphrase: Option<SecretValue>,
}

/// A host by way of which others are reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jump {
    /// Who logs in there, with the same key or agent.
    pub user: String,
    /// A DNS name or an IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}
