//! XML that is edited without losing anything: parsing and printing gives the same bytes again, and an edit changes
//! its own attribute or element alone. Comments, white space, quotes, the order of attributes, byte order mark,
//! encoding and line ends stay as they are.
//!
//! Documents are small configuration files from hosts and people: document type declarations are refused, nesting
//! is limited, and no input makes it panic.

mod document;
mod element;
mod encoding;
mod escape;
mod parse;

pub use document::{Document, ElementAt};
pub use element::{Attribute, Element, Node};
pub use encoding::Encoding;

/// How deep elements may nest.
pub const MAX_DEPTH: usize = 200;

/// Why a text is not XML, or not XML that is taken here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct XmlError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

#[cfg(test)]
mod tests;
