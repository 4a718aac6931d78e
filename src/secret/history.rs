//! A secret's value and the one before it, so that a rotation can be taken back.

use std::time::{SystemTime, UNIX_EPOCH};

use super::recipe::Recipe;
use crate::value::SecretValue;

/// One value that a secret has or had.
pub(super) struct Version {
    /// From 1, one more at each new value.
    pub number: u64,
    /// Seconds since 1970.
    pub created: u64,
    /// The value.
    pub value: SecretValue,
    /// How it was made up; `None` when it was set by hand.
    pub recipe: Option<Recipe>,
}

/// A secret's value and the one before it.
pub(super) struct History {
    /// What the secret is.
    pub current: Version,
    /// What it was before.
    pub previous: Option<Version>,
}

impl History {
    /// A secret's first value.
    pub fn first(value: SecretValue, recipe: Option<Recipe>) -> History {
        History { current: Version { number: 1, created: now(), value, recipe }, previous: None }
    }

    /// The same secret with another value; what was before the present one is forgotten.
    pub fn replaced(self, value: SecretValue, recipe: Option<Recipe>) -> History {
        let highest = self.previous.as_ref().map_or(0, |it| it.number).max(self.current.number);
        let current = Version { number: highest + 1, created: now(), value, recipe };
        History { current, previous: Some(self.current) }
    }

    /// The same secret with its previous value, which the present one takes the place of; `None` where there is none.
    pub fn back(self) -> Option<History> {
        Some(History { current: self.previous?, previous: Some(self.current) })
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_and_forth_loses_nothing() {
        let value = |text: &str| SecretValue::new(text.to_owned());
        let told = |it: &History| {
            let one = |it: &Version| format!("{} {}", it.number, it.value.expose());
            (one(&it.current), it.previous.as_ref().map(one))
        };
        let first = History::first(value("a"), None);
        let second = first.replaced(value("b"), Some(Recipe::Letters(8)));
        assert_eq!(told(&second), ("2 b".to_owned(), Some("1 a".to_owned())));
        let back = second.back().unwrap();
        assert_eq!(told(&back), ("1 a".to_owned(), Some("2 b".to_owned())));
        assert_eq!(back.current.recipe, None);
        let third = back.replaced(value("c"), None);
        assert_eq!(told(&third), ("3 c".to_owned(), Some("1 a".to_owned())));
        assert!(History::first(value("a"), None).back().is_none());
    }
}
