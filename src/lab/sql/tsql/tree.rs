//! The syntax tree: the statements, above all those that steer a batch.

use super::tree_admin::Admin;
use super::tree_query::{Expression, ObjectName, Select};
use crate::lab::sql::value::Type;

/// A statement and the line it begins on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The line, counted from 1.
    pub line: u32,
    /// The statement.
    pub statement: Statement,
}

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
