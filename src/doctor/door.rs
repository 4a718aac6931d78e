//! The doors of a machine, opened step by step.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CONTENT_LENGTH, HOST, WWW_AUTHENTICATE};
use hyper::{Method, Request, Response, StatusCode};

use super::check::{Check, Line, Sheet};
use super::judge::Logon;
use super::network::{self, Port};
use crate::engine::{Over, Place, Reach, Sessions};
use crate::http::{Connection, HttpError};
use crate::transport::ssh::{By, HostKeyError};
use crate::transport::winrm::{Reached, WinRm};
use crate::transport::{Transport, TransportError};

/// How long the host may take over an answer to whoever has not logged in.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
/// Windows' own code for access that is denied (winerror.h, `ERROR_ACCESS_DENIED`).
const ACCESS_DENIED: u32 = 5;

/// What is checked before anything runs on the host.
pub fn checks(over: &Over) -> Vec<Check> {
    let own: &[Check] = match over {
        Over::WinRm => &[
            Check::Name,
            Check::Tcp,
            Check::WsMan,
            Check::Account,
            Check::Challenge,
            Check::Proof,
            Check::Seal,
            Check::Process,
        ],
        Over::Ssh(_) => {
            &[Check::Name, Check::Tcp, Check::Account, Check::Ssh, Check::HostKey, Check::SshLogin, Check::Process]
        }
        Over::Local => &[Check::Process],
    };
    own.to_vec()
}

