//! SELECT.

use std::cmp::Ordering;

use super::convert::{compare, folded};
use super::evaluate::Scope;
use super::table::Table;
use super::{Carried, Run};
use crate::lab::sql::reply::{Column, Reply, Rows, SqlError};
use crate::lab::sql::server::same;
use crate::lab::sql::tsql::{Expression, Item, Select};
use crate::lab::sql::value::Value;

impl Run<'_> {
    pub(super) fn select_statement(&mut self, select: &Select) -> Carried {
        let assigns = select.items.iter().filter(|item| matches!(item, Item::Assign(..))).count();
        if assigns > 0 && assigns < select.items.len() {
            let text = "A SELECT statement that assigns a value to a variable must not be combined with data-retrieval operations.";
            return Err(SqlError::new(141, 15, text).into());
        }
        let rows = self.rows_of(select, None)?;
        let count = rows.rows.len();
        self.row_count = i64::try_from(count).unwrap_or(i64::MAX);
        if assigns == 0 {
            self.replies.push(Reply::Rows(rows));
        } else if let Some(last) = rows.rows.last() {
            // The last row wins, as SQL Server documents and many rely on.
            for (item, value) in select.items.iter().zip(last) {
                if let Item::Assign(name, _) = item {
                    self.assign(name, value)?;
                }
            }
        }
        self.count(u64::try_from(count).ok());
        Ok(())
    }

    /// The first column of a query, as IN takes it.
    pub(super) fn first_column(&mut self, select: &Select, outer: Option<&Scope>) -> Carried<Vec<Value>> {
        let rows = self.rows_of(select, outer)?;
        Ok(rows.rows.into_iter().filter_map(|row| row.into_iter().next()).collect())
    }

    /// A query as one value.
    pub(super) fn scalar(&mut self, select: &Select, outer: Option<&Scope>) -> Carried<Value> {
        let mut values = self.first_column(select, outer)?;
        if values.len() > 1 {
            let text = "Subquery returned more than 1 value. This is not permitted when the subquery follows =, !=, <, <= , >, >= or when the subquery is used as an expression.";
            return Err(SqlError::new(512, 16, text).into());
        }
        Ok(values.pop().unwrap_or(Value::Null))
    }

    /// What a query yields.
    pub(super) fn rows_of(&mut self, select: &Select, outer: Option<&Scope>) -> Carried<Rows> {
        let (table, names) = match &select.from {
            Some(from) => {
                let mut arguments = None;
                if let Some(given) = &from.arguments {
                    let values = given.iter().map(|argument| self.value(argument, outer));
                    arguments = Some(values.collect::<Carried<Vec<Value>>>()?);
                }
                let names = from.alias.clone().or_else(|| from.name.last().cloned());
                (self.view(&from.name, arguments.as_deref())?, names.into_iter().collect())
            }
            None => (Table { columns: Vec::new(), rows: vec![Vec::new()] }, Vec::new()),
        };
        let empty = Scope { names: &names, columns: &table.columns, row: &[], count: None, outer };
        let items = self.items(select, &empty)?;
        if let Some(filter) = &select.filter {
            self.type_of(filter, Some(&empty))?;
        }
        let keys = self.sort_keys(select, &items, &empty)?;
        let mut kept = Vec::new();
        for row in &table.rows {
            let scope = Scope { row, ..empty };
            let keep = match &select.filter {
                Some(filter) => self.condition(filter, Some(&scope))? == Some(true),
                None => true,
            };
            if keep {
                kept.push(row);
            }
        }
        let mut rows = Vec::new();
        if items.iter().any(|(_, value)| counts(value)) {
            let count = i64::try_from(kept.len()).ok();
            let scope = Scope { count, ..empty };
            let row = items.iter().map(|(_, value)| self.value(value, Some(&scope)));
            rows.push((Vec::new(), row.collect::<Carried<Vec<Value>>>()?));
        } else {
            for row in kept {
                let scope = Scope { row, ..empty };
                let key = keys.iter().map(|(by, _)| self.value(by, Some(&scope))).collect::<Carried<Vec<Value>>>()?;
                let row = items.iter().map(|(_, value)| self.value(value, Some(&scope)));
                rows.push((key, row.collect::<Carried<Vec<Value>>>()?));
            }
        }
        rows.sort_by(|(left, _), (right, _)| in_order(left, right, &keys));
        let mut rows: Vec<Vec<Value>> = rows.into_iter().map(|(_, row)| row).collect();
        if select.distinct {
            let mut seen: Vec<Vec<Value>> = Vec::new();
            rows.retain(|row| {
                let key: Vec<Value> = row.iter().map(fold).collect();
                let new = !seen.contains(&key);
                if new {
                    seen.push(key);
                }
                new
            });
        }
        if let Some(top) = &select.top {
            let Value::Int(top) = self.evaluate(top)? else {
                let text =
                    "The number of rows provided for a TOP or FETCH clauses row count parameter must be an integer.";
                return Err(SqlError::new(1060, 15, text).into());
            };
            rows.truncate(usize::try_from(top).unwrap_or(0));
        }
        Ok(Rows { columns: items.into_iter().map(|(column, _)| column).collect(), rows })
    }

    /// The columns that a query yields, each with its expression.
    fn items(&mut self, select: &Select, scope: &Scope) -> Carried<Vec<(Column, Expression)>> {
        let mut items = Vec::new();
        for item in &select.items {
            match item {
                Item::Star if select.from.is_none() => {
                    return Err(SqlError::new(263, 16, "Must specify table to select from.").into());
                }
                Item::Star => items.extend(
                    scope.columns.iter().map(|column| (column.clone(), Expression::Column(vec![column.name.clone()]))),
                ),
                Item::Value(value, alias) => {
                    let kind = self.type_of(value, Some(scope))?;
                    let own = match value {
                        Expression::Column(name) => {
                            let asked = name.last().cloned().unwrap_or_default();
                            let known = scope.columns.iter().find(|column| same(&column.name, &asked));
                            known.map_or(asked, |column| column.name.clone())
                        }
                        _ => String::new(),
                    };
                    items.push((Column { name: alias.clone().unwrap_or(own), kind }, value.clone()));
                }
                Item::Assign(_, value) => {
                    let kind = self.type_of(value, Some(scope))?;
                    items.push((Column { name: String::new(), kind }, value.clone()));
                }
            }
        }
        Ok(items)
    }

    /// What a query is sorted by, aliases and numbers of columns resolved.
    fn sort_keys(
        &mut self,
        select: &Select,
        items: &[(Column, Expression)],
        scope: &Scope,
    ) -> Carried<Vec<(Expression, bool)>> {
        let mut keys = Vec::new();
        for (by, descending) in &select.order {
            let resolved = match by {
                Expression::Number(number) => {
                    let at = usize::try_from(*number).ok().and_then(|number| number.checked_sub(1));
                    let found = at.and_then(|at| items.get(at)).map(|(_, value)| value.clone());
                    found.ok_or_else(|| {
                        let text = format!("The ORDER BY position number {number} is out of range of the number of items in the select list.");
                        SqlError::new(108, 15, text)
                    })?
                }
                Expression::Column(name) if name.len() == 1 => {
                    let alias = items.iter().find(|(column, _)| same(&column.name, &name[0]));
                    alias.map_or_else(|| by.clone(), |(_, value)| value.clone())
                }
                other => other.clone(),
            };
            self.type_of(&resolved, Some(scope))?;
            keys.push((resolved, *descending));
        }
        Ok(keys)
    }
}

