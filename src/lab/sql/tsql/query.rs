//! The parser of SELECT.

use super::lexer::Token;
use super::parser::{Parsed, Parser};
use super::tree_query::{Expression, From, Item, Select};

impl Parser {
    /// `SELECT …`.
    pub(super) fn select(&mut self) -> Parsed<Select> {
        self.nested(Parser::query)
    }

    fn query(&mut self) -> Parsed<Select> {
        self.must("SELECT")?;
        let mut select = Select { distinct: self.words("DISTINCT"), ..Select::default() };
        if !select.distinct {
            self.words("ALL");
        }
        if self.words("TOP") {
            let enclosed = self.symbol("(");
            select.top = Some(if enclosed { self.expression()? } else { Expression::Number(self.number()?) });
            if enclosed {
                self.must_symbol(")")?;
            }
        }
        select.items = self.list(Parser::item)?;
        if self.words("FROM") {
            select.from = Some(self.from()?);
        }
        if self.words("WHERE") {
            select.filter = Some(self.expression()?);
        }
        if self.words("ORDER") {
            self.must("BY")?;
            select.order = self.list(|parser| {
                let by = parser.expression()?;
                let descending = !parser.words("ASC") && parser.words("DESC");
                Ok((by, descending))
            })?;
        }
        Ok(select)
    }

    fn item(&mut self) -> Parsed<Item> {
        if self.symbol("*") {
            return Ok(Item::Star);
        }
        let second_is =
            |parser: &Parser, symbol: &str| matches!(parser.peek_at(1), Some(Token::Symbol(found)) if *found == symbol);
        if let (Some(Token::Variable(name)), true) = (self.peek(), second_is(self, "=")) {
            let name = name.clone();
            self.advance();
            self.advance();
            return Ok(Item::Assign(name, self.expression()?));
        }
        // `t.*`.
        if self.at_name() && second_is(self, ".") && matches!(self.peek_at(2), Some(Token::Symbol("*"))) {
            for _ in 0..3 {
                self.advance();
            }
            return Ok(Item::Star);
        }
        // `alias = expression`.
        if (self.at_name() || matches!(self.peek(), Some(Token::Text(_)))) && second_is(self, "=") {
            let alias = if self.at_name() { self.name()? } else { self.literal()? };
            self.advance();
            return Ok(Item::Value(self.expression()?, Some(alias)));
        }
        let value = self.expression()?;
        let alias = self.alias(true)?;
        Ok(Item::Value(value, alias))
    }

    fn alias(&mut self, literal: bool) -> Parsed<Option<String>> {
        let expected = self.words("AS");
        if literal && matches!(self.peek(), Some(Token::Text(_))) {
            return self.literal().map(Some);
        }
        // A statement that is no keyword follows a SELECT without a semicolon now and then.
        if expected || self.at_name() && !self.ahead("THROW") {
            return self.name().map(Some);
        }
        Ok(None)
    }

    fn from(&mut self) -> Parsed<From> {
        let name = self.object_name()?;
        let mut arguments = None;
        if self.symbol("(") {
            arguments = Some(if self.at_symbol(")") { Vec::new() } else { self.list(Parser::expression)? });
            self.must_symbol(")")?;
        }
        let alias = self.alias(false)?;
        // A hint such as WITH (NOLOCK) changes nothing here.
        if self.ahead("WITH") && matches!(self.peek_at(1), Some(Token::Symbol("("))) {
            self.advance();
            self.advance();
            self.list(Parser::name)?;
            self.must_symbol(")")?;
        }
        Ok(From { name, arguments, alias })
    }
}
