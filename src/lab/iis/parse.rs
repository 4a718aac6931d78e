//! The text of a configuration file.

use crate::hostcall::{Refusal, RefusalCode};
use crate::lab::error::refused;
use crate::xml::Document;

/// Reads a configuration file.
///
/// # Errors
/// When it is not XML.
pub fn parse(bytes: &[u8]) -> Result<Document, Refusal> {
    Document::parse(bytes).map_err(|error| {
        let text = format!("Configuration Error: Configuration file is not well-formed XML: {error}");
        refused(RefusalCode::Invalid, 0x8007_000D, text)
    })
}
