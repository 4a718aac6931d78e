//! The parser's core: a cursor over tokens, and the list of statements.

use super::lexer::{Placed, Token, lex};
use super::reserved::is_reserved;
use super::tree::{Statement, Step};
use super::tree_query::ObjectName;
use crate::lab::sql::reply::SqlError;
use crate::lab::sql::value::Type;

/// A syntax error, or what was read.
pub type Parsed<T> = Result<T, SqlError>;

/// How deep statements and expressions may be nested, as SQL Server limits it.
const MOST_NESTED: u32 = 64;

/// Parses a batch.
///
/// # Errors
/// 102 and its kin for what is not in the subset; then nothing of the batch is run.
pub fn parse(text: &str) -> Parsed<Vec<Step>> {
    let mut parser = Parser { tokens: lex(text)?, at: 0, depth: 0 };
    let mut steps = Vec::new();
    loop {
        while parser.symbol(";") {}
        if parser.at == parser.tokens.len() {
            return Ok(steps);
        }
        steps.push(parser.step()?);
    }
}

/// A cursor over the tokens of a batch.
pub struct Parser {
    tokens: Vec<Placed>,
    at: usize,
    depth: u32,
}

impl Parser {
    /// One statement, and the semicolon after it.
    pub(super) fn step(&mut self) -> Parsed<Step> {
        let line = self.line();
        let statement = self.nested(Parser::statement)?;
        self.symbol(";");
        Ok(Step { line, statement })
    }

