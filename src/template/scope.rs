//! What a host's templates can see, and rendering them.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};
use serde_json::Value as Json;

use super::Variables;
use super::engine::{ENGINE, FILTERS, MAX_TEMPLATE_BYTES, compile, forbidden_statement};
use super::json::{MAX_BYTES, to_json};
use super::secret::{MISUSED, TRACE};
use super::view::View;
use crate::diagnostic::{Diagnostic, Span, did_you_mean, shown};
use crate::yaml::{self, Content, Node, Scalar};

/// Whether a text is a template.
pub fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// The variables of one host. Each is rendered when it is first looked at, and once.
#[derive(Clone, Debug)]
pub struct Scope(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub variables: Variables,
    pub builtin: BTreeMap<&'static str, Value>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// What variables gave; `None` for one whose mistake is reported already.
    pub done: HashMap<Arc<str>, Option<(Value, usize)>>,
    /// Variables being rendered, outermost first.
    pub open: Vec<Arc<str>>,
    pub diagnostics: Vec<Diagnostic>,
}

impl Scope {
    /// A host's variables as they are written, and those that farmhand adds.
    pub fn new(variables: Variables, builtin: BTreeMap<&'static str, Value>) -> Scope {
        Scope(Arc::new(Shared { variables, builtin, state: Mutex::default() }))
    }

    /// Renders every template in a tree. `None` when there was a mistake, which is reported.
    pub fn render(&self, node: &Node, item: Option<&Value>) -> Option<Value> {
        match &node.content {
            Content::Scalar(scalar) => self.scalar(node.span, scalar, item),
            Content::List(items) => {
                let items: Vec<Option<Value>> = items.iter().map(|it| self.render(it, item)).collect();
                items.into_iter().collect::<Option<Vec<Value>>>().map(Value::from)
            }
            Content::Map(entries) => {
                let entries: Vec<_> = entries.iter().map(|it| (&*it.key.text, self.render(&it.value, item))).collect();
                let entries: Option<Vec<(&str, Value)>> =
                    entries.into_iter().map(|(key, value)| value.map(|value| (key, value))).collect();
                entries.map(|entries| entries.into_iter().collect())
            }
        }
    }

    /// Renders every template in a tree into plain data. `None` when there was a mistake, which is reported.
    pub fn data(&self, node: &Node, item: Option<&Value>) -> Option<Json> {
        let value = self.render(node, item)?;
        to_json(&value).map_err(|why| self.report(Diagnostic::new(node.span, why))).ok()
    }

    /// Evaluates a condition, which is an expression without braces.
    pub fn condition(&self, node: &Node, item: Option<&Value>) -> Option<bool> {
        match &node.content {
            Content::List(conditions) => {
                let all: Vec<Option<bool>> = conditions.iter().map(|it| self.condition(it, item)).collect();
                all.into_iter().collect::<Option<Vec<bool>>>().map(|all| all.into_iter().all(|it| it))
            }
            Content::Scalar(scalar) if is_template(&scalar.text) => {
                let diagnostic = Diagnostic::new(node.span, "`when` is an expression without braces");
                let bare = scalar.text.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
                self.report(diagnostic.help(format!("when: {bare}")));
                None
            }
            Content::Scalar(scalar) => {
                let value = self.expression(node.span, scalar, &scalar.text, scalar.verbatim, item)?;
                if let Ok(truth) = bool::try_from(value.clone()) {
                    return Some(truth);
                }
                let message = format!("`when` must be true or false, and this is {}", kind(&value));
                let help = "compare it: `x == 'y'`, `x is defined`, `x | length > 0`";
                self.report(Diagnostic::new(node.span, message).help(help));
                None
            }
            Content::Map(_) => {
                let message = "`when` must be an expression or a list of them, and this is a map";
                self.report(Diagnostic::new(node.span, message));
                None
            }
        }
    }

