//! A playbook as it is written, before any host is looked at.

use std::sync::Arc;

use super::{Serial, tags};
use crate::diagnostic::{Diagnostic, Span, did_you_mean, shown};
use crate::resource::{KINDS, Kind};
use crate::template::Variables;
use crate::yaml::{self, Content, Entry, Node};

/// A playbook as it is written.
#[derive(Debug, Default)]
pub(super) struct WrittenPlaybook {
    pub name: Option<String>,
    pub variables: Variables,
    pub plays: Vec<WrittenPlay>,
}

/// A play as it is written.
#[derive(Debug)]
pub(super) struct WrittenPlay {
    pub span: Span,
    pub name: String,
    /// Patterns, with where each stands.
    pub hosts: Vec<Node>,
    pub variables: Variables,
    pub serial: Vec<Serial>,
    pub when: Option<Node>,
    pub steps: Vec<WrittenStep>,
}

/// A step as it is written.
#[derive(Debug)]
pub(super) struct WrittenStep {
    pub kind: &'static Kind,
    /// Where the kind's name stands.
    pub span: Span,
    pub properties: Arc<Node>,
    pub name: Option<Node>,
    /// The step's own and its play's.
    pub tags: Arc<[String]>,
    pub when: Option<Node>,
    pub each: Option<Node>,
}

/// Keys of a playbook.
pub(super) const PLAYBOOK_KEYS: &[&str] = &["name", "vars", "plays"];
/// Keys of a play.
pub(super) const PLAY_KEYS: &[&str] = &["name", "hosts", "vars", "serial", "tags", "when", "steps"];
/// Keys of a step besides its kind.
pub(super) const STEP_KEYS: &[&str] = &["name", "when", "loop", "tags"];

impl WrittenPlaybook {
    /// Reads a playbook's tree.
    pub fn read(root: &Node, diagnostics: &mut Vec<Diagnostic>) -> WrittenPlaybook {
        let mut playbook = WrittenPlaybook::default();
        if let Content::List(_) = root.content {
            let diagnostic = Diagnostic::new(root.span.head(), "a playbook is a map, and this is a list");
            diagnostics.push(diagnostic.help("put `plays:` above the list and indent it"));
            return playbook;
        }
        let Some(entries) = yaml::map(root, "a playbook", diagnostics) else { return playbook };
        yaml::reject_unknown_keys(entries, PLAYBOOK_KEYS, "a playbook", diagnostics);
        playbook.name = optional_text(root, "name", diagnostics);
        if let Some(vars) = root.get("vars") {
            playbook.variables = Variables::read(vars, diagnostics);
        }
        match root.get("plays") {
            None => diagnostics.push(
                Diagnostic::new(root.span.head(), "the playbook has no plays").help("plays: [{hosts: web, steps: []}]"),
            ),
            Some(plays) => {
                for play in list(plays, "`plays`", diagnostics) {
                    playbook.plays.extend(WrittenPlay::read(play, diagnostics));
                }
            }
        }
        playbook
    }
}

