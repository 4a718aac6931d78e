//! What a host has told, judged.

use super::check::{Check, Line};
use super::told::{FULL_LANGUAGE, Told, WinRm};
use crate::hostcall::answer::{Disk, HostFacts};
use crate::value::utc_seconds;

/// A clock that is off by more seconds is told of.
const CLOCK_NOTE_SECONDS: u64 = 60;
/// Kerberos refuses a clock that is off by more seconds (maximum tolerance for computer clock synchronization).
const CLOCK_SECONDS: u64 = 300;
/// A system drive with less is as good as full: servicing and a release's staging need more.
const DISK_BYTES: u64 = 2 << 30;
/// The group of those who came over the network.
const NETWORK: &str = "S-1-5-2";

/// How a session's account has logged on, as far as it matters to where it can go from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logon {
    /// By a proof: the host has no credentials that it could pass on.
    Proof,
    /// By the password itself, which the host then has.
    Password,
    /// On the very machine that farmhand runs on.
    Here,
}

/// A quota of WinRM.
struct Quota {
    check: Check,
    setting: &'static str,
    unit: &'static str,
    least: u64,
    told: fn(&WinRm) -> u64,
}

/// What a session needs.
const QUOTAS: [Quota; 5] = [
    Quota {
        check: Check::Envelope,
        setting: "MaxEnvelopeSizekb",
        unit: " KiB",
        least: 150,
        told: |winrm| winrm.max_envelope_kb,
    },
    Quota {
        check: Check::Shells,
        setting: "Winrs/MaxShellsPerUser",
        unit: "",
        least: 5,
        told: |winrm| winrm.max_shells_per_user,
    },
    Quota {
        check: Check::Memory,
        setting: "Winrs/MaxMemoryPerShellMB",
        unit: " MB",
        least: 150,
        told: |winrm| winrm.max_memory_per_shell_mb,
    },
    Quota {
        check: Check::Users,
        setting: "Winrs/MaxConcurrentUsers",
        unit: "",
        least: 2,
        told: |winrm| winrm.max_concurrent_users,
    },
    Quota {
        check: Check::Idle,
        setting: "Winrs/IdleTimeout",
        unit: " ms",
        least: 180_000,
        told: |winrm| winrm.idle_timeout_ms,
    },
];

/// The language mode of PowerShell.
pub fn language(told: &Told) -> Line {
    if told.language_mode == FULL_LANGUAGE {
        return Line::passed(Check::Language, FULL_LANGUAGE);
    }
    Line::failed(
        Check::Language,
        format!("PowerShell runs in {}, where the agent cannot run", told.language_mode),
        "allow the agent by its digest (farmhand agent --sha256) in AppLocker or Windows Defender Application Control, or \
         exempt the account",
    )
}

/// The version of Windows.
pub fn windows(facts: &HostFacts) -> Line {
    let found = format!("{} ({})", facts.os, facts.os_version);
    let version: Vec<u32> = facts.os_version.split('.').filter_map(|part| part.parse().ok()).collect();
    if version.as_slice() < [6, 2].as_slice() {
        return Line::failed(Check::Windows, found, "farmhand manages Windows Server 2012 and later");
    }
    if !facts.server {
        return Line::note(Check::Windows, found, "it is no server edition: features and roles are others there");
    }
    Line::passed(Check::Windows, found)
}

/// The version of Windows PowerShell.
pub fn powershell(facts: &HostFacts) -> Line {
    let found = facts.powershell.clone();
    let major = found.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0_u32);
    if major < 3 {
        return Line::failed(Check::PowerShell, found, "install Windows Management Framework 3.0 or later");
    }
    Line::passed(Check::PowerShell, found)
}

