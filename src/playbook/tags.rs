//! Tags, and choosing steps by them.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Sources, Span, did_you_mean, shown};
use crate::yaml::{self, Content, Node};

/// Tags with a meaning of their own, as Ansible's users know them.
const SPECIAL: &[&str] = &["all", "tagged", "untagged", "always", "never"];

/// Reads `tags:`, a list or names with commas.
pub(super) fn read(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<String> {
    let items = match &node.content {
        Content::List(items) => items.as_slice(),
        Content::Scalar(_) | Content::Map(_) => std::slice::from_ref(node),
    };
    let mut tags = Vec::new();
    for item in items {
        let Some(text) = yaml::text(item, "a tag", diagnostics) else { continue };
        for tag in text.split(',').map(str::trim) {
            let letter = |c: char| c.is_alphanumeric() || "_-.".contains(c);
            if tag.is_empty() || !tag.chars().all(letter) {
                let diagnostic = Diagnostic::new(item.span, format!("{} cannot be a tag", shown(tag)));
                diagnostics.push(diagnostic.help("letters, digits, `_`, `-` and `.`"));
            } else {
                tags.push(tag.to_owned());
            }
        }
    }
    tags
}

/// Which steps are wanted.
#[derive(Debug)]
pub(super) struct Choice {
    wanted: Vec<String>,
    unwanted: Vec<String>,
}

impl Choice {
    /// Reads what stood behind `--tags` and `--skip-tags`; a tag that no step has is a mistake.
    pub fn new(
        sources: &mut Sources,
        wanted: &[String],
        unwanted: &[String],
        known: &BTreeSet<&str>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Choice {
        let mut split = |option: &str, arguments: &[String]| -> Vec<String> {
            let mut tags = Vec::new();
            for argument in arguments {
                for tag in argument.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
                    if !known.contains(tag) && !SPECIAL.contains(&tag) {
                        let source = sources.add(option, tag);
                        let span = Span { source, start: 0, end: tag.len() };
                        let help = did_you_mean(tag, known.iter().copied()).map(|it| format!("did you mean `{it}`?"));
                        let diagnostic = Diagnostic::new(span, format!("no step has the tag {}", shown(tag)));
                        diagnostics.push(diagnostic.help(help.unwrap_or_default()));
                    }
                    tags.push(tag.to_owned());
                }
            }
            tags
        };
        Choice { wanted: split("--tags", wanted), unwanted: split("--skip-tags", unwanted) }
    }

    /// Whether a step with these tags is wanted.
    pub fn takes(&self, tags: &[String]) -> bool {
        let has = |list: &[String]| {
            list.iter().any(|tag| match tag.as_str() {
                "all" => true,
                "tagged" => !tags.is_empty(),
                "untagged" => tags.is_empty(),
                tag => tags.iter().any(|it| it == tag),
            })
        };
        let named = |list: &[String]| list.iter().any(|tag| tag != "all" && tags.contains(tag));
        let is = |special: &str| tags.iter().any(|it| it == special);
        let wanted =
            if is("never") { named(&self.wanted) } else { self.wanted.is_empty() || is("always") || has(&self.wanted) };
        wanted && !has(&self.unwanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_chosen_as_ansible_chooses_tasks() {
        let check = |wanted: &str, unwanted: &str, tags: &[&str], expected| {
            let split = |list: &str| list.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
            let choice = Choice { wanted: split(wanted), unwanted: split(unwanted) };
            let tags: Vec<String> = tags.iter().map(|&it| it.to_owned()).collect();
            assert_eq!(choice.takes(&tags), expected, "{wanted} {unwanted} {tags:?}");
        };
        check("", "", &[], true);
        check("a", "", &[], false);
        check("a", "", &["a", "b"], true);
        check("a", "b", &["a", "b"], false);
        check("a", "", &["always"], true);
        check("", "always", &["always"], false);
        check("", "", &["never", "x"], false);
        check("x", "", &["never", "x"], true);
        check("all", "", &["never"], false);
        check("tagged", "", &["x"], true);
        check("untagged", "", &["x"], false);
    }
}
