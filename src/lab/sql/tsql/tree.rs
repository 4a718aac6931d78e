//! The syntax tree: expressions, queries and the statements that steer a batch.

use super::tree_admin::Admin;
use crate::lab::sql::value::Type;

/// A statement and the line it begins on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The line, counted from 1.
    pub line: u32,
    /// The statement.
    pub statement: Statement,
}

/// The name of an object with as many parts as were given: `database.schema.object`.
pub type ObjectName = Vec<String>;

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// `SELECT …`.
    Select(Select),
    /// `USE db`.
    Use(String),
    /// `IF … ELSE …`.
    If(Expression, Box<Step>, Option<Box<Step>>),
    /// `BEGIN … END`.
    Block(Vec<Step>),
    /// `DECLARE @x type = …, …`.
    Declare(Vec<(String, Type, Option<Expression>)>),
    /// `SET @x = …`.
    SetVariable(String, Expression),
    /// `SET NOCOUNT ON` and its kin.
    SetOption(SetOption),
    /// `BEGIN TRANSACTION`.
    Begin,
    /// `COMMIT`.
    Commit,
    /// `ROLLBACK`.
    Rollback,
    /// `PRINT …`.
    Print(Expression),
    /// `RAISERROR (text, severity, state, …)`.
    RaisError(Vec<Expression>),
    /// `THROW number, text, state`.
    Throw(Vec<Expression>),
    /// `RETURN`.
    Return,
    /// `EXEC (text)`.
    ExecuteText(Expression),
    /// `EXEC procedure arguments`, each with a name where it has one.
    ExecuteProcedure(ObjectName, Vec<Argument>),
    /// `EXECUTE AS LOGIN = '…'`, or `USER`.
    ExecuteAs {
        /// Whether a login is meant and not a user.
        login: bool,
        /// Its name.
        name: Expression,
    },
    /// `REVERT`.
    Revert,
    /// A statement that administers.
    Admin(Admin),
}

/// An argument of a procedure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name with the `@`, where it was given.
    pub name: Option<String>,
    /// Its value.
    pub value: Expression,
}

/// What SET switches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetOption {
    /// `NOCOUNT`.
    NoCount(bool),
    /// `XACT_ABORT`.
    XactAbort(bool),
    /// `LOCK_TIMEOUT` in milliseconds; -1 waits for ever.
    LockTimeoutMillis(i64),
    /// One that makes no difference here.
    Other,
}

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