/// Whether the session has an administrator's rights.
pub fn administrator(facts: &HostFacts, told: &Told) -> Line {
    let token = told.token.as_ref();
    let user = token.map_or("the account", |token| token.user.as_str());
    if facts.administrator {
        return Line::passed(Check::Administrator, format!("{user} is an administrator, elevated"));
    }
    if !token.is_some_and(|token| token.filtered) {
        let advice = format!("make {user} a member of Administrators there, or log in with another account");
        return Line::failed(Check::Administrator, format!("{user} is no administrator there"), advice);
    }
    // The built-in Administrator keeps its rights unless a policy says otherwise; its SID ends so.
    let built_in = token.is_some_and(|token| token.sid.ends_with("-500"));
    let advice = if built_in {
        "the policy FilterAdministratorToken takes them; log in with a domain account that is an administrator there"
    } else {
        "Windows takes them from local accounts over the network: log in with a domain account that is an administrator \
         there, or as the built-in Administrator, or set LocalAccountTokenFilterPolicy (farmhand bootstrap --winrm \
         --local-administrators)"
    };
    Line::failed(Check::Administrator, format!("{user} is an administrator without the rights of one"), advice)
}

/// WinRM's quotas.
pub fn quotas(told: &Told) -> Vec<Line> {
    let Some(winrm) = &told.winrm else {
        let why = "the host does not say; winrm/config is for administrators";
        return QUOTAS.iter().map(|quota| Line::not_reached(quota.check, why)).collect();
    };
    let judged = QUOTAS.iter().map(|quota| {
        let Quota { check, setting, unit, least, told } = quota;
        let (found, usual) = (told(winrm), told(&WinRm::STOCK));
        let text = format!("{found}{unit}");
        if found >= *least {
            return Line::passed(*check, text);
        }
        let drive = setting.replace("Winrs/", "Shell\\");
        let advice = format!("at least {least}{unit}: Set-Item WSMan:\\localhost\\{drive} {usual}");
        Line::failed(*check, format!("{setting} is {text}"), advice)
    });
    judged.collect()
}

/// Free space.
pub fn disk(facts: &HostFacts) -> Line {
    let shown = |disk: &Disk| {
        format!("{} has {} of {} free", disk.name, gibibytes(disk.free_bytes), gibibytes(disk.size_bytes))
    };
    let found = facts.disks.iter().map(shown).collect::<Vec<_>>().join(", ");
    let full: Vec<&Disk> = facts.disks.iter().filter(|disk| disk.free_bytes < DISK_BYTES).collect();
    if full.is_empty() {
        return Line::passed(Check::Disk, found);
    }
    let advice = format!(
        "free at least {} on {}",
        gibibytes(DISK_BYTES),
        full.iter().map(|disk| disk.name.as_str()).collect::<Vec<_>>().join(" and ")
    );
    if full.iter().any(|disk| disk.name.eq_ignore_ascii_case(&facts.system_drive)) {
        return Line::failed(Check::Disk, found, advice);
    }
    Line::note(Check::Disk, found, advice)
}

fn gibibytes(bytes: u64) -> String {
    format!("{}.{} GiB", bytes >> 30, ((bytes & ((1 << 30) - 1)) * 10) >> 30)
}

/// The host's clock against this machine's, in seconds since 1970.
pub fn clock(facts: &HostFacts, here_seconds: u64) -> Line {
    let Some(there) = utc_seconds(&facts.utc) else {
        return Line::failed(Check::Clock, format!("`{}` is no time", facts.utc), "look at the host's clock");
    };
    let off = there.abs_diff(here_seconds);
    // The answer has been on its way for a moment.
    let found = match off {
        0..=2 => "the same as here".to_owned(),
        _ => format!("{off} s {} this machine's", if there > here_seconds { "ahead of" } else { "behind" }),
    };
    let advice = "set whichever is wrong: on the host w32tm /resync, and look at w32tm /query /status";
    if off <= CLOCK_NOTE_SECONDS {
        return Line::passed(Check::Clock, found);
    }
    if off <= CLOCK_SECONDS {
        return Line::note(Check::Clock, found, format!("Kerberos refuses more than {CLOCK_SECONDS} s; {advice}"));
    }
    let advice =
        format!("Kerberos refuses more than {CLOCK_SECONDS} s, and certificates and tokens look expired; {advice}");
    Line::failed(Check::Clock, found, advice)
}

