//! A question to SQL Server.

/// A question to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// Its file's name.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}
