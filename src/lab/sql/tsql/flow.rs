//! The parser of the statements that steer a batch.

use super::lexer::Token;
use super::parser::{Parsed, Parser};
use super::tree::{Argument, SetOption, Statement, Step};
use super::tree_query::Expression;
use crate::lab::sql::value::Type;

impl Parser {
    pub(super) fn flow(&mut self) -> Parsed<Option<Statement>> {
        let statement = if self.ahead("SELECT") {
            Statement::Select(self.select()?)
        } else if self.words("USE") {
            Statement::Use(self.name()?)
        } else if self.words("IF") {
            let condition = self.expression()?;
            let then = Box::new(self.step()?);
            let otherwise = if self.words("ELSE") { Some(Box::new(self.step()?)) } else { None };
            Statement::If(condition, then, otherwise)
        } else if self.words("BEGIN") {
            if self.words("TRAN") || self.words("TRANSACTION") {
                self.after_name(Statement::Begin)?
            } else {
                self.block()?
            }
        } else if self.words("COMMIT") {
            self.end_of_transaction(Statement::Commit)?
        } else if self.words("ROLLBACK") {
            self.end_of_transaction(Statement::Rollback)?
        } else if self.words("DECLARE") {
            Statement::Declare(self.list(Parser::declaration)?)
        } else if self.words("SET") {
            self.set()?
        } else if self.words("PRINT") {
            Statement::Print(self.expression()?)
        } else if self.words("RAISERROR") {
            self.must_symbol("(")?;
            let arguments = self.list(Parser::expression)?;
            self.must_symbol(")")?;
            if self.words("WITH") {
                self.list(Parser::name)?;
            }
            Statement::RaisError(arguments)
        } else if self.words("THROW") {
            let alone = !matches!(self.peek(), Some(Token::Number(_) | Token::Variable(_)));
            Statement::Throw(if alone { Vec::new() } else { self.list(Parser::expression)? })
        } else if self.words("RETURN") {
            Statement::Return
        } else if self.words("REVERT") {
            Statement::Revert
        } else if self.words("EXEC") || self.words("EXECUTE") {
            self.execute()?
        } else {
            return Ok(None);
        };
        Ok(Some(statement))
    }

    fn after_name(&mut self, statement: Statement) -> Parsed<Statement> {
        if self.at_name() && !self.ahead("THROW") {
            self.name()?;
        }
        Ok(statement)
    }

    fn end_of_transaction(&mut self, statement: Statement) -> Parsed<Statement> {
        if self.words("TRAN") || self.words("TRANSACTION") {
            return self.after_name(statement);
        }
        self.words("WORK");
        Ok(statement)
    }

    fn block(&mut self) -> Parsed<Statement> {
        let mut steps: Vec<Step> = Vec::new();
        loop {
            while self.symbol(";") {}
            if self.words("END") {
                break;
            }
            steps.push(self.step()?);
        }
        if steps.is_empty() { Err(self.incorrect()) } else { Ok(Statement::Block(steps)) }
    }

    fn variable(&mut self) -> Parsed<String> {
        match self.peek() {
            Some(Token::Variable(name)) if !name.starts_with("@@") => {
                let name = name.clone();
                self.advance();
                Ok(name)
            }
            _ => Err(self.incorrect()),
        }
    }

    fn declaration(&mut self) -> Parsed<(String, Type, Option<Expression>)> {
        let name = self.variable()?;
        self.words("AS");
        let kind = self.declared_type()?;
        let value = if self.symbol("=") { Some(self.expression()?) } else { None };
        Ok((name, kind, value))
    }

    /// A type of a variable: where a text has no length, it is 1 and not 30.
    fn declared_type(&mut self) -> Parsed<Type> {
        let sized = matches!(self.peek_at(1), Some(Token::Symbol("(")));
        let kind = self.type_name()?;
        Ok(match kind {
            Type::Text(Some(30)) if !sized => Type::Text(Some(1)),
            Type::Bytes(Some(30)) if !sized => Type::Bytes(Some(1)),
            other => other,
        })
    }