impl WrittenPlay {
    fn read(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<WrittenPlay> {
        let entries = yaml::map(node, "a play", diagnostics)?;
        yaml::reject_unknown_keys(entries, PLAY_KEYS, "a play", diagnostics);
        let name = optional_text(node, "name", diagnostics);
        let span = entries.first().map_or(node.span, |entry| entry.key.span);
        let hosts = match node.get("hosts") {
            None => {
                diagnostics.push(Diagnostic::new(span, "the play has no `hosts`").help("hosts: web"));
                Vec::new()
            }
            Some(hosts) => match &hosts.content {
                Content::List(patterns) => patterns.clone(),
                Content::Scalar(_) | Content::Map(_) => vec![hosts.clone()],
            },
        };
        let hosts: Vec<Node> =
            hosts.into_iter().filter(|it| yaml::text(it, "a pattern of hosts", diagnostics).is_some()).collect();
        let play_tags = node.get("tags").map(|it| tags::read(it, diagnostics)).unwrap_or_default();
        let mut steps = Vec::new();
        match node.get("steps") {
            None => diagnostics.push(Diagnostic::new(span, "the play has no `steps`").help("steps: []")),
            Some(listed) => {
                for step in list(listed, "`steps`", diagnostics) {
                    steps.extend(WrittenStep::read(step, &play_tags, diagnostics));
                }
            }
        }
        let name = name.or_else(|| hosts.first().and_then(yaml::scalar_text).map(|scalar| scalar.text.to_string()));
        Some(WrittenPlay {
            span,
            name: name.unwrap_or_default(),
            variables: node.get("vars").map(|vars| Variables::read(vars, diagnostics)).unwrap_or_default(),
            serial: node.get("serial").map(|it| serial(it, diagnostics)).unwrap_or_default(),
            when: node.get("when").cloned(),
            hosts,
            steps,
        })
    }
}

impl WrittenStep {
    fn read(node: &Node, play_tags: &[String], diagnostics: &mut Vec<Diagnostic>) -> Option<WrittenStep> {
        let entries = match &node.content {
            // `- windows_feature` without its colon.
            Content::Scalar(scalar) if kind(&scalar.text).is_some() => {
                let diagnostic = Diagnostic::new(node.span, "a step is a kind with its properties");
                diagnostics.push(diagnostic.help(format!("{}: {{…}}", scalar.text)));
                return None;
            }
            _ => yaml::map(node, "a step", diagnostics)?,
        };
        let others: Vec<&Entry> = entries.iter().filter(|entry| !STEP_KEYS.contains(&&*entry.key.text)).collect();
        let known: Vec<(&Entry, &'static Kind)> =
            others.iter().filter_map(|entry| kind(&entry.key.text).map(|kind| (*entry, kind))).collect();
        for entry in others.iter().filter(|entry| kind(&entry.key.text).is_none()) {
            diagnostics.push(unknown(entry, known.is_empty()));
        }
        match known[..] {
            [] => {
                if others.is_empty() {
                    let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
                    let help = format!("one of {}", names.join(", "));
                    diagnostics.push(Diagnostic::new(node.span.head(), "the step has no kind").help(help));
                }
                None
            }
            [(first, _), (second, _), ..] => {
                let message = format!("the step has two kinds, `{}` and `{}`", first.key.text, second.key.text);
                let diagnostic = Diagnostic::new(second.key.span, message).note(first.key.span, "the first is here");
                diagnostics.push(diagnostic.help("make two steps of it"));
                None
            }
            [(entry, kind)] => {
                let mut tags = play_tags.to_vec();
                tags.extend(node.get("tags").map(|it| tags::read(it, diagnostics)).unwrap_or_default());
                tags.sort();
                tags.dedup();
                if let Some(name) = node.get("name") {
                    yaml::text(name, "`name`", diagnostics);
                }
                Some(WrittenStep {
                    kind,
                    span: entry.key.span,
                    properties: Arc::new(entry.value.clone()),
                    name: node.get("name").cloned(),
                    tags: tags.into(),
                    when: node.get("when").cloned(),
                    each: node.get("loop").cloned(),
                })
            }
        }
    }
}

fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// What to say of a step's key that is neither a kind nor a key of steps.
fn unknown(entry: &Entry, could_be_kind: bool) -> Diagnostic {
    let typed = &*entry.key.text;
    let kinds = KINDS.iter().map(|kind| kind.name);
    let message = if could_be_kind { "there is no kind" } else { "a step has no key" };
    let guess = if could_be_kind {
        did_you_mean(typed, kinds.clone().chain(STEP_KEYS.iter().copied()))
    } else {
        did_you_mean(typed, STEP_KEYS.iter().copied())
    };
    let help = match guess {
        Some(name) => format!("did you mean `{name}`?"),
        None if could_be_kind => format!("the kinds are {}", kinds.collect::<Vec<_>>().join(", ")),
        None => format!("it has its kind and {}", STEP_KEYS.join(", ")),
    };
    Diagnostic::new(entry.key.span, format!("{message} {}", shown(typed))).help(help)
}

fn optional_text(node: &Node, key: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    let text = yaml::text(node.get(key)?, &format!("`{key}`"), diagnostics)?;
    Some(text.to_owned())
}

/// The items of what should be a list; nothing at all is an empty one.
fn list<'a>(node: &'a Node, what: &str, diagnostics: &mut Vec<Diagnostic>) -> &'a [Node] {
    match &node.content {
        Content::List(items) => items,
        Content::Scalar(_) if node.is_null() => &[],
        Content::Scalar(_) | Content::Map(_) => {
            let diagnostic = Diagnostic::new(node.span, format!("{what} must be a list, and this is {}", node.kind()));
            diagnostics.push(diagnostic.help("start each item with `- `"));
            &[]
        }
    }
}

fn serial(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<Serial> {
    let items = match &node.content {
        Content::List(items) => items.as_slice(),
        Content::Scalar(_) | Content::Map(_) => std::slice::from_ref(node),
    };
    let mut batches = Vec::new();
    for item in items {
        let text = yaml::scalar_text(item).map(|scalar| &*scalar.text).unwrap_or_default();
        let batch = match text.strip_suffix('%') {
            Some(percent) => percent.parse().ok().filter(|it| (1..=100).contains(it)).map(Serial::Percent),
            None => text.parse().ok().filter(|&it| it > 0).map(Serial::Hosts),
        };
        match batch {
            Some(batch) => batches.push(batch),
            None => diagnostics.push(
                Diagnostic::new(item.span, "`serial` must be a number of hosts or a percentage")
                    .help("serial: 2, serial: 25%, or serial: [1, 5, 25%]"),
            ),
        }
    }
    batches
}
