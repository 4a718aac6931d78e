//! The user's YAML as a tree of nodes that know where they stand and keep their source text.
//!
//! YAML 1.2 with its core schema, and less than that where more would surprise: no duplicate keys, no merge keys,
//! no tags but `!!str`, one document a file.

mod key;
mod node;
mod parse;
mod scalar;
mod shape;
#[cfg(test)]
mod tests;

pub use node::{Content, Entry, Key, Node, Scalar, nothing, quoted};
pub use parse::{MAX_DEPTH, MAX_NODES, parse, parse_foreign};
pub use scalar::resolve;
pub use shape::{identifier, map, reject_unknown_keys, scalar_text, text};
