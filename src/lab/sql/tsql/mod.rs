//! The subset of T-SQL that the lab understands: lexer, syntax tree, parser. What is not in it is error 102.

mod backup;
mod database;
mod expression;
mod flow;
mod grant;
mod key;
mod lexer;
mod parser;
mod query;
mod reserved;
mod security;
mod tree;
mod tree_admin;
mod tree_query;

pub use lexer::{Token, lex};
pub use parser::parse;
pub use tree::*;
pub use tree_admin::*;
pub use tree_query::*;

#[cfg(test)]
mod tests;