    /// Reads something that may hold its like, no deeper than SQL Server goes.
    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Parser) -> Parsed<T>) -> Parsed<T> {
        if self.depth == MOST_NESTED {
            let text = "Some part of your SQL statement is nested too deeply. Rewrite the query or break it up into smaller queries.";
            return Err(SqlError { line: self.line(), ..SqlError::new(191, 15, text) });
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn statement(&mut self) -> Parsed<Statement> {
        if let Some(statement) = self.flow()? {
            return Ok(statement);
        }
        let parts =
            [Parser::trace, Parser::database, Parser::key, Parser::backup, Parser::security, Parser::permission];
        for part in parts {
            if let Some(admin) = part(self)? {
                return Ok(Statement::Admin(admin));
            }
        }
        Err(self.incorrect())
    }

    /// The line of the next token, or of the last one.
    pub(super) fn line(&self) -> u32 {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |placed| placed.line)
    }

    /// The next token.
    pub(super) fn peek(&self) -> Option<&Token> {
        self.peek_at(0)
    }

    /// A token further on.
    pub(super) fn peek_at(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead).map(|placed| &placed.token)
    }

    /// Goes past the next token.
    pub(super) fn advance(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at)?.token.clone();
        self.at += 1;
        Some(token)
    }

    /// Error 102 at the next token, or at the last one where there is no more.
    pub(super) fn incorrect(&self) -> SqlError {
        let near = self.tokens.get(self.at).or(self.tokens.last()).map(|placed| placed.token.near());
        let near: String = near.unwrap_or_default().chars().take(128).collect();
        SqlError { line: self.line(), ..SqlError::new(102, 15, format!("Incorrect syntax near '{near}'.")) }
    }

    /// Whether the tokens from here on are these words.
    pub(super) fn ahead(&self, words: &str) -> bool {
        words.split(' ').enumerate().all(
            |(index, word)| matches!(self.peek_at(index), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word)),
        )
    }

    /// Goes past these words, where they are next.
    pub(super) fn words(&mut self, words: &str) -> bool {
        let found = self.ahead(words);
        if found {
            self.at += words.split(' ').count();
        }
        found
    }

    /// Goes past these words, which must be next.
    pub(super) fn must(&mut self, words: &str) -> Parsed<()> {
        // Word by word, so that the message names the one that is wrong.
        for word in words.split(' ') {
            if !self.words(word) {
                return Err(self.incorrect());
            }
        }
        Ok(())
    }

    /// Whether the next token is a symbol.
    pub(super) fn at_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), Some(Token::Symbol(found)) if *found == symbol)
    }

    /// Goes past a symbol, where it is next.
    pub(super) fn symbol(&mut self, symbol: &str) -> bool {
        let found = self.at_symbol(symbol);
        self.at += usize::from(found);
        found
    }

    /// Goes past a symbol, which must be next.
    pub(super) fn must_symbol(&mut self, symbol: &str) -> Parsed<()> {
        if self.symbol(symbol) { Ok(()) } else { Err(self.incorrect()) }
    }

    /// Whether the next token can be a name.
    pub(super) fn at_name(&self) -> bool {
        match self.peek() {
            Some(Token::Word(word)) => !is_reserved(word),
            Some(Token::Quoted(_)) => true,
            _ => false,
        }
    }

    /// A name.
    pub(super) fn name(&mut self) -> Parsed<String> {
        if !self.at_name() {
            return Err(self.incorrect());
        }
        match self.tokens.get(self.at).map(|placed| &placed.token) {
            Some(Token::Word(name) | Token::Quoted(name)) if !name.is_empty() => {
                if name.encode_utf16().count() > 128 {
                    let start: String = name.chars().take(128).collect();
                    let text = format!("The identifier that starts with '{start}' is too long. Maximum length is 128.");
                    return Err(SqlError { line: self.line(), ..SqlError::new(103, 15, text) });
                }
                let name = name.clone();
                self.at += 1;
                Ok(name)
            }
            _ => {
                let text = "An object or column name is missing or empty. For SELECT INTO statements, verify each column has a name. For other statements, look for empty alias names. Aliases defined as \"\" or [] are not allowed. Change the alias to a valid name.";
                Err(SqlError { line: self.line(), ..SqlError::new(1038, 15, text) })
            }
        }
    }

    /// A name of one or more parts; parts in the middle may be left out.
    pub(super) fn object_name(&mut self) -> Parsed<ObjectName> {
        let mut parts = vec![self.name()?];
        while self.symbol(".") {
            if self.at_symbol(".") {
                parts.push(String::new());
            } else {
                parts.push(self.name()?);
            }
        }
        Ok(parts)
    }

    /// Things between commas.
    pub(super) fn list<T>(&mut self, mut read: impl FnMut(&mut Parser) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut list = vec![read(self)?];
        while self.symbol(",") {
            list.push(read(self)?);
        }
        Ok(list)
    }

    /// A text literal.
    pub(super) fn literal(&mut self) -> Parsed<String> {
        match self.peek() {
            Some(Token::Text(text)) => {
                let text = text.clone();
                self.at += 1;
                Ok(text)
            }
            _ => Err(self.incorrect()),
        }
    }

    /// `= 'text'`.
    pub(super) fn equals_literal(&mut self) -> Parsed<String> {
        self.must_symbol("=")?;
        self.literal()
    }

    /// `ON` or `OFF`.
    pub(super) fn on_or_off(&mut self) -> Parsed<bool> {
        if self.words("ON") {
            return Ok(true);
        }
        self.must("OFF").map(|()| false)
    }

    /// A whole number, with its sign.
    pub(super) fn number(&mut self) -> Parsed<i64> {
        let minus = self.symbol("-");
        match self.peek() {
            Some(Token::Number(number)) => {
                let number = if minus { -*number } else { *number };
                self.at += 1;
                Ok(number)
            }
            _ => Err(self.incorrect()),
        }
    }

    /// The name of a type, with its length.
    pub(super) fn type_name(&mut self) -> Parsed<Type> {
        let Some(Token::Word(word) | Token::Quoted(word)) = self.peek() else { return Err(self.incorrect()) };
        let (word, line) = (word.to_ascii_lowercase(), self.line());
        let fixed = match word.as_str() {
            "bit" => Some(Type::Bit),
            "tinyint" => Some(Type::TinyInt),
            "smallint" => Some(Type::SmallInt),
            "int" | "integer" => Some(Type::Int),
            "bigint" => Some(Type::BigInt),
            "uniqueidentifier" => Some(Type::Guid),
            "datetime" | "datetime2" | "smalldatetime" => Some(Type::Time),
            "sysname" => Some(Type::NAME),
            "sql_variant" => Some(Type::Variant),
            _ => None,
        };
        let sized: Option<fn(Option<u16>) -> Type> = match word.as_str() {
            "nvarchar" | "varchar" | "nchar" | "char" => Some(Type::Text),
            "varbinary" | "binary" => Some(Type::Bytes),
            _ => None,
        };
        if fixed.is_none() && sized.is_none() {
            return Err(SqlError {
                line,
                ..SqlError::new(243, 16, format!("Type {word} is not a defined system type."))
            });
        }
        self.at += 1;
        let mut length = None;
        if self.symbol("(") {
            if !self.words("MAX") {
                let number = self.number()?;
                length = Some(u16::try_from(number).map_err(|_| self.incorrect())?);
            }
            self.must_symbol(")")?;
        } else if fixed.is_none() {
            length = Some(30);
        }
        Ok(fixed.unwrap_or_else(|| sized.map_or(Type::Variant, |sized| sized(length))))
    }
}
