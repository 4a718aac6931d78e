//! Where secrets are kept: sealed files beside the playbook, a command that is asked, environment variables, files, and
//! the lab's own.
//!
//! One secret is one `age` file, `secrets/NAME.age`, sealed for everybody in `secrets/recipients.txt`; both belong into
//! version control. The identity that opens them does not: it is the file that `FARMHAND_IDENTITY` names, or
//! `farmhand/identity` in the user's configuration folder.

mod child;
mod error;
mod exec;
mod file;
mod given;
mod hexadecimal;
mod history;
mod identity;
mod lab;
mod recipe;
mod recipients;
mod redaction;
mod reseal;
mod rotation;
mod sealed;
mod stores;
mod surroundings;
#[cfg(test)]
mod tests;

pub use error::SecretError;
pub use given::Given;
pub use recipe::Recipe;
pub use recipients::Recipient;
pub use redaction::Redaction;
pub use rotation::Kept;
pub use stores::{Existing, Stores};
pub use surroundings::Surroundings;
