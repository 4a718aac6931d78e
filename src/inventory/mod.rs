//! The farm's hosts and groups: who is meant, how each is reached, and with which variables.

mod ansible;
mod book;
mod connection;
mod entry;
mod glob;
mod groups;
mod lab;
mod load;
mod pattern;
mod range;
mod shown;
mod sql;
mod ssh;
mod tree;
mod vars;
mod via;
mod web_proxy;
mod winrm;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;

pub use connection::Connection;
pub use lab::LabHints;
pub use load::{InventoryFiles, load};
pub use pattern::hosts_of;
pub use sql::{SqlConnection, SqlVia};
pub use ssh::{ProxyJump, SshConnection};
pub use tree::{Branch, UNGROUPED};
pub use via::Via;
pub use web_proxy::WebProxy;
pub use winrm::{WinrmAuth, WinrmConnection, is_pkcs12};

use crate::diagnostic::{Diagnostic, Span};
use crate::template::{Value, Variables};

/// The group that every host is in.
pub const ALL: &str = "all";

/// The farm.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Hosts by name, in the order in which they are written.
    pub hosts: IndexMap<String, Arc<Host>>,
    /// The hosts of each group, those of groups below it included, in the order in which they are written.
    pub groups: BTreeMap<String, Vec<String>>,
    /// What each group is written with, in the order in which they are written.
    pub tree: IndexMap<String, Branch>,
    /// What was not understood in Ansible's inventories and left alone, each thing once.
    pub notes: Vec<Diagnostic>,
    /// The hosts of each group as templates see them, made once for all hosts.
    groups_value: Value,
}

impl Inventory {
    /// Notes something, if it is not noted yet.
    fn note(&mut self, note: Diagnostic) {
        if !self.notes.iter().any(|known| known.message == note.message) {
            self.notes.push(note);
        }
    }
}

/// A host.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its name in the inventory.
    pub name: String,
    /// Where it is reached: a DNS name or an IP address.
    pub address: String,
    /// The groups it is in, in order of name, without `all`.
    pub groups: Vec<String>,
    /// How it is reached.
    pub connection: Connection,
    /// How T-SQL is run on it.
    pub sql: SqlConnection,
    /// What the lab makes of it.
    pub lab: LabHints,
    /// Where it is written.
    pub span: Span,
    /// Its variables from inventory, `group_vars` and `host_vars`.
    pub variables: Variables,
    /// Whether its inventory is Ansible's.
    pub ansible: bool,
    /// Names of variables that hold a secret in the open or one that only Ansible opens: their values are not kept.
    pub withheld: BTreeSet<String>,
}
