//! Property types with one canonical form each, references to secrets, and the difference between two states.
//!
//! Odd equality lives here and nowhere else: a type says what was found in the desired value's own words,
//! and then comparing is plain equality.

mod change;
mod secret;

pub use change::{Change, Changes, diff};
pub use secret::{Fingerprint, Secret, SecretRef, SecretValue, Store};
