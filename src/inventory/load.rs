//! From the inventory file, `group_vars/` and `host_vars/` to hosts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};

use super::groups::{Book, Written};
use super::vars::VarsFiles;
use super::{ALL, Branch, Host, Inventory, ansible, connection, entry, lab, sql, tree};
use crate::diagnostic::{Diagnostic, Sources, Span};
use crate::template::{Scope, Value, Variables, with_deep_stack};
use crate::yaml::{self, Node};

/// Where an inventory comes from.
#[derive(Clone, Copy, Debug)]
pub struct InventoryFiles<'a> {
    /// The inventory file.
    pub inventory: &'a Path,
    /// The playbook's folder, whose `group_vars/` and `host_vars/` count too.
    pub playbook_folder: Option<&'a Path>,
}

/// Reads an inventory. What could be read is given, whatever mistakes there are besides.
pub fn load(
    sources: &mut Sources,
    files: InventoryFiles,
    extra: &Variables,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Inventory> {
    with_deep_stack(|| read(sources, files, extra, diagnostics))
}

fn read(
    sources: &mut Sources,
    files: InventoryFiles,
    extra: &Variables,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Inventory> {
    let is_folder = sources.has_folder(files.inventory);
    if is_folder {
        let mut reader = ansible::Reader::new(sources, diagnostics);
        reader.folder(files.inventory);
        let book = reader.finish();
        return Some(finish(sources, files, book, extra, diagnostics));
    }
    let source = sources.read(files.inventory).map_err(|diagnostic| diagnostics.push(diagnostic)).ok()?;
    if ansible::dialect(files.inventory, sources, source) != ansible::Dialect::Own {
        let mut reader = ansible::Reader::new(sources, diagnostics);
        reader.file(files.inventory, source);
        let book = reader.finish();
        return Some(finish(sources, files, book, extra, diagnostics));
    }
    let before = diagnostics.len();
    let Some(root) = yaml::parse(sources, source, diagnostics) else {
        if diagnostics.len() == before {
            let span = Span { source, start: 0, end: 0 };
            diagnostics
                .push(Diagnostic::new(span, "the inventory is empty").help("groups: {web: {hosts: {web01: {}}}}"));
        }
        return None;
    };
    let book = Book::read(&root, diagnostics);
    Some(finish(sources, files, book, extra, diagnostics))
}

/// Lays what stands beside an inventory and a playbook over what the inventory says.
fn finish(
    sources: &mut Sources,
    files: InventoryFiles,
    mut book: Book,
    extra: &Variables,
    diagnostics: &mut Vec<Diagnostic>,
) -> Inventory {
    let own = if sources.has_folder(files.inventory) { files.inventory.to_owned() } else { folder(files.inventory) };
    let folders: Vec<PathBuf> = match files.playbook_folder {
        Some(playbook) if playbook != own => vec![own, playbook.to_owned()],
        _ => vec![own],
    };
    let mut beside = Vec::new();
    for folder in &folders {
        if book.ansible {
            beside.push(ansible::vars(sources, folder, &mut book, diagnostics));
            continue;
        }
        let groups = book.groups.keys().map(String::as_str);
        let hosts = book.hosts.keys().map(String::as_str);
        beside.push(VarsFiles::read(sources, folder, groups, hosts, diagnostics));
    }
    resolve(sources, book, &beside, extra, diagnostics)
}

/// The folder a file is in; `.` is written as nothing, so that names stay short.
fn folder(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

fn resolve(
    sources: &mut Sources,
    mut book: Book,
    beside: &[VarsFiles],
    extra: &Variables,
    diagnostics: &mut Vec<Diagnostic>,
) -> Inventory {
    let mut inventory = Inventory { notes: std::mem::take(&mut book.notes), ..Inventory::default() };
    let tree = tree::tree(&book);
    if book.ansible {
        let order = members(&book, &tree, ALL).into_iter().map(str::to_owned).zip(0..);
        let order: BTreeMap<String, usize> = order.collect();
        book.hosts.sort_by_cached_key(|host, _| order.get(host).copied());
    }
    let book = &book;
    let names = book.groups.keys().map(String::as_str);
    let mut members: BTreeMap<&str, IndexSet<&str>> = names.map(|name| (name, members(book, &tree, name))).collect();
    members.insert(ALL, book.hosts.keys().map(String::as_str).collect());
    let mut groups_of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (group, hosts) in &members {
        for host in hosts {
            groups_of.entry(host).or_default().push(group);
        }
    }
    for (group, hosts) in &members {
        let mut hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        // Ansible counts the places of `web[0]` from the group's own hosts on.
        if !book.ansible {
            hosts.sort_by_key(|host| book.hosts.get_index_of(host));
        }
        inventory.groups.insert((*group).to_owned(), hosts);
    }
    inventory.groups_value = Value::from_serialize(&inventory.groups);
    inventory.tree.clone_from(&tree);
    let depths = book.depths();
    for (name, written) in &book.hosts {
        if book.groups.contains_key(name) && !book.ansible {
            let diagnostic = Diagnostic::new(written.span, format!("the host `{name}` is called as a group is"));
            diagnostics.push(diagnostic.help("rename one of them, so that a pattern can mean only one"));
        }
        let mut groups = groups_of.remove(name.as_str()).unwrap_or_default();
        let priority = |group: &str| book.groups.get(group).map_or(0, |group| group.priority);
        groups.sort_by_key(|group| (depths.get(group), priority(group), *group));
        let variables = layers(book, beside, &groups, name, written);
        let mut notes = Vec::new();
        let host =
            resolve_host(sources, book, name, written, &groups, variables, extra, &inventory, &mut notes, diagnostics);
        for note in notes {
            inventory.note(note);
        }
        inventory.hosts.insert(name.clone(), Arc::new(host));
    }
    inventory
}

/// The hosts of a group and of the groups in it: its own first, then those of the groups directly in it, and so on.
fn members<'a>(book: &'a Book, tree: &'a IndexMap<String, Branch>, group: &'a str) -> IndexSet<&'a str> {
    let own = book.groups.get(group).into_iter().flat_map(|group| &group.hosts);
    let mut hosts: IndexSet<&str> = own.map(String::as_str).collect();
    let mut groups = IndexSet::from([group]);
    let mut next = 0;
    while let Some(&name) = groups.get_index(next) {
        next += 1;
        let Some(branch) = tree.get(name) else { continue };
        hosts.extend(branch.hosts.iter().map(String::as_str));
        groups.extend(branch.children.iter().map(String::as_str));
    }
    hosts
}

/// A host's variables in Ansible's order: what is written later wins.
fn layers(book: &Book, beside: &[VarsFiles], groups: &[&str], name: &str, written: &Written) -> Variables {
    let mut variables = Variables::default();
    for group in groups {
        if let Some(group) = book.groups.get(*group) {
            variables.lay_over(&group.variables);
        }
    }
    let (all, others): (Vec<&str>, Vec<&str>) = groups.iter().partition(|group| **group == ALL);
    for chosen in [all, others] {
        for files in beside {
            for group in &chosen {
                if let Some(found) = files.groups.get(*group) {
                    variables.lay_over(found);
                }
            }
        }
    }
    variables.lay_over(&written.variables);
    for files in beside {
        if let Some(found) = files.hosts.get(name) {
            variables.lay_over(found);
        }
    }
    variables
}

#[expect(clippy::too_many_arguments, reason = "one call, and a struct of its arguments would be read nowhere else")]
fn resolve_host(
    sources: &mut Sources,
    book: &Book,
    name: &str,
    written: &Written,
    groups: &[&str],
    mut variables: Variables,
    extra: &Variables,
    inventory: &Inventory,
    notes: &mut Vec<Diagnostic>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Host {
    let mut own_groups: Vec<String> = groups.iter().filter(|group| **group != ALL).map(|it| (*it).to_owned()).collect();
    own_groups.sort();
    let withheld =
        if book.ansible { ansible::withhold(&mut variables, &book.sealed, sources, notes) } else { BTreeSet::new() };
    let mut host = Host {
        name: name.to_owned(),
        address: name.to_owned(),
        groups: own_groups,
        connection: connection::Connection::default(),
        sql: sql::SqlConnection::default(),
        lab: lab::LabHints::default(),
        span: written.span,
        variables,
        ansible: book.ansible,
        withheld,
    };
    let scope = host.scope(inventory, &[], extra);
    let of_groups = |pick: fn(&super::groups::Group) -> Option<&Node>| -> Vec<&Node> {
        groups.iter().filter_map(|group| book.groups.get(*group).and_then(pick)).collect()
    };
    let mut connections = of_groups(|group| group.connection.as_ref());
    connections.extend(&written.connection);
    let foreign = book.ansible.then(|| ansible::connection(&host.variables, written.span, &scope, notes, diagnostics));
    connections.extend(&foreign);
    let (connection, address) = connection::resolve(&connections, &scope, sources, diagnostics);
    host.connection = connection;
    let own_address = written.address.as_ref().and_then(|node| entry::text(node, "`address`", &scope, diagnostics));
    if let Some(address) = own_address.or(address) {
        host.address = address;
    }
    let mut sqls = of_groups(|group| group.sql.as_ref());
    sqls.extend(&written.sql);
    host.sql = sql::resolve(&sqls, &host.connection, &scope, sources, diagnostics);
    let mut labs = of_groups(|group| group.lab.as_ref());
    labs.extend(&written.lab);
    host.lab = lab::resolve(&labs, &scope, diagnostics);
    diagnostics.extend(scope.take_diagnostics());
    host
}

impl Host {
    /// What templates for this host see: its variables, layers over them, and what farmhand adds.
    pub fn scope(&self, inventory: &Inventory, over: &[&Variables], extra: &Variables) -> Scope {
        let mut variables = self.variables.clone();
        for layer in over {
            variables.lay_over(layer);
        }
        variables.lay_over(extra);
        let builtin = BTreeMap::from([
            ("inventory_hostname", Value::from(&self.name)),
            ("group_names", Value::from_serialize(&self.groups)),
            ("groups", inventory.groups_value.clone()),
        ]);
        Scope::new(variables, builtin)
    }
}
