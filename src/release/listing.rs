//! What a package holds: as it says itself, and as it turned out.

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::reader::Place;
use super::sha256_digest::Sha256Digest;

/// How large a package may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many files.
    pub files: usize,
    /// How many bytes, unpacked.
    pub bytes: u64,
}

impl Default for Limits {
    /// 100,000 files, 4 GiB.
    fn default() -> Limits {
        Limits { files: 100_000, bytes: 4 << 30 }
    }
}

/// A file before it was judged.
pub(super) struct Listed {
    /// As the package names it.
    pub(super) name: String,
    /// As many bytes as it says it has.
    pub(super) bytes: u64,
    pub(super) place: Place,
}

/// What a package says it holds.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) files: Vec<Listed>,
    pub(super) faults: Vec<(Option<String>, Fault)>,
}

/// One file of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageFile {
    /// Its path below the release's folder, with `\` between its parts.
    pub path: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// The SHA-256 of its bytes.
    pub sha256: Sha256Digest,
}
