//! The values of expressions.

use std::cmp::Ordering;

use super::convert::{compare, convert, folded};
use super::step::undeclared;
use super::{Carried, Run};
use crate::lab::sql::error::incorrect;
use crate::lab::sql::reply::{Column, SqlError};
use crate::lab::sql::server::same;
use crate::lab::sql::tsql::{Expression, Operator};
use crate::lab::sql::value::{Type, Value};

/// The row that an expression is about.
#[derive(Clone, Copy)]
pub(super) struct Scope<'r> {
    /// What the rows are of: names by which they can be called.
    pub names: &'r [String],
    /// Their columns.
    pub columns: &'r [Column],
    /// The values of one row; none while only types are wanted.
    pub row: &'r [Value],
    /// How many rows there are, where they are counted.
    pub count: Option<i64>,
    /// The row of the query around this one.
    pub outer: Option<&'r Scope<'r>>,
}

impl Scope<'_> {
    /// A column by its name, and its value.
    fn find(&self, name: &[String]) -> Option<(Type, Option<&Value>)> {
        let (column, qualifier) = name.split_last()?;
        let ours = match qualifier.last() {
            None => true,
            Some(qualifier) => self.names.iter().any(|name| same(name, qualifier)),
        };
        if ours && let Some(at) = self.columns.iter().position(|known| same(&known.name, column)) {
            return self.columns.get(at).map(|column| (column.kind, self.row.get(at)));
        }
        self.outer.and_then(|outer| outer.find(name))
    }
}

