//! A PowerShell script as a tree, and what the checks ask of it.

use std::collections::HashMap;

use tree_sitter::{Node, Parser, Tree};

/// A parsed script.
pub struct Script {
    text: String,
    tree: Tree,
}

/// Something that a script must not hold.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone)]
pub struct Complaint {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl Script {
    /// Parses a script.
    pub fn parse(text: &str) -> Script {
        let mut parser = Parser::new();
        parser.set_language(&tree_sitter_powershell::LANGUAGE.into()).unwrap();
        Script { text: text.to_owned(), tree: parser.parse(text, None).unwrap() }
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The root of the tree.
    pub fn root(&self) -> Node<'_> {
        self.tree.root_node()
    }

    /// The text of a node.
    pub fn of(&self, node: Node<'_>) -> &str {
        &self.text[node.byte_range()]
    }

    /// Every node, parents before children.
    pub fn nodes(&self) -> Vec<Node<'_>> {
        below(self.root())
    }

    /// Every node of a kind.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = Node<'a>> + 'a {
        self.nodes().into_iter().filter(move |node| node.kind() == kind)
    }

    /// The functions and their nodes.
    pub fn functions(&self) -> Vec<(&str, Node<'_>)> {
        let named = |node| child(node, "function_name").map(|name| (self.of(name), node));
        self.of_kind("function_statement").filter_map(named).collect()
    }

    /// The pairs of a hash literal that stands alone on the right of `$NAME =`, at the top level.
    pub fn table(&self, variable: &str) -> HashMap<String, String> {
        let assigned = |node: &Node<'_>| {
            self.of(*node).trim_start().strip_prefix(variable).is_some_and(|rest| rest.trim_start().starts_with("= @{"))
        };
        let Some(table) = self.of_kind("assignment_expression").find(assigned) else { return HashMap::new() };
        let entries = below(table).into_iter().filter(|node| node.kind() == "hash_entry");
        let pair = |entry: Node<'_>| {
            let (key, value) = self.of(entry).split_once('=')?;
            Some((key.trim().to_owned(), value.trim().trim_end_matches(';').trim().trim_matches('\'').to_owned()))
        };
        entries.filter_map(pair).collect()
    }
}

impl Complaint {
    /// A complaint about a node.
    pub fn about(node: Node<'_>, what: impl Into<String>) -> Complaint {
        Complaint { line: node.start_position().row + 1, what: what.into() }
    }
}

/// A node and all below it, parents first.
pub fn below(node: Node<'_>) -> Vec<Node<'_>> {
    let mut found = Vec::new();
    let mut waiting = vec![node];
    while let Some(node) = waiting.pop() {
        found.push(node);
        waiting.extend(children(node).into_iter().rev());
    }
    found
}

/// The children of a node.
pub fn children(node: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = node.walk();
    node.children(&mut cursor).collect()
}

/// The first child of a kind.
pub fn child<'a>(node: Node<'a>, kind: &str) -> Option<Node<'a>> {
    children(node).into_iter().find(|child| child.kind() == kind)
}

/// The node's ancestors, nearest first.
pub fn above(node: Node<'_>) -> impl Iterator<Item = Node<'_>> {
    std::iter::successors(node.parent(), Node::parent)
}