    /// The mistakes found since the last call.
    pub fn take_diagnostics(&self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.0.state().diagnostics)
    }

    fn report(&self, diagnostic: Diagnostic) {
        self.0.state().diagnostics.push(diagnostic);
    }

    fn scalar(&self, span: Span, scalar: &Scalar, item: Option<&Value>) -> Option<Value> {
        let text = &*scalar.text;
        if !is_template(text) {
            return Some(Value::from_serialize(yaml::resolve(scalar)));
        }
        let part = |start: usize, length: usize| match scalar.verbatim {
            Some(at) => Span { start: at + start, end: at + start + length, ..span },
            None => span,
        };
        if text.len() > MAX_TEMPLATE_BYTES {
            let message = format!("a text with templates of more than {} KiB", MAX_TEMPLATE_BYTES >> 10);
            self.report(Diagnostic::new(part(0, 2), message).help("split it"));
            return None;
        }
        if let Some((at, word)) = forbidden_statement(text) {
            let message = format!("templates have no statement {}", shown(word));
            let help = "`if`, `for` and `raw`; a value to be used twice is a variable";
            self.report(Diagnostic::new(part(at, word.len()), message).help(help));
            return None;
        }
        if let Some(at) = lone_expression(text) {
            let verbatim = scalar.verbatim.map(|start| start + at.start);
            return self.expression(span, scalar, &text[at], verbatim, item);
        }
        let template = match ENGINE.template_from_str(text) {
            Ok(template) => template,
            Err(error) => return self.complain(&error, span, text, scalar.verbatim, item),
        };
        let view = View::new(self, item);
        let mut out = Capped(Vec::new());
        match template.render_captured_to(Value::from_object(view.clone()), &mut out) {
            Err(_) if view.failed() => None,
            Err(error) if out.0.len() >= MAX_BYTES && error.kind() == ErrorKind::WriteFailure => {
                self.report(Diagnostic::new(span, format!("this gives more than {} MiB of text", MAX_BYTES >> 20)));
                None
            }
            Err(error) => self.complain(&error, span, text, scalar.verbatim, item),
            Ok(_) => match String::from_utf8(out.0) {
                Ok(text) if text.contains(TRACE) => {
                    self.report(Diagnostic::new(span, MISUSED));
                    None
                }
                Ok(text) => Some(Value::from(text)),
                Err(_) => unreachable!("templates write text"),
            },
        }
    }

    /// Evaluates an expression, the value keeping its type.
    fn expression(
        &self,
        span: Span,
        scalar: &Scalar,
        text: &str,
        verbatim: Option<usize>,
        item: Option<&Value>,
    ) -> Option<Value> {
        if text.len() > MAX_TEMPLATE_BYTES {
            let message = format!("an expression of more than {} KiB", MAX_TEMPLATE_BYTES >> 10);
            self.report(Diagnostic::new(span, message));
            return None;
        }
        let compiled = match compile(text) {
            Ok(compiled) => compiled,
            Err(error) => return self.complain(&error, span, text, verbatim, item),
        };
        let view = View::new(self, item);
        match compiled.eval(Value::from_object(view.clone())) {
            _ if view.failed() => None,
            Err(error) => self.complain(&error, span, text, verbatim, item),
            Ok(value) if value.is_undefined() => {
                let error = Error::from(ErrorKind::UndefinedError);
                self.complain(&error, span, text, verbatim, item)
            }
            Ok(value) => match to_json(&value) {
                // A value that is not plain data would fail later and further away from its template.
                Err(why) => {
                    let whole = scalar.verbatim.map_or(span, |_| span);
                    self.report(Diagnostic::new(whole, why));
                    None
                }
                Ok(_) => Some(value),
            },
        }
    }

    /// Reports what the template language has to say.
    fn complain(
        &self,
        error: &Error,
        span: Span,
        text: &str,
        verbatim: Option<usize>,
        item: Option<&Value>,
    ) -> Option<Value> {
        let range = error.range().filter(|it| it.end <= text.len() && it.start < it.end);
        let place = match (verbatim, &range) {
            (Some(at), Some(range)) => Span { start: at + range.start, end: at + range.end, ..span },
            _ => span,
        };
        let inside = range.and_then(|range| text.get(range)).unwrap_or(text);
        let detail = error.detail().unwrap_or("").to_owned();
        let diagnostic = match error.kind() {
            ErrorKind::UndefinedError => {
                let within = |part: &str| Some(verbatim? + find_word(text, part)?);
                let point = |part: &str| match within(part) {
                    Some(start) => Span { start, end: start + part.len(), ..span },
                    None => place,
                };
                self.undefined(&point, inside, text, item)
            }
            ErrorKind::OutOfFuel => {
                Diagnostic::new(span, "this template does not come to an end").help("a shorter loop")
            }
            ErrorKind::SyntaxError => Diagnostic::new(place, format!("this template cannot be read: {detail}")),
            ErrorKind::UnknownFilter => {
                let name =
                    detail.strip_prefix("filter ").and_then(|it| it.strip_suffix(" is unknown")).unwrap_or(inside);
                let help = match did_you_mean(name, FILTERS.iter().copied()) {
                    Some(known) => format!("did you mean `{known}`?"),
                    None => format!("there are {}", FILTERS.join(", ")),
                };
                Diagnostic::new(place, format!("there is no filter {}", shown(name))).help(help)
            }
            ErrorKind::UnknownFunction => {
                let message = format!("there is no function {}", shown(detail.trim_end_matches(" is unknown")));
                Diagnostic::new(place, message).help("there are `secret`, `range` and `dict`")
            }
            ErrorKind::UnknownTest => Diagnostic::new(place, detail),
            kind if detail.is_empty() => Diagnostic::new(place, kind.to_string()),
            _ => Diagnostic::new(place, detail),
        };
        self.report(diagnostic);
        None
    }

    /// Says which variable is not there, and which may be meant.
    fn undefined(&self, point: &dyn Fn(&str) -> Span, inside: &str, text: &str, item: Option<&Value>) -> Diagnostic {
        let paths = |text: &str| -> Vec<String> {
            let found = compile(text).map(|it| it.undeclared_variables(true));
            let found = found.or_else(|_| ENGINE.template_from_str(text).map(|it| it.undeclared_variables(true)));
            let mut paths: Vec<String> = found.unwrap_or_default().into_iter().collect();
            paths.sort_by_key(|path| text.find(path.as_str()));
            paths
        };
        let view = View::new(self, item);
        for path in paths(inside).into_iter().chain(paths(text)) {
            let mut parts = path.split('.');
            let name = parts.next().unwrap_or("");
            let Some(mut value) = view.look_up(name) else {
                let message = format!("undefined variable {}", shown(name));
                let help = match did_you_mean(name, self.names(item)) {
                    Some(known) => format!("did you mean `{known}`?"),
                    None if name == "item" => "`item` is known in a step with a `loop` only".to_owned(),
                    None => format!("set it under `vars:`, in group_vars or host_vars, or with -e {}=…", cut(name)),
                };
                return Diagnostic::new(point(name), message).help(help);
            };
            let mut so_far = name.to_owned();
            for part in parts {
                let below = value.get_attr(part).unwrap_or_default();
                if below.is_undefined() {
                    let keys: Vec<String> =
                        value.try_iter().into_iter().flatten().take(1000).map(|it| it.to_string()).collect();
                    let help = did_you_mean(part, keys.iter().map(String::as_str));
                    let help = help.map(|known| format!("did you mean `{known}`?")).unwrap_or_default();
                    let message = format!("{} has no {}", shown(&so_far), shown(part));
                    return Diagnostic::new(point(&format!("{so_far}.{part}")), message).help(help);
                }
                value = below;
                so_far = format!("{so_far}.{part}");
            }
        }
        Diagnostic::new(point(inside.trim()), format!("{} is not there", shown(inside.trim())))
    }

    fn names(&self, item: Option<&Value>) -> impl Iterator<Item = &str> {
        let item = item.map(|_| "item");
        self.0.variables.names().chain(self.0.builtin.keys().copied()).chain(item)
    }
}

