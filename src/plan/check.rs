//! A second pair of eyes on a plan, which shares no code with the planner.
//!
//! It replays a stage's edits over what was observed and rejects one whose parent is neither observed nor created.

use crate::hostcall::{Answer, Edit, Element, ElementPath, Read, Step, Text, Write};

use super::Stage;

/// What is wrong with a stage, given the answers that it was planned from; empty when it is sound.
pub fn check(stage: &Stage, answers: &[(Read, Answer)]) -> Vec<String> {
    let mut world = World::observed(answers);
    let mut wrong = Vec::new();
    for write in &stage.writes {
        let Write::IisCommit { edits, expect, .. } = write else { continue };
        for edit in edits {
            world.replay(edit, &mut wrong);
        }
        for edit in edits {
            let guarded = expect.iter().any(|expected| {
                expected.at.section == edit.at().section && edit.at().steps.starts_with(&expected.at.steps)
            });
            let adds_to_collection = matches!(edit, Edit::Add { .. });
            if !guarded && !adds_to_collection {
                wrong.push(format!("no token guards the edit at {}", words(edit.at())));
            }
        }
    }
    wrong
}

/// Which elements are there: observed ones as trees, created ones as paths.
struct World {
    observed: Vec<(ElementPath, Element)>,
    created: Vec<ElementPath>,
}

impl World {
    fn observed(answers: &[(Read, Answer)]) -> World {
        let element = |(read, answer): &(Read, Answer)| match (read, answer) {
            (Read::IisConfig { at, .. }, Answer::Present(value)) => {
                serde_json::from_value(value.clone()).ok().map(|element| (at.clone(), element))
            }
            _ => None,
        };
        World { observed: answers.iter().filter_map(element).collect(), created: Vec::new() }
    }

    fn replay(&mut self, edit: &Edit, wrong: &mut Vec<String>) {
        if !self.knows(edit.at()) {
            wrong.push(format!("the edit at {} has no parent that was observed or created", words(edit.at())));
        }
        if let Edit::Add { at, attributes, .. } = edit {
            let plain = attributes.iter().filter_map(|(name, value)| match value {
                Text::Plain(text) => Some((name.clone(), text.clone())),
                Text::Secret(_) | Text::Composed(_) => None,
            });
            let mut item = at.clone();
            item.steps.push(Step::Item(plain.collect()));
            self.created.push(item);
        }
    }

    /// Sections are always there; what is below one is observed, or created, or a schema's child of what is.
    fn knows(&self, path: &ElementPath) -> bool {
        path.steps.is_empty() || self.is_observed(path) || self.created.iter().any(|created| is_below(path, created))
    }

    fn is_observed(&self, path: &ElementPath) -> bool {
        self.observed.iter().any(|(at, element)| {
            let same = at.section == path.section && at.location == path.location;
            let below = path.steps.strip_prefix(at.steps.as_slice());
            same && below.is_some_and(|below| descend(element, below))
        })
    }
}

fn descend(element: &Element, steps: &[Step]) -> bool {
    let Some((step, rest)) = steps.split_first() else { return true };
    match step {
        Step::Child(name) => element.children.get(name).is_some_and(|child| descend(child, rest)),
        Step::Item(keys) => {
            let keys: Vec<(&str, &str)> = keys.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            element.find_item(&keys).is_some_and(|item| descend(item, rest))
        }
    }
}

/// Whether `path` is a created item, whose attributes include the keys of the path's step, or a child element of one.
fn is_below(path: &ElementPath, created: &ElementPath) -> bool {
    let (Some(steps), Some((Step::Item(attributes), parents))) =
        (path.steps.get(..created.steps.len()), created.steps.split_last())
    else {
        return false;
    };
    let Some((Step::Item(keys), same)) = steps.split_last() else { return false };
    let matches =
        keys.iter().all(|(name, value)| attributes.get(name).is_some_and(|own| own.eq_ignore_ascii_case(value)));
    let rest_is_children = path.steps[created.steps.len()..].iter().all(|step| matches!(step, Step::Child(_)));
    path.section == created.section && same == parents && matches && rest_is_children
}

/// An element's path in words.
pub(super) fn words(path: &ElementPath) -> String {
    let steps = path.steps.iter().map(|step| match step {
        Step::Child(name) => format!("/{name}"),
        Step::Item(keys) => {
            let keys: Vec<String> = keys.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("[{}]", keys.join(","))
        }
    });
    format!("{}{}", path.section, steps.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostcall::write::ConfigFile;
    use crate::hostcall::{Expected, Token};

    fn stage(edits: Vec<Edit>, guard: &ElementPath) -> Stage {
        let expect = vec![Expected { at: guard.clone(), token: Token::absent() }];
        let write = Write::IisCommit { file: ConfigFile::ApplicationHost {}, expect, edits };
        Stage { after: None, steps: Vec::new(), writes: vec![write], reboot_allowed: false }
    }

    fn set(at: ElementPath) -> Edit {
        Edit::Set { at, attribute: "autoStart".to_owned(), value: Text::Plain("true".to_owned()) }
    }

    #[test]
    fn an_edit_needs_a_parent_and_a_guard() {
        let pools = ElementPath::section("system.applicationHost/applicationPools");
        let chat = pools.clone().item([("name", "Chat")]);
        let attributes = vec![("name".to_owned(), Text::Plain("Chat".to_owned()))];
        let add = Edit::Add { at: pools.clone(), element: "add".to_owned(), attributes };
        let below = set(chat.clone().child("processModel"));
        let wrong = |edits: Vec<Edit>, guard: &ElementPath| check(&stage(edits, guard), &[]).len();
        assert_eq!(wrong(vec![add.clone(), below.clone()], &chat), 0);
        assert_eq!(wrong(vec![below.clone()], &chat), 1);
        assert_eq!(wrong(vec![below.clone(), add.clone()], &chat), 1);
        assert_eq!(wrong(vec![add, below], &pools.clone().item([("name", "Other")])), 1);
    }
}
