//! Where secrets are kept: sealed files beside the playbook, environment variables, and the lab's own.
//!
//! One secret is one `age` file, `secrets/NAME.age`, sealed for everybody in `secrets/recipients.txt`; both belong into
//! version control. The identity that opens them does not: it is the file that `FARMHAND_IDENTITY` names, or
//! `farmhand/identity` in the user's configuration folder.

mod error;
mod file;
mod hexadecimal;
mod identity;
mod lab;
mod redaction;
mod sealed;
mod stores;

pub use error::SecretError;
pub use redaction::Redaction;
pub use stores::{Existing, Stores, Surroundings};
