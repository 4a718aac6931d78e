//! The template language, cut down to what cannot do harm.

use std::sync::LazyLock;

use minijinja::value::Rest;
use minijinja::{Environment, Error, ErrorKind, Expression, State, UndefinedBehavior, Value};

use super::secret;

/// Instructions that one template may carry out.
const FUEL: u64 = 100_000;
/// The largest product of the sizes of what goes into one filter: what could come out of it.
const MAX_FILTER_BYTES: usize = 16 << 20;
/// The longest template, in bytes. Text without templates may be longer.
pub(super) const MAX_TEMPLATE_BYTES: usize = 16 << 10;

/// The filters there are.
pub(super) const FILTERS: &[&str] = &[
    "lower",
    "upper",
    "title",
    "capitalize",
    "replace",
    "length",
    "count",
    "dictsort",
    "items",
    "reverse",
    "trim",
    "join",
    "split",
    "lines",
    "default",
    "d",
    "round",
    "abs",
    "int",
    "float",
    "attr",
    "first",
    "last",
    "min",
    "max",
    "sort",
    "list",
    "string",
    "bool",
    "batch",
    "slice",
    "sum",
    "indent",
    "select",
    "reject",
    "selectattr",
    "rejectattr",
    "map",
    "groupby",
    "unique",
    "chain",
    "zip",
];

/// The statements there are. `set`, `macro` and their like could double a text a hundred times in a line.
const STATEMENTS: &[&str] = &["if", "elif", "else", "endif", "for", "endfor", "raw", "endraw"];

/// The language's own filters, which those of [`ENGINE`] guard.
static INNER: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut inner = Environment::new();
    inner.set_undefined_behavior(UndefinedBehavior::Strict);
    inner
});

/// The language.
pub(super) static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = Environment::new();
    engine.set_debug(true);
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    engine.set_recursion_limit(32);
    engine.set_keep_trailing_newline(true);
    engine.set_formatter(|out, state, value| match secret::reference(value) {
        Some(_) => Err(secret::misused()),
        None => minijinja::escape_formatter(out, state, value),
    });
    for name in ["safe", "escape", "e", "pprint", "format", "tojson", "urlencode"] {
        engine.remove_filter(name);
    }
    for &name in FILTERS {
        engine.add_filter(name, move |_: &State, arguments: Rest<Value>| filter(name, &arguments));
    }
    for name in ["debug", "namespace"] {
        engine.remove_global(name);
    }
    engine.add_function("secret", |name: &str| secret::secret(name));
    engine
});

/// A filter of the language itself, unless what goes in is a secret or could come out as more than a machine holds.
fn filter(name: &str, arguments: &[Value]) -> Result<Value, Error> {
    let guarded = if matches!(name, "default" | "d") { &arguments[..arguments.len().min(1)] } else { arguments };
    if guarded.iter().any(|argument| secret::reference(argument).is_some()) {
        return Err(secret::misused());
    }
    let size = arguments.iter().map(size_bytes).fold(1_usize, |product, size| product.saturating_mul(size.max(1)));
    if size > MAX_FILTER_BYTES {
        return Err(Error::new(ErrorKind::InvalidOperation, format!("`{name}` could make too much of this")));
    }
    INNER.empty_state().apply_filter(name, arguments)
}

/// How much a value may add to what a filter makes of it.
fn size_bytes(value: &Value) -> usize {
    if let Some(text) = value.as_str() {
        return text.len();
    }
    if let Ok(number) = i64::try_from(value.clone()) {
        return usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX);
    }
    value.try_iter().map_or(0, |items| items.map(|item| item.as_str().map_or(1, str::len) + 1).sum())
}

/// Compiles an expression, the inside of `{{ }}`.
///
/// # Errors
/// When it is none, a text that ends its own braces included, which the language's lexer would panic over.
pub(super) fn compile(text: &str) -> Result<Expression<'_, '_>, Error> {
    if closes(text) {
        return Err(Error::new(ErrorKind::SyntaxError, "the braces end before the expression does"));
    }
    ENGINE.compile_expression(text)
}

/// Whether `}}` stands in an expression outside of texts, lists and maps.
fn closes(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0_isize, 0);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'}' if depth == 0 && bytes.get(at + 1) == Some(&b'}') => return true,
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            b'"' | b'\'' => {
                at += 1;
                while bytes.get(at).is_some_and(|&it| it != byte) {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
            }
            _ => {}
        }
        at += 1;
    }
    false
}

/// The first statement that is none of [`STATEMENTS`]: where it stands and what it is.
pub(super) fn forbidden_statement(template: &str) -> Option<(usize, &str)> {
    let mut from = 0;
    while let Some(at) = template[from..].find("{%") {
        let start = from + at + 2;
        let inside = template[start..].trim_start_matches(['-', '+']).trim_start();
        let length = inside.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inside.len());
        let word = &inside[..length];
        if !STATEMENTS.contains(&word) {
            return Some((template.len() - inside.len(), word));
        }
        from = start;
    }
    None
}
