//! Accounts: who there is, what their SIDs are, and whether a password lets them in.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use sha1::Digest as _;
use sha2::Sha256;

use super::computer::Computer;
use super::error::refused;
use super::{Folder, LabError};
use crate::hostcall::answer::{Account, Accounts};
use crate::hostcall::{Refusal, RefusalCode};

/// The accounts that a host can see, as `accounts.toml` keeps them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// Whether a domain account that is not listed is believed: its name resolves, and the first password it
    /// presents becomes its password.
    #[serde(default)]
    pub learn: bool,
    /// Accounts by name, `DOMAIN\user` or `COMPUTER\user`.
    #[serde(default)]
    pub accounts: IndexMap<String, Listed>,
}

/// An account in the list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listed {
    /// Its password; a lab's own, never one of a real account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Whether it is a group managed service account that this host may use: it needs no password.
    #[serde(skip_serializing_if = "is_false")]
    pub managed: bool,
    /// Whether it may log on.
    #[serde(skip_serializing_if = "Standing::is_good")]
    pub standing: Standing,
    /// Its SID, where it is not made from its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// How many logons were refused.
    pub wrong_attempts: u32,
    /// How many logons were let in.
    pub logons: u32,
}

/// Whether an account may log on, its password being right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It may.
    #[default]
    Good,
    /// It is locked out.
    Locked,
    /// It is disabled.
    Disabled,
    /// Its password has expired.
    Expired,
}

impl Standing {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    fn is_good(&self) -> bool {
        *self == Standing::Good
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Accounts that every Windows has: name as Windows gives it back, SID, and other spellings.
const BUILT_IN: &[(&str, &str, &[&str])] = &[
    (r"NT AUTHORITY\SYSTEM", "S-1-5-18", &["SYSTEM", "LocalSystem"]),
    (r"NT AUTHORITY\LOCAL SERVICE", "S-1-5-19", &["LOCAL SERVICE", "LocalService", r"NT AUTHORITY\LocalService"]),
    (
        r"NT AUTHORITY\NETWORK SERVICE",
        "S-1-5-20",
        &["NETWORK SERVICE", "NetworkService", r"NT AUTHORITY\NetworkService"],
    ),
    (r"NT AUTHORITY\IUSR", "S-1-5-17", &["IUSR"]),
    (r"NT AUTHORITY\Authenticated Users", "S-1-5-11", &["Authenticated Users"]),
    ("Everyone", "S-1-1-0", &[]),
    (r"BUILTIN\Administrators", "S-1-5-32-544", &["Administrators"]),
    (r"BUILTIN\Users", "S-1-5-32-545", &["Users"]),
    (r"BUILTIN\IIS_IUSRS", "S-1-5-32-568", &["IIS_IUSRS"]),
];

/// Logon refusals by Win32 code, in Windows' words.
const REFUSALS: &[(u32, &str)] = &[
    (1326, "The user name or password is incorrect."),
    (1909, "The referenced account is currently locked out and may not be logged on to."),
    (1330, "The password for this account has expired."),
    (1331, "This user can't sign in because this account is currently disabled."),
];

impl Directory {
    const FILE: &'static str = "accounts.toml";
    const HEADING: &'static str = "Accounts this host can see, with their passwords in the lab (never real ones).\n\
                                   learn = true: an account not listed is believed as it first presents itself.";

    /// The directory of a fresh host.
    pub fn fresh(learn: bool) -> Directory {
        Directory { learn, accounts: IndexMap::new() }
    }

    /// Reads it.
    ///
    /// # Errors
    /// When the file is broken.
    pub fn load(folder: &Folder) -> Result<Directory, LabError> {
        folder.read_toml(Directory::FILE)
    }

    /// Writes it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn save(&self, folder: &Folder) -> Result<(), LabError> {
        folder.write_toml(Directory::FILE, Directory::HEADING, self)
    }

    /// Lists an account, or gives it another password.
    pub fn declare(&mut self, name: &str, password: &str) {
        let name = self.listed(name).map_or_else(|| name.to_owned(), |(known, _)| known.clone());
        self.accounts.entry(name).or_default().password = Some(password.to_owned());
    }

    /// The accounts behind names; `pools` are the application pools, which are accounts too.
    pub fn answer(&self, computer: &Computer, pools: &[String], names: &[String]) -> Accounts {
        Accounts(
            names
                .iter()
                .map(|name| (name.clone(), self.account(computer, pools, name)))
                .collect::<BTreeMap<String, Option<Account>>>(),
        )
    }

