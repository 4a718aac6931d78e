//! T-SQL put together from a template: the one place where a name or a text becomes part of a statement.
//!
//! Values are bound as parameters wherever T-SQL takes any. It takes none for names, for numbers in options and for the
//! passwords of keys; those stand in the statement itself, each quoted for its place.

use super::{Escape, FOUND_MARK, SecretPart, SecretPiece, SecretRef, SecretText, TextEncoding, TextPiece};

/// The longest name of an object (`sysname`), in UTF-16 code units.
pub const MAX_NAME_UNITS: usize = 128;

/// What stands in a place of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SqlPart<'a> {
    /// A name: of a database, a login, a schema.
    Name(&'a str),
    /// A text.
    Text(&'a str),
    /// A number.
    Number(u32),
    /// A keyword, or several: `ON`, `ENABLE_BROKER`, a collation. What no keyword can hold is left out of it.
    Word(&'a str),
    /// Keywords with commas between them: permissions.
    Words(Vec<&'a str>),
    /// A secret, as a text.
    Secret(&'a SecretRef),
    /// What is found on the server itself just before, as a text.
    Found,
}

/// A name in brackets, `]` doubled: good for any name (Transact-SQL, delimited identifiers).
pub fn quote_name(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

/// A text as a Unicode literal, `'` doubled. Good for any text without line ends, which the types of properties and
/// [`Escape::SqlText`] refuse: a backslash before one would join the lines (Transact-SQL, backslash continuation).
pub fn quote_text(text: &str) -> String {
    format!("N'{}'", text.replace('\'', "''"))
}

/// A statement from its template: each `{place}` takes its part.
///
/// # Panics
/// Never with the templates that are shipped, which a test fills one by one: a place that nothing is said for stays as
/// it is, which no server takes for T-SQL.
pub fn statement(template: &str, parts: &[(&str, SqlPart)]) -> SecretText {
    let mut pieces: Vec<TextPiece> = Vec::new();
    let mut rest = template.trim_end();
    while let Some(open) = rest.find('{') {
        let close = rest[open..].find('}').map_or(rest.len(), |length| open + length + 1);
        push(&mut pieces, &rest[..open]);
        let place = rest[open..close].trim_matches(['{', '}']);
        match parts.iter().find(|(name, _)| *name == place) {
            Some((_, part)) => part.push(&mut pieces),
            None => push(&mut pieces, &rest[open..close]),
        }
        rest = &rest[close..];
    }
    push(&mut pieces, rest);
    SecretText { encoding: TextEncoding::Utf8, pieces }
}

impl SqlPart<'_> {
    fn push(&self, pieces: &mut Vec<TextPiece>) {
        match self {
            SqlPart::Name(name) => push(pieces, &quote_name(name)),
            SqlPart::Text(text) => push(pieces, &quote_text(text)),
            SqlPart::Number(number) => push(pieces, &number.to_string()),
            SqlPart::Word(word) => push(pieces, &bare(word)),
            SqlPart::Words(words) => push(pieces, &words.iter().map(|word| bare(word)).collect::<Vec<_>>().join(", ")),
            SqlPart::Found => push(pieces, FOUND_MARK),
            SqlPart::Secret(secret) => {
                let (secret, part) = ((*secret).clone(), SecretPart::Whole);
                push(pieces, "N'");
                pieces.push(TextPiece::Secret(SecretPiece { secret, part, escape: Escape::SqlText }));
                push(pieces, "'");
            }
        }
    }
}

/// The letters, digits, blanks and underscores of a keyword.
fn bare(word: &str) -> String {
    word.chars().filter(|c| c.is_ascii_alphanumeric() || " _".contains(*c)).collect()
}

fn push(pieces: &mut Vec<TextPiece>, text: &str) {
    match pieces.last_mut() {
        Some(TextPiece::Plain(last)) => last.push_str(text),
        _ if text.is_empty() => {}
        _ => pieces.push(TextPiece::Plain(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{SecretValue, Store};
    use proptest::prelude::*;

    fn plain(text: &SecretText, secret: &str) -> String {
        let bytes = text.bytes(|_| Ok(SecretValue::new(secret.to_owned()))).unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn parts_are_quoted_for_their_places() {
        let secret = SecretRef { store: Store::Env, name: "s".to_owned(), fingerprint: None };
        let check = |template: &str, part: SqlPart, expected: &str| {
            assert_eq!(plain(&statement(template, &[("x", part)]), "it's"), expected);
        };
        check("USE {x}", SqlPart::Name("a]b"), "USE [a]]b]");
        check("A {x}\n", SqlPart::Text("it's"), "A N'it''s'");
        check("A {x} B", SqlPart::Number(4133), "A 4133 B");
        check("SET {x}", SqlPart::Word("ON"), "SET ON");
        check("SET {x}", SqlPart::Word("ON; DROP"), "SET ON DROP");
        check("GRANT {x}", SqlPart::Words(vec!["SELECT", "INSERT"]), "GRANT SELECT, INSERT");
        check("P = {x}", SqlPart::Secret(&secret), "P = N'it''s'");
        check("{x} = 1", SqlPart::Found, "{found} = 1");
        check("{y}", SqlPart::Number(1), "{y}");
    }

    /// What SQL Server makes of a literal: the reverse, written apart.
    fn read_text(literal: &str) -> Option<String> {
        let inner = literal.strip_prefix("N'")?.strip_suffix('\'')?;
        let mut read = String::new();
        let mut characters = inner.chars();
        while let Some(character) = characters.next() {
            if character == '\'' && characters.next() != Some('\'') {
                return None;
            }
            read.push(character);
        }
        Some(read)
    }

    proptest! {
        #[test]
        fn any_text_is_one_literal(text in any::<String>()) {
            let literal = quote_text(&text);
            prop_assert_eq!(read_text(&literal), Some(text));
        }

        #[test]
        fn any_name_is_one_name(name in any::<String>()) {
            let quoted = quote_name(&name);
            let inner = quoted.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or_default();
            prop_assert_eq!(inner.replace("]]", "\u{0}").contains(']'), false);
            prop_assert_eq!(inner.replace("]]", "]"), name);
        }
    }
}
