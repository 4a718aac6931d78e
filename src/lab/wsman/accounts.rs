//! Who may log in to a lab host.

use crate::value::SecretValue;

/// An account of a lab host.
pub struct Account {
    /// The domain's or the computer's name, as it must be spelt.
    pub domain: String,
    /// The user's name, in any letter case.
    pub user: String,
    /// The password.
    pub password: SecretValue,
}

/// The accounts of a lab host.
pub struct Accounts(pub Vec<Account>);

impl Accounts {
    /// The account of this name. As on Windows, letter case matters not in users; the domain must be spelt exactly.
    pub(super) fn find(&self, domain: &str, user: &str) -> Option<&Account> {
        self.0.iter().find(|account| account.domain == domain && account.user.to_lowercase() == user.to_lowercase())
    }
}
