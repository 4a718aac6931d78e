//! How a host is reached.

use super::entry::{password, port, text};
use super::ssh::{self, SshConnection};
use super::via::Via;
use super::winrm::{self, WinrmConnection};
use crate::diagnostic::{Diagnostic, Sources, Span, shown};
use crate::template::Scope;
use crate::value::SecretRef;
use crate::yaml::{self, Node};

/// How a host is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// Through which door.
    pub via: Via,
    /// Who logs in, such as `CORP\deploy`.
    pub user: Option<String>,
    /// The password of that account, and where that is written.
    pub password: Option<(SecretRef, Span)>,
    /// TCP port; `None` for the door's own.
    pub port: Option<u16>,
    /// What else SSH needs.
    pub ssh: SshConnection,
    /// What else WinRM needs.
    pub winrm: WinrmConnection,
}

impl Connection {
    /// The secrets that log in, each with where it is written.
    pub fn secrets(&self) -> impl Iterator<Item = &(SecretRef, Span)> {
        let password = self.password.as_ref().filter(|_| match self.via {
            Via::Local => false,
            Via::Winrm => self.winrm.takes_password(),
            Via::Ssh | Via::Tds => true,
        });
        password.into_iter().chain(&self.ssh.passphrase).chain(self.winrm.secrets())
    }
}

/// The keys of a connection, besides those of one door alone.
const KEYS: [&str; 5] = ["via", "user", "password", "port", "address"];

/// What has no meaning on the machine that farmhand runs on.
const REMOTE_KEYS: [&str; 3] = ["user", "password", "port"];

/// What the inventory says of one host's connection, from the weakest layer to the strongest.
pub(super) fn check(node: &Node, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(entries) = yaml::map(node, "`connection`", diagnostics) {
        let keys = [KEYS.as_slice(), &ssh::KEYS, &winrm::KEYS].concat();
        yaml::reject_unknown_keys(entries, &keys, "`connection`", diagnostics);
    }
}

/// The connection that layers give, the later one winning key by key, and the address if one names it.
pub(super) fn resolve(
    layers: &[&Node],
    scope: &Scope,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Connection, Option<String>) {
    let last = |key: &str| layers.iter().rev().find_map(|layer| layer.get(key)).filter(|node| !node.is_null());
    let mut connection = Connection::default();
    let via = last("via").map(|node| via(node, scope, diagnostics).unwrap_or_default());
    connection.via = via.unwrap_or_default();
    let local = layers.iter().rev().find(|layer| layer.get("via").is_some()).filter(|_| via == Some(Via::Local));
    if let Some(node) = local.and_then(|layer| REMOTE_KEYS.iter().find_map(|key| layer.get(key))) {
        let message = "nobody logs in where farmhand itself runs: it does as whoever runs it";
        diagnostics.push(Diagnostic::new(node.span, message).help("leave it out"));
    }
    connection.user = last("user").and_then(|node| text(node, "`user`", scope, diagnostics));
    connection.password = last("password").and_then(|node| password(node, scope, sources, diagnostics));
    connection.port = last("port").and_then(|node| port(node, scope, diagnostics));
    connection.ssh = ssh::resolve(layers, via, scope, sources, diagnostics);
    connection.winrm = winrm::resolve(layers, connection.via, scope, sources, diagnostics);
    let address = last("address").and_then(|node| text(node, "`address`", scope, diagnostics));
    (connection, address)
}

fn via(node: &Node, scope: &Scope, diagnostics: &mut Vec<Diagnostic>) -> Option<Via> {
    let written = text(node, "`via`", scope, diagnostics)?;
    match written.as_str() {
        "winrm" => Some(Via::Winrm),
        "ssh" => Some(Via::Ssh),
        "local" => Some(Via::Local),
        "tds" => Some(Via::Tds),
        other => {
            let message = format!("no way to reach a host is called {}", shown(other));
            diagnostics.push(Diagnostic::new(node.span, message).help(
                "via: winrm or via: ssh, via: local for the machine that farmhand runs on, or via: tds for one that is \
                 reached for its SQL Server alone",
            ));
            None
        }
    }
}
