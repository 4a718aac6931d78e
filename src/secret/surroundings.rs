//! Environment variables, as the process has them or as a test gives them.

use std::fmt;

/// Environment variables, as the process has them or as a test gives them.
pub struct Surroundings(Box<Variables>);

/// Gives a variable's value.
type Variables = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Surroundings {
    /// The variables of this process. One that is empty counts as not set.
    pub fn of_process() -> Surroundings {
        Surroundings::new(|name| std::env::var(name).ok())
    }

    /// Variables as told.
    pub fn new(variables: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Surroundings {
        Surroundings(Box::new(variables))
    }

    /// A variable that is set and not empty.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("Surroundings")
    }
}
