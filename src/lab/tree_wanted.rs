//! The end state that a folder shall have.

use crate::hostcall::TreeFile;

/// What the staging folder's name ends with.
pub const PARTIAL: &str = ".partial";

/// The end state of a folder.
pub struct TreeWanted<'a> {
    /// Its path.
    pub path: &'a str,
    /// Its files.
    pub files: &'a [TreeFile],
    /// Folders where files may be copied from.
    pub from: &'a [String],
    /// What is left alone in it.
    pub except: &'a [String],
}