    /// Tries a logon, and counts it.
    ///
    /// # Errors
    /// When it is refused, with the Win32 code that says why.
    pub fn log_on(
        &mut self,
        computer: &Computer,
        fault: Option<u32>,
        name: &str,
        password: &str,
    ) -> Result<(), Refusal> {
        let name = qualified(computer, name);
        let refusal = self.verdict(fault, &name, password);
        let learned = self.learn && self.listed(&name).is_none();
        if let Some(key) = self.listed(&name).map(|(key, _)| key.clone()) {
            let account = self.accounts.entry(key).or_default();
            if refusal.is_some() {
                account.wrong_attempts += 1;
            } else {
                account.logons += 1;
            }
        } else if learned && refusal.is_none() {
            let account = Listed { password: Some(password.to_owned()), logons: 1, ..Listed::default() };
            self.accounts.insert(name, account);
        }
        refusal.map_or(Ok(()), |code| Err(logon_refused(code)))
    }

    /// Why a password would not let an account in, as a Win32 code; counts nothing.
    fn verdict(&self, fault: Option<u32>, name: &str, password: &str) -> Option<u32> {
        if fault.is_some() {
            return fault;
        }
        match self.listed(name) {
            // A managed account, whose name ends with a dollar sign, has no password that anybody knows.
            None if self.learn && (name.ends_with('$') || !password.is_empty()) => None,
            None => Some(1326),
            Some((_, account)) if account.standing == Standing::Disabled => Some(1331),
            Some((_, account)) if account.standing == Standing::Locked => Some(1909),
            Some((_, account)) if account.managed => (!password.is_empty()).then_some(1326),
            Some((_, account)) if account.password.as_deref() != Some(password) => Some(1326),
            Some((_, account)) => (account.standing == Standing::Expired).then_some(1330),
        }
    }

    /// Whether a password lets an account in; counts nothing.
    pub fn lets_in(&self, computer: &Computer, fault: Option<u32>, name: &str, password: &str) -> bool {
        self.verdict(fault, &qualified(computer, name), password).is_none()
    }

