//! T-SQL as tokens.

use crate::lab::sql::reply::SqlError;
use crate::lab::sql::value::hex_bytes;

/// A token and the line it begins on, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The token.
    pub token: Token,
    /// Its line.
    pub line: u32,
}

/// A token of T-SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A keyword or a plain identifier.
    Word(String),
    /// An identifier in brackets or double quotes, without them.
    Quoted(String),
    /// A text literal, without its quotes.
    Text(String),
    /// A binary literal such as `0x1F`.
    Bytes(Vec<u8>),
    /// A whole number.
    Number(i64),
    /// A number with a point or an exponent, which nothing here takes.
    Decimal(String),
    /// A variable, with its `@` or `@@`.
    Variable(String),
    /// A punctuation mark or an operator.
    Symbol(&'static str),
    /// A character that T-SQL does not know.
    Stray(char),
}

impl Token {
    /// As a message of incorrect syntax names it.
    pub fn near(&self) -> String {
        match self {
            Token::Word(text)
            | Token::Quoted(text)
            | Token::Text(text)
            | Token::Decimal(text)
            | Token::Variable(text) => text.clone(),
            Token::Bytes(bytes) => format!("0x{}", crate::lab::sql::value::hex_text(bytes)),
            Token::Number(number) => number.to_string(),
            Token::Symbol(symbol) => (*symbol).to_owned(),
            Token::Stray(character) => character.to_string(),
        }
    }
}

/// Longer ones first, so that `<=` is not `<` and `=`.
const SYMBOLS: &[&str] = &[
    "<>", "<=", ">=", "!=", "::", "+=", "(", ")", ",", ".", ";", "=", "<", ">", "+", "-", "*", "/", "%", "&", "|", ":",
];

/// Splits a text into tokens.
///
/// # Errors
/// 105 for a quotation mark, 113 for a comment that is not closed.
pub fn lex(text: &str) -> Result<Vec<Placed>, SqlError> {
    let mut lexer = Lexer { rest: text, line: 1, tokens: Vec::new() };
    while let Some(first) = lexer.rest.chars().next() {
        lexer.step(first)?;
    }
    Ok(lexer.tokens)
}

struct Lexer<'t> {
    rest: &'t str,
    line: u32,
    tokens: Vec<Placed>,
}

impl<'t> Lexer<'t> {
    fn step(&mut self, first: char) -> Result<(), SqlError> {
        let line = self.line;
        let token = match first {
            _ if first.is_whitespace() || first == '\u{feff}' => {
                self.take(first.len_utf8());
                return Ok(());
            }
            '-' if self.rest.starts_with("--") => {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.take(end);
                return Ok(());
            }
            '/' if self.rest.starts_with("/*") => return self.comment(),
            '\'' => Token::Text(self.enclosed(1, '\'')?),
            'N' | 'n' if self.rest[1..].starts_with('\'') => Token::Text(self.enclosed(2, '\'')?),
            '[' => Token::Quoted(self.enclosed(1, ']')?),
            '"' => Token::Quoted(self.enclosed(1, '"')?),
            '0'..='9' => self.number(),
            '@' => Token::Variable(self.while_(is_word)),
            _ if first.is_alphabetic() || first == '_' || first == '#' => Token::Word(self.while_(is_word)),
            _ => self.symbol(first),
        };
        self.tokens.push(Placed { token, line });
        Ok(())
    }

    fn take(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(bytes);
        let lines = taken.bytes().filter(|byte| *byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.rest = rest;
        taken
    }

    fn while_(&mut self, belongs: fn(char) -> bool) -> String {
        let end = self.rest.find(|character| !belongs(character)).unwrap_or(self.rest.len());
        self.take(end).to_owned()
    }

    /// Comments nest in T-SQL.
    fn comment(&mut self) -> Result<(), SqlError> {
        let mut depth = 0_u32;
        loop {
            if self.rest.starts_with("/*") {
                depth += 1;
                self.take(2);
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                self.take(2);
            } else if let Some(other) = self.rest.chars().next() {
                self.take(other.len_utf8());
            } else {
                return Err(SqlError { line: self.line, ..SqlError::new(113, 15, "Missing end comment mark '*/'.") });
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// What stands between marks, the closing one doubled where it is meant.
    fn enclosed(&mut self, opening: usize, close: char) -> Result<String, SqlError> {
        let line = self.line;
        self.take(opening);
        let mut text = String::new();
        loop {
            let Some(end) = self.rest.find(close) else {
                text.push_str(self.rest);
                let message = format!("Unclosed quotation mark after the character string '{text}'.");
                return Err(SqlError { line, ..SqlError::new(105, 15, message) });
            };
            text.push_str(self.take(end));
            self.take(1);
            if !self.rest.starts_with(close) {
                return Ok(text);
            }
            text.push(close);
            self.take(1);
        }
    }

    fn number(&mut self) -> Token {
        if let Some(hexadecimal) = self.rest.strip_prefix("0x").or_else(|| self.rest.strip_prefix("0X")) {
            let end = hexadecimal.find(|digit: char| !digit.is_ascii_hexdigit()).unwrap_or(hexadecimal.len());
            let digits = self.take(2 + end).get(2..).unwrap_or_default();
            return Token::Bytes(hex_bytes(digits).unwrap_or_default());
        }
        let text = self.while_(|character| character.is_ascii_alphanumeric() || character == '.');
        text.parse().map_or(Token::Decimal(text), Token::Number)
    }

    fn symbol(&mut self, first: char) -> Token {
        if let Some(symbol) = SYMBOLS.iter().find(|symbol| self.rest.starts_with(**symbol)) {
            self.take(symbol.len());
            return Token::Symbol(symbol);
        }
        self.take(first.len_utf8());
        Token::Stray(first)
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '@' | '#' | '$')
}
