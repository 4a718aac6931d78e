//! Values in INI: a literal of Python where it is one, else text.

use crate::diagnostic::Span;
use crate::yaml::{Content, Entry, Key, Node, Scalar, quoted};

/// How deep lists and maps lie in one another.
const MAX_DEPTH: usize = 32;

/// The value that a text stands for.
pub(super) fn value(text: &str, span: Span) -> Node {
    let mut reader = Literal { rest: text, span, depth: 0 };
    reader.whole().unwrap_or_else(|| quoted(text, span))
}

struct Literal<'a> {
    rest: &'a str,
    span: Span,
    depth: usize,
}

impl Literal<'_> {
    /// A literal and nothing behind it but a comment; `1, 2` is a list.
    fn whole(&mut self) -> Option<Node> {
        let first = self.one()?;
        let node = if self.eats(',') {
            let mut items = vec![first];
            items.extend(self.items(None)?);
            self.node(Content::List(items))
        } else {
            first
        };
        self.blank();
        (self.rest.is_empty() || self.rest.starts_with('#')).then_some(node)
    }

    fn one(&mut self) -> Option<Node> {
        self.blank();
        if self.depth >= MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let node = match self.rest.chars().next()? {
            '[' => self.list('[', ']'),
            '(' => self.list('(', ')'),
            '{' => self.map(),
            _ if opening(self.rest).is_some() => self.texts(),
            _ => self.word(),
        };
        self.depth -= 1;
        node
    }

    fn list(&mut self, open: char, close: char) -> Option<Node> {
        self.eats(open);
        let start = self.rest;
        let mut items = self.items(Some(close))?;
        // A value in parentheses is itself; only a comma makes a list of it.
        let inside = &start[..start.len() - self.rest.len() - close.len_utf8()];
        if open == '(' && items.len() == 1 && !inside.trim_end().ends_with(',') {
            return items.pop();
        }
        Some(self.node(Content::List(items)))
    }

    /// Values with commas between, up to what closes them or to the end.
    fn items(&mut self, close: Option<char>) -> Option<Vec<Node>> {
        let mut items = Vec::new();
        loop {
            self.blank();
            match close {
                Some(close) if self.eats(close) => return Some(items),
                None if self.rest.is_empty() || self.rest.starts_with('#') => return Some(items),
                _ => {}
            }
            items.push(self.one()?);
            if !self.eats(',') {
                return match close {
                    Some(close) => self.eats(close).then_some(items),
                    None => Some(items),
                };
            }
        }
    }

    fn map(&mut self) -> Option<Node> {
        self.eats('{');
        let mut entries: Vec<Entry> = Vec::new();
        let mut items = Vec::new();
        loop {
            if self.eats('}') {
                break;
            }
            let key = self.one()?;
            if self.eats(':') {
                let Content::Scalar(scalar) = key.content else { return None };
                let value = self.one()?;
                entries.retain(|entry| entry.key.text != scalar.text);
                entries.push(Entry { key: Key { text: scalar.text, span: self.span }, value });
            } else {
                items.push(key);
            }
            if !self.eats(',') {
                if self.eats('}') {
                    break;
                }
                return None;
            }
        }
        match (entries.is_empty(), items.is_empty()) {
            (_, true) => Some(self.node(Content::Map(entries))),
            (true, false) => Some(self.node(Content::List(items))),
            (false, false) => None,
        }
    }

    /// Texts in quotes, which stand together as one.
    fn texts(&mut self) -> Option<Node> {
        let mut text = String::new();
        while let Some((raw, quote, rest)) = opening(self.rest) {
            self.rest = rest;
            loop {
                let c = self.next()?;
                match c {
                    '\n' => return None,
                    '\\' if raw => text.extend(['\\', self.next()?]),
                    '\\' => match self.next()? {
                        'n' => text.push('\n'),
                        't' => text.push('\t'),
                        'r' => text.push('\r'),
                        'a' => text.push('\u{7}'),
                        'b' => text.push('\u{8}'),
                        'f' => text.push('\u{c}'),
                        'v' => text.push('\u{b}'),
                        digit @ '0'..='7' => text.push(self.octal(digit)?),
                        same @ ('\\' | '\'' | '"') => text.push(same),
                        'x' => text.push(self.code(2)?),
                        'u' => text.push(self.code(4)?),
                        'U' => text.push(self.code(8)?),
                        other => text.extend(['\\', other]),
                    },
                    c if c == quote => break,
                    c => text.push(c),
                }
            }
            self.blank();
        }
        Some(quoted(&text, self.span))
    }

    /// The character of up to three digits, the first of which is read already.
    fn octal(&mut self, first: char) -> Option<char> {
        let mut code = first.to_digit(8)?;
        for _ in 0..2 {
            let Some(digit) = self.rest.chars().next().and_then(|c| c.to_digit(8)) else { break };
            code = code * 8 + digit;
            self.rest = &self.rest[1..];
        }
        char::from_u32(code)
    }

    fn code(&mut self, n_digits: usize) -> Option<char> {
        let digits = self.rest.get(..n_digits)?;
        self.rest = &self.rest[n_digits..];
        u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)
    }

    /// A number, `True`, `False` or `None`.
    fn word(&mut self) -> Option<Node> {
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-._".contains(c)));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        let text = match word {
            "True" => "true".to_owned(),
            "False" => "false".to_owned(),
            "None" => "null".to_owned(),
            other => number(other)?,
        };
        Some(self.node(Content::Scalar(Scalar { text: text.into(), plain: true, verbatim: None })))
    }

    fn node(&self, content: Content) -> Node {
        Node { span: self.span, content }
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn eats(&mut self, c: char) -> bool {
        self.blank();
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn blank(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }
}

/// What opens a text: whether backslashes are letters in it, the quote that ends it, and what stands behind that quote.
fn opening(rest: &str) -> Option<(bool, char, &str)> {
    let quote = rest.find(['\'', '"'])?;
    let raw = match rest[..quote].to_ascii_lowercase().as_str() {
        "" | "u" | "b" => false,
        "r" | "br" | "rb" => true,
        _ => return None,
    };
    Some((raw, if rest[quote..].starts_with('"') { '"' } else { '\'' }, &rest[quote + 1..]))
}

/// A number of Python in the spelling of YAML.
fn number(word: &str) -> Option<String> {
    let (sign, digits) = match word.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", word.strip_prefix('+').unwrap_or(word)),
    };
    let well_spaced = !digits.starts_with('_') && !digits.ends_with('_') && !digits.contains("__");
    let bare = digits.replace('_', "");
    if !well_spaced || bare.is_empty() {
        return None;
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = bare.to_ascii_lowercase().strip_prefix(prefix) {
            return u64::from_str_radix(digits, radix).ok().map(|number| format!("{sign}{number}"));
        }
    }
    if bare.bytes().all(|byte| byte.is_ascii_digit()) {
        let zeros = bare.bytes().all(|byte| byte == b'0');
        // `007` is no number of Python.
        return (zeros || !bare.starts_with('0')).then(|| if zeros { "0".to_owned() } else { format!("{sign}{bare}") });
    }
    let float = bare.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    let number: f64 =
        bare.parse().ok().filter(|_| float && bare.starts_with(|c: char| c.is_ascii_digit() || c == '.'))?;
    number.is_finite().then(|| format!("{sign}{number:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Sources;
    use crate::inventory::shown::written;
    use serde_json::{Value, json};

    #[test]
    fn values_are_those_of_python() {
        let source = Sources::new().add("hosts", "");
        let span = Span { source, start: 0, end: 0 };
        let check = |text: &str, expected: Value| assert_eq!(written(&value(text, span)), expected, "{text}");
        check("5", json!(5));
        check("-5", json!(-5));
        check("1_000", json!(1000));
        check("0x10", json!(16));
        check("1e3", json!(1000.0));
        check("1.50", json!(1.5));
        check("007", json!("007"));
        check("0", json!(0));
        check("True", json!(true));
        check("true", json!("true"));
        check("yes", json!("yes"));
        check("None", Value::Null);
        check("", json!(""));
        check("'5'", json!("5"));
        check("'a' \"b\"", json!("ab"));
        check(r"'CORP\\x'", json!(r"CORP\x"));
        check(r"r'C:\temp\new'", json!(r"C:\temp\new"));
        check(r"u'a' b'\n' R'\n'", json!("a\n\\n"));
        check(r"'\101\7\08'", json!("A\u{7}\08"));
        check("f'a'", json!("f'a'"));
        check(r"CORP\x", json!(r"CORP\x"));
        check("5 # five", json!(5));
        check("five # 5", json!("five # 5"));
        check("[1, 'a', [True]]", json!([1, "a", [true]]));
        check("(1,)", json!([1]));
        check("(1)", json!(1));
        check("80,443", json!([80, 443]));
        check("{'a': 1, 'b': {'c': []}}", json!({"a": 1, "b": {"c": []}}));
        check("{}", json!({}));
        check("[1", json!("[1"));
        check("10.0.0.1", json!("10.0.0.1"));
        check("1-2", json!("1-2"));
        check("{{ x }}", json!("{{ x }}"));
        check("-", json!("-"));
        check(&"[".repeat(1000), json!("[".repeat(1000)));
    }
}