    fn set(&mut self) -> Parsed<Statement> {
        if matches!(self.peek(), Some(Token::Variable(_))) {
            let name = self.variable()?;
            if self.symbol("+=") {
                let left = Box::new(Expression::Variable(name.clone()));
                let right = Box::new(self.expression()?);
                return Ok(Statement::SetVariable(name, Expression::Operator(super::Operator::Plus, left, right)));
            }
            self.must_symbol("=")?;
            return Ok(Statement::SetVariable(name, self.expression()?));
        }
        Ok(Statement::SetOption(if self.words("NOCOUNT") {
            SetOption::NoCount(self.on_or_off()?)
        } else if self.words("XACT_ABORT") {
            SetOption::XactAbort(self.on_or_off()?)
        } else if self.words("LOCK_TIMEOUT") {
            SetOption::LockTimeoutMillis(self.number()?)
        } else if self.words("TRANSACTION ISOLATION LEVEL") {
            let levels = ["READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SNAPSHOT", "SERIALIZABLE"];
            if !levels.iter().any(|level| self.words(level)) {
                return Err(self.incorrect());
            }
            SetOption::Other
        } else {
            self.harmless()?
        }))
    }

    /// Options that clients set when they connect.
    fn harmless(&mut self) -> Parsed<SetOption> {
        const SWITCHES: &[&str] = &[
            "ANSI_NULLS",
            "ANSI_PADDING",
            "ANSI_WARNINGS",
            "ANSI_NULL_DFLT_ON",
            "ANSI_DEFAULTS",
            "ARITHABORT",
            "CONCAT_NULL_YIELDS_NULL",
            "CURSOR_CLOSE_ON_COMMIT",
            "FMTONLY",
            "IMPLICIT_TRANSACTIONS",
            "NUMERIC_ROUNDABORT",
            "QUOTED_IDENTIFIER",
        ];
        const VALUES: &[&str] = &["DATEFIRST", "DATEFORMAT", "DEADLOCK_PRIORITY", "LANGUAGE", "ROWCOUNT", "TEXTSIZE"];
        let one = |parser: &mut Parser, names: &[&str]| names.iter().any(|name| parser.words(name));
        if one(self, SWITCHES) {
            while self.symbol(",") {
                if !one(self, SWITCHES) {
                    return Err(self.incorrect());
                }
            }
            self.on_or_off()?;
        } else if one(self, VALUES) {
            if self.at_name() {
                self.name()?;
            } else {
                self.number()?;
            }
        } else {
            return Err(self.incorrect());
        }
        Ok(SetOption::Other)
    }

    fn execute(&mut self) -> Parsed<Statement> {
        if self.symbol("(") {
            let text = self.expression()?;
            self.must_symbol(")")?;
            return Ok(Statement::ExecuteText(text));
        }
        if self.words("AS") {
            let login = self.words("LOGIN");
            if !login {
                self.must("USER")?;
            }
            self.must_symbol("=")?;
            return Ok(Statement::ExecuteAs { login, name: self.expression()? });
        }
        // `EXEC @result = procedure`: the result is always 0 here.
        if matches!(self.peek(), Some(Token::Variable(_))) {
            self.variable()?;
            self.must_symbol("=")?;
        }
        let procedure = self.object_name()?;
        let starts = |parser: &Parser| {
            parser.ahead("NULL")
                || parser.ahead("DEFAULT")
                || parser.at_symbol("-")
                || matches!(
                    parser.peek(),
                    Some(Token::Text(_) | Token::Number(_) | Token::Variable(_) | Token::Bytes(_))
                )
        };
        let arguments = if starts(self) { self.list(Parser::argument)? } else { Vec::new() };
        Ok(Statement::ExecuteProcedure(procedure, arguments))
    }

    fn argument(&mut self) -> Parsed<Argument> {
        let named =
            matches!(self.peek(), Some(Token::Variable(_))) && matches!(self.peek_at(1), Some(Token::Symbol("=")));
        let name = if named { Some(self.variable()?) } else { None };
        if named {
            self.must_symbol("=")?;
        }
        // A procedure takes literals and variables, no expressions.
        let value = match self.advance() {
            Some(Token::Text(text)) => Expression::Text(text),
            Some(Token::Number(number)) => Expression::Number(number),
            Some(Token::Bytes(bytes)) => Expression::Bytes(bytes),
            Some(Token::Variable(name)) => Expression::Variable(name),
            Some(Token::Symbol("-")) => Expression::Number(-self.number()?),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("NULL") || word.eq_ignore_ascii_case("DEFAULT") => {
                Expression::Null
            }
            _ => return Err(self.incorrect()),
        };
        if !self.words("OUTPUT") {
            self.words("OUT");
        }
        Ok(Argument { name, value })
    }
}
