//! Ansible's inventories, read as they are: INI, YAML, folders of both, `group_vars` and `host_vars`.
//!
//! What farmhand does not understand is noted, each thing once, and left alone.

mod connection;
mod folder;
mod ini;
mod literal;
mod names;
mod scalars;
mod tokens;
mod vars;
mod yaml_groups;

use std::path::Path;

use indexmap::IndexSet;

pub(super) use connection::{connection, withhold};
pub(super) use vars::read as vars;

use super::groups::{Book, Group};
use super::{ALL, UNGROUPED};
use crate::diagnostic::{Diagnostic, SourceId, Sources, Span, did_you_mean, shown};
use crate::yaml::{self, Content, Node};

/// How a file of an inventory is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// farmhand's own way.
    Own,
    /// Ansible's INI.
    Ini,
    /// Ansible's YAML.
    Yaml,
}

/// The start of a text that only `ansible-vault` opens.
const VAULT: &str = "$ANSIBLE_VAULT;";

/// Tells by its content how a file is written.
pub(super) fn dialect(path: &Path, sources: &Sources, source: SourceId) -> Dialect {
    let tree = yaml::parse_foreign(sources, source, &mut Vec::new()).0;
    if is_ini(path, sources.text(source), tree.is_some()) {
        return Dialect::Ini;
    }
    let Some(Node { content: Content::Map(groups), .. }) = &tree else { return Dialect::Own };
    let has = |key: &str| groups.iter().any(|group| &*group.key.text == key);
    // These are no names for groups; `sql` and `lab` may be, and what lies below tells.
    if ["groups", "connection", "vars"].into_iter().any(has) {
        return Dialect::Own;
    }
    let shaped = |node: &Node| ["hosts", "children", "vars"].iter().any(|key| node.get(key).is_some());
    if has(ALL) || has("plugin") || groups.iter().any(|group| shaped(&group.value)) {
        Dialect::Yaml
    } else {
        Dialect::Own
    }
}

/// Whether a text has sections and lines of hosts. Ansible tries that too where a file is called YAML and is none.
fn is_ini(path: &Path, text: &str, is_yaml: bool) -> bool {
    let named = path.extension().is_some_and(|it| it == "yml" || it == "yaml" || it == "json");
    let lines = text.lines().map(str::trim_end).filter(|line| {
        let start = line.trim_start();
        !start.is_empty() && !start.starts_with(['#', ';']) && *line != "---"
    });
    let Some(first) = lines.clone().next() else { return false };
    let section = |line: &str| line.starts_with('[') && line.contains(']') && !line.contains('{');
    let key = first.starts_with('{') || first.ends_with(':') || first.contains(": ");
    if named { section(first) && !is_yaml } else { section(first) || !key || lines.clone().any(section) }
}

/// Reads inventories into one book.
pub(super) struct Reader<'a> {
    pub sources: &'a mut Sources,
    pub book: Book,
    pub diagnostics: &'a mut Vec<Diagnostic>,
    /// Where groups are given variables in INI, which does not make them known.
    of_variables: Vec<(String, Span)>,
}

