//! What the lab makes of a host.

use super::entry::text;
use crate::diagnostic::{Diagnostic, shown};
use crate::template::Scope;
use crate::yaml::{self, Content, Node};

/// The versions of Windows Server that the lab knows.
const WINDOWS: &[&str] = &["2012", "2012r2", "2016", "2019", "2022"];

/// The versions and editions of SQL Server that the lab knows.
const SQL_VERSIONS: &[&str] = &["2012", "2014", "2016", "2017", "2019", "2022"];
const SQL_EDITIONS: &[&str] =
    &["standard", "enterprise", "developer", "express", "web", "azure_sql_database", "managed_instance"];

const KEYS: &[&str] = &["windows", "certificates", "folders", "sql"];

/// What the lab makes of a host; a real farm takes no notice of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabHints {
    /// The version of Windows Server, such as `2019`.
    pub windows: Option<String>,
    /// DNS names for each of which the host has a certificate in its store `My`.
    pub certificates: Vec<String>,
    /// Folders that the host has, such as `E:\keys`.
    pub folders: Vec<String>,
    /// The instance of SQL Server on it.
    pub sql: Option<SqlHint>,
}

/// What the lab makes of a host's SQL Server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlHint {
    /// Version, such as `2019`.
    pub version: String,
    /// Edition, such as `standard`.
    pub edition: String,
    /// Name of the instance; `None` for the default one.
    pub instance: Option<String>,
}

/// Reports what is not a key of `lab:`; whether it is a map at all.
pub(super) fn check(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let Some(entries) = yaml::map(node, "`lab`", diagnostics) else { return false };
    yaml::reject_unknown_keys(entries, KEYS, "`lab`", diagnostics);
    true
}

/// What layers give, the later one winning key by key.
pub(super) fn resolve(layers: &[&Node], scope: &Scope, diagnostics: &mut Vec<Diagnostic>) -> LabHints {
    let last = |key: &str| layers.iter().rev().find_map(|layer| layer.get(key)).filter(|node| !node.is_null());
    let windows = last("windows").and_then(|node| windows(node, scope, diagnostics));
    let certificates =
        last("certificates").map(|node| list(node, CERTIFICATES, scope, diagnostics)).unwrap_or_default();
    let folders = last("folders").map(|node| list(node, FOLDERS, scope, diagnostics)).unwrap_or_default();
    let sql = last("sql").and_then(|node| sql(node, scope, diagnostics));
    LabHints { windows, certificates, folders, sql }
}

fn sql(node: &Node, scope: &Scope, diagnostics: &mut Vec<Diagnostic>) -> Option<SqlHint> {
    let entries = yaml::map(node, "`sql`", diagnostics)?;
    yaml::reject_unknown_keys(entries, &["version", "edition", "instance"], "`sql`", diagnostics);
    let value = |key: &str, diagnostics: &mut Vec<Diagnostic>| {
        node.get(key)
            .filter(|node| !node.is_null())
            .and_then(|node| text(node, &format!("`{key}`"), scope, diagnostics))
    };
    let mut one_of = |key: &str, known: &[&str], otherwise: &str| {
        let found = value(key, diagnostics).unwrap_or_else(|| otherwise.to_owned());
        if known.contains(&found.as_str()) {
            return found;
        }
        let diagnostic = Diagnostic::new(node.span, format!("the lab's SQL Server has no {key} {}", shown(&found)));
        diagnostics.push(diagnostic.help(format!("one of {}", known.join(", "))));
        otherwise.to_owned()
    };
    let version = one_of("version", SQL_VERSIONS, "2019");
    let edition = one_of("edition", SQL_EDITIONS, "standard");
    Some(SqlHint { version, edition, instance: value("instance", diagnostics) })
}

fn windows(node: &Node, scope: &Scope, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    let version = text(node, "`windows`", scope, diagnostics)?;
    if WINDOWS.contains(&version.as_str()) {
        return Some(version);
    }
    let diagnostic = Diagnostic::new(node.span, format!("the lab has no Windows Server {}", shown(&version)));
    diagnostics.push(diagnostic.help(format!("one of {}", WINDOWS.join(", "))));
    None
}

/// What a list holds: what the list must be, an example of it, and what one of it is called.
type Listed = (&'static str, &'static str, &'static str);

const CERTIFICATES: Listed =
    ("`certificates` must be a list of DNS names", "certificates: [chat.example.com]", "a certificate's name");
const FOLDERS: Listed = ("`folders` must be a list of folders", "folders: ['E:\\keys']", "a folder");

fn list(node: &Node, what: Listed, scope: &Scope, diagnostics: &mut Vec<Diagnostic>) -> Vec<String> {
    let (must, example, one) = what;
    let Content::List(items) = &node.content else {
        diagnostics.push(Diagnostic::new(node.span, must).help(example));
        return Vec::new();
    };
    items.iter().filter_map(|item| text(item, one, scope, diagnostics)).collect()
}
