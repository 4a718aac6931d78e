//! Names of accounts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A Windows account as operators write it: `CORP\svc-chat`, `svc-chat@corp.example.com`, `.\local`, or a group
/// managed service account `CORP\svc-chat$`. Letter case does not matter.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct AccountName(String);

impl AccountName {
    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a (group) managed service account, whose password the domain keeps.
    pub fn is_managed(&self) -> bool {
        self.0.ends_with('$')
    }

    /// The desired spelling where `found` is the same account, else what was found.
    ///
    /// `canonical` is the name that Windows gives back for the desired account, where it knows it:
    /// so a user principal name is equal to `DOMAIN\user` without asking a domain controller twice.
    #[must_use]
    pub fn in_own_words(&self, found: &str, canonical: Option<&str>) -> AccountName {
        let same = |name: &str| name.to_lowercase() == found.to_lowercase();
        if same(&self.0) || canonical.is_some_and(same) { self.clone() } else { AccountName(found.to_owned()) }
    }
}

impl TryFrom<String> for AccountName {
    type Error = String;

    fn try_from(name: String) -> Result<AccountName, String> {
        let parts = name.split_once('\\').or_else(|| name.split_once('@').map(|(user, domain)| (domain, user)));
        // The characters that SAM account names cannot hold.
        let wrong = |part: &str| {
            part.is_empty()
                || part.contains(['"', '/', '\\', '[', ']', ':', ';', '|', '=', ',', '+', '*', '?', '<', '>', '@'])
        };
        match parts {
            Some((domain, user)) if !wrong(domain) && !wrong(user) => Ok(AccountName(name)),
            _ => Err(format!("`{name}` is not an account; write it as 'DOMAIN\\user', '.\\user' or 'user@domain'")),
        }
    }
}

impl From<AccountName> for String {
    fn from(name: AccountName) -> String {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(text: &str) -> Result<AccountName, String> {
        AccountName::try_from(text.to_owned())
    }

    #[test]
    fn accounts_have_a_domain_and_a_name() {
        for right in ["CORP\\svc-chat", "CORP\\svc$", ".\\local", "svc@corp.example.com"] {
            assert!(account(right).is_ok(), "{right}");
        }
        for wrong in ["", "svc", "CORP\\", "\\svc", "CORP\\a\\b", "a@b@c", "CORP\\a:b"] {
            assert!(account(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_same_account_gives_the_desired_spelling_back() {
        let desired = account("svc-chat@corp.example.com").unwrap();
        assert_eq!(desired.in_own_words("corp\\SVC-chat", Some("CORP\\svc-chat")), desired);
        assert_eq!(desired.in_own_words("CORP\\other", Some("CORP\\svc-chat")).as_str(), "CORP\\other");
    }
}
