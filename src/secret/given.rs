//! Secrets that no store has and that somebody gave for the run alone.

use std::fmt;

use crate::value::{SecretRef, SecretValue};

/// Secrets that no store has and that somebody gave for the run alone.
pub struct Given(Box<Find>);

/// Gives a secret's value.
type Find = dyn Fn(&SecretRef) -> Option<SecretValue> + Send + Sync;

impl Given {
    /// Secrets as told.
    pub fn new(find: impl Fn(&SecretRef) -> Option<SecretValue> + Send + Sync + 'static) -> Given {
        Given(Box::new(find))
    }

    /// None at all.
    pub(super) fn nothing() -> Given {
        Given::new(|_| None)
    }

    /// The value of a secret that was given.
    pub(super) fn find(&self, reference: &SecretRef) -> Option<SecretValue> {
        (self.0)(reference)
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("Given")
    }
}