fn in_order(left: &[Value], right: &[Value], keys: &[(Expression, bool)]) -> Ordering {
    for ((left, right), (_, descending)) in left.iter().zip(right).zip(keys) {
        let order = match (left, right) {
            // NULL is the least of all.
            (Value::Null, Value::Null) => Ordering::Equal,
            (Value::Null, _) => Ordering::Less,
            (_, Value::Null) => Ordering::Greater,
            _ => compare(left, right).ok().flatten().unwrap_or(Ordering::Equal),
        };
        let order = if *descending { order.reverse() } else { order };
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

fn fold(value: &Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(folded(text)),
        other => other.clone(),
    }
}

/// Whether rows are counted in an expression.
fn counts(expression: &Expression) -> bool {
    match expression {
        Expression::CountRows => true,
        Expression::Convert(_, value, _)
        | Expression::Minus(value)
        | Expression::Not(value)
        | Expression::IsNull(value) => counts(value),
        Expression::Operator(_, left, right) => counts(left) || counts(right),
        Expression::Call(_, arguments) => arguments.iter().any(counts),
        Expression::Case(branches, otherwise) => {
            branches.iter().any(|(condition, value)| counts(condition) || counts(value))
                || otherwise.as_deref().is_some_and(counts)
        }
        _ => false,
    }
}
