//! What a host will answer once the edits planned so far are made: the next step is planned from that.

use indexmap::IndexMap;

use crate::hostcall::config::{Attribute, NewAttributes, Source};
use crate::hostcall::{Answer, Content, Edit, Element, ElementPath, Read, RefusalCode, Step, Text, Token, Write};
use crate::resource::Phase;

/// The answers as they will be after the edits of `writes`.
///
/// Tokens stay as they were read, for a commit is held to the file as it was before all its edits. Of an element that
/// is yet to be made only what the edits say is known: no defaults, no children.
pub(super) fn replay(answers: &[(Read, Answer)], writes: &[(Phase, Write)]) -> Vec<(Read, Answer)> {
    let edits = writes.iter().filter_map(|(_, write)| match write {
        Write::IisCommit { edits, .. } => Some(edits),
        _ => None,
    });
    let edits: Vec<&Edit> = edits.flatten().collect();
    let after = |(read, answer): &(Read, Answer)| match read {
        Read::IisConfig { at, .. } if edits.iter().any(|edit| concerns(edit, at)) => {
            let mut element = parse(answer);
            for edit in edits.iter().filter(|edit| concerns(edit, at)) {
                element = apply(element, at, edit);
            }
            let present = element.and_then(|element| serde_json::to_value(element).ok());
            (read.clone(), present.map_or(Answer::Absent {}, Answer::Present))
        }
        _ => (read.clone(), answer.clone()),
    };
    answers.iter().map(after).collect()
}

/// Whether an edit may change what is at a path or below it.
fn concerns(edit: &Edit, at: &ElementPath) -> bool {
    let touched = edit.at();
    touched.section == at.section
        && touched.location == at.location
        && (below(&touched.steps, &at.steps).is_some() || below(&at.steps, &touched.steps).is_some())
}

/// An element that is not there, or cannot be before its feature is installed, starts from nothing.
fn parse(answer: &Answer) -> Option<Element> {
    match answer {
        Answer::Present(value) => serde_json::from_value(value.clone()).ok(),
        Answer::Refused(refusal) if refusal.code == RefusalCode::Unsupported => Some(empty("")),
        Answer::Absent {} | Answer::Refused(_) => None,
    }
}

/// The element at `at` after an edit.
fn apply(element: Option<Element>, at: &ElementPath, edit: &Edit) -> Option<Element> {
    let Some(rest) = below(&edit.at().steps, &at.steps) else {
        let rest = below(&at.steps, &edit.at().steps).unwrap_or_default();
        return match (edit, rest) {
            (Edit::Remove { .. }, _) => None,
            (Edit::Add { element: tag, attributes, .. }, [Step::Item(keys)]) => {
                let item = item(tag, attributes);
                if matches(&item, keys) { Some(item) } else { element }
            }
            _ => element,
        };
    };
    let mut element = element?;
    match (edit, rest.split_last()) {
        (Edit::Remove { .. }, None) => return None,
        (Edit::Remove { .. }, Some((Step::Item(keys), parents))) => {
            if let Some(parent) = descend(&mut element, parents)
                && let Some(index) = parent.items.iter().position(|item| matches(item, keys))
            {
                parent.items.remove(index);
            }
        }
        (Edit::Remove { .. }, Some((Step::Child(_), _))) => {}
        (Edit::Add { element: tag, attributes, .. }, _) => {
            if let Some(parent) = descend(&mut element, rest) {
                parent.items.push(item(tag, attributes));
            }
        }
        (Edit::Set { attribute, value, .. }, _) => set(descend(&mut element, rest), attribute, value),
        (Edit::Clear { attribute, .. }, _) => {
            if let Some(place) = descend(&mut element, rest) {
                place.attributes.shift_remove(attribute);
            }
        }
        (Edit::Certificate { thumbprint, store, .. }, _) => {
            set(descend(&mut element, rest), "certificateHash", &Text::Plain(thumbprint.clone()));
            set(descend(&mut element, rest), "certificateStoreName", &Text::Plain(store.clone()));
        }
    }
    Some(element)
}

fn set(element: Option<&mut Element>, name: &str, value: &Text) {
    if let Some(element) = element {
        element.attributes.insert(name.to_owned(), attribute(value));
    }
}

