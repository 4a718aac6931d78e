//! The groups of an inventory as they are written, and which group lies in which.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::ALL;
use super::range::{MAX_NAMES, expand};
use crate::diagnostic::{Diagnostic, Span, did_you_mean, shown};
use crate::template::Variables;
use crate::yaml::{self, Content, Entry, Key, Node};

/// A group as it is written.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Where its name stands.
    pub span: Option<Span>,
    /// How many groups are written before it.
    pub order: usize,
    /// Among groups of one depth, a greater one wins; 1 unless it is said.
    pub priority: i64,
    /// Hosts written under it.
    pub hosts: Vec<String>,
    /// Groups in it.
    pub children: Vec<Key>,
    /// Variables.
    pub variables: Variables,
    /// Connection.
    pub connection: Option<Node>,
    /// How T-SQL is run.
    pub sql: Option<Node>,
    /// Hints for the lab.
    pub lab: Option<Node>,
}

/// A host as it is written, all its places together.
#[derive(Debug)]
pub(super) struct Written {
    /// Where its name stands first.
    pub span: Span,
    /// Address.
    pub address: Option<Node>,
    /// Variables.
    pub variables: Variables,
    /// Connection.
    pub connection: Option<Node>,
    /// How T-SQL is run.
    pub sql: Option<Node>,
    /// Hints for the lab.
    pub lab: Option<Node>,
}

/// Everything an inventory file says.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Groups by name; `all` is there always.
    pub groups: BTreeMap<String, Group>,
    /// Hosts by name.
    pub hosts: IndexMap<String, Written>,
    /// Whether it is Ansible's.
    pub ansible: bool,
    /// What is not understood in Ansible's inventories and left alone.
    pub notes: Vec<Diagnostic>,
    /// Values that only `ansible-vault` opens.
    pub sealed: BTreeSet<Span>,
}

const GROUP_KEYS: &[&str] = &["hosts", "children", "vars", "connection", "sql", "lab"];
const HOST_KEYS: &[&str] = &["address", "vars", "connection", "sql", "lab"];

impl Book {
    /// Reads an inventory file.
    pub fn read(root: &Node, diagnostics: &mut Vec<Diagnostic>) -> Book {
        let mut book = Book::default();
        book.groups.insert(ALL.to_owned(), Group::default());
        let Some(entries) = yaml::map(root, "an inventory", diagnostics) else { return book };
        yaml::reject_unknown_keys(
            entries,
            &["groups", "vars", "connection", "sql", "lab"],
            "an inventory",
            diagnostics,
        );
        let mut all = Group::default();
        shared_keys(root, &mut all, diagnostics);
        book.groups.insert(ALL.to_owned(), all);
        let groups = root.get("groups").map(|node| yaml::map(node, "`groups`", diagnostics).unwrap_or_default());
        for Entry { key, value } in groups.unwrap_or_default() {
            book.read_group(key, value, diagnostics);
        }
        book.check_children(diagnostics);
        book
    }

    fn read_group(&mut self, key: &Key, node: &Node, diagnostics: &mut Vec<Diagnostic>) {
        let what = format!("the group {}", shown(&key.text));
        if !yaml::identifier(&key.text.replace('-', "_")) {
            let diagnostic = Diagnostic::new(key.span, format!("{} cannot name a group", shown(&key.text)));
            diagnostics.push(diagnostic.help("letters, digits, `_` and `-`, no digit first"));
            return;
        }
        let Some(entries) = yaml::map(node, &what, diagnostics) else { return };
        yaml::reject_unknown_keys(entries, GROUP_KEYS, &what, diagnostics);
        let mut group = self.groups.remove(&*key.text).unwrap_or_default();
        group.span = Some(key.span);
        group.order = self.groups.len();
        shared_keys(node, &mut group, diagnostics);
        match node.get("hosts").map(|hosts| (&hosts.content, hosts)) {
            None => {}
            Some((Content::Map(hosts), _)) => {
                for Entry { key, value } in hosts {
                    group.hosts.extend(self.read_host(key, Some(value), diagnostics));
                }
            }
            Some((Content::List(names), _)) => {
                for name in names {
                    if let Some(text) = yaml::text(name, "a host's name", diagnostics) {
                        let key = Key { text: text.into(), span: name.span };
                        group.hosts.extend(self.read_host(&key, None, diagnostics));
                    }
                }
            }
            Some((Content::Scalar(_), node)) => {
                yaml::map(node, "`hosts`", diagnostics);
            }
        }
        if let Some(children) = node.get("children") {
            match &children.content {
                Content::List(names) => {
                    for name in names {
                        if let Some(text) = yaml::text(name, "a group's name", diagnostics) {
                            group.children.push(Key { text: text.into(), span: name.span });
                        }
                    }
                }
                Content::Map(_) | Content::Scalar(_) => diagnostics.push(
                    Diagnostic::new(children.span, "`children` must be a list of groups").help("children: [web, sql]"),
                ),
            }
        }
        self.groups.insert(key.text.to_string(), group);
    }

