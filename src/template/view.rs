//! What one template sees: a host's variables, each rendered when it is first looked at.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use minijinja::value::{Enumerator, Object};
use minijinja::{Error, ErrorKind, Value};

use super::Variables;
use super::json::to_json;
use super::scope::Scope;
use crate::diagnostic::Diagnostic;

/// The longest chain of variables that refer to one another.
const MAX_CHAIN: usize = 24;
/// The most bytes of variables that one template may look at, a variable counted each time.
const MAX_SEEN_BYTES: usize = 64 << 20;

/// What one template sees, and what became of it.
#[derive(Clone)]
pub(super) struct View(Arc<Sight>);

struct Sight {
    scope: Scope,
    item: Option<Value>,
    /// Bytes looked at, and `usize::MAX` once a variable's mistake was met, which is reported with the variable.
    seen_bytes: AtomicUsize,
}

impl fmt::Debug for View {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("variables")
    }
}

impl View {
    pub fn new(scope: &Scope, item: Option<&Value>) -> View {
        View(Arc::new(Sight { scope: scope.clone(), item: item.cloned(), seen_bytes: AtomicUsize::new(0) }))
    }

    pub fn failed(&self) -> bool {
        self.0.seen_bytes.load(Ordering::Relaxed) == usize::MAX
    }

    fn fail(&self) -> Value {
        self.0.seen_bytes.store(usize::MAX, Ordering::Relaxed);
        Value::from(Error::new(ErrorKind::InvalidOperation, "a variable has a mistake"))
    }

    pub fn look_up(&self, name: &str) -> Option<Value> {
        if name == "item" {
            return self.0.item.clone();
        }
        let shared = &self.0.scope.0;
        if let Some(value) = shared.builtin.get(name) {
            return Some(value.clone());
        }
        let (name, variable) = shared.variables.get(name)?;
        {
            let mut state = shared.state();
            match state.done.get(name) {
                Some(Some((value, bytes))) => {
                    let (value, bytes) = (value.clone(), *bytes);
                    drop(state);
                    return Some(self.seen(value, bytes));
                }
                Some(None) => {
                    drop(state);
                    return Some(self.fail());
                }
                None => {}
            }
            if let Some(start) = state.open.iter().position(|open| open == name) {
                let diagnostic = circle(&state.open[start..], &shared.variables);
                state.diagnostics.push(diagnostic);
                drop(state);
                return Some(self.fail());
            }
            if state.open.len() >= MAX_CHAIN {
                let message = format!("a chain of more than {MAX_CHAIN} variables that refer to one another");
                state.diagnostics.push(Diagnostic::new(variable.key, message));
                drop(state);
                return Some(self.fail());
            }
            state.open.push(Arc::clone(name));
        }
        // The lock is not held while rendering, which looks up other variables.
        let value = self.0.scope.render(&variable.value, None);
        let done = value.map(|value| {
            let bytes = to_json(&value).map_or(0, |json| json.to_string().len());
            (value, bytes)
        });
        let mut state = shared.state();
        state.open.pop();
        state.done.insert(Arc::clone(name), done.clone());
        drop(state);
        Some(match done {
            Some((value, bytes)) => self.seen(value, bytes),
            None => self.fail(),
        })
    }

    fn seen(&self, value: Value, bytes: usize) -> Value {
        let before = self.0.seen_bytes.load(Ordering::Relaxed);
        let now = before.saturating_add(bytes);
        if now > MAX_SEEN_BYTES {
            return Value::from(Error::new(ErrorKind::InvalidOperation, "this looks at too much text"));
        }
        self.0.seen_bytes.store(now, Ordering::Relaxed);
        value
    }
}

impl Object for View {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.look_up(key.as_str()?)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}

/// The complaint about variables that refer to one another in a circle, which starts with the first of them by name.
fn circle(names: &[Arc<str>], variables: &Variables) -> Diagnostic {
    let first = (0..names.len()).min_by_key(|&at| &names[at]).unwrap_or(0);
    let turned: Vec<&Arc<str>> = names[first..].iter().chain(&names[..first]).collect();
    let way: Vec<String> = turned.iter().chain(turned.first()).map(|name| format!("`{name}`")).collect();
    let message = match names.len() {
        1 => format!("the variable {} refers to itself", way[0]),
        _ => format!("variables refer to one another in a circle: {}", way.join(" → ")),
    };
    let mut places = turned.iter().filter_map(|name| variables.get(name).map(|(name, it)| (name, it.key)));
    let Some((_, place)) = places.next() else { return Diagnostic::nowhere(message) };
    let mut diagnostic = Diagnostic::new(place, message).help("give one of them a value that does not need the others");
    for (name, place) in places {
        diagnostic = diagnostic.note(place, format!("`{name}` is set here"));
    }
    diagnostic
}
