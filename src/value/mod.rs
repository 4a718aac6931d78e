//! Property types with one canonical form each, references to secrets, and the difference between two states.
//!
//! Odd equality lives here and nowhere else: a type says what was found in the desired value's own words,
//! and then comparing is plain equality.

mod account_name;
mod canonical;
mod change;
mod download_url;
mod endpoint;
mod flags;
mod iis_text;
mod machine_key;
mod secret;
mod secret_text;
mod time_of_day;
mod time_span;
mod tsql;
mod url_path;
mod utc;
mod windows_path;
mod xml_text;

pub use account_name::AccountName;
pub use canonical::canonical;
pub use change::{Change, Changes, diff};
pub use download_url::DownloadUrl;
pub use endpoint::Endpoint;
pub use flags::Flags;
pub use iis_text::IisText;
pub(crate) use iis_text::iis_enum;
pub use machine_key::{
    CompatibilityMode, Decryption, MachineKey, MachineKeyError, PublishedKeys, Validation, Weakness,
};
pub use secret::{Fingerprint, Secret, SecretRef, SecretValue, Store};
pub use secret_text::{
    Escape, FOUND_MARK, SecretPart, SecretPiece, SecretText, SecretTextError, TextEncoding, TextPiece,
};
pub use time_of_day::TimeOfDay;
pub use time_span::TimeSpan;
pub use tsql::{MAX_NAME_UNITS, SqlPart, quote_name, quote_text, statement};
pub use url_path::UrlPath;
pub use utc::{unix_seconds, utc_seconds, utc_text};
pub use windows_path::WindowsPath;
pub(crate) use xml_text::{push_xml_attribute, xml_allows};
