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

impl Account {
    /// The account as an operator writes it.
    pub(super) fn name(&self) -> String {
        format!("{}\\{}", self.domain, self.user)
    }
}

impl Accounts {
    /// The account of this name. As on Windows, letter case matters not in users; the domain must be spelt exactly.
    pub(super) fn find(&self, domain: &str, user: &str) -> Option<&Account> {
        self.0.iter().find(|account| account.domain == domain && account.user.to_lowercase() == user.to_lowercase())
    }

    /// The account of a name as Basic has it, if the password is its own.
    pub(super) fn admitted(&self, name: &str, password: &str) -> Option<&Account> {
        let (domain, user) = name.split_once('\\').unwrap_or(("", name));
        self.find(domain, user).filter(|account| account.password.expose() == password)
    }
}