impl Reader<'_> {
    /// An empty book.
    pub fn new<'a>(sources: &'a mut Sources, diagnostics: &'a mut Vec<Diagnostic>) -> Reader<'a> {
        let mut book = Book { ansible: true, ..Book::default() };
        book.groups.insert(ALL.to_owned(), Group::default());
        book.groups.insert(UNGROUPED.to_owned(), Group { order: 1, ..Group::default() });
        Reader { sources, book, diagnostics, of_variables: Vec::new() }
    }

    /// Reads one file.
    pub fn file(&mut self, path: &Path, source: SourceId) {
        let text = self.sources.shared_text(source);
        let start = Span { source, start: 0, end: 0 };
        if text.starts_with(VAULT) {
            self.book.note(start, "only `ansible-vault` opens this file; nothing in it is known here");
            return;
        }
        if text.starts_with("#!") {
            self.book.note(start, "a program that prints an inventory is not run; keep what it prints in a file");
            return;
        }
        match dialect(path, self.sources, source) {
            Dialect::Ini => self.ini(source, &text),
            Dialect::Yaml | Dialect::Own => {
                if let Some(root) = self.yaml(source) {
                    self.yaml_groups(&root);
                }
            }
        }
    }

    /// Reads YAML as Ansible does.
    fn yaml(&mut self, source: SourceId) -> Option<Node> {
        yaml(self.sources, source, &mut self.book, self.diagnostics)
    }

    /// The finished book: hosts of no group are in `ungrouped`, and groups that lie in themselves are told.
    pub fn finish(mut self) -> Book {
        let grouped = |name: &String| *name != ALL && *name != UNGROUPED;
        let others = self.book.groups.iter().filter(|(name, _)| grouped(name));
        let others: std::collections::BTreeSet<String> =
            others.flat_map(|(_, group)| group.hosts.iter().cloned()).collect();
        let own = std::mem::take(&mut self.book.group(UNGROUPED).hosts);
        let hosts = own.iter().chain(self.book.hosts.keys()).filter(|host| !others.contains(*host)).cloned();
        let alone: IndexSet<String> = hosts.collect();
        self.book.group(UNGROUPED).hosts = alone.into_iter().collect();
        self.check_variables();
        self.book.check_children(self.diagnostics);
        self.book
    }

    /// Takes out groups that are given variables and written nowhere, and says so.
    fn check_variables(&mut self) {
        for (name, span) in std::mem::take(&mut self.of_variables) {
            let unknown = |group: &Group| group.span.is_none() && name != ALL && name != UNGROUPED;
            if !self.book.groups.get(&name).is_some_and(unknown) {
                continue;
            }
            self.book.groups.remove(&name);
            let meant = did_you_mean(&name, self.book.groups.keys().map(String::as_str));
            let help = match meant {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("write [{name}] with its hosts, or leave its variables out"),
            };
            self.diagnostics.push(Diagnostic::new(span, format!("no group {} is written", shown(&name))).help(help));
        }
    }
}