/// Opens a machine's door and starts PowerShell behind it. `None` where that failed, with its lines on the sheet.
pub async fn open(sheet: &mut Sheet, sessions: &Sessions, host: &str, reach: &Reach) -> Option<(Transport, Logon)> {
    match &reach.over {
        Over::Local => {}
        Over::WinRm => {
            let port = network::reach(sheet, &reach.place, "WinRM listens there (winrm quickconfig)").await?;
            if !sheet.put(answers(&port).await) {
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
    let mut transport = match sessions.transport(host).await {
        Ok(transport) => transport?,
        Err(error) => {
            sheet.put(Line::failed_as_told(Check::Account, &error.to_string()));
            return None;
        }
    };
    if !matches!(reach.over, Over::Local) {
        sheet.put(Line::passed(Check::Account, format!("{} logs in", reach.user)));
    }
    let started = transport.start().await;
    let logon = match &transport {
        Transport::WinRm(winrm) => {
            steps_of_winrm(sheet, winrm, started.as_ref().err());
            Logon::Proof
        }
        Transport::Ssh(ssh) => {
            let logged_in = ssh.logged_in().await;
            steps_of_ssh(sheet, logged_in.as_ref(), started.as_ref().err());
            let password = logged_in.is_some_and(|it| it.by == By::Password);
            if password { Logon::Password } else { Logon::Proof }
        }
        Transport::Local(_) | Transport::Pipe(_) => Logon::Here,
    };
    match started {
        Ok(()) => {
            sheet.put(Line::passed(Check::Process, "PowerShell was started"));
            Some((transport, logon))
        }
        Err(error) => {
            if matches!(transport, Transport::Local(_) | Transport::Pipe(_)) {
                sheet.put(Line::failed_as_told(Check::Process, &error.to_string()));
            }
            None
        }
    }
}

/// Whether WinRM answers whoever has not logged in, and what it offers.
async fn answers(port: &Port) -> Line {
    let asked = async {
        let mut connection = Connection::open(&port.address, port.port, ANSWER_PATIENCE).await?;
        connection.exchange(question(port), ANSWER_PATIENCE).await
    };
    offers(asked.await)
}

/// An empty request without a login.
fn question(port: &Port) -> Request<Bytes> {
    let mut request = Request::new(Bytes::new());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = hyper::Uri::from_static("/wsman");
    if let Ok(host) = format!("{}:{}", port.address, port.port).parse() {
        request.headers_mut().insert(HOST, host);
    }
    request.headers_mut().insert(CONTENT_LENGTH, hyper::header::HeaderValue::from_static("0"));
    request
}

fn offers(reply: Result<Response<Bytes>, HttpError>) -> Line {
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => {
            let advice = "check that it is WinRM that listens there, and that the host is not overloaded";
            return Line::failed(Check::WsMan, error.to_string(), advice);
        }
    };
    let status = reply.status();
    if status != StatusCode::UNAUTHORIZED {
        return Line::failed(
            Check::WsMan,
            format!("/wsman answers HTTP {} where WinRM answers 401", status.as_u16()),
            "check that the port is WinRM's, and that no proxy or other site answers in its place",
        );
    }
    let offered: Vec<&str> = reply
        .headers()
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|offer| offer.to_str().ok()?.split_whitespace().next())
        .collect();
    let shown = if offered.is_empty() { "nothing".to_owned() } else { offered.join(", ") };
    let negotiates = offered.iter().any(|offer| offer.eq_ignore_ascii_case("Negotiate"));
    if negotiates {
        return Line::passed(Check::WsMan, format!("/wsman answers and offers {shown}"));
    }
    Line::failed(
        Check::WsMan,
        format!("/wsman answers and offers {shown}"),
        "enable Negotiate: Set-Item WSMan:\\localhost\\Service\\Auth\\Negotiate $true",
    )
}

/// What a login over WinRM came to, from how far it came.
fn steps_of_winrm(sheet: &mut Sheet, winrm: &WinRm, error: Option<&TransportError>) {
    let steps = [
        (Check::Challenge, Reached::Challenged, "the host sent an NTLM challenge"),
        (Check::Proof, Reached::Accepted, "the host accepted the proof"),
        (Check::Seal, Reached::Opened, "the first sealed message was opened"),
    ];
    for (check, reached, found) in steps {
        if winrm.reached() >= reached {
            sheet.put(Line::passed(check, found));
        } else {
            if let Some(error) = error {
                sheet.put(failure(check, error));
            }
            return;
        }
    }
    if let Some(error) = error {
        sheet.put(failure(Check::Process, error));
    }
}

/// What a login over SSH came to.
fn steps_of_ssh(
    sheet: &mut Sheet,
    logged_in: Option<&crate::transport::ssh::LoggedIn>,
    error: Option<&TransportError>,
) {
    let known = "what listens there talks SSH, with algorithms of both";
    match (logged_in, error) {
        (None, Some(error @ TransportError::HostKey(_))) => {
            sheet.put(Line::passed(Check::Ssh, known));
            sheet.put(failure(Check::HostKey, error));
        }
        (None, Some(error @ TransportError::Login { .. })) => {
            sheet.put(Line::passed(Check::Ssh, known));
            sheet.put(Line::passed(Check::HostKey, "the host showed the key that it is known by"));
            sheet.put(failure(Check::SshLogin, error));
        }
        (None, Some(error)) => {
            sheet.put(failure(Check::Ssh, error));
        }
        (None, None) => {}
        (Some(logged_in), error) => {
            sheet.put(Line::passed(Check::Ssh, known));
            sheet.put(Line::passed(Check::HostKey, "the host showed the key that it is known by"));
            let by = match logged_in.by {
                By::Nothing => "the host asked for nothing",
                By::Key => "the key in its file was accepted",
                By::Agent => "a key of the SSH agent was accepted",
                By::Password => "the password was accepted",
            };
            let offered = logged_in.offered.replace(',', ", ");
            sheet.put(Line::passed(Check::SshLogin, format!("{by}; the host offers {offered}")));
            if let Some(error) = error {
                sheet.put(failure(Check::Process, error));
            }
        }
    }
}

/// An error of a transport as a line: without the host's name, which stands above it.
fn failure(check: Check, error: &TransportError) -> Line {
    match error {
        TransportError::NoWay { why, .. } => Line::failed_as_told(check, why),
        TransportError::Login { user, why, .. } => {
            Line::failed(check, format!("the login of `{user}` was refused"), why.clone())
        }
        TransportError::HostKey(key) => host_key(check, key),
        TransportError::Fault { fault, doing, .. } if fault.code == Some(ACCESS_DENIED) => Line::failed(
            check,
            format!("{doing} was denied: {fault}"),
            "make the account a member of Administrators there; a local one that is no built-in Administrator also needs \
             LocalAccountTokenFilterPolicy (farmhand bootstrap --winrm --local-administrators)",
        ),
        other => Line::failed_as_told(check, &other.to_string()),
    }
}

/// What to do about a key stands on lines of its own.
fn host_key(check: Check, error: &HostKeyError) -> Line {
    let text = error.to_string();
    match text.split_once('\n') {
        Some((found, advice)) => Line::failed(check, found, advice),
        None => Line::failed_as_told(check, &text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Outcome;

    #[test]
    fn an_answer_that_is_not_winrms_is_told_from_one_that_is() {
        let reply = |status: u16, offered: &[&str]| {
            let mut reply = Response::builder().status(status);
            for offer in offered {
                reply = reply.header(WWW_AUTHENTICATE, *offer);
            }
            offers(Ok(reply.body(Bytes::new()).unwrap()))
        };
        let check = |line: Line, outcome: Outcome, says: &str| {
            assert_eq!(line.outcome, outcome, "{line:?}");
            assert!(format!("{line:?}").contains(says), "{says}: {line:?}");
        };
        check(reply(401, &["Negotiate", "Kerberos"]), Outcome::Passed, "Negotiate, Kerberos");
        check(reply(401, &["Basic realm=\"WSMAN\""]), Outcome::Failed, "Auth\\\\Negotiate");
        check(reply(401, &[]), Outcome::Failed, "nothing");
        check(reply(404, &[]), Outcome::Failed, "HTTP 404");
        let refused = HttpError::Refused { address: "web01:5985".to_owned() };
        check(offers(Err(refused)), Outcome::Failed, "refused the connection");
    }

    #[test]
    fn each_failure_of_ssh_has_its_own_line() {
        let fails = |error: TransportError| -> Vec<Outcome> {
            let mut sheet = Sheet::new([Check::Ssh, Check::HostKey, Check::SshLogin, Check::Process]);
            steps_of_ssh(&mut sheet, None, Some(&error));
            sheet.finish().iter().map(|line| line.outcome).collect()
        };
        use Outcome::{Failed, NotReached, Passed};
        let (host, user) = ("web01".to_owned(), "ops".to_owned());
        let no_way = TransportError::NoWay { host: host.clone(), why: "it talks no SSH; check the port".to_owned() };
        assert_eq!(fails(no_way), [Failed, NotReached, NotReached, NotReached]);
        let login = TransportError::Login { host, user, why: "the password was refused".to_owned() };
        assert_eq!(fails(login), [Passed, Passed, Failed, NotReached]);
    }
}
