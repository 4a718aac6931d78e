//! What an inventory says about SSH alone.

use std::path::PathBuf;

use super::entry::{beside, secret, text};
use super::via::Via;
use crate::diagnostic::{Diagnostic, Sources, Span, shown};
use crate::template::Scope;
use crate::value::SecretRef;
use crate::yaml::Node;

/// How to log in over SSH, besides the account and its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshConnection {
    /// A private key's file, and where that is written.
    pub key_file: Option<(PathBuf, Span)>,
    /// What opens the key, and where that is written.
    pub passphrase: Option<(SecretRef, Span)>,
    /// The file of known host keys; `None` for those of the user and of the system.
    pub known_hosts: Option<PathBuf>,
    /// The host by way of which this one is reached.
    pub proxy_jump: Option<ProxyJump>,
    /// Whether the keys of a running SSH agent are tried.
    pub agent: bool,
}

impl Default for SshConnection {
    fn default() -> SshConnection {
        SshConnection { key_file: None, passphrase: None, known_hosts: None, proxy_jump: None, agent: true }
    }
}

/// A host by way of which others are reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyJump {
    /// Who logs in there; `None` for the account of the host itself.
    pub user: Option<String>,
    /// A DNS name or an IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// The keys of a connection that say something only about SSH.
pub(super) const KEYS: [&str; 5] = ["key_file", "passphrase", "known_hosts", "proxy_jump", "agent"];

/// What layers give, the later one winning key by key.
pub(super) fn resolve(
    layers: &[&Node],
    via: Option<Via>,
    scope: &Scope,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> SshConnection {
    let last = |key: &str| layers.iter().rev().find_map(|layer| layer.get(key)).filter(|node| !node.is_null());
    // A passphrase may open the key of a certificate as well.
    let own = || KEYS.iter().filter(|key| **key != "passphrase");
    if let (None, Some(node)) = (via, own().find_map(|key| last(key))) {
        let message = "this is said about SSH, and hosts are reached over WinRM unless it is told otherwise";
        diagnostics.push(Diagnostic::new(node.span, message).help("via: ssh"));
    }
    let mut path = |key: &str| {
        let node = last(key)?;
        let written = text(node, &format!("`{key}`"), scope, diagnostics)?;
        Some((beside(&sources.place(node.span).name, &written), node.span))
    };
    let (key_file, known_hosts) = (path("key_file"), path("known_hosts"));
    if let (Some(Via::Ssh), None, Some(node)) = (via, last("key_file"), last("passphrase")) {
        let message = "a passphrase opens a key, and no key is named";
        diagnostics.push(Diagnostic::new(node.span, message).help("key_file: ~/.ssh/id_ed25519"));
    }
    SshConnection {
        key_file,
        passphrase: last("passphrase")
            .filter(|_| via == Some(Via::Ssh))
            .and_then(|node| secret(node, "passphrase", scope, sources, diagnostics)),
        known_hosts: known_hosts.map(|(path, _)| path),
        proxy_jump: last("proxy_jump").and_then(|node| proxy_jump(node, scope, diagnostics)),
        agent: last("agent").and_then(|node| flag(node, scope, diagnostics)).unwrap_or(true),
    }
}

fn proxy_jump(node: &Node, scope: &Scope, diagnostics: &mut Vec<Diagnostic>) -> Option<ProxyJump> {
    let written = text(node, "`proxy_jump`", scope, diagnostics)?;
    let read = read_jump(&written);
    if read.is_none() {
        let message = format!("{} names no host to go by", shown(&written));
        diagnostics.push(Diagnostic::new(node.span, message).help("proxy_jump: user@host or user@host:22, one host"));
    }
    read
}

fn read_jump(written: &str) -> Option<ProxyJump> {
    let (user, place) = match written.rsplit_once('@') {
        Some(("", _)) => return None,
        Some((user, place)) => (Some(user.to_owned()), place),
        None => (None, written),
    };
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':')?)),
        // An IPv6 address without brackets would leave its end to be taken for a port.
        None if place.matches(':').count() > 1 => return None,
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(22), |port| port.parse().ok().filter(|port| *port != 0))?;
    let letter = |c: char| c.is_ascii_alphanumeric() || "._-:".contains(c);
    (!host.is_empty() && host.chars().all(letter)).then(|| ProxyJump { user, host: host.to_owned(), port })
}

fn flag(node: &Node, scope: &Scope, diagnostics: &mut Vec<Diagnostic>) -> Option<bool> {
    let flag = scope.data(node, None)?.as_bool();
    if flag.is_none() {
        let message = "`agent` says whether the keys of a running SSH agent are tried";
        diagnostics.push(Diagnostic::new(node.span, message).help("agent: true or agent: false"));
    }
    flag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jump_hosts_are_read() {
        let jump = |user: Option<&str>, host: &str, port| {
            Some(ProxyJump { user: user.map(str::to_owned), host: host.to_owned(), port })
        };
        let check = |written: &str, expected: Option<ProxyJump>| assert_eq!(read_jump(written), expected, "{written}");
        check("ops@gate.example.com:2222", jump(Some("ops"), "gate.example.com", 2222));
        check("ops@corp.example.com@gate", jump(Some("ops@corp.example.com"), "gate", 22));
        check("gate", jump(None, "gate", 22));
        check("[fd00::1]:2222", jump(None, "fd00::1", 2222));
        check("ops@[fd00::1]", jump(Some("ops"), "fd00::1", 22));
        for wrong in ["", "@gate", "ops@", "gate:", "gate:0", "gate:99999", "fd00::1", "a,b", "ops@a b", "[fd00::1]x"] {
            check(wrong, None);
        }
    }

    #[test]
    fn files_are_found_from_the_inventory_on() {
        assert_eq!(beside("farm/inventory.yml", "keys/id"), PathBuf::from("farm/keys/id"));
        assert_eq!(beside("inventory.yml", "/keys/id"), PathBuf::from("/keys/id"));
        let home = std::env::home_dir().unwrap();
        assert_eq!(beside("farm/inventory.yml", "~/.ssh/id"), home.join(".ssh/id"));
    }
}