/// Reads YAML as Ansible does: its tags, its merge keys, and scalars of YAML 1.1.
fn yaml(sources: &Sources, source: SourceId, book: &mut Book, diagnostics: &mut Vec<Diagnostic>) -> Option<Node> {
    let (node, tags) = yaml::parse_foreign(sources, source, diagnostics);
    for (span, tag) in tags {
        match tag.trim_start_matches('!') {
            "vault" | "vault-encrypted" => {
                book.sealed.insert(span);
            }
            "unsafe" => book.note(span, "`!unsafe` is not understood: its text is taken as any other"),
            other => book.note(span, format!("the tag `!{other}` is not understood and is left alone")),
        }
    }
    node.map(scalars::as_ansible_reads)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{Inventory, InventoryFiles, load};
    use crate::template::Variables;

    /// An inventory of one file, and what is wrong with it.
    fn read(text: &str) -> (Inventory, Vec<String>) {
        let mut sources = Sources::in_memory([("hosts", text)]);
        let files = InventoryFiles { inventory: Path::new("hosts"), playbook_folder: None };
        let mut diagnostics = Vec::new();
        let inventory = load(&mut sources, files, &Variables::default(), &mut diagnostics).unwrap();
        (
            inventory,
            diagnostics.into_iter().map(|it| format!("{} {}", it.message, it.help.unwrap_or_default())).collect(),
        )
    }

    #[test]
    fn a_group_that_is_given_variables_is_written_somewhere() {
        let check = |text: &str, expected: &[&str]| assert_eq!(read(text).1, expected, "{text}");
        check("[web:vars]\na=1\n[web]\nweb01\n", &[]);
        check("[web:vars]\na=1\n[web:children]\nsql\n[sql]\n", &[]);
        check("web01\n[all:vars]\na=1\n[ungrouped:vars]\na=1\n", &[]);
        check("[web]\nweb01\n[wbe:vars]\na=1\n", &["no group `wbe` is written did you mean `web`?"]);
        let help = "no group `x` is written write [x] with its hosts, or leave its variables out";
        check("web01\n[x:vars]\na=1\n[x:vars]\nb=1\n", &[help]);
    }

    #[test]
    fn groups_and_hosts_come_in_the_order_in_which_ansible_meets_them() {
        let text = "[web:children]\nlate\nearly\n[all]\na\nb\n[ungrouped]\nb\n[early]\ne\n[late]\nl\n[own]\no\n";
        let (inventory, wrong) = read(text);
        assert_eq!(wrong, Vec::<String>::new());
        assert_eq!(inventory.tree["web"].children, ["early", "late"]);
        assert_eq!(inventory.tree[UNGROUPED].hosts, ["b", "a"]);
        assert_eq!(inventory.hosts.keys().collect::<Vec<_>>(), ["a", "b", "o", "e", "l"]);
        assert_eq!(inventory.groups["web"], ["e", "l"]);
        let (inventory, _) =
            read("[late]\nx\n[web]\nw\n[top:children]\nweb\nlate\n[top]\nt\n[all:children]\nweb\nweb\n");
        assert_eq!(inventory.groups["top"], ["t", "w", "x"]);
        assert_eq!(inventory.tree["all"].children, [UNGROUPED, "web", "top"]);
    }

    #[test]
    fn a_port_in_quotes_is_a_port() {
        let check = |line: &str, expected: Result<u16, &str>| {
            let (inventory, wrong) = read(line);
            match expected {
                Ok(port) => {
                    assert_eq!((inventory.hosts["web01"].connection.port, wrong), (Some(port), vec![]), "{line}");
                }
                Err(why) => assert!(wrong.concat().contains(why), "{line}: {wrong:?}"),
            }
        };
        check("web01 ansible_port=5986\n", Ok(5986));
        check("web01\n[all:vars]\nansible_port='5986'\n", Ok(5986));
        check("all: {hosts: {web01: {ansible_port: \"{{ winrm_port }}\", winrm_port: '5985'}}}\n", Ok(5985));
        check("all: {hosts: {web01: {ansible_port: '0'}}}\n", Err("`port` must be a number"));
        check("all: {hosts: {web01: {ansible_port: ssh}}}\n", Err("`port` must be a number"));
    }

    #[test]
    fn a_file_is_told_by_its_content() {
        let check = |path: &str, text: &str, expected| {
            let mut sources = Sources::new();
            let source = sources.add(path, text);
            assert_eq!(dialect(Path::new(path), &sources, source), expected, "{text}");
        };
        check("inventory.yml", "groups:\n  web: {hosts: {web01: {}}}\n", Dialect::Own);
        check("lab.yml", "# made\nvars: {a: 1}\ngroups: {}\n", Dialect::Own);
        check("x.yml", "gruops:\n  web: {}\n", Dialect::Own);
        check("hosts.yml", "---\nall:\n  hosts:\n    web01:\n", Dialect::Yaml);
        check("hosts.yaml", "web:\n  children:\n    iis:\n", Dialect::Yaml);
        check("hosts", "web01\n", Dialect::Ini);
        check("hosts", "web01 ansible_user=x\n[web]\nweb[01:20]\n", Dialect::Ini);
        check("hosts.ini", "; c\n[web:vars]\na=b: c\n", Dialect::Ini);
        check("hosts", "web01:5986 a=1\n", Dialect::Ini);
        check("hosts", "all:\n  hosts:\n    web01:\n", Dialect::Yaml);
        check("hosts.yml", "all:\n  children:\n    web:\nsql:\n  hosts:\n    sql01:\n", Dialect::Yaml);
        check("hosts.yml", "sql:\n  hosts:\n    sql01:\nlab:\n  vars: {a: 1}\n", Dialect::Yaml);
        check("hosts.yml", "{\"web\": {\"hosts\": {\"web01\": null}}}\n", Dialect::Yaml);
        check("hosts.json", "{\"all\": {}}", Dialect::Yaml);
        check("azure.yml", "plugin: azure_rm\n", Dialect::Yaml);
        check("hosts.yml", "[web]\nweb01\n", Dialect::Ini);
        check("x.yml", "gruops:\n  web:\n    hosts: {web01: {}}\n", Dialect::Own);
        check("x.yml", "sql: {via: host}\ngroup: {}\n", Dialect::Own);
        check("x.yml", "groups:\n  web: [\n", Dialect::Own);
        check("empty", "\n# nothing\n", Dialect::Own);
    }
}