/// What a value is, in words.
fn kind(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::None => "nothing",
        ValueKind::Number => "a number",
        ValueKind::String => "a text",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "a map",
        _ => "something else",
    }
}

fn cut(name: &str) -> &str {
    name.get(..40).unwrap_or(name)
}

impl Shared {
    pub fn state(&self) -> MutexGuard<'_, State> {
        // What a panicking thread left behind is whole: every change of it is one insertion.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a name stands in a template, as a word of its own.
fn find_word(text: &str, word: &str) -> Option<usize> {
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .map(|(at, _)| at)
        .find(|&at| !word.is_empty() && !text[..at].ends_with(letter) && !text[at + word.len()..].starts_with(letter))
}

/// The inside of a text that is one `{{ expression }}` and nothing else.
fn lone_expression(text: &str) -> Option<std::ops::Range<usize>> {
    let trimmed = text.trim();
    let inside = trimmed.strip_prefix("{{")?.strip_suffix("}}")?;
    let inside = inside.strip_prefix(['-', '+']).unwrap_or(inside);
    let inside = inside.strip_suffix(['-', '+']).unwrap_or(inside);
    let start = inside.as_ptr().addr() - text.as_ptr().addr();
    let lone = compile(inside).is_ok() || !(inside.contains("{{") || inside.contains("{%"));
    lone.then(|| start..start + inside.len())
}

/// Text that stops growing at [`MAX_BYTES`].
struct Capped(Vec<u8>);

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = MAX_BYTES - self.0.len();
        if bytes.len() > room {
            self.0.extend_from_slice(&bytes[..room]);
            return Err(io::Error::other("too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
