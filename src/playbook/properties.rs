//! Reading a step's properties as its kind, all mistakes at once.
//!
//! serde stops at the first error. So it is noted by its path, the culprit is taken out, and reading goes on.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::place::{Segment, nearest, node_at, parse_path, path_text};
use super::wording::{Complaint, complaint, wrong_value};
use crate::diagnostic::{Diagnostic, Sources, Span, did_you_mean, shown};
use crate::resource::{Instance, Kind, Misread, Problems};
use crate::value::SecretRef;
use crate::yaml::{self, Node};

/// The most mistakes that are looked for in one step.
const MAX_MISTAKES: usize = 100;

/// What is missing from rendered properties because a mistake in it is reported already.
#[derive(Clone, Debug, Default)]
pub(super) struct Gaps {
    /// Places in lists, as written, that were taken out.
    gone: BTreeMap<Vec<Segment>, BTreeSet<usize>>,
    /// Maps, as written, that something was taken out of.
    thinned: BTreeSet<Vec<Segment>>,
}

impl Gaps {
    /// Notes that what is written at a path is missing.
    pub fn note(&mut self, path: &[Segment]) {
        match path.split_last() {
            Some((Segment::Key(_), above)) => {
                self.thinned.insert(above.to_vec());
            }
            Some((Segment::Index(index), above)) => {
                self.gone.entry(above.to_vec()).or_default().insert(*index);
            }
            None => {
                self.thinned.insert(Vec::new());
            }
        }
    }

    /// Whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.thinned.is_empty()
    }

    /// Whether something is missing from the list or map at a path.
    fn any_at(&self, path: &[Segment]) -> bool {
        self.gone.contains_key(path) || self.thinned.contains(path)
    }
}

/// Reads a step's rendered properties; `written` is where they stand, `span` the kind's name.
pub(super) fn read(
    sources: &mut Sources,
    kind: &Kind,
    (properties, gaps): (Json, Gaps),
    written: &Node,
    span: Span,
) -> Result<Box<dyn Instance>, Vec<Diagnostic>> {
    let value = match properties {
        // A kind without properties written means one with none set.
        Json::Null => json!({}),
        Json::Object(map) => Json::Object(map),
        other => {
            let what = if other.is_array() { "a list" } else { "a single value" };
            let message = format!("`{}` must be a map of its properties, and this is {what}", kind.name);
            return Err(vec![Diagnostic::new(written.span, message)]);
        }
    };
    let mut reader = Reader { kind, written, span, value, gaps, diagnostics: Vec::new() };
    let Some(instance) = reader.run(sources) else { return Err(reader.diagnostics) };
    let mut problems = Problems::default();
    instance.check(&mut problems);
    let place = super::Place::new(sources, span, Some(written.clone().into()));
    for problem in problems.0 {
        let path = reader.as_written(&parse_path(&problem.property));
        // What was taken out already may be the whole reason for it.
        if !path.is_empty() && reader.gaps.any_at(&path) {
            continue;
        }
        let diagnostic = Diagnostic::new(place.property(&path_text(&path)), problem.message);
        reader.diagnostics.push(diagnostic.help(problem.help));
    }
    if reader.diagnostics.is_empty() && reader.gaps.is_empty() { Ok(instance) } else { Err(reader.diagnostics) }
}

