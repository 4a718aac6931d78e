//! A line of hosts in words, by the rules of a POSIX shell.

/// A word, and where it stands in the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// What it says after quotes and escapes.
    pub text: String,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// Splits a line at blanks; quotes and backslashes hold together, `#` starts a comment.
///
/// # Errors
/// When a quote is not closed, or a backslash stands at the end.
pub(super) fn split(line: &str) -> Result<Vec<Token>, &'static str> {
    let mut tokens = Vec::new();
    let mut open: Option<Token> = None;
    let mut characters = line.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        if c == '#' || c.is_ascii_whitespace() {
            tokens.extend(open.take());
            if c == '#' {
                break;
            }
            continue;
        }
        let token = open.get_or_insert_with(|| Token { text: String::new(), start: at, end: at });
        match c {
            '\'' => loop {
                match characters.next() {
                    None => return Err("a quote is not closed"),
                    Some((_, '\'')) => break,
                    Some((_, inside)) => token.text.push(inside),
                }
            },
            '"' => loop {
                match characters.next() {
                    None => return Err("a quote is not closed"),
                    Some((_, '"')) => break,
                    Some((_, '\\')) => match characters.next() {
                        None => return Err("a quote is not closed"),
                        Some((_, escaped @ ('"' | '\\'))) => token.text.push(escaped),
                        Some((_, other)) => token.text.extend(['\\', other]),
                    },
                    Some((_, inside)) => token.text.push(inside),
                }
            },
            '\\' => match characters.next() {
                None => return Err("a backslash stands at the end"),
                Some((_, escaped)) => token.text.push(escaped),
            },
            other => token.text.push(other),
        }
        token.end = characters.peek().map_or(line.len(), |(next, _)| *next);
    }
    tokens.extend(open);
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_does() {
        let check = |line: &str, expected: &[&str]| {
            let words: Vec<String> = split(line).unwrap().into_iter().map(|token| token.text).collect();
            assert_eq!(words, expected, "{line}");
        };
        check("web01 a=1  b='x y' # c", &["web01", "a=1", "b=x y"]);
        check(
            r#"web01 u=CORP\\deploy v="a\"b\c" w=CORP\deploy"#,
            &["web01", r"u=CORP\deploy", r#"v=a"b\c"#, "w=CORPdeploy"],
        );
        check("a#b c", &["a"]);
        check("a ''", &["a", ""]);
        assert!(split("a 'b").is_err() && split("a \\").is_err());
        let tokens = split("web01  a='1 2'").unwrap();
        assert_eq!((tokens[1].start, tokens[1].end), (7, 14));
    }
}