impl Run<'_> {
    /// The value of an expression outside a query.
    pub(super) fn evaluate(&mut self, expression: &Expression) -> Carried<Value> {
        self.type_of(expression, None)?;
        self.value(expression, None)
    }

    /// Whether a condition outside a query holds.
    pub(super) fn holds(&mut self, condition: &Expression) -> Carried<bool> {
        self.type_of(condition, None)?;
        Ok(self.condition(condition, None)? == Some(true))
    }

    /// The value of an expression for a row.
    pub(super) fn value(&mut self, expression: &Expression, scope: Option<&Scope>) -> Carried<Value> {
        Ok(match expression {
            Expression::Null => Value::Null,
            Expression::Number(number) => Value::Int(*number),
            Expression::Text(text) => Value::Text(text.clone()),
            Expression::Bytes(bytes) => Value::Bytes(bytes.clone()),
            Expression::Variable(name) if name.starts_with("@@") => self.global(name)?.1,
            Expression::Variable(name) => {
                let known = self.variables.get(&name.to_lowercase());
                known.map(|(_, value)| value.clone()).ok_or_else(|| undeclared(name))?
            }
            Expression::Column(name) => {
                let found = scope.and_then(|scope| scope.find(name)).and_then(|(_, value)| value);
                found.cloned().unwrap_or(Value::Null)
            }
            Expression::CountRows => {
                let count = scope.and_then(|scope| scope.count).unwrap_or(1);
                Value::Int(count)
            }
            Expression::Call(name, arguments) => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    values.push(self.value(argument, scope)?);
                }
                self.call(name, &values)?.1
            }
            Expression::Convert(kind, value, style) => {
                let value = self.value(value, scope)?;
                let style = match style {
                    Some(style) => match self.value(style, scope)? {
                        Value::Int(style) => Some(style),
                        _ => return Err(incorrect("CONVERT").into()),
                    },
                    None => None,
                };
                convert(&value, *kind, style)?
            }
            Expression::Operator(operator, left, right) if is_arithmetic(*operator) => {
                let (left, right) = (self.value(left, scope)?, self.value(right, scope)?);
                arithmetic(*operator, &left, &right)?
            }
            Expression::Minus(value) => match self.value(value, scope)? {
                Value::Int(number) => Value::Int(number.wrapping_neg()),
                Value::Null => Value::Null,
                _ => return Err(incorrect("-").into()),
            },
            Expression::Query(query) => self.scalar(query, scope)?,
            Expression::Case(branches, otherwise) => {
                for (condition, value) in branches {
                    if self.condition(condition, scope)? == Some(true) {
                        return self.value(value, scope);
                    }
                }
                match otherwise {
                    Some(otherwise) => self.value(otherwise, scope)?,
                    None => Value::Null,
                }
            }
            _ => return Err(incorrect("=").into()),
        })
    }

    /// Whether a condition holds; `None` where NULL leaves it open.
    pub(super) fn condition(&mut self, condition: &Expression, scope: Option<&Scope>) -> Carried<Option<bool>> {
        Ok(match condition {
            Expression::Operator(Operator::And, left, right) => {
                match (self.condition(left, scope)?, self.condition(right, scope)?) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                }
            }
            Expression::Operator(Operator::Or, left, right) => {
                match (self.condition(left, scope)?, self.condition(right, scope)?) {
                    (Some(true), _) | (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                }
            }
            Expression::Operator(operator, left, right) if !is_arithmetic(*operator) => {
                let (left, right) = (self.value(left, scope)?, self.value(right, scope)?);
                compare(&left, &right)?.map(|order| matches_order(*operator, order))
            }
            Expression::Not(condition) => self.condition(condition, scope)?.map(|holds| !holds),
            Expression::IsNull(value) => Some(self.value(value, scope)? == Value::Null),
            Expression::In(value, list) => {
                let value = self.value(value, scope)?;
                let mut found = Some(false);
                for item in list {
                    let candidates = match item {
                        Expression::Query(query) if list.len() == 1 => self.first_column(query, scope)?,
                        other => vec![self.value(other, scope)?],
                    };
                    for candidate in candidates {
                        match compare(&value, &candidate)? {
                            Some(Ordering::Equal) => return Ok(Some(true)),
                            Some(_) => {}
                            None => found = None,
                        }
                    }
                }
                found
            }
            Expression::Like(value, pattern, escape) => {
                let escape = match escape {
                    Some(escape) => self.value(escape, scope)?.to_text().and_then(|text| text.chars().next()),
                    None => None,
                };
                let (value, pattern) = (self.value(value, scope)?.to_text(), self.value(pattern, scope)?.to_text());
                value.zip(pattern).map(|(value, pattern)| like(&folded(&value), &pattern.to_lowercase(), escape))
            }
            Expression::Exists(query) => Some(!self.rows_of(query, scope)?.rows.is_empty()),
            _ => {
                let text = "An expression of non-boolean type specified in a context where a condition is expected, near 'THEN'.";
                return Err(SqlError::new(4145, 15, text).into());
            }
        })
    }

    /// The type of an expression or condition, everything in it being there.
    pub(super) fn type_of(&mut self, expression: &Expression, scope: Option<&Scope>) -> Carried<Type> {
        Ok(match expression {
            Expression::Null | Expression::CountRows => Type::Int,
            Expression::Number(number) => Value::Int(*number).natural_type(),
            Expression::Text(text) => Value::text(text.clone()).natural_type(),
            Expression::Bytes(bytes) => Value::Bytes(bytes.clone()).natural_type(),
            Expression::Variable(name) if name.starts_with("@@") => self.global(name)?.0,
            Expression::Variable(name) => {
                self.variables.get(&name.to_lowercase()).map(|(kind, _)| *kind).ok_or_else(|| undeclared(name))?
            }
            Expression::Column(name) => {
                let unknown = || {
                    let shown = name.last().cloned().unwrap_or_default();
                    if name.len() > 1
                        && !scope
                            .is_some_and(|scope| scope.names.iter().any(|known| same(known, &name[name.len() - 2])))
                    {
                        let text = format!("The multi-part identifier \"{}\" could not be bound.", name.join("."));
                        return SqlError::new(4104, 16, text);
                    }
                    SqlError::new(207, 16, format!("Invalid column name '{shown}'."))
                };
                scope.and_then(|scope| scope.find(name)).map(|(kind, _)| kind).ok_or_else(unknown)?
            }
            Expression::Call(name, arguments) => {
                let mut kinds = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    kinds.push(self.type_of(argument, scope)?);
                }
                super::function::type_of(name, &kinds)?
            }
            Expression::Convert(kind, value, style) => {
                self.type_of(value, scope)?;
                if let Some(style) = style {
                    self.type_of(style, scope)?;
                }
                *kind
            }
            Expression::Operator(operator, left, right) => {
                let kinds = (self.type_of(left, scope)?, self.type_of(right, scope)?);
                match kinds {
                    _ if !is_arithmetic(*operator) => Type::Bit,
                    (Type::Text(None), _) | (_, Type::Text(None)) => Type::Text(None),
                    (Type::Text(_), _) | (_, Type::Text(_)) => Type::Text(Some(4000)),
                    (Type::Bytes(_), _) => Type::Bytes(None),
                    (Type::BigInt, _) | (_, Type::BigInt) => Type::BigInt,
                    _ => Type::Int,
                }
            }
            Expression::Not(inner) | Expression::IsNull(inner) => {
                self.type_of(inner, scope)?;
                Type::Bit
            }
            Expression::Minus(inner) => self.type_of(inner, scope)?,
            Expression::In(value, list) => {
                self.type_of(value, scope)?;
                for item in list {
                    self.type_of(item, scope)?;
                }
                Type::Bit
            }
            Expression::Like(value, pattern, _) => {
                self.type_of(value, scope)?;
                self.type_of(pattern, scope)?;
                Type::Bit
            }
            Expression::Exists(query) => {
                self.rows_of(query, scope)?;
                Type::Bit
            }
            Expression::Query(query) => {
                let rows = self.rows_of(query, scope)?;
                rows.columns.first().map_or(Type::Int, |column| column.kind)
            }
            Expression::Case(branches, otherwise) => {
                let mut kind = None;
                for (condition, value) in branches {
                    self.type_of(condition, scope)?;
                    let found = self.type_of(value, scope)?;
                    kind = kind.or((*value != Expression::Null).then_some(found));
                }
                if let Some(otherwise) = otherwise {
                    let found = self.type_of(otherwise, scope)?;
                    kind = match (kind, found) {
                        (Some(Type::Text(_)), Type::Text(_)) => Some(Type::Text(Some(4000))),
                        (kind, found) => kind.or(Some(found)),
                    };
                }
                match kind {
                    Some(Type::Text(Some(_))) => Type::Text(Some(4000)),
                    kind => kind.unwrap_or(Type::Int),
                }
            }
        })
    }
}

