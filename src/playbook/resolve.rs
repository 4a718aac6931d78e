//! From a play as it is written to each host's steps.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use serde_json::Value as Json;

use super::mistakes::Mistakes;
use super::place::Segment;
use super::properties::Gaps;
use super::secrets::{SecretUse, uses};
use super::written::{WrittenPlay, WrittenStep};
use super::{HostSteps, Place, Step, claims, properties};
use crate::diagnostic::{Diagnostic, Sources};
use crate::inventory::{Host, Inventory};
use crate::resource::Instance;
use crate::template::{Scope, Value, Variables, is_template, to_json};
use crate::yaml::{self, Content, Entry, Node};

/// The most steps that the loops of one host's play may make.
const MAX_STEPS: usize = 10_000;

/// What became of rendered properties, for all hosts that have the same.
type Read = Result<Arc<dyn Instance>, Vec<Diagnostic>>;

/// Resolves one play.
pub(super) struct Resolver<'a> {
    pub sources: &'a mut Sources,
    pub inventory: &'a Inventory,
    pub play: &'a WrittenPlay,
    /// The playbook's variables.
    pub variables: &'a Variables,
    /// Variables from the command line.
    pub extra: &'a Variables,
    pub secrets: &'a mut IndexSet<SecretUse>,
}

impl Resolver<'_> {
    /// The steps of each host, and all mistakes.
    pub fn run(mut self, hosts: &[Arc<Host>], diagnostics: &mut Vec<Diagnostic>) -> Vec<HostSteps> {
        let mut mistakes = Mistakes::default();
        let mut read: Vec<HashMap<String, Read>> = self.play.steps.iter().map(|_| HashMap::new()).collect();
        let places: Vec<Place> = self
            .play
            .steps
            .iter()
            .map(|step| Place::new(self.sources, step.span, Some(Arc::clone(&step.properties))))
            .collect();
        // A step without templates is wrong or right whether or not a host comes to it.
        let mut constant: IndexMap<usize, Vec<Diagnostic>> = IndexMap::new();
        for (index, step) in self.play.steps.iter().enumerate() {
            if !has_template(&step.properties) {
                let value = plain(&step.properties);
                let key = value.to_string();
                let result = self.read(step, value, Gaps::default());
                if let Err(found) = &result {
                    constant.insert(index, found.clone());
                }
                read[index].insert(key, result.map_err(|_| Vec::new()));
            }
        }
        let mut resolved = Vec::new();
        for host in hosts {
            let scope = host.scope(self.inventory, &[self.variables, &self.play.variables], self.extra);
            let mut steps = Vec::new();
            if self.play.when.as_ref().is_none_or(|when| scope.condition(when, None) == Some(true)) {
                for (index, place) in places.iter().enumerate() {
                    let found = self.step(&scope, index, place, &mut read[index], &mut steps);
                    mistakes.add(&host.name, found);
                    if steps.len() > MAX_STEPS {
                        let message = format!("the loops of this play make more than {MAX_STEPS} steps");
                        mistakes.add(&host.name, [Diagnostic::new(place.span(), message)]);
                        break;
                    }
                }
            }
            mistakes.add(&host.name, scope.take_diagnostics());
            mistakes.add(&host.name, claims::check(&steps));
            resolved.push(HostSteps { host: Arc::clone(host), steps });
        }
        diagnostics.extend(constant.into_values().flatten());
        diagnostics.extend(mistakes.into_diagnostics(hosts.len()));
        resolved
    }

    /// Resolves a step for a host: none, one, or one for each item of its loop.
    fn step(
        &mut self,
        scope: &Scope,
        index: usize,
        place: &Place,
        read: &mut HashMap<String, Read>,
        steps: &mut Vec<Step>,
    ) -> Vec<Diagnostic> {
        let step = &self.play.steps[index];
        let items: Vec<Option<Value>> = match &step.each {
            None => vec![None],
            Some(each) => match items(scope, each) {
                Ok(items) => items.into_iter().map(Some).collect(),
                Err(found) => return found,
            },
        };
        let mut diagnostics = Vec::new();
        for item in items {
            if steps.len() > MAX_STEPS {
                break;
            }
            let item = item.as_ref();
            if step.when.as_ref().is_some_and(|when| scope.condition(when, item) != Some(true)) {
                continue;
            }
            let name = step.name.as_ref().and_then(|name| text(scope, name, item));
            let mut gaps = Gaps::default();
            let value = render(scope, &step.properties, item, &mut Vec::new(), &mut gaps).unwrap_or(Json::Null);
            self.secrets.extend(uses(&value, &step.properties));
            if !gaps.is_empty() {
                // What is missing is reported; the rest may be wrong as well.
                diagnostics.extend(self.read(step, value, gaps).err().unwrap_or_default());
                continue;
            }
            let key = value.to_string();
            let result = if let Some(result) = read.get(&key) {
                result.clone()
            } else {
                let result = self.read(step, value, gaps);
                read.insert(key, result.clone());
                result
            };
            match result {
                Ok(resource) => {
                    let (kind, tags) = (step.kind, Arc::clone(&step.tags));
                    steps.push(Step { kind, resource, name, tags, place: place.clone() });
                }
                Err(found) => diagnostics.extend(found),
            }
        }
        diagnostics
    }

    fn read(&mut self, step: &WrittenStep, value: Json, gaps: Gaps) -> Read {
        properties::read(self.sources, step.kind, (value, gaps), &step.properties, step.span).map(Arc::from)
    }
}

