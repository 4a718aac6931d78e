//! Property types with one canonical form each, references to secrets, and the difference between two states.
//!
//! Odd equality lives here and nowhere else: a type says what was found in the desired value's own words,
//! and then comparing is plain equality.

mod account_name;
mod change;
mod endpoint;
mod flags;
mod iis_text;
mod secret;
mod time_of_day;
mod time_span;
mod url_path;
mod windows_path;

pub use account_name::AccountName;
pub use change::{Change, Changes, diff};
pub use endpoint::Endpoint;
pub use flags::Flags;
pub use iis_text::IisText;
pub(crate) use iis_text::iis_enum;
pub use secret::{Fingerprint, Secret, SecretRef, SecretValue, Store};
pub use time_of_day::TimeOfDay;
pub use time_span::TimeSpan;
pub use url_path::UrlPath;
pub use windows_path::WindowsPath;