fn attribute(value: &Text) -> Attribute {
    let content = match value {
        Text::Plain(text) => Content::Value(text.clone()),
        // What its MAC will be is not known here; it is no other step's business.
        Text::Secret(_) => Content::Mac(String::new()),
    };
    Attribute { source: Source::Set, content }
}

fn empty(tag: &str) -> Element {
    let (attributes, children, items) = (IndexMap::new(), IndexMap::new(), Vec::new());
    Element { name: tag.to_owned(), token: Token::absent(), attributes, children, items }
}

fn item(tag: &str, attributes: &NewAttributes) -> Element {
    let attributes = attributes.iter().map(|(name, value)| (name.clone(), attribute(value)));
    Element { attributes: attributes.collect(), ..empty(tag) }
}

/// An element further down; a child element is there even where nothing names it.
fn descend<'e>(element: &'e mut Element, steps: &[Step]) -> Option<&'e mut Element> {
    steps.iter().try_fold(element, |element, step| match step {
        Step::Child(name) => Some(element.children.entry(name.clone()).or_insert_with(|| empty(name))),
        Step::Item(keys) => element.items.iter_mut().find(|item| matches(item, keys)),
    })
}

fn matches(item: &Element, keys: &std::collections::BTreeMap<String, String>) -> bool {
    keys.iter().all(|(name, value)| item.text(name).is_some_and(|text| text.eq_ignore_ascii_case(value)))
}

/// The steps of `path` below `above`; `None` where it is not below. Letter case of keys does not count.
fn below<'s>(path: &'s [Step], above: &[Step]) -> Option<&'s [Step]> {
    let same = |(own, other): (&Step, &Step)| match (own, other) {
        (Step::Child(own), Step::Child(other)) => own == other,
        (Step::Item(own), Step::Item(other)) => {
            own.len() == other.len()
                && own.iter().all(|(name, value)| other.get(name).is_some_and(|it| it.eq_ignore_ascii_case(value)))
        }
        _ => false,
    };
    (path.len() >= above.len() && path.iter().zip(above).all(same)).then(|| &path[above.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostcall::MacForm;
    use crate::hostcall::write::ConfigFile;

    fn pools() -> ElementPath {
        ElementPath::section("system.applicationHost/applicationPools")
    }

    fn after(read: &ElementPath, answer: Answer, edits: Vec<Edit>) -> Option<Element> {
        let write = Write::IisCommit { file: ConfigFile::ApplicationHost {}, expect: Vec::new(), edits };
        let answers = [(Read::IisConfig { at: read.clone(), mac: MacForm::Exact }, answer)];
        match replay(&answers, &[(Phase::Commit, write)]).remove(0).1 {
            Answer::Present(value) => Some(serde_json::from_value(value).unwrap()),
            Answer::Absent {} => None,
            Answer::Refused(refusal) => panic!("{refusal:?}"),
        }
    }

    fn add(name: &str) -> Edit {
        let attributes = vec![("name".to_owned(), Text::Plain(name.to_owned()))];
        Edit::Add { at: pools(), element: "add".to_owned(), attributes }
    }

    #[test]
    fn what_is_added_is_there_and_what_is_removed_is_not() {
        let chat = pools().item([("name", "Chat")]);
        let model = chat.clone().child("processModel");
        let value = Text::Plain("x".to_owned());
        let set = Edit::Set { at: model, attribute: "userName".to_owned(), value };
        let found = after(&chat, Answer::Absent {}, vec![add("Other"), add("chat"), set.clone()]).unwrap();
        assert_eq!((found.text("name"), found.children["processModel"].text("userName")), (Some("chat"), Some("x")));
        let all = after(
            &pools(),
            Answer::Present(serde_json::to_value(empty("applicationPools")).unwrap()),
            vec![add("Other"), add("Chat"), set, Edit::Remove { at: pools().item([("name", "other")]) }],
        );
        assert_eq!(all.unwrap().items, [found_as(&found, "Chat")]);
        let there = Answer::Present(serde_json::to_value(&found).unwrap());
        assert_eq!(after(&chat, there, vec![Edit::Remove { at: chat.clone() }]), None);
        assert_eq!(after(&chat, Answer::Absent {}, vec![add("Other")]), None);
    }

    fn found_as(element: &Element, name: &str) -> Element {
        let mut element = element.clone();
        set(Some(&mut element), "name", &Text::Plain(name.to_owned()));
        element
    }
}