/// Renders a tree, leaving out what cannot be rendered.
fn render(scope: &Scope, node: &Node, item: Option<&Value>, path: &mut Vec<Segment>, gaps: &mut Gaps) -> Option<Json> {
    let mut below = |node: &Node, segment: Segment| {
        path.push(segment);
        let value = render(scope, node, item, path, gaps);
        path.pop();
        value
    };
    let value = match &node.content {
        Content::Scalar(_) => scope.data(node, item),
        Content::List(items) => {
            let items = items.iter().enumerate();
            Some(items.filter_map(|(index, node)| below(node, Segment::Index(index))).collect())
        }
        Content::Map(entries) => {
            let entry = |entry: &Entry| {
                let name = entry.key.text.to_string();
                Some((name.clone(), below(&entry.value, Segment::Key(name))?))
            };
            Some(Json::Object(entries.iter().filter_map(entry).collect()))
        }
    };
    if value.is_none() {
        gaps.note(path);
    }
    value
}

/// The items of a loop.
fn items(scope: &Scope, each: &Node) -> Result<Vec<Value>, Vec<Diagnostic>> {
    let Some(value) = scope.render(each, None) else { return Err(Vec::new()) };
    let list = matches!(to_json(&value), Ok(Json::Array(_)));
    match value.try_iter() {
        Ok(items) if list => Ok(items.collect()),
        _ => Err(vec![
            Diagnostic::new(each.span, format!("`loop` must be a list, and this is {}", each.kind()))
                .help("loop: [a, b], or loop: \"{{ name_of_a_list }}\""),
        ]),
    }
}

/// A text, rendered.
fn text(scope: &Scope, node: &Node, item: Option<&Value>) -> Option<String> {
    match scope.data(node, item)? {
        Json::String(text) => Some(text),
        Json::Null | Json::Object(_) | Json::Array(_) => None,
        other => Some(other.to_string()),
    }
}

fn has_template(node: &Node) -> bool {
    match &node.content {
        Content::Scalar(scalar) => is_template(&scalar.text),
        Content::List(items) => items.iter().any(has_template),
        Content::Map(entries) => entries.iter().any(|entry| has_template(&entry.value)),
    }
}

/// A tree without templates as plain data.
fn plain(node: &Node) -> Json {
    match &node.content {
        Content::Scalar(scalar) => yaml::resolve(scalar),
        Content::List(items) => items.iter().map(plain).collect(),
        Content::Map(entries) => {
            Json::Object(entries.iter().map(|entry| (entry.key.text.to_string(), plain(&entry.value))).collect())
        }
    }
}
