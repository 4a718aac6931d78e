//! The files below a folder.

use serde::{Deserialize, Serialize};

/// The files below a folder, told without reading them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// The first of them, sorted by their paths in lower case (invariant culture) by UTF-16 code units. Links are not
    /// followed.
    pub files: Vec<ListedFile>,
    /// How many more there are.
    pub more: u64,
}

/// A file below a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedFile {
    /// Its path below the folder, with `\`, in its own letter case.
    pub path: String,
    /// Its length.
    pub bytes: u64,
}
