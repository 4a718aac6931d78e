//! How T-SQL is run on a host.

use std::sync::Arc;

use super::connection::Connection;
use super::entry::{ca, password, port, text};
use super::via::Via;
use crate::diagnostic::{Diagnostic, Sources, Span, shown};
use crate::template::Scope;
use crate::value::SecretRef;
use crate::yaml::{self, Node};

/// How T-SQL is run on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqlConnection {
    /// Which way it goes.
    pub via: SqlVia,
    /// The instance's name on its machine; empty for the default one.
    pub instance: String,
    /// Over TDS: the address; `None` for the host's own.
    pub address: Option<String>,
    /// Over TDS: the TCP port; `None` for SQL Server's own.
    pub port: Option<u16>,
    /// Over TDS: who logs in, such as the login `farmhand` or `CORP\deploy`.
    pub user: Option<String>,
    /// Over TDS: the password, and where that is written.
    pub password: Option<(SecretRef, Span)>,
    /// Over TDS: authorities that are trusted besides this machine's own, as PEM.
    pub ca: Option<Arc<[u8]>>,
}

impl SqlConnection {
    /// The password, where there is a use for it.
    pub fn password_used(&self) -> Option<&(SecretRef, Span)> {
        self.password.as_ref().filter(|_| self.via == SqlVia::Tds)
    }
}

/// The ways to run T-SQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SqlVia {
    /// The agent on the machine runs it, as the account that it runs as.
    #[default]
    Host,
    /// It is sent to SQL Server itself.
    Tds,
}

const KEYS: &[&str] = &["via", "instance", "address", "port", "user", "password", "ca"];

/// The keys that say something only about TDS.
const TDS_KEYS: &[&str] = &["address", "port", "user", "password", "ca"];

/// Reports what is not a key of `sql:`; whether it is a map at all.
pub(super) fn check(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let Some(entries) = yaml::map(node, "`sql`", diagnostics) else { return false };
    yaml::reject_unknown_keys(entries, KEYS, "`sql`", diagnostics);
    true
}

/// What layers give, the later one winning key by key. A machine that has no door but TDS needs no more than its
/// `connection`.
pub(super) fn resolve(
    layers: &[&Node],
    connection: &Connection,
    scope: &Scope,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> SqlConnection {
    let last = |key: &str| layers.iter().rev().find_map(|layer| layer.get(key)).filter(|node| !node.is_null());
    let mut sql = SqlConnection { via: via(last("via"), connection, scope, diagnostics), ..SqlConnection::default() };
    let to_machine = connection.via.is_to_machine();
    if let (None, true, Some(node)) = (last("via"), to_machine, TDS_KEYS.iter().find_map(|key| last(key))) {
        let message = "this is said about TDS, and T-SQL is run by the machine itself unless it is told otherwise";
        diagnostics.push(Diagnostic::new(node.span, message).help("sql: { via: tds, … }"));
    }
    sql.instance = last("instance").and_then(|node| instance(node, scope, diagnostics)).unwrap_or_default();
    sql.address = last("address").and_then(|node| text(node, "`address`", scope, diagnostics));
    sql.port = last("port").and_then(|node| port(node, scope, diagnostics));
    sql.user = last("user").and_then(|node| text(node, "`user`", scope, diagnostics));
    sql.password = last("password").and_then(|node| password(node, scope, sources, diagnostics));
    sql.ca = last("ca").and_then(|node| ca(node, scope, sources, diagnostics));
    if connection.via == Via::Tds {
        sql.port = sql.port.or(connection.port);
        sql.user = sql.user.or_else(|| connection.user.clone());
        sql.password = sql.password.or_else(|| connection.password.clone());
    }
    if let (SqlVia::Tds, None, Some(node)) = (sql.via, sql.port, last("instance").filter(|_| !sql.instance.is_empty()))
    {
        let message = "an instance by name listens at a TCP port of its own, which is not said";
        diagnostics
            .push(Diagnostic::new(node.span, message).help("port: 14330, as set in SQL Server Configuration Manager"));
    }
    sql
}

fn via(node: Option<&Node>, connection: &Connection, scope: &Scope, diagnostics: &mut Vec<Diagnostic>) -> SqlVia {
    let other = if connection.via == Via::Tds { SqlVia::Tds } else { SqlVia::Host };
    let Some((node, written)) = node.and_then(|node| text(node, "`via`", scope, diagnostics).map(|text| (node, text)))
    else {
        return other;
    };
    match (written.as_str(), connection.via.is_to_machine()) {
        ("tds", _) => SqlVia::Tds,
        ("host", true) => SqlVia::Host,
        ("host", false) => {
            let message = "the machine has no door but TDS, so it cannot run T-SQL itself";
            diagnostics.push(Diagnostic::new(node.span, message).help("leave `via` out, or reach it by winrm or ssh"));
            other
        }
        _ => {
            let message = format!("no way to run T-SQL is called {}", shown(&written));
            diagnostics.push(Diagnostic::new(node.span, message).help("via: host or via: tds"));
            other
        }
    }
}

/// An instance's name; the default one has `MSSQLSERVER`.
fn instance(node: &Node, scope: &Scope, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    let name = text(node, "`instance`", scope, diagnostics)?;
    let letters = name.chars().all(|c| c.is_alphanumeric() || "_$#".contains(c));
    if !letters || name.chars().count() > 16 {
        let diagnostic = Diagnostic::new(node.span, format!("{} cannot name an instance", shown(&name)));
        diagnostics.push(diagnostic.help("the name alone, without the machine's: instance: SQL2019"));
        return None;
    }
    Some(if name.eq_ignore_ascii_case("MSSQLSERVER") { String::new() } else { name })
}
