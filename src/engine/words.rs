//! Refusals in words: what was tried, what Windows said, what to do.

use crate::codes::{Asked, look_up, sql_advice};
use crate::hostcall::{Refusal, RefusalCode, Write};
use crate::plan::Trouble;

/// A refusal as a sentence; `what` is what was tried.
pub fn refused(what: &str, refusal: &Refusal) -> String {
    format!("{what}: {}", why(refusal))
}

/// The same without what was tried.
pub fn why(refusal: &Refusal) -> String {
    let code = refusal.hresult.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
    let text = refusal.text.trim_end_matches('.');
    match refusal.sql_number().and_then(sql_advice).unwrap_or(advice(refusal.code)) {
        "" => match refusal.hresult.as_deref().filter(|code| matches!(look_up(code), Asked::Known(_))) {
            Some(known) => format!("{text}{code}; farmhand explain {known}"),
            None => format!("{text}{code}"),
        },
        advice => format!("{text}{code}; {advice}"),
    }
}

/// A trouble as a sentence.
pub fn describe(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Refused { address, refusal, .. } => refused(&format!("reading {address}"), refusal),
        Trouble::Frozen { address, refusal, .. } => refused(&format!("changing {address}"), refusal),
        Trouble::Conflict { address, problem, .. } => format!("{address}: {}", problem.message),
    }
}

/// What a write was for, for a message that it failed.
pub fn tried(write: &Write) -> &str {
    match write {
        Write::Sql { purpose, .. } => purpose,
        write => write.name(),
    }
}

fn advice(code: RefusalCode) -> &'static str {
    match code {
        RefusalCode::Denied => "connect as a local administrator: reading and changing IIS and features needs one",
        RefusalCode::Locked => "somebody else holds it, or a level above locks it; try again, or unlock the section",
        RefusalCode::Unsupported => "leave it out for this host",
        RefusalCode::SourceMissing => "name a folder that has the payload: source: ['D:\\sources\\sxs']",
        RefusalCode::DiskFull => "free space on the host",
        RefusalCode::SharedConfiguration => {
            "one change here would switch every node at once; change the shared configuration where it is kept, or disable it"
        }
        RefusalCode::RebootPending => "restart the host, or allow it: reboot: if_needed",
        RefusalCode::Logon => "no configuration was changed; mind that every further attempt counts towards lock-out",
        RefusalCode::Held => "wait for that run to end; one that was killed lets go of the host within three minutes",
        RefusalCode::Invalid | RefusalCode::Unknown | RefusalCode::ReadOnly | RefusalCode::Failed => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_and_what_to_do() {
        let refusal = Refusal {
            code: RefusalCode::DiskFull,
            text: "There is not enough space on the disk.".to_owned(),
            hresult: Some("0x80070070".to_owned()),
        };
        let expected = "iis_commit: There is not enough space on the disk (0x80070070); free space on the host";
        assert_eq!(refused("iis_commit", &refusal), expected);
        let failed = |hresult: &str| Refusal {
            code: RefusalCode::Failed,
            text: "It is in use.".to_owned(),
            hresult: Some(hresult.to_owned()),
        };
        assert_eq!(why(&failed("0x80070020")), "It is in use (0x80070020); farmhand explain 0x80070020");
        assert_eq!(why(&failed("0x80079999")), "It is in use (0x80079999)");
        let refusal = Refusal::sql(1222, 16, 56, "Lock request time out period exceeded.");
        let said = refused("turn the broker of the database Chat on", &refusal);
        assert!(said.starts_with("turn the broker of the database Chat on: Lock request time out period exceeded (Msg 1222, Level 16, State 56); somebody holds"), "{said}");
    }
}