struct Reader<'a> {
    kind: &'a Kind,
    written: &'a Node,
    span: Span,
    /// What is still to be read.
    value: Json,
    gaps: Gaps,
    diagnostics: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn run(&mut self, sources: &mut Sources) -> Option<Box<dyn Instance>> {
        for _ in 0..MAX_MISTAKES {
            match self.kind.read(&self.value) {
                Ok(instance) => return Some(instance),
                Err(misread) => self.note(sources, &misread)?,
            }
        }
        None
    }

    /// Notes one mistake and takes its culprit out; `None` when there is nothing to take out.
    fn note(&mut self, sources: &mut Sources, misread: &Misread) -> Option<()> {
        let mut path = self.path(misread);
        match complaint(&misread.message) {
            Complaint::Unknown { field, known } => {
                if path.last() != Some(&Segment::Key(field.to_owned())) {
                    path.push(Segment::Key(field.to_owned()));
                }
                let written = self.as_written(&path);
                if field == SecretRef::MARK {
                    path.pop();
                    self.secret_in_the_open(&path);
                } else {
                    let what = match &written[..written.len() - 1] {
                        [] => format!("`{}`", self.kind.name),
                        above => format!("`{}`", path_text(above)),
                    };
                    let message = format!("{what} has no property {}", shown(field));
                    let help = match did_you_mean(field, known.iter().copied()) {
                        Some(name) => format!("did you mean `{name}`?"),
                        None if known.is_empty() => "it has none".to_owned(),
                        None => format!(
                            "it has {}",
                            known.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
                        ),
                    };
                    let place = self.spot(&written).key;
                    self.diagnostics.push(Diagnostic::new(place, message).help(help));
                }
                self.take_out(&path)
            }
            Complaint::Missing(field) => {
                let written = self.as_written(&path);
                if !self.gaps.any_at(&written) {
                    let (what, place) = match written.as_slice() {
                        [] => (format!("`{}`", self.kind.name), self.span),
                        above => (format!("`{}`", path_text(above)), self.spot(&written).key),
                    };
                    let message = format!("{what} needs {}", shown(field));
                    let help = if written.is_empty() { self.example(field) } else { String::new() };
                    self.diagnostics.push(Diagnostic::new(place, message).help(help));
                }
                self.take_out(&path)
            }
            Complaint::Value => self.note_value(sources, &path, &misread.message),
        }
    }

    /// Notes a value that does not fit.
    fn note_value(&mut self, sources: &mut Sources, path: &[Segment], message: &str) -> Option<()> {
        let written = self.as_written(path);
        let value = self.value_at(path)?.clone();
        let node = node_at(self.written, &written);
        let scalar = node.and_then(yaml::scalar_text);
        if value.get(SecretRef::MARK).is_some() {
            self.secret_in_the_open(path);
            return self.take_out(path);
        }
        // A text may be written without quotes: `version: 1.10` is what it looks like.
        if value.is_number() && message.ends_with("expected a string") {
            let text = scalar.filter(|scalar| scalar.plain).map_or_else(|| value.to_string(), |it| it.text.to_string());
            *self.value_at_mut(path)? = Json::String(text);
            return Some(());
        }
        // The secret may be what is wrong, or stand above it, as in `password: {value: hunter2}`.
        let above = (1..=path.len()).rev().map(|length| &path[..length]);
        if let Some(secret) = above.into_iter().find(|path| self.takes_secret(path)) {
            let written = self.as_written(secret);
            let place = self.spot(&written).value;
            sources.hide(place);
            let help = "\"{{ secret('NAME') }}\", and type: farmhand secret set NAME";
            let message = format!("`{}` is a secret, which is never written here", path_text(&written));
            self.diagnostics.push(Diagnostic::new(place, message).help(help));
            return self.take_out(secret);
        }
        let spot = self.spot(&written);
        let what = match written.as_slice() {
            [] => format!("`{}`", self.kind.name),
            path => format!("`{}`", path_text(path)),
        };
        let found = match &value {
            Json::Object(_) => "a map".to_owned(),
            Json::Array(_) => "a list".to_owned(),
            Json::Null => "nothing".to_owned(),
            Json::String(text) => shown(text),
            other => shown(&other.to_string()),
        };
        let wording = wrong_value(message, &what, &found);
        let place = if written.is_empty() { self.written.span } else { spot.value };
        self.diagnostics.push(Diagnostic::new(place, wording.message).help(wording.help));
        self.take_out(path)
    }

    fn secret_in_the_open(&mut self, path: &[Segment]) {
        let written = self.as_written(path);
        let message = format!("`{}` is no secret, and would be shown", path_text(&written));
        let place = self.spot(&written).value;
        self.diagnostics.push(Diagnostic::new(place, message).help("write the value itself"));
    }

    /// Whether a reference to a secret would fit at a path.
    fn takes_secret(&self, path: &[Segment]) -> bool {
        let mut probe = self.value.clone();
        let Some(value) = walk_mut(&mut probe, path) else { return false };
        *value = json!({ SecretRef::MARK: { "store": "age", "name": "x" } });
        match self.kind.read(&probe) {
            Ok(_) => true,
            Err(misread) => !segments(&misread, &probe).starts_with(path),
        }
    }

    /// An example of a property, from the kind's own.
    fn example(&self, field: &str) -> String {
        let start = format!("{field}:");
        self.kind
            .example
            .lines()
            .find(|line| line.starts_with(&start) && line.len() > start.len())
            .unwrap_or("")
            .to_owned()
    }

    /// Where the error is in what is still to be read.
    fn path(&self, misread: &Misread) -> Vec<Segment> {
        segments(misread, &self.value)
    }

    /// The same place as it is written, before anything was taken out.
    fn as_written(&self, path: &[Segment]) -> Vec<Segment> {
        let mut written = Vec::new();
        for segment in path {
            let segment = match (segment, self.gaps.gone.get(&written)) {
                (Segment::Index(index), Some(gone)) => {
                    Segment::Index((0..).filter(|it| !gone.contains(it)).nth(*index).unwrap_or(*index))
                }
                (segment, _) => segment.clone(),
            };
            written.push(segment);
        }
        written
    }

    fn spot(&self, written: &[Segment]) -> super::place::Spot {
        if written.is_empty() {
            return super::place::Spot { key: self.span, value: self.written.span };
        }
        nearest(self.written, written)
    }

    fn value_at(&self, path: &[Segment]) -> Option<&Json> {
        path.iter().try_fold(&self.value, |value, segment| match segment {
            Segment::Key(key) => value.get(key),
            Segment::Index(index) => value.get(index),
        })
    }

    fn value_at_mut(&mut self, path: &[Segment]) -> Option<&mut Json> {
        walk_mut(&mut self.value, path)
    }

    /// Takes the value at a path out, or the nearest above it that there is.
    fn take_out(&mut self, path: &[Segment]) -> Option<()> {
        let (last, above) = path.split_last()?;
        let written = self.as_written(path);
        match (last, walk_mut(&mut self.value, above)) {
            (Segment::Key(key), Some(Json::Object(map))) if map.contains_key(key) => {
                map.shift_remove(key);
            }
            (Segment::Index(index), Some(Json::Array(items))) if *index < items.len() => {
                items.remove(*index);
            }
            _ => return self.take_out(above),
        }
        self.gaps.note(&written);
        Some(())
    }
}

fn walk_mut<'a>(value: &'a mut Json, path: &[Segment]) -> Option<&'a mut Json> {
    path.iter().try_fold(value, |value, segment| match segment {
        Segment::Key(key) => value.get_mut(key),
        Segment::Index(index) => value.get_mut(index),
    })
}

/// The path of an error as far as the value has it.
fn segments(misread: &Misread, value: &Json) -> Vec<Segment> {
    let mut path = Vec::new();
    let mut value = Some(value);
    for segment in &misread.path {
        let next = match segment {
            serde_path_to_error::Segment::Seq { index } => Segment::Index(*index),
            serde_path_to_error::Segment::Map { key } => Segment::Key(key.clone()),
            // The variant of an enum is a key where it has content, and the value itself where it has none.
            serde_path_to_error::Segment::Enum { variant } => match value.and_then(|it| it.get(variant)) {
                Some(_) => Segment::Key(variant.clone()),
                None => continue,
            },
            serde_path_to_error::Segment::Unknown => break,
        };
        value = value.and_then(|it| match &next {
            Segment::Key(key) => it.get(key),
            Segment::Index(index) => it.get(index),
        });
        path.push(next);
    }
    path
}
