//! What can be made to go wrong with a lab host, each by one word.

use std::fmt;
use std::str::FromStr;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::WireFault;

/// Declares the faults once, with their words and their help.
macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $fault:ident = $word:literal,)*) => {
        /// Something wrong with a host. Its word is what `lab break HOST FAULT` takes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Fault {
            $($(#[doc = $doc])+ #[serde(rename = $word)] $fault,)*
        }

        impl Fault {
            /// Every fault, in the order in which help lists them.
            pub const ALL: &[Fault] = &[$(Fault::$fault,)*];

            /// The word for it.
            pub fn word(self) -> &'static str {
                match self { $(Fault::$fault => $word,)* }
            }

            /// What it does, for help.
            pub fn help(self) -> &'static str {
                match self { $(Fault::$fault => concat!($($doc),+).trim_ascii(),)* }
            }
        }
    };
}

faults! {
    /// Connections are refused.
    Refuse = "refuse",
    /// Connections are taken and never answered.
    Hang = "hang",
    /// The connection is reset when a change arrives, before it is carried out (once).
    ResetBeforeWrite = "reset_before_write",
    /// The connection is reset when a change was carried out, before its answer (once).
    ResetAfterWrite = "reset_after_write",
    /// Windows denies access to IIS configuration and servicing.
    AccessDenied = "access_denied",
    /// The system drive is full: nothing can be written.
    DiskFull = "disk_full",
    /// Servicing waits for a reboot and installs nothing before it.
    RebootPending = "reboot_pending",
    /// The host's clock is ten minutes ahead.
    ClockOff = "clock_off",
    /// The operator's account is no administrator.
    NotAdministrator = "not_administrator",
    /// A policy lets PowerShell run with limits alone, so that the agent cannot.
    ConstrainedLanguage = "constrained_language",
    /// The payloads of features not installed were removed from the image.
    PayloadMissing = "payload_missing",
    /// IIS was never installed: a bare server.
    NoIis = "no_iis",
    /// The host takes part in IIS shared configuration.
    SharedConfiguration = "shared_configuration",
    /// Somebody else changes something unrelated in applicationHost.config while a commit is made (once).
    ChangedOnDisk = "changed_on_disk",
    /// Somebody else changes the very element that a commit is about (once).
    Moved = "moved",
    /// Every password of a domain account is wrong.
    WrongAccount = "wrong_account",
    /// Every domain account is locked out.
    LockedAccount = "locked_account",
    /// The password of every domain account has expired.
    ExpiredAccount = "expired_account",
    /// The host is a clone: it cannot decrypt what was encrypted before.
    ClonedKeys = "cloned_keys",
    /// WAS takes its time to do what configuration says.
    WasSlow = "was_slow",
    /// SQL Server refuses connections.
    SqlRefuse = "sql_refuse",
    /// SQL Server refuses a log-in with error 18456 (once).
    SqlLoginFailed = "sql_login_failed",
    /// SQL Server's connection breaks off in the middle of a result (once).
    SqlDropInResult = "sql_drop_in_result",
    /// SQL Server's connection breaks off before a change is committed (once).
    SqlDropBeforeCommit = "sql_drop_before_commit",
    /// SQL Server's connection breaks off when a change was committed, before its answer (once).
    SqlDropAfterCommit = "sql_drop_after_commit",
    /// A change is chosen as deadlock victim, error 1205 (once).
    SqlDeadlock = "sql_deadlock",
    /// A change waits too long for a lock, error 1222 (once).
    SqlLockTimeout = "sql_lock_timeout",
    /// The transaction log is full, error 9002.
    SqlLogFull = "sql_log_full",
    /// The connection breaks off and this instance is secondary in its availability groups (once).
    SqlFailover = "sql_failover",
    /// A key is backed up into a file of 0 bytes.
    SqlBackupEmpty = "sql_backup_empty",
}

impl Fault {
    /// The fault as it shows on the wire, where it does.
    pub fn wire(self) -> Option<WireFault> {
        match self {
            Fault::Refuse => Some(WireFault::Refuse),
            Fault::Hang => Some(WireFault::Hang),
            Fault::ResetBeforeWrite => Some(WireFault::ResetBeforeWrite),
            Fault::ResetAfterWrite => Some(WireFault::ResetAfterWrite),
            _ => None,
        }
    }

    /// The Win32 code with which the fault has domain accounts refused.
    pub fn logon(self) -> Option<u32> {
        match self {
            Fault::WrongAccount => Some(1326),
            Fault::LockedAccount => Some(1909),
            Fault::ExpiredAccount => Some(1330),
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Fault, UnknownFault> {
        // Both spellings are what people type: `was-slow` and `was_slow`.
        let word = text.replace('-', "_");
        Fault::ALL
            .iter()
            .copied()
            .find(|fault| fault.word().eq_ignore_ascii_case(&word))
            .ok_or_else(|| UnknownFault(text.to_owned()))
    }
}

/// A word that names no fault.
#[derive(Debug, thiserror::Error)]
#[error("there is no fault `{0}`; there are {known}", known = words())]
pub struct UnknownFault(pub String);

fn words() -> String {
    Fault::ALL.iter().map(|fault| fault.word()).collect::<Vec<_>>().join(", ")
}

/// The faults that a host has, as `faults.toml` keeps them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Each fault and whether the host has it.
    #[serde(default)]
    pub faults: IndexMap<Fault, bool>,
    /// How long WAS takes when it is slow.
    #[serde(default = "was_seconds")]
    pub was_slow_seconds: u64,
}

fn was_seconds() -> u64 {
    5
}

impl Faults {
    /// Name of the file.
    pub const FILE: &'static str = "faults.toml";
    /// What the file says of itself.
    pub const HEADING: &'static str = "What is wrong with this host. `farmhand lab break HOST FAULT` adds a line.";

    /// Whether the host has a fault.
    pub fn has(&self, fault: Fault) -> bool {
        self.faults.get(&fault).copied().unwrap_or(false)
    }

    /// The first fault that the host's wire shows.
    pub fn wire(&self) -> Option<WireFault> {
        Fault::ALL.iter().filter(|fault| self.has(**fault)).find_map(|fault| fault.wire())
    }

    /// The Win32 code with which domain accounts are refused.
    pub fn logon(&self) -> Option<u32> {
        Fault::ALL.iter().filter(|fault| self.has(**fault)).find_map(|fault| fault.logon())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_word_and_a_help() {
        for fault in Fault::ALL {
            assert_eq!(fault.word().parse::<Fault>().unwrap(), *fault);
            assert_eq!(fault.word().replace('_', "-").parse::<Fault>().unwrap(), *fault);
            assert!(fault.help().ends_with('.'), "{}", fault.help());
        }
        assert!("earthquake".parse::<Fault>().unwrap_err().to_string().contains("was_slow"));
    }
}
