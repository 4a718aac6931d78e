//! The groups of an inventory as they are written, without what lies deeper.

use indexmap::{IndexMap, IndexSet};

use super::ALL;
use super::groups::{Book, Group};

/// The group of the hosts that are in no other group but `all`.
pub const UNGROUPED: &str = "ungrouped";

/// What a group is written with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branch {
    /// Its own hosts.
    pub hosts: Vec<String>,
    /// The groups directly in it.
    pub children: Vec<String>,
}

/// All groups, `all` first and `ungrouped` behind it. A group that lies in no other lies in `all`.
pub(super) fn tree(book: &Book) -> IndexMap<String, Branch> {
    let mut groups: Vec<(&str, &Group)> = book.groups.iter().map(|(name, group)| (name.as_str(), group)).collect();
    groups.sort_by_key(|(name, group)| (*name != ALL, group.order));
    let named = |name: &&str| *name != ALL && *name != UNGROUPED;
    let below: IndexSet<&str> =
        groups.iter().flat_map(|(_, group)| &group.children).map(|child| &*child.text).collect();
    let grouped: IndexSet<&str> =
        groups.iter().filter(|(name, _)| named(name)).flat_map(|(_, group)| &group.hosts).map(String::as_str).collect();
    let own = book.groups.get(UNGROUPED).into_iter().flat_map(|group| &group.hosts);
    let alone = own.chain(book.hosts.keys()).filter(|host| !grouped.contains(host.as_str())).cloned();
    let alone: IndexSet<String> = alone.collect();

    let mut tree = IndexMap::new();
    let mut top = Branch { hosts: Vec::new(), children: vec![UNGROUPED.to_owned()] };
    let own = book.groups.get(ALL).into_iter().flat_map(|group| &group.children).map(|child| &*child.text);
    let own: IndexSet<&str> = own.filter(|child| *child != UNGROUPED).collect();
    top.children.extend(own.into_iter().map(str::to_owned));
    let outermost = groups.iter().map(|(name, _)| *name).filter(|name| named(name) && !below.contains(name));
    top.children.extend(outermost.map(str::to_owned));
    tree.insert(ALL.to_owned(), top);
    tree.insert(UNGROUPED.to_owned(), Branch { hosts: alone.into_iter().collect(), children: Vec::new() });
    for (name, group) in groups.into_iter().filter(|(name, _)| named(name)) {
        let hosts: IndexSet<&String> = group.hosts.iter().collect();
        let children: IndexSet<&str> = group.children.iter().map(|child| &*child.text).collect();
        let hosts = hosts.into_iter().cloned().collect();
        tree.insert(name.to_owned(), Branch { hosts, children: children.into_iter().map(str::to_owned).collect() });
    }
    tree
}
