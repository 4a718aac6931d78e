//! The doors of a machine, opened step by step.

mod ssh;
mod winrm;

use super::check::{Check, Line, Sheet};
use super::judge::Logon;
use super::lack::Lack;
use super::network;
use crate::engine::{Over, Place, Reach, Sessions};
use crate::transport::{Transport, TransportError};

/// Windows' own code for access that is denied (winerror.h, `ERROR_ACCESS_DENIED`).
const ACCESS_DENIED: u32 = 5;

/// What is checked before anything runs on the host.
pub fn checks(over: &Over) -> Vec<Check> {
    match over {
        Over::WinRm(reach) => winrm::checks(reach),
        Over::Ssh(_) => ssh::CHECKS.to_vec(),
        Over::Local => vec![Check::Process],
    }
}

/// Opens a machine's door and starts PowerShell behind it. `None` where that failed, with its lines on the sheet.
pub async fn open(
    sheet: &mut Sheet,
    sessions: &Sessions,
    host: &str,
    reach: &Reach,
    lack: Option<&Lack>,
) -> Option<(Transport, Logon)> {
    match &reach.over {
        Over::Local => {}
        Over::WinRm(over) => {
            if !winrm::answers(sheet, &reach.place, over).await {
                return None;
            }
        }
        Over::Ssh(over) => {
            // The far end of a jump host cannot be reached from here; the jump host must be.
            let by_way = over.jump.as_ref().map(|jump| Place::At(jump.host.clone(), jump.port));
            let first = by_way.as_ref().unwrap_or(&reach.place);
            network::reach(sheet, first, "sshd runs there (Get-Service sshd)").await?;
        }
    }
    if let Some(lack) = lack {
        sheet.put(lack.line());
        return None;
    }
    let mut transport = match sessions.transport(host).await {
        Ok(transport) => transport?,
        Err(error) => {
            sheet.put(Line::failed_as_told(Check::Account, &error.to_string()));
            return None;
        }
    };
    let who = if reach.user.is_empty() { "the certificate" } else { &reach.user };
    let known = match &reach.over {
        Over::Local => true,
        Over::WinRm(_) => sheet.put(Line::passed(Check::Account, format!("{who} logs in"))),
        Over::Ssh(over) => sheet.put(ssh::account(who, over)),
    };
    if !known {
        return None;
    }
    let started = transport.start().await;
    let error = started.as_ref().err();
    let logon = match (&transport, &reach.over) {
        (Transport::WinRm(door), Over::WinRm(over)) => winrm::steps(sheet, over, door.reached(), error),
        (Transport::Ssh(door), Over::Ssh(over)) => {
            let heard = match (error, &over.jump) {
                (Some(TransportError::NoWay { .. }), None) => ssh::hear(&reach.place).await,
                _ => None,
            };
            ssh::steps(sheet, door.logged_in().await.as_ref(), error, heard)
        }
        _ => {
            if let Some(error) = error {
                sheet.put(failure(Check::Process, error));
            }
            Logon::Here
        }
    };
    started.ok()?;
    Some((transport, logon))
}

/// An error of a transport as a line: without the host's name, which stands above it.
fn failure(check: Check, error: &TransportError) -> Line {
    match error {
        TransportError::NoWay { why, .. } => Line::failed_as_told(check, why),
        TransportError::Login { user, why, .. } => {
            Line::failed(check, format!("the login of `{user}` was refused"), why.clone())
        }
        TransportError::HostKey(key) => Line::failed_as_told(check, &key.to_string()),
        TransportError::Fault { fault, doing, .. } if fault.code == Some(ACCESS_DENIED) => Line::failed(
            check,
            format!("{doing} was denied: {fault}"),
            "make the account a member of Administrators there; a local one that is no built-in Administrator also needs \
             LocalAccountTokenFilterPolicy (farmhand bootstrap --winrm --local-administrators)",
        ),
        other => Line::failed_as_told(check, &other.to_string()),
    }
}