fn is_arithmetic(operator: Operator) -> bool {
    use Operator::{BitAnd, Minus, Modulo, Over, Plus, Times};
    matches!(operator, Plus | Minus | Times | Over | Modulo | BitAnd)
}

fn matches_order(operator: Operator, order: Ordering) -> bool {
    match operator {
        Operator::Equal => order.is_eq(),
        Operator::Differs => order.is_ne(),
        Operator::Less => order.is_lt(),
        Operator::AtMost => order.is_le(),
        Operator::More => order.is_gt(),
        Operator::AtLeast => order.is_ge(),
        _ => false,
    }
}

fn arithmetic(operator: Operator, left: &Value, right: &Value) -> Result<Value, SqlError> {
    let numeric = |value: &Value| matches!(value, Value::Int(_) | Value::Bit(_));
    Ok(match (operator, left, right) {
        (_, Value::Null, _) | (_, _, Value::Null) => Value::Null,
        (Operator::Plus, Value::Bytes(left), Value::Bytes(right)) => {
            Value::Bytes([left.clone(), right.clone()].concat())
        }
        (Operator::Plus, Value::Text(left), Value::Text(right)) => Value::Text(format!("{left}{right}")),
        (_, left, right) if numeric(left) || numeric(right) => {
            let (Value::Int(left), Value::Int(right)) =
                (convert(left, Type::BigInt, None)?, convert(right, Type::BigInt, None)?)
            else {
                return Err(incorrect("+"));
            };
            let result = match operator {
                Operator::Plus => left.checked_add(right),
                Operator::Minus => left.checked_sub(right),
                Operator::Times => left.checked_mul(right),
                Operator::BitAnd => Some(left & right),
                Operator::Over | Operator::Modulo if right == 0 => {
                    return Err(SqlError::new(8134, 16, "Divide by zero error encountered."));
                }
                Operator::Over => left.checked_div(right),
                Operator::Modulo => left.checked_rem(right),
                _ => None,
            };
            let overflow =
                || SqlError::new(8115, 16, "Arithmetic overflow error converting expression to data type bigint.");
            Value::Int(result.ok_or_else(overflow)?)
        }
        (Operator::Plus, left, right) => {
            let text = format!(
                "The data types {} and {} are incompatible in the add operator.",
                left.natural_type().name(),
                right.natural_type().name()
            );
            return Err(SqlError::new(402, 16, text));
        }
        _ => return Err(incorrect("-")),
    })
}

/// LIKE: `%`, `_`, `[abc]`, `[a-c]`, `[^a]`, both texts in lower case.
fn like(text: &str, pattern: &str, escape: Option<char>) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    like_from(&text, &pattern, escape)
}

fn like_from(text: &[char], pattern: &[char], escape: Option<char>) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return text.is_empty() };
    if Some(*first) == escape {
        return rest.split_first().is_some_and(|(literal, rest)| {
            text.split_first().is_some_and(|(found, text)| found == literal && like_from(text, rest, escape))
        });
    }
    match first {
        '%' => (0..=text.len()).any(|at| like_from(&text[at..], rest, escape)),
        '_' => text.split_first().is_some_and(|(_, text)| like_from(text, rest, escape)),
        '[' if rest.contains(&']') => {
            let end = rest.iter().position(|character| *character == ']').unwrap_or(0);
            let (set, rest) = (&rest[..end], &rest[end + 1..]);
            let (negated, set) = if set.first() == Some(&'^') { (true, &set[1..]) } else { (false, set) };
            text.split_first().is_some_and(|(found, text)| {
                let range = set.windows(3).any(|three| three[1] == '-' && (three[0]..=three[2]).contains(found));
                (set.contains(found) || range) != negated && like_from(text, rest, escape)
            })
        }
        literal => text.split_first().is_some_and(|(found, text)| found == literal && like_from(text, rest, escape)),
    }
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn like_is_sql_servers() {
        for (text, pattern, expected) in [
            ("sqlarg0", "sqlarg%", true),
            ("sqlarg0", "sqlarg_", true),
            ("sqlarg", "sqlarg_", false),
            ("abc", "a[a-c]c", true),
            ("abc", "a[^b]c", false),
            ("50%", "50!%", true),
            ("500", "50!%", false),
            ("", "%", true),
        ] {
            assert_eq!(like(text, pattern, Some('!')), expected, "{text} {pattern}");
        }
    }
}
