//! Inventories in Ansible's YAML: groups with `hosts`, `vars` and `children`.

use super::Reader;
use crate::diagnostic::{Diagnostic, shown};
use crate::yaml::{Content, Entry, Key, Node};

impl Reader<'_> {
    /// Reads the groups at the top of a file.
    pub(super) fn yaml_groups(&mut self, root: &Node) {
        let Content::Map(entries) = &root.content else {
            self.diagnostics.push(Diagnostic::new(root.span, "an inventory must be a map of groups"));
            return;
        };
        if let Some(plugin) = root.entry("plugin") {
            self.book.note(plugin.key.span, "an inventory that a plugin of Ansible makes is not understood");
            return;
        }
        for Entry { key, value } in entries {
            self.group(key, value);
        }
    }

    fn group(&mut self, key: &Key, node: &Node) {
        let name = &*key.text;
        let entries = match &node.content {
            Content::Map(entries) => entries.as_slice(),
            _ if node.is_null() => &[],
            _ => {
                self.book.note(key.span, format!("{} is no group and is left alone", shown(name)));
                return;
            }
        };
        self.book.group(name).span.get_or_insert(key.span);
        for entry in entries {
            let below = listed(&entry.value, &entry.key);
            let known = ["hosts", "vars", "children"].contains(&&*entry.key.text);
            let Some(below) = below.filter(|_| known) else {
                if !entry.value.is_null() || !known {
                    let what = format!("{} is not understood in a group and is left alone", shown(&entry.key.text));
                    self.book.note(entry.key.span, what);
                }
                continue;
            };
            for Entry { key, value } in below {
                match &*entry.key.text {
                    "hosts" => self.yaml_hosts(&key, &value, name),
                    "vars" => self.book.set(name, &key.text, key.span, value),
                    _ => {
                        self.group(&key, &value);
                        self.book.group(name).children.push(key);
                    }
                }
            }
        }
    }

    fn yaml_hosts(&mut self, key: &Key, node: &Node, group: &str) {
        let names = self.hosts(&key.text, key.span, group);
        match &node.content {
            Content::Map(entries) => {
                for name in &names {
                    for Entry { key, value } in entries {
                        self.book.host(name, key.span).variables.insert(&key.text, key.span, value.clone());
                    }
                }
            }
            _ if node.is_null() => {}
            _ => self.diagnostics.push(Diagnostic::new(node.span, "the variables of a host must be a map")),
        }
    }
}

/// The entries under a key; a text alone is one name.
fn listed(node: &Node, key: &Key) -> Option<Vec<Entry>> {
    match &node.content {
        Content::Map(entries) => Some(entries.clone()),
        Content::Scalar(scalar) if !node.is_null() => {
            let name = Key { text: scalar.text.clone(), span: node.span };
            Some(vec![Entry { key: name, value: crate::yaml::nothing(key.span) }])
        }
        Content::Scalar(_) | Content::List(_) => None,
    }
}