    /// Reads a host, or as many as its name's ranges give; gives their names.
    fn read_host(&mut self, key: &Key, node: Option<&Node>, diagnostics: &mut Vec<Diagnostic>) -> Vec<String> {
        let names = match expand(&key.text) {
            Ok(names) => names,
            Err(why) => {
                diagnostics.push(Diagnostic::new(key.span, why));
                return Vec::new();
            }
        };
        let letter = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if names.iter().any(|name| !name.chars().all(letter) || !name.starts_with(|c: char| c.is_ascii_alphanumeric()))
        {
            let diagnostic = Diagnostic::new(key.span, format!("{} cannot name a host", shown(&key.text)));
            diagnostics.push(diagnostic.help("letters, digits, `.`, `_` and `-`; an IP address goes under `address`"));
            return Vec::new();
        }
        if self.hosts.len() + names.len() > MAX_NAMES {
            diagnostics.push(Diagnostic::new(key.span, format!("more than {MAX_NAMES} hosts")));
            return Vec::new();
        }
        let what = format!("the host {}", shown(&key.text));
        let mut here = Group::default();
        let mut address = None;
        if let Some(node) = node
            && let Some(entries) = yaml::map(node, &what, diagnostics)
        {
            yaml::reject_unknown_keys(entries, HOST_KEYS, &what, diagnostics);
            shared_keys(node, &mut here, diagnostics);
            address = node.get("address").cloned();
        }
        for name in &names {
            let written = self.hosts.entry(name.clone()).or_insert_with(|| Written {
                span: key.span,
                address: None,
                variables: Variables::default(),
                connection: None,
                sql: None,
                lab: None,
            });
            if let (Some(first), Some(second)) = (&written.address, &address) {
                let diagnostic = Diagnostic::new(second.span, format!("the host `{name}` has two addresses"));
                diagnostics.push(diagnostic.note(first.span, "it is given one here").help("write it once"));
            }
            written.address = address.clone().or_else(|| written.address.take());
            written.connection = here.connection.clone().or_else(|| written.connection.take());
            written.sql = here.sql.clone().or_else(|| written.sql.take());
            written.lab = here.lab.clone().or_else(|| written.lab.take());
            written.variables.lay_over(&here.variables);
        }
        names
    }

    /// Takes out children that are not there and circles, and says so.
    pub fn check_children(&mut self, diagnostics: &mut Vec<Diagnostic>) {
        let names: Vec<String> = self.groups.keys().cloned().collect();
        for name in &names {
            let Some(mut children) = self.groups.get_mut(name).map(|group| std::mem::take(&mut group.children)) else {
                continue;
            };
            children.retain(|child| {
                if !names.iter().any(|name| **name == *child.text) {
                    let help = did_you_mean(&child.text, names.iter().map(String::as_str));
                    let diagnostic = Diagnostic::new(child.span, format!("no group {}", shown(&child.text)));
                    diagnostics
                        .push(diagnostic.help(help.map(|name| format!("did you mean `{name}`?")).unwrap_or_default()));
                    return false;
                }
                let way = self.way_down(&child.text, name);
                if let Some(way) = &way {
                    let way: Vec<String> = way.iter().map(|name| format!("`{name}`")).collect();
                    let message = format!("the group `{name}` lies in itself: `{name}` → {}", way.join(" → "));
                    diagnostics.push(Diagnostic::new(child.span, message).help("take one of them out of `children`"));
                }
                way.is_none()
            });
            if let Some(group) = self.groups.get_mut(name) {
                group.children = children;
            }
        }
    }

    /// The groups from one down to another, both included.
    fn way_down(&self, from: &str, to: &str) -> Option<Vec<String>> {
        let mut ways = vec![vec![from.to_owned()]];
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop() {
            let last = way.last().map_or("", String::as_str);
            if last == to {
                return Some(way);
            }
            if !seen.insert(last.to_owned()) {
                continue;
            }
            for child in self.groups.get(last).into_iter().flat_map(|group| &group.children) {
                ways.push(way.iter().cloned().chain([child.text.to_string()]).collect());
            }
        }
        None
    }

    /// How far below `all` each group lies; what lies deeper is more particular and wins.
    pub fn depths(&self) -> BTreeMap<&str, usize> {
        let mut depths: BTreeMap<&str, usize> =
            self.groups.keys().map(|name| (name.as_str(), usize::from(name != ALL))).collect();
        // There are no circles, so this ends after as many rounds as there are groups.
        for _ in 0..self.groups.len() {
            let mut settled = true;
            for (name, group) in &self.groups {
                let below = depths.get(name.as_str()).map_or(1, |depth| depth + 1);
                for child in &group.children {
                    if let Some(depth) = depths.get_mut(&*child.text).filter(|depth| **depth < below) {
                        *depth = below;
                        settled = false;
                    }
                }
            }
            if settled {
                break;
            }
        }
        depths
    }
}

/// What groups and hosts have alike.
fn shared_keys(node: &Node, group: &mut Group, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(vars) = node.get("vars") {
        group.variables.lay_over(&Variables::read(vars, diagnostics));
    }
    if let Some(connection) = node.get("connection") {
        super::connection::check(connection, diagnostics);
        group.connection = Some(connection.clone());
    }
    if let Some(sql) = node.get("sql")
        && super::sql::check(sql, diagnostics)
    {
        group.sql = Some(sql.clone());
    }
    if let Some(lab) = node.get("lab")
        && super::lab::check(lab, diagnostics)
    {
        group.lab = Some(lab.clone());
    }
}
