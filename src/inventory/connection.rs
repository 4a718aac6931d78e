//! How a host is reached.

use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Sources, Span, shown};
use crate::template::{Scope, is_template};
use crate::value::SecretRef;
use crate::yaml::{self, Content, Node};

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
}

/// The doors to a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Via {
    /// WinRM over HTTP, sealed; port 5985.
    #[default]
    Winrm,
    /// SQL Server's own protocol, port 1433: the machine is asked and told T-SQL alone.
    Tds,
}

/// The keys of a connection.
const KEYS: &[&str] = &["via", "user", "password", "port", "address"];

/// What the inventory says of one host's connection, from the weakest layer to the strongest.
pub(super) fn check(node: &Node, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(entries) = yaml::map(node, "`connection`", diagnostics) {
        yaml::reject_unknown_keys(entries, KEYS, "`connection`", diagnostics);
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
    if let Some(via) = last("via").and_then(|node| text(node, "`via`", scope, diagnostics).map(|text| (node, text))) {
        match via.1.as_str() {
            "winrm" => {}
            "tds" => connection.via = Via::Tds,
            other => diagnostics.push(
                Diagnostic::new(via.0.span, format!("no way to reach a host is called {}", shown(other)))
                    .help("via: winrm, or via: tds for a machine that is reached for its SQL Server alone"),
            ),
        }
    }
    connection.user = last("user").and_then(|node| text(node, "`user`", scope, diagnostics));
    connection.password = last("password").and_then(|node| password(node, scope, sources, diagnostics));
    connection.port = last("port").and_then(|node| port(node, scope, diagnostics));
    let address = last("address").and_then(|node| text(node, "`address`", scope, diagnostics));
    (connection, address)
}

/// A text, rendered.
pub(super) fn text(node: &Node, what: &str, scope: &Scope, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    let value = scope.data(node, None)?;
    match value {
        Json::String(text) if !text.is_empty() => Some(text),
        // A number or a boolean is taken as it is written.
        Json::Number(_) | Json::Bool(_) => yaml::scalar_text(node).map(|scalar| scalar.text.to_string()),
        _ => {
            diagnostics.push(Diagnostic::new(node.span, format!("{what} must be a text")));
            None
        }
    }
}

pub(super) fn port(node: &Node, scope: &Scope, diagnostics: &mut Vec<Diagnostic>) -> Option<u16> {
    let value = scope.data(node, None)?;
    let port = value.as_u64().and_then(|port| u16::try_from(port).ok()).filter(|&port| port != 0);
    if port.is_none() {
        diagnostics.push(Diagnostic::new(node.span, "`port` must be a number from 1 to 65535"));
    }
    port
}

pub(super) fn password(
    node: &Node,
    scope: &Scope,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(SecretRef, Span)> {
    let template = matches!(&node.content, Content::Scalar(scalar) if is_template(&scalar.text));
    let value = if template { scope.data(node, None)? } else { Json::Null };
    let reference = value.get(SecretRef::MARK).and_then(|it| serde_json::from_value(it.clone()).ok());
    if reference.is_none() {
        // A literal is kept out of every message that shows its line.
        sources.hide(node.span);
        diagnostics.push(
            Diagnostic::new(node.span, "a password is never written here")
                .help("password: \"{{ secret('NAME') }}\", and type: farmhand secret set NAME"),
        );
    }
    reference.map(|reference| (reference, node.span))
}
