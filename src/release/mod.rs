//! A package as a list of hashed files, overlays on its configuration, and the digest that names both.
//!
//! A package is a zip or a folder. It is opened once: every entry is judged and hashed in one pass, and whatever a
//! Windows host could not hold, or would hold in another place than it says, is refused before anything is sent.

mod config_path;
mod delivery;
mod edit;
mod entry_name;
mod fault;
mod folder;
mod inspection;
mod key_in_config;
mod listing;
mod opening;
mod overlay;
mod package;
mod placeholders;
mod reader;
mod settings;
mod sha256_digest;
mod zip_file;

pub use config_path::{ConfigPath, PathStep};
pub use delivery::{FileContent, Release, ReleaseDigest, ReleaseError, ReleaseFile};
pub use fault::{Fault, PackageError};
pub use key_in_config::{KeyError, machine_key_element};
pub use listing::{Limits, PackageFile};
pub use overlay::{ConfigEdit, Overlay, OverlayError, OverlayValue, ValuePiece};
pub use package::{MAX_PATH_CHARS, Package};
pub use reader::PackageReader;
pub use settings::{ReleaseSetting, SettingSection};
pub use sha256_digest::Sha256Digest;

#[cfg(test)]
mod archives_tests;
#[cfg(test)]
mod delivery_tests;
#[cfg(test)]
mod edit_tests;
