//! The parser of expressions and conditions.

use super::lexer::Token;
use super::parser::{Parsed, Parser};
use super::tree_query::{Expression, Operator};

impl Parser {
    /// An expression or a condition.
    pub(super) fn expression(&mut self) -> Parsed<Expression> {
        self.nested(Parser::either)
    }

    fn either(&mut self) -> Parsed<Expression> {
        let mut left = self.both()?;
        while self.words("OR") {
            left = Expression::Operator(Operator::Or, Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Parsed<Expression> {
        let mut left = self.negated()?;
        while self.words("AND") {
            left = Expression::Operator(Operator::And, Box::new(left), Box::new(self.negated()?));
        }
        Ok(left)
    }

    fn negated(&mut self) -> Parsed<Expression> {
        if self.words("NOT") {
            return Ok(Expression::Not(Box::new(self.nested(Parser::negated)?)));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Parsed<Expression> {
        const COMPARISONS: &[(&str, Operator)] = &[
            ("<>", Operator::Differs),
            ("!=", Operator::Differs),
            ("<=", Operator::AtMost),
            (">=", Operator::AtLeast),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::More),
        ];
        let left = self.sum()?;
        for (symbol, operator) in COMPARISONS {
            if self.symbol(symbol) {
                return Ok(Expression::Operator(*operator, Box::new(left), Box::new(self.sum()?)));
            }
        }
        if self.words("IS") {
            let not = self.words("NOT");
            self.must("NULL")?;
            return Ok(negate(not, Expression::IsNull(Box::new(left))));
        }
        let not = (self.ahead("NOT IN") || self.ahead("NOT LIKE") || self.ahead("NOT BETWEEN")) && self.words("NOT");
        if self.words("IN") {
            self.must_symbol("(")?;
            let list = self.list(Parser::expression)?;
            self.must_symbol(")")?;
            return Ok(negate(not, Expression::In(Box::new(left), list)));
        }
        if self.words("LIKE") {
            let pattern = Box::new(self.sum()?);
            let escape = if self.words("ESCAPE") { Some(Box::new(self.sum()?)) } else { None };
            return Ok(negate(not, Expression::Like(Box::new(left), pattern, escape)));
        }
        if self.words("BETWEEN") {
            let low = self.sum()?;
            self.must("AND")?;
            let high = self.sum()?;
            let low = Expression::Operator(Operator::AtLeast, Box::new(left.clone()), Box::new(low));
            let high = Expression::Operator(Operator::AtMost, Box::new(left), Box::new(high));
            return Ok(negate(not, Expression::Operator(Operator::And, Box::new(low), Box::new(high))));
        }
        Ok(left)
    }

    fn sum(&mut self) -> Parsed<Expression> {
        let mut left = self.product()?;
        loop {
            let operator = if self.symbol("+") {
                Operator::Plus
            } else if self.symbol("-") {
                Operator::Minus
            } else if self.symbol("&") {
                Operator::BitAnd
            } else {
                return Ok(left);
            };
            left = Expression::Operator(operator, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Parsed<Expression> {
        let mut left = self.primary()?;
        loop {
            let operator = if self.symbol("*") {
                Operator::Times
            } else if self.symbol("/") {
                Operator::Over
            } else if self.symbol("%") {
                Operator::Modulo
            } else {
                return Ok(left);
            };
            left = Expression::Operator(operator, Box::new(left), Box::new(self.primary()?));
        }
    }

    fn primary(&mut self) -> Parsed<Expression> {
        let value = self.nested(Parser::value)?;
        // A collation of an expression changes no answer here: all comparisons ignore case.
        if self.words("COLLATE") {
            self.name()?;
        }
        Ok(value)
    }

    fn value(&mut self) -> Parsed<Expression> {
        let found = match self.peek() {
            Some(Token::Number(number)) => Expression::Number(*number),
            Some(Token::Text(text)) => Expression::Text(text.clone()),
            Some(Token::Bytes(bytes)) => Expression::Bytes(bytes.clone()),
            Some(Token::Variable(name)) => Expression::Variable(name.clone()),
            _ => return self.compound(),
        };
        self.advance();
        Ok(found)
    }

    fn compound(&mut self) -> Parsed<Expression> {
        if self.symbol("-") {
            return Ok(Expression::Minus(Box::new(self.primary()?)));
        }
        if self.symbol("+") {
            return self.primary();
        }
        if self.symbol("(") {
            let inner =
                if self.ahead("SELECT") { Expression::Query(Box::new(self.select()?)) } else { self.expression()? };
            self.must_symbol(")")?;
            return Ok(inner);
        }
        if self.words("NULL") {
            return Ok(Expression::Null);
        }
        if self.words("EXISTS") {
            self.must_symbol("(")?;
            let query = self.select()?;
            self.must_symbol(")")?;
            return Ok(Expression::Exists(Box::new(query)));
        }
        if self.words("CASE") {
            return self.case();
        }
        if self.words("CONVERT") {
            self.must_symbol("(")?;
            let kind = self.type_name()?;
            self.must_symbol(",")?;
            let value = Box::new(self.expression()?);
            let style = if self.symbol(",") { Some(Box::new(self.expression()?)) } else { None };
            self.must_symbol(")")?;
            return Ok(Expression::Convert(kind, value, style));
        }
        if self.words("COALESCE") {
            self.must_symbol("(")?;
            let list = self.list(Parser::expression)?;
            self.must_symbol(")")?;
            return Ok(Expression::Call(vec!["COALESCE".to_owned()], list));
        }
        self.named()
    }

    fn case(&mut self) -> Parsed<Expression> {
        let tested = if self.ahead("WHEN") { None } else { Some(self.expression()?) };
        let mut branches = Vec::new();
        while self.words("WHEN") {
            let condition = self.expression()?;
            let condition = match &tested {
                Some(tested) => Expression::Operator(Operator::Equal, Box::new(tested.clone()), Box::new(condition)),
                None => condition,
            };
            self.must("THEN")?;
            branches.push((condition, self.expression()?));
        }
        let otherwise = if self.words("ELSE") { Some(Box::new(self.expression()?)) } else { None };
        if branches.is_empty() {
            return Err(self.incorrect());
        }
        self.must("END")?;
        Ok(Expression::Case(branches, otherwise))
    }

    /// A column or a function.
    fn named(&mut self) -> Parsed<Expression> {
        let plain = matches!(self.peek(), Some(Token::Word(_)));
        // LEFT, RIGHT and USER are keywords and functions.
        let name = match self.peek() {
            Some(Token::Word(word)) if ["LEFT", "RIGHT"].iter().any(|known| known.eq_ignore_ascii_case(word)) => {
                let word = word.clone();
                self.advance();
                vec![word]
            }
            _ => self.object_name()?,
        };
        let is = |word: &str| plain && name.len() == 1 && name[0].eq_ignore_ascii_case(word);
        if !self.at_symbol("(") {
            return Ok(Expression::Column(name));
        }
        let (cast, count) = (is("CAST"), is("COUNT"));
        self.must_symbol("(")?;
        if cast {
            let value = Box::new(self.expression()?);
            self.must("AS")?;
            let kind = self.type_name()?;
            self.must_symbol(")")?;
            return Ok(Expression::Convert(kind, value, None));
        }
        if count && (self.symbol("*") || matches!(self.peek(), Some(Token::Number(_))) && self.advance().is_some()) {
            self.must_symbol(")")?;
            return Ok(Expression::CountRows);
        }
        let arguments = if self.at_symbol(")") { Vec::new() } else { self.list(Parser::expression)? };
        self.must_symbol(")")?;
        Ok(Expression::Call(name, arguments))
    }
}

fn negate(not: bool, condition: Expression) -> Expression {
    if not { Expression::Not(Box::new(condition)) } else { condition }
}
