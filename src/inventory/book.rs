//! Writing into a book, for readers of other inventories than farmhand's own.

use crate::diagnostic::{Diagnostic, Span};
use crate::template::Variables;
use crate::yaml::{Node, scalar_text};

use super::groups::{Book, Group, Written};

/// The variable by which Ansible says which of two groups of one depth wins.
const PRIORITY: &str = "ansible_group_priority";

impl Book {
    /// A group, made where it is not there yet.
    pub fn group(&mut self, name: &str) -> &mut Group {
        let order = self.groups.len();
        self.groups.entry(name.to_owned()).or_insert_with(|| Group { order, priority: 1, ..Group::default() })
    }

    /// A host, made where it is not there yet.
    pub fn host(&mut self, name: &str, span: Span) -> &mut Written {
        self.hosts.entry(name.to_owned()).or_insert_with(|| Written {
            span,
            address: None,
            variables: Variables::default(),
            connection: None,
            sql: None,
            lab: None,
        })
    }

    /// Sets a variable of a group.
    pub fn set(&mut self, group: &str, name: &str, key: Span, value: Node) {
        let number = || scalar_text(&value).and_then(|scalar| scalar.text.parse().ok());
        if name == PRIORITY
            && let Some(priority) = number()
        {
            self.group(group).priority = priority;
        } else {
            self.group(group).variables.insert(name, key, value);
        }
    }

    /// Notes what is not understood, if it is not noted yet.
    pub fn note(&mut self, span: Span, message: impl Into<String>) {
        let message = message.into();
        if !self.notes.iter().any(|known| known.message == message && known.span == Some(span)) {
            self.notes.push(Diagnostic::new(span, message));
        }
    }
}
