//! WinRM, step by step.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Request, Response, StatusCode, Uri};

use super::failure;
use crate::bootstrap::leaves::CERTIFICATE_DAYS;
use crate::doctor::check::{Check, Line, Sheet};
use crate::doctor::judge::Logon;
use crate::doctor::network;
use crate::doctor::speaks::{self, Speaks};
use crate::engine::{Place, WinrmReach};
use crate::http::{Connection, Endpoint, HttpError, Presented, Proxy, Tls, Trust, host_and_port};
use crate::transport::TransportError;
use crate::transport::winrm::{Auth, Reached};
use crate::value::{unix_seconds, utc_seconds};

/// How long the host may take over an answer to whoever has not logged in.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
const DAY_SECONDS: u64 = 86_400;

/// A step of a login: how far it must have come, and what that shows.
type Step = (Check, Reached, &'static str);

/// What is checked before anything runs on the host.
pub fn checks(reach: &WinrmReach) -> Vec<Check> {
    let mut checks = vec![Check::Name, Check::Tcp];
    checks.extend(reach.proxy.as_ref().map(|_| Check::Proxy));
    checks.extend(reach.tls.as_ref().map(|_| Check::Tls));
    checks.extend([Check::WsMan, Check::Account]);
    checks.extend(login(reach).iter().map(|(check, ..)| *check));
    checks.push(Check::Process);
    checks
}

/// The steps of a login.
fn login(reach: &WinrmReach) -> Vec<Step> {
    if matches!(reach.auth, Auth::Basic | Auth::Certificate) {
        return vec![(Check::Login, Reached::Opened, "the host let the account in")];
    }
    let first = if matches!(reach.auth, Auth::Kerberos(_)) {
        (Check::Ticket, Reached::Begun, "the domain controller gave a ticket for the host")
    } else {
        (Check::Challenge, Reached::Challenged, "the host sent an NTLM challenge")
    };
    let mut steps = vec![first, (Check::Proof, Reached::Accepted, "the host accepted the proof")];
    // Over TLS the login seals nothing.
    if reach.tls.is_none() {
        steps.push((Check::Seal, Reached::Opened, "the first sealed message was opened"));
    }
    steps
}

/// What a login came to, from how far it came, and what sort of logon it is.
pub fn steps(sheet: &mut Sheet, reach: &WinrmReach, reached: Reached, error: Option<&TransportError>) -> Logon {
    let logon = if reach.auth == Auth::Basic { Logon::Password } else { Logon::Proof };
    let mut at = Check::Process;
    for (check, needed, found) in login(reach) {
        if reached < needed && at == Check::Process {
            at = check;
        } else if at == Check::Process {
            sheet.put(Line::passed(check, found));
        }
    }
    if let Some(error) = error {
        // A login whose first envelope is not let in is refused as a login.
        sheet.put(failure(at, error));
    }
    logon
}

/// Whether WinRM answers whoever has not logged in, with a certificate that is trusted where it has one.
pub async fn answers(sheet: &mut Sheet, place: &Place, reach: &WinrmReach) -> bool {
    let Ok((host, port)) = place.find().await else { return network::reach(sheet, place, "").await.is_some() };
    let by_way = reach.proxy.as_ref().map(|proxy| Place::At(proxy.host.clone(), proxy.port));
    let listens = if by_way.is_some() { "the proxy runs there" } else { "WinRM listens there (winrm quickconfig)" };
    if network::reach(sheet, by_way.as_ref().unwrap_or(place), listens).await.is_none() {
        return false;
    }
    let proxy = match proxy(reach) {
        Ok(proxy) => proxy,
        Err(why) => return sheet.put(Line::failed_as_told(Check::Proxy, &why)),
    };
    let tls = reach.tls.as_ref().map(|tls| Tls { name: tls.name.clone(), trust: tls.trust.clone(), identity: None });
    let to = Endpoint { host: &host, port, tls: tls.as_ref(), proxy: proxy.as_ref() };
    let opened = Connection::open(&to, ANSWER_PATIENCE).await;
    if let Err(HttpError::Proxy { why, .. }) = &opened {
        return sheet.put(Line::failed_as_told(Check::Proxy, why));
    }
    if proxy.is_some() {
        sheet.put(Line::passed(Check::Proxy, format!("it lets through to {}", host_and_port(&host, port))));
    }
    let connection = match (opened, &tls) {
        (Err(HttpError::Untrusted { why, .. }), _) => return sheet.put(Line::failed_as_told(Check::Tls, &why)),
        (Err(error), Some(_)) => {
            let heard = if proxy.is_some() { None } else { speaks::hear(&host, port).await };
            return sheet.put(no_tls(&error, heard.as_ref()));
        }
        (opened, tls) => {
            if let Some(tls) = tls {
                let shown = to.presented(ANSWER_PATIENCE).await.ok().flatten();
                sheet.put(certificate(tls, shown.as_ref(), unix_seconds(SystemTime::now())));
            }
            opened
        }
    };
    let asked = async { connection?.exchange(question(&host, port), ANSWER_PATIENCE).await };
    let reply = asked.await;
    // Only what gave no answer is asked what it is; within TLS, or behind a proxy, there is nothing more to hear.
    let heard = if reply.is_err() && tls.is_none() && proxy.is_none() { speaks::hear(&host, port).await } else { None };
    sheet.put(offers(reply, heard.as_ref(), &reach.auth))
}

/// Why there is no TLS, and what listens there instead.
fn no_tls(error: &HttpError, heard: Option<&Speaks>) -> Line {
    let advice = match heard {
        Some(Speaks::Http) => {
            "if it is WinRM's port without TLS, leave out `scheme: https`, or name the port of its HTTPS \
                               listener (5986); farmhand bootstrap --winrm prints the script that makes one"
        }
        Some(Speaks::Ssh) => "log in by SSH (via: ssh), or name the port of WinRM's HTTPS listener (5986)",
        Some(Speaks::Tls) => "it takes no TLS 1.2 or no suite that farmhand knows: see what Schannel logs there",
        Some(Speaks::Other(_)) | None => {
            "check that the port is that of WinRM over HTTPS: winrm enumerate winrm/config/listener"
        }
    };
    let found = match heard.filter(|heard| **heard != Speaks::Tls) {
        Some(heard) => format!("there is no TLS: what listens there {heard}"),
        None => words(error),
    };
    Line::failed(Check::Tls, found, advice)
}

/// An error in words of the network, and not of the libraries that met it.
fn words(error: &HttpError) -> String {
    match error {
        HttpError::Lost { address, .. } => {
            format!("{address} takes connections and then hangs up, or answers with something that is no HTTP")
        }
        HttpError::Handshake { address, .. } => format!("{address} does not answer with TLS"),
        other => other.to_string(),
    }
}

fn proxy(reach: &WinrmReach) -> Result<Option<Proxy>, String> {
    let Some(proxy) = &reach.proxy else { return Ok(None) };
    let login = match &proxy.login {
        Some((user, password)) => Some((user.clone(), Arc::new(password()?))),
        None => None,
    };
    Ok(Some(Proxy { host: proxy.host.clone(), port: proxy.port, login }))
}

/// A certificate that is trusted: what it says, and for how long it is good.
fn certificate(tls: &Tls, shown: Option<&Presented>, now_seconds: u64) -> Line {
    let Some(shown) = shown else { return Line::passed(Check::Tls, "the certificate is trusted") };
    let Presented { hash, names, issuer, not_after, .. } = shown;
    let names = if names.is_empty() { shown.subject.clone() } else { names.join(", ") };
    let why = match tls.trust {
        Trust::Only(_) => "the one that is pinned".to_owned(),
        Trust::Authorities(_) => format!("of {issuer}"),
    };
    let day = not_after.split('T').next().unwrap_or_default();
    let found = format!("for {names}, {why}, good until {day}, SHA-256 {hash}");
    let left_seconds = utc_seconds(not_after).map_or(u64::MAX, |end| end.saturating_sub(now_seconds));
    if left_seconds / DAY_SECONDS <= CERTIFICATE_DAYS.unsigned_abs() {
        let advice = "renew it there: farmhand bootstrap --winrm prints the script; then its new fingerprint, where it is \
                      pinned, into the inventory";
        return Line::note(Check::Tls, found, advice);
    }
    Line::passed(Check::Tls, found)
}

/// An empty request without a login.
fn question(host: &str, port: u16) -> Request<Bytes> {
    let mut request = Request::new(Bytes::new());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static("/wsman");
    if let Ok(host) = host_and_port(host, port).parse() {
        request.headers_mut().insert(HOST, host);
    }
    request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    request
}

/// What is offered to whoever has not logged in.
fn offers(reply: Result<Response<Bytes>, HttpError>, heard: Option<&Speaks>, auth: &Auth) -> Line {
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => {
            let advice = match heard {
                Some(Speaks::Tls) => "write `scheme: https` in its connection, or name WinRM's port without TLS (5985)",
                Some(Speaks::Ssh) => "log in by SSH (via: ssh), or name WinRM's port (5985)",
                _ => "check that it is WinRM that listens there, and that the host is not overloaded",
            };
            let found = heard.map_or_else(|| words(&error), |heard| format!("what listens there {heard}, not WinRM"));
            let found = if heard == Some(&Speaks::Http) { words(&error) } else { found };
            return Line::failed(Check::WsMan, found, advice);
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
    let offered = reply.headers().get_all(WWW_AUTHENTICATE).iter();
    let offered: Vec<&str> = offered.filter_map(|offer| offer.to_str().ok()?.split_whitespace().next()).collect();
    let shown = if offered.is_empty() { "nothing".to_owned() } else { offered.join(", ") };
    let found = format!("/wsman answers and offers {shown}");
    let wanted: &[&str] = match auth {
        // It is TLS that asks for a certificate.
        Auth::Certificate => &[],
        Auth::Basic => &["Basic"],
        Auth::Kerberos(_) => &["Negotiate", "Kerberos"],
        Auth::Ntlm | Auth::Negotiate => &["Negotiate"],
    };
    let offers_one = wanted.iter().any(|wanted| offered.iter().any(|offer| offer.eq_ignore_ascii_case(wanted)));
    match wanted.first().filter(|_| !offers_one) {
        None => Line::passed(Check::WsMan, found),
        Some(lacks) => {
            let advice = format!("switch {lacks} on: Set-Item WSMan:\\localhost\\Service\\Auth\\{lacks} $true");
            let other = if *lacks == "Basic" { "; or log in otherwise: auth: ntlm" } else { "" };
            Line::failed(Check::WsMan, found, advice + other)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Outcome::{self, Failed, NotReached, Note, Passed};
    use crate::http::{Authorities, CertificateHash};

    #[test]
    fn an_answer_that_is_not_winrms_is_told_from_one_that_is() {
        let reply = |status: u16, offered: &[&str], auth: &Auth| {
            let mut reply = Response::builder().status(status);
            for offer in offered {
                reply = reply.header(WWW_AUTHENTICATE, *offer);
            }
            offers(Ok(reply.body(Bytes::new()).unwrap()), None, auth)
        };
        let check = |line: Line, outcome: Outcome, says: &str| {
            assert_eq!(line.outcome, outcome, "{line:?}");
            assert!(format!("{line:?}").contains(says), "{says}: {line:?}");
        };
        check(reply(401, &["Negotiate", "Kerberos"], &Auth::Ntlm), Passed, "Negotiate, Kerberos");
        check(reply(401, &["Basic realm=\"WSMAN\""], &Auth::Ntlm), Failed, "Auth\\\\Negotiate");
        check(reply(401, &["Basic realm=\"WSMAN\""], &Auth::Basic), Passed, "Basic");
        check(reply(401, &["Negotiate"], &Auth::Basic), Failed, "auth: ntlm");
        check(reply(401, &["Negotiate"], &Auth::Certificate), Passed, "Negotiate");
        check(reply(401, &["Kerberos"], &Auth::Kerberos(Arc::default())), Passed, "Kerberos");
        check(reply(401, &["Kerberos"], &Auth::Ntlm), Failed, "Negotiate");
        check(reply(401, &[], &Auth::Ntlm), Failed, "nothing");
        check(reply(404, &[], &Auth::Ntlm), Failed, "HTTP 404");
        let refused = HttpError::Refused { address: "web01:5985".to_owned() };
        check(offers(Err(refused), None, &Auth::Ntlm), Failed, "refused the connection");
        let lost =
            || HttpError::Lost { address: "web01:5985".to_owned(), why: "channel closed".to_owned(), sent: true };
        check(offers(Err(lost()), None, &Auth::Ntlm), Failed, "hangs up");
        check(offers(Err(lost()), Some(&Speaks::Tls), &Auth::Ntlm), Failed, "scheme: https");
        check(offers(Err(lost()), Some(&Speaks::Ssh), &Auth::Ntlm), Failed, "via: ssh");
        let shaken = || HttpError::Handshake { address: "web01:5986".to_owned(), why: "error:0A00010B".to_owned() };
        check(no_tls(&shaken(), Some(&Speaks::Http)), Failed, "leave out `scheme: https`");
        check(no_tls(&shaken(), Some(&Speaks::Tls)), Failed, "TLS 1.2");
        let unheard = no_tls(&shaken(), None);
        assert!(!format!("{unheard:?}").contains("0A00010B"), "{unheard:?}");
        check(unheard, Failed, "does not answer with TLS");
    }

    #[test]
    fn a_login_stops_at_its_own_step() {
        let refused = || TransportError::Login {
            host: "web01".to_owned(),
            user: "ops".to_owned(),
            why: "check the password".to_owned(),
        };
        let outcomes = |auth, reached, error: Option<TransportError>| -> Vec<Outcome> {
            let reach = WinrmReach { auth, ..WinrmReach::default() };
            let mut sheet = Sheet::new(login(&reach).iter().map(|(check, ..)| *check).chain([Check::Process]));
            steps(&mut sheet, &reach, reached, error.as_ref());
            sheet.finish().iter().map(|line| line.outcome).collect()
        };
        let check = |reached, expected: [Outcome; 4]| {
            assert_eq!(outcomes(Auth::Ntlm, reached, Some(refused())), expected, "{reached:?}");
        };
        check(Reached::Connected, [Failed, NotReached, NotReached, NotReached]);
        check(Reached::Challenged, [Passed, Failed, NotReached, NotReached]);
        check(Reached::Accepted, [Passed, Passed, Failed, NotReached]);
        check(Reached::Opened, [Passed, Passed, Passed, Failed]);
        let kerberos = |reached| outcomes(Auth::Kerberos(Arc::default()), reached, Some(refused()));
        assert_eq!(kerberos(Reached::Connected), [Failed, NotReached, NotReached, NotReached]);
        assert_eq!(kerberos(Reached::Begun), [Passed, Failed, NotReached, NotReached]);
        assert_eq!(kerberos(Reached::Accepted), [Passed, Passed, Failed, NotReached]);
        assert_eq!(outcomes(Auth::Basic, Reached::Begun, Some(refused())), [Failed, NotReached]);
        assert_eq!(outcomes(Auth::Basic, Reached::Opened, Some(refused())), [Passed, Failed]);
    }

    #[test]
    fn a_certificate_that_is_about_to_expire_is_told_of() {
        let tls = Tls { name: "web01".to_owned(), trust: Trust::Authorities(Authorities::System), identity: None };
        let shown = Presented {
            hash: CertificateHash([0xab; 32]),
            names: vec!["web01".to_owned()],
            subject: "CN=web01".to_owned(),
            issuer: "CN=Corp CA".to_owned(),
            not_before: "2026-01-01T00:00:00Z".to_owned(),
            not_after: "2027-01-01T00:00:00Z".to_owned(),
        };
        let outcome = |now: &str| certificate(&tls, Some(&shown), utc_seconds(now).unwrap()).outcome;
        assert_eq!(outcome("2026-11-01T00:00:00Z"), Passed);
        assert_eq!(outcome("2026-12-15T00:00:00Z"), Note);
        assert!(certificate(&tls, Some(&shown), 0).found.contains("SHA-256 AB:AB"));
    }
}