    /// The account behind a name.
    pub fn account(&self, computer: &Computer, pools: &[String], name: &str) -> Option<Account> {
        for (canonical, sid, spellings) in BUILT_IN {
            if [canonical].into_iter().chain(*spellings).any(|spelling| spelling.eq_ignore_ascii_case(name)) {
                return Some(Account { sid: (*sid).to_owned(), name: (*canonical).to_owned() });
            }
        }
        if let Some(pool) = strip_prefix_ignoring_case(name, r"IIS APPPOOL\") {
            let pool = pools.iter().find(|known| known.to_lowercase() == pool.to_lowercase())?;
            return Some(Account { sid: pool_sid(pool), name: format!(r"IIS APPPOOL\{pool}") });
        }
        let name = qualified(computer, name);
        match self.listed(&name) {
            Some((known, account)) => {
                Some(Account { sid: account.sid.clone().unwrap_or_else(|| made_sid(known)), name: known.clone() })
            }
            None if self.learn && !name.starts_with(&format!(r"{}\", computer.computer)) => {
                Some(Account { sid: made_sid(&name), name })
            }
            None => None,
        }
    }

    /// The account behind a name or a SID. What was learned of an account is no way back from its SID.
    pub fn account_or_sid(&self, computer: &Computer, pools: &[String], name: &str) -> Option<Account> {
        if !name.starts_with("S-1-") {
            return self.account(computer, pools, name);
        }
        let names = BUILT_IN.iter().map(|(canonical, _, _)| (*canonical).to_owned());
        let names = names.chain(pools.iter().map(|pool| format!(r"IIS APPPOOL\{pool}")));
        let names = names.chain(self.accounts.keys().cloned());
        names.filter_map(|known| self.account(computer, pools, &known)).find(|account| account.sid == name)
    }

    fn listed(&self, name: &str) -> Option<(&String, &Listed)> {
        self.accounts.iter().find(|(known, _)| known.to_lowercase() == name.to_lowercase())
    }
}

/// The SID of an application pool: S-1-5-82 and the SHA-1 of its lower-case name in UTF-16LE, as five numbers.
pub fn pool_sid(pool: &str) -> String {
    let name: Vec<u8> = pool.to_lowercase().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let digest = sha1::Sha1::digest(&name);
    let number = |chunk: &[u8]| chunk.iter().rev().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    digest.chunks(4).fold("S-1-5-82".to_owned(), |sid, chunk| format!("{sid}-{}", number(chunk)))
}

fn logon_refused(code: u32) -> Refusal {
    let text = REFUSALS.iter().find(|(known, _)| *known == code).map_or("The logon was refused.", |(_, text)| text);
    refused(RefusalCode::Logon, 0x8007_0000 | code, text)
}

/// A name with its authority: `.\x` and `x` are the computer's own, `x@corp.example.com` is `CORP\x`.
fn qualified(computer: &Computer, name: &str) -> String {
    if let Some((user, domain)) = name.split_once('@') {
        let domain = domain.split('.').next().unwrap_or(domain).to_ascii_uppercase();
        return format!(r"{domain}\{user}");
    }
    match name.split_once('\\') {
        Some((".", user)) => format!(r"{}\{user}", computer.computer),
        // Windows gives the domain back in the case of its NetBIOS name.
        Some((domain, user)) => format!(r"{}\{user}", domain.to_ascii_uppercase()),
        None => format!(r"{}\{name}", computer.computer),
    }
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// A SID for an account of the lab: the same name has the same SID on every host.
fn made_sid(name: &str) -> String {
    let authority = name.split('\\').next().unwrap_or_default().to_lowercase();
    let number = |seed: &str| {
        let digest = <Sha256 as sha2::Digest>::digest(seed.as_bytes());
        digest.iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte))
    };
    let domain = [1, 2, 3].map(|part| number(&format!("{authority}/{part}")));
    let relative = 1000 + number(&name.to_lowercase()) % 1_000_000;
    format!("S-1-5-21-{}-{}-{}-{relative}", domain[0], domain[1], domain[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn computer() -> Computer {
        Computer { computer: "WEB01".to_owned(), domain: Some("corp.example.com".to_owned()), ..Computer::default() }
    }

    #[test]
    fn the_sid_of_a_pool_is_the_one_windows_makes() {
        // Published in many access control lists.
        assert_eq!(pool_sid("DefaultAppPool"), "S-1-5-82-3006700770-424185619-1745488364-794895919-4004696415");
    }

    #[test]
    fn names_are_resolved_in_every_spelling() {
        let mut directory = Directory::fresh(false);
        directory.declare(r"CORP\svc-chat", "p");
        let pools = ["Chat".to_owned()];
        let name = |spelling: &str| directory.account(&computer(), &pools, spelling).map(|account| account.name);
        for (spelling, expected) in [
            ("networkservice", Some(r"NT AUTHORITY\NETWORK SERVICE")),
            (r"iis apppool\chat", Some(r"IIS APPPOOL\Chat")),
            (r"IIS AppPool\Other", None),
            (r"corp\SVC-chat", Some(r"CORP\svc-chat")),
            ("svc-chat@corp.example.com", Some(r"CORP\svc-chat")),
            (r"CORP\nobody", None),
        ] {
            assert_eq!(name(spelling).as_deref(), expected, "{spelling}");
        }
    }

    #[test]
    fn a_sid_leads_back_to_its_name() {
        let pools = ["Chat".to_owned()];
        let mut directory = Directory::fresh(true);
        directory.declare(r"CORP\svc-chat", "x");
        for name in [r"NT AUTHORITY\SYSTEM", r"IIS APPPOOL\Chat", r"CORP\svc-chat"] {
            let account = directory.account_or_sid(&computer(), &pools, name).unwrap();
            assert_eq!(account.name, name);
            assert_eq!(directory.account_or_sid(&computer(), &pools, &account.sid), Some(account));
        }
        assert_eq!(directory.account_or_sid(&computer(), &pools, "S-1-5-21-1"), None);
    }

    #[test]
    fn a_logon_is_refused_for_its_reason_and_counted() {
        let mut directory = Directory::fresh(false);
        directory.declare(r"CORP\a", "right");
        let attempt = |directory: &mut Directory, password: &str| {
            directory.log_on(&computer(), None, r"corp\a", password).err().and_then(|refusal| refusal.hresult)
        };
        assert_eq!(attempt(&mut directory, "right"), None);
        assert_eq!(attempt(&mut directory, "wrong").as_deref(), Some("0x8007052E"));
        directory.accounts[r"CORP\a"].standing = Standing::Expired;
        assert_eq!(attempt(&mut directory, "right").as_deref(), Some("0x80070532"));
        directory.accounts[r"CORP\a"].standing = Standing::Locked;
        assert_eq!(attempt(&mut directory, "right").as_deref(), Some("0x80070775"));
        assert_eq!((directory.accounts[r"CORP\a"].wrong_attempts, directory.accounts[r"CORP\a"].logons), (3, 1));
    }

    #[test]
    fn an_account_is_learned_once() {
        let mut directory = Directory::fresh(true);
        assert!(directory.log_on(&computer(), None, r"CORP\new", "first").is_ok());
        assert!(directory.log_on(&computer(), None, r"CORP\new", "second").is_err());
        assert!(directory.log_on(&computer(), None, r"CORP\new", "first").is_ok());
    }
}
