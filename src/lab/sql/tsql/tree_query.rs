//! The syntax tree: expressions and queries.

use crate::lab::sql::value::Type;

/// The name of an object with as many parts as were given: `database.schema.object`.
pub type ObjectName = Vec<String>;

/// An expression; conditions are expressions as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// NULL.
    Null,
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
    /// A binary.
    Bytes(Vec<u8>),
    /// `@x` or `@@X`.
    Variable(String),
    /// A column, qualified or not.
    Column(Vec<String>),
    /// A function.
    Call(ObjectName, Vec<Expression>),
    /// `COUNT(*)`.
    CountRows,
    /// CONVERT and CAST, with the style where one was given.
    Convert(Type, Box<Expression>, Option<Box<Expression>>),
    /// An operator between two values.
    Operator(Operator, Box<Expression>, Box<Expression>),
    /// `NOT`.
    Not(Box<Expression>),
    /// A minus sign.
    Minus(Box<Expression>),
    /// `IS NULL`.
    IsNull(Box<Expression>),
    /// `IN (…)`.
    In(Box<Expression>, Vec<Expression>),
    /// `LIKE … ESCAPE …`.
    Like(Box<Expression>, Box<Expression>, Option<Box<Expression>>),
    /// `EXISTS (SELECT …)`.
    Exists(Box<Select>),
    /// `(SELECT …)` as one value.
    Query(Box<Select>),
    /// `CASE WHEN … THEN … ELSE … END`.
    Case(Vec<(Expression, Expression)>, Option<Box<Expression>>),
}

/// What stands between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `AND`.
    And,
    /// `OR`.
    Or,
    /// `=`.
    Equal,
    /// `<>` and `!=`.
    Differs,
    /// `<`.
    Less,
    /// `<=`.
    AtMost,
    /// `>`.
    More,
    /// `>=`.
    AtLeast,
    /// `+`, of numbers and of texts.
    Plus,
    /// `-`.
    Minus,
    /// `*`.
    Times,
    /// `/`.
    Over,
    /// `%`.
    Modulo,
    /// `&`.
    BitAnd,
}

/// A query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Select {
    /// `DISTINCT`.
    pub distinct: bool,
    /// `TOP`.
    pub top: Option<Expression>,
    /// What is selected.
    pub items: Vec<Item>,
    /// From what.
    pub from: Option<From>,
    /// `WHERE`.
    pub filter: Option<Expression>,
    /// `ORDER BY`, each with whether it descends.
    pub order: Vec<(Expression, bool)>,
}

/// Something selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// `*`.
    Star,
    /// An expression and its alias.
    Value(Expression, Option<String>),
    /// `@x = expression`.
    Assign(String, Expression),
}

/// What a query is of: a catalog view, or a function with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct From {
    /// Its name.
    pub name: ObjectName,
    /// Its arguments, where it is a function.
    pub arguments: Option<Vec<Expression>>,
    /// Its alias.
    pub alias: Option<String>,
}
