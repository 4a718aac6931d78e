//! Who logs in.

use crate::value::SecretValue;

/// A Windows account and its password. It has no Debug, so that no log shows it.
pub struct Account {
    user: String,
    domain: String,
    password: SecretValue,
}

impl Account {
    /// An account as operators write one: `DOMAIN\user`, `user@domain.example` or `user`.
    pub fn new(name: &str, password: SecretValue) -> Account {
        let (domain, user) = name.split_once('\\').unwrap_or(("", name));
        // `.` is how Windows writes "this computer", which NTLM says by leaving the domain out.
        let domain = if domain == "." { "" } else { domain };
        Account { user: user.to_owned(), domain: domain.to_owned(), password }
    }

    /// The user's name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The domain's name; empty where none was named.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The account as an operator writes it.
    pub fn name(&self) -> String {
        if self.domain.is_empty() { self.user.clone() } else { format!("{}\\{}", self.domain, self.user) }
    }

    /// The password.
    pub(super) fn password(&self) -> &SecretValue {
        &self.password
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let check = |name: &str, user: &str, domain: &str| {
            let account = Account::new(name, SecretValue::new(String::new()));
            assert_eq!((account.user(), account.domain()), (user, domain), "{name}");
        };
        check("LAB\\operator", "operator", "LAB");
        check(".\\operator", "operator", "");
        check("operator@lab.example", "operator@lab.example", "");
        check("operator", "operator", "");
    }
}
