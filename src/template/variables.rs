//! Variables as they are written: by name, the later layer winning.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Span, shown};
use crate::yaml::{self, Entry, Node};

/// Names that farmhand gives a meaning to, and words of the template language.
const RESERVED: &[&str] = &[
    "inventory_hostname",
    "group_names",
    "groups",
    "item",
    "secret",
    "range",
    "dict",
    "loop",
    "true",
    "false",
    "none",
    "True",
    "False",
    "None",
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "for",
];

/// Whether a name cannot be a variable's.
pub fn reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Variables as they are written.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    by_name: BTreeMap<Arc<str>, Variable>,
}

/// A variable as it is written.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    /// Where its name stands.
    pub key: Span,
    /// Its value, not rendered yet.
    pub value: Arc<Node>,
}

impl Variables {
    /// Reads a map of variables.
    pub fn read(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Variables {
        let mut variables = Variables::default();
        for Entry { key, value } in yaml::map(node, "`vars`", diagnostics).unwrap_or_default() {
            let name = &*key.text;
            if !yaml::identifier(name) {
                let message = format!("{} cannot name a variable", shown(name));
                diagnostics.push(Diagnostic::new(key.span, message).help("letters, digits and `_`, no digit first"));
            } else if reserved(name) {
                diagnostics
                    .push(Diagnostic::new(key.span, format!("`{name}` has a meaning of its own")).help("another name"));
            } else {
                let variable = Variable { key: key.span, value: Arc::new(value.clone()) };
                variables.by_name.insert(Arc::clone(&key.text), variable);
            }
        }
        variables
    }

    /// One variable.
    pub(super) fn one(name: &str, value: Node) -> Variables {
        let variable = Variable { key: value.span, value: Arc::new(value) };
        Variables { by_name: BTreeMap::from([(Arc::from(name), variable)]) }
    }

    /// Sets one as it is written.
    pub fn insert(&mut self, name: &str, key: Span, value: Node) {
        self.by_name.insert(Arc::from(name), Variable { key, value: Arc::new(value) });
    }

    /// Takes one away.
    pub fn remove(&mut self, name: &str) {
        self.by_name.remove(name);
    }

    /// Where the name of one is written.
    pub fn place(&self, name: &str) -> Option<Span> {
        self.by_name.get(name).map(|variable| variable.key)
    }

    /// One as it is written.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.by_name.get(name).map(|variable| &*variable.value)
    }

    /// Lays others over these.
    pub fn lay_over(&mut self, others: &Variables) {
        for (name, variable) in &others.by_name {
            self.by_name.insert(Arc::clone(name), variable.clone());
        }
    }

    /// Their values as they are written, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.by_name.iter().map(|(name, variable)| (&**name, &*variable.value))
    }

    pub(super) fn get(&self, name: &str) -> Option<(&Arc<str>, &Variable)> {
        self.by_name.get_key_value(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(|name| &**name)
    }
}