/// Whether Windows waits for a restart.
pub fn reboot(facts: &HostFacts) -> Line {
    if facts.pending_reboot.is_empty() {
        return Line::passed(Check::Reboot, "none");
    }
    let why = facts.pending_reboot.join(", ").replace('_', " ");
    Line::failed(
        Check::Reboot,
        format!("Windows waits for a restart ({why}) and installs nothing before it"),
        "restart the host, or let a playbook do it: reboot: if_needed",
    )
}

/// Whether the session can reach further servers with its credentials.
pub fn double_hop(told: &Told, logon: Logon) -> Line {
    let network = told.token.as_ref().is_some_and(|token| token.groups.iter().any(|group| group == NETWORK));
    match logon {
        Logon::Here => Line::passed(Check::DoubleHop, "the session is that of whoever runs farmhand"),
        Logon::Password => {
            Line::passed(Check::DoubleHop, "the host has the password, so the session can reach further servers")
        }
        Logon::Proof if !network => Line::passed(Check::DoubleHop, "the logon is none over the network"),
        Logon::Proof => Line::note(
            Check::DoubleHop,
            "the session has no credentials to pass on: from there no share and no other server takes it for its account",
            "farmhand needs none; bring what a step needs to the host itself, or give the step an account of its own",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Outcome;
    use crate::doctor::told::Token;

    fn facts(change: impl FnOnce(&mut HostFacts)) -> HostFacts {
        let mut facts: HostFacts = serde_json::from_value(serde_json::json!({
            "computer": "WEB01", "os": "Windows Server 2019 Standard", "os_version": "10.0.17763", "server": true,
            "powershell": "5.1.17763.1", "utc": "2026-11-21T12:34:56Z", "uptime_seconds": 1, "culture": "en-US",
            "administrator": true, "system_drive": "C:", "pending_reboot": [],
            "disks": [{ "name": "C:", "format": "NTFS", "size_bytes": 137_438_953_472_u64, "free_bytes": 64_424_509_440_u64 }],
        }))
        .unwrap();
        change(&mut facts);
        facts
    }

    fn outcome(line: &Line, expected: Outcome, says: &str) {
        assert_eq!(line.outcome, expected, "{line:?}");
        let text = format!("{} {}", line.found, line.advice.clone().unwrap_or_default());
        assert!(text.contains(says), "{says}: {text}");
        assert_eq!(line.advice.is_none(), matches!(expected, Outcome::Passed | Outcome::NotReached), "{line:?}");
    }

    #[test]
    fn versions() {
        let check = |change: fn(&mut HostFacts), expected| outcome(&windows(&facts(change)), expected, "");
        check(|_| {}, Outcome::Passed);
        check(|facts| facts.os_version = "6.2.9200".to_owned(), Outcome::Passed);
        check(|facts| facts.os_version = "6.1.7601".to_owned(), Outcome::Failed);
        check(|facts| facts.server = false, Outcome::Note);
        outcome(&powershell(&facts(|_| {})), Outcome::Passed, "5.1");
        outcome(&powershell(&facts(|facts| facts.powershell = "2.0".to_owned())), Outcome::Failed, "3.0");
    }

    #[test]
    fn language_modes() {
        let told = |mode: &str| Told { language_mode: mode.to_owned(), ..Told::default() };
        outcome(&language(&told("FullLanguage")), Outcome::Passed, "");
        outcome(&language(&told("ConstrainedLanguage")), Outcome::Failed, "AppLocker");
    }

    #[test]
    fn administrators_with_and_without_rights() {
        let told = |sid: &str, filtered| Told {
            token: Some(Token { user: "WEB01\\ops".to_owned(), sid: sid.to_owned(), groups: Vec::new(), filtered }),
            ..Told::default()
        };
        let none = facts(|facts| facts.administrator = false);
        outcome(&administrator(&facts(|_| {}), &told("S-1-5-21-1-500", false)), Outcome::Passed, "elevated");
        outcome(&administrator(&none, &told("S-1-5-21-1-1001", false)), Outcome::Failed, "member of Administrators");
        outcome(
            &administrator(&none, &told("S-1-5-21-1-1001", true)),
            Outcome::Failed,
            "LocalAccountTokenFilterPolicy",
        );
        outcome(&administrator(&none, &told("S-1-5-21-1-500", true)), Outcome::Failed, "FilterAdministratorToken");
        outcome(&administrator(&none, &Told::default()), Outcome::Failed, "the account");
    }

    #[test]
    fn clocks() {
        let here = utc_seconds("2026-11-21T12:34:56Z").unwrap();
        let facts = facts(|_| {});
        for (seconds, expected, says) in [
            (here, Outcome::Passed, "same as here"),
            (here + 60, Outcome::Passed, "60 s behind"),
            (here - 61, Outcome::Note, "61 s ahead"),
            (here + 300, Outcome::Note, "Kerberos"),
            (here - 301, Outcome::Failed, "w32tm"),
        ] {
            outcome(&clock(&facts, seconds), expected, says);
        }
    }

    #[test]
    fn disks_and_restarts() {
        outcome(&disk(&facts(|_| {})), Outcome::Passed, "C: has 60.0 GiB of 128.0 GiB free");
        outcome(&disk(&facts(|facts| facts.disks[0].free_bytes = 0)), Outcome::Failed, "free at least 2.0 GiB on C:");
        let data = |facts: &mut HostFacts| {
            let data = Disk { name: "E:".to_owned(), free_bytes: 1, ..facts.disks[0].clone() };
            facts.disks.push(data);
        };
        outcome(&disk(&facts(data)), Outcome::Note, "on E:");
        outcome(&reboot(&facts(|_| {})), Outcome::Passed, "none");
        let waits = facts(|facts| facts.pending_reboot = vec!["file_rename".to_owned()]);
        outcome(&reboot(&waits), Outcome::Failed, "file rename");
    }

    #[test]
    fn each_quota_is_judged_by_itself() {
        let stock = WinRm::STOCK;
        let failing = |winrm: &WinRm| -> Vec<Check> {
            let told = Told { winrm: Some(winrm.clone()), ..Told::default() };
            let lines = quotas(&told).into_iter();
            lines.filter(|line| line.outcome != Outcome::Passed).map(|line| line.check).collect()
        };
        assert_eq!(failing(&stock), []);
        assert_eq!(failing(&WinRm { max_envelope_kb: 149, ..stock.clone() }), [Check::Envelope]);
        assert_eq!(failing(&WinRm { max_shells_per_user: 4, ..stock.clone() }), [Check::Shells]);
        assert_eq!(failing(&WinRm { max_memory_per_shell_mb: 100, ..stock.clone() }), [Check::Memory]);
        assert_eq!(failing(&WinRm { max_concurrent_users: 1, ..stock.clone() }), [Check::Users]);
        assert_eq!(failing(&WinRm { idle_timeout_ms: 1, ..stock }), [Check::Idle]);
        assert!(quotas(&Told::default()).iter().all(|line| line.outcome == Outcome::NotReached));
    }

    #[test]
    fn who_can_go_further() {
        let told = |groups: &[&str]| Told {
            token: Some(Token { groups: groups.iter().map(|group| (*group).to_owned()).collect(), ..Token::default() }),
            ..Told::default()
        };
        outcome(&double_hop(&told(&["S-1-5-2"]), Logon::Proof), Outcome::Note, "no credentials");
        outcome(&double_hop(&told(&["S-1-5-4"]), Logon::Proof), Outcome::Passed, "");
        outcome(&double_hop(&told(&["S-1-5-2"]), Logon::Password), Outcome::Passed, "has the password");
        outcome(&double_hop(&told(&[]), Logon::Here), Outcome::Passed, "");
    }
}
