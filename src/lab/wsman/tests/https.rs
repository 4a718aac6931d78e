//! The client against the server over TLS, by each way to log in.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::http::{Authorities, Proxy, Tls, Trust};
use crate::lab::sql::tds::Authority;
use crate::lab::wsman::tls::Acceptor;
use crate::lab::wsman::{AlsoIn, Hardening};
use crate::transport::winrm::Auth;

pub(super) const USER: &str = "LAB\\operator";
pub(super) const PASSWORD: &str = "Pässw0rd!";

/// A lab host that listens by TLS, and the authority that vouches for it.
pub(super) struct Secure {
    rig: Rig,
    folder: tempfile::TempDir,
    authority: Authority,
}

impl Secure {
    pub async fn new(change: impl FnOnce(&mut Settings)) -> Secure {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path()).unwrap();
        let issued = authority.issue(&["web01"]).unwrap();
        let client = authority.client("operator").unwrap().1.hash();
        let rig = Rig::new(|settings| {
            settings.https = Some(issued);
            settings.hardening = Hardening::Strict;
            settings.also = AlsoIn { basic: true, certificates: vec![(client, USER.to_owned())] };
            change(settings);
        });
        Secure { rig: rig.await, folder, authority }
    }

    /// Another listener's TLS, with a certificate of the same authority.
    pub fn acceptor(&self) -> Acceptor {
        Acceptor::new(&self.authority.issue(&["web01"]).unwrap(), false).unwrap()
    }

    pub fn tls(&self) -> Tls {
        let pem = std::fs::read(self.folder.path().join("ca.pem")).unwrap();
        Tls { name: "web01".to_owned(), trust: Trust::Authorities(Authorities::Also(pem)), identity: None }
    }

    fn target(&self, auth: Auth, password: &str) -> Target {
        let account = Arc::new(winrm::Account::new(USER, SecretValue::new(password.to_owned())));
        let address = self.rig.server.address();
        let mut target = Target::new("web01", &address.ip().to_string(), address.port(), account);
        target.auth = auth;
        target.tls = Some(self.tls());
        target
    }

    fn with_certificate(&self, name: &str) -> Target {
        let mut target = self.target(Auth::Certificate, "");
        let identity = self.authority.client(name).unwrap().1.identity().unwrap();
        target.tls = Some(Tls { identity: Some(identity), ..self.tls() });
        target
    }
}

async fn look(target: Target) -> Result<u64, SessionError> {
    let transport = Transport::WinRm(Box::new(WinRm::new(target)));
    let mut session = ReadSession::open(transport, settings()).await?;
    check_answers(&session.observe(&reads()).await?);
    let (traffic, closed) = session.close().await;
    closed.unwrap();
    Ok(traffic.requests)
}

async fn check_refused(target: Target, words: &[&str]) {
    let error = look(target).await.unwrap_err();
    let said = error.to_string();
    for word in words {
        assert!(said.contains(word), "{said} lacks {word}");
    }
}

#[tokio::test]
async fn a_login_with_each_request_saves_two() {
    let secure = Secure::new(|_| {}).await;
    for (auth, requests) in [(Auth::Ntlm, 8), (Auth::Negotiate, 8), (Auth::Basic, 6)] {
        assert_eq!(look(secure.target(auth.clone(), PASSWORD)).await.unwrap(), requests, "{auth:?}");
    }
    if cfg!(not(windows)) {
        assert_eq!(look(secure.with_certificate("operator")).await.unwrap(), 6);
    }
    let counts = secure.rig.server.counts();
    assert_eq!((counts.connections, counts.logins, counts.open_shells), (4, 2, 0));
}

#[tokio::test]
async fn a_wrong_password_is_refused_by_each_way() {
    let secure = Secure::new(|_| {}).await;
    let refused = format!("`web01` refused the login of `{USER}`");
    for auth in [Auth::Ntlm, Auth::Negotiate, Auth::Basic] {
        check_refused(secure.target(auth, "wrong"), &[&refused, "check the name and the password"]).await;
    }
    let basic = secure.target(Auth::Basic, "wrong");
    check_refused(basic, &["Basic=\"true\""]).await;
    if cfg!(not(windows)) {
        check_refused(secure.with_certificate("stranger"), &[&refused, "map it to an account"]).await;
        // No certificate at all.
        check_refused(secure.target(Auth::Certificate, ""), &["map it to an account"]).await;
    }
    assert_eq!(secure.rig.server.counts().commands, 0);
}

#[tokio::test]
async fn what_a_host_does_not_let_in_is_refused() {
    let secure = Secure::new(|settings| settings.also = AlsoIn::default()).await;
    check_refused(secure.target(Auth::Basic, PASSWORD), &["Basic=\"true\""]).await;
    if cfg!(not(windows)) {
        check_refused(secure.with_certificate("operator"), &["map it to an account"]).await;
    }
    assert_eq!(look(secure.target(Auth::Ntlm, PASSWORD)).await.unwrap(), 8);
}

#[tokio::test]
async fn over_http_nothing_logs_in_that_does_not_seal() {
    let rig = Rig::new(|settings| settings.also.basic = true).await;
    for auth in [Auth::Basic, Auth::Certificate] {
        let seen = proxy::Proxy::new(rig.server.address(), None).await;
        let account = Arc::new(winrm::Account::new(USER, SecretValue::new(PASSWORD.to_owned())));
        let mut target = Target::new("web01", &seen.address.ip().to_string(), seen.address.port(), account);
        target.auth = auth;
        check_refused(target, &["needs HTTPS", "scheme: https"]).await;
        assert_eq!(seen.up(), b"");
    }
    // SPNEGO seals over HTTP, as bare NTLM does.
    let account = Arc::new(winrm::Account::new(USER, SecretValue::new(PASSWORD.to_owned())));
    let seen = proxy::Proxy::new(rig.server.address(), None).await;
    let mut target = Target::new("web01", &seen.address.ip().to_string(), seen.address.port(), account);
    target.auth = Auth::Negotiate;
    assert_eq!(look(target).await.unwrap(), 8);
    let up = String::from_utf8_lossy(&seen.up()).into_owned();
    assert!(up.contains("HTTP-SPNEGO-session-encrypted") && !up.contains("Envelope"), "{up}");
}

/// Somebody in between with a certificate of their own, who passes everything on.
async fn in_between(secure: &Secure) -> SocketAddr {
    let (server, tls) = (secure.rig.server.address(), secure.tls());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let identity = secure.authority.identity(&["web01"]).unwrap();
    let acceptor = tokio_native_tls::TlsAcceptor::from(native_tls::TlsAcceptor::new(identity).unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut client = acceptor.accept(stream).await.unwrap();
            let mut builder = native_tls::TlsConnector::builder();
            let connector: tokio_native_tls::TlsConnector =
                builder.danger_accept_invalid_certs(true).build().unwrap().into();
            let stream = TcpStream::connect(server).await.unwrap();
            let mut server = connector.connect(&tls.name, stream).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
        }
    });
    address
}

/// The binding makes a login worthless on any connection but its own, even with a certificate that is trusted.
#[tokio::test]
async fn a_login_that_is_passed_on_is_refused() {
    for hardening in [Hardening::Relaxed, Hardening::Strict, Hardening::Off] {
        let secure = Secure::new(|settings| settings.hardening = hardening).await;
        let address = in_between(&secure).await;
        for auth in [Auth::Ntlm, Auth::Negotiate] {
            let mut target = secure.target(auth.clone(), PASSWORD);
            target.port = address.port();
            match hardening {
                Hardening::Off => assert_eq!(look(target).await.unwrap(), 8),
                _ => check_refused(target, &["refused the login"]).await,
            }
        }
        let logins = if hardening == Hardening::Off { 2 } else { 0 };
        assert_eq!(secure.rig.server.counts().logins, logins, "{hardening:?}");
    }
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_over_tls_is_unknown_too() {
    let secure = Secure::new(|_| {}).await;
    let transport = Transport::WinRm(Box::new(WinRm::new(secure.target(Auth::Basic, PASSWORD))));
    let mut session = WriteSession::open(transport, settings()).await.unwrap();
    *secure.rig.host.fault.lock().unwrap() = Some(WireFault::ResetAfterWrite);
    let error = session.change(&[Write::Reboot], &[], &no_secrets).await.unwrap_err();
    assert!(matches!(error, SessionError::Unknown { .. }), "{error}");
    assert_eq!(*secure.rig.host.writes.lock().unwrap(), [Write::Reboot]);
}

/// A proxy that lets through to one port, for who knows the password; counts those that it let through.
async fn web_proxy(allowed: u16) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let passed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&passed);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(client.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let target = head.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap().to_owned();
            let refusal = if !head.contains("Proxy-Authorization: Basic bWU6c2VzYW1l\r\n") {
                "407 Who are you\r\nProxy-Authenticate: Basic realm=\"x\""
            } else if !target.ends_with(&format!(":{allowed}")) {
                "403 Not there"
            } else {
                client.write_all(b"HTTP/1.1 200 Go\r\n\r\n").await.unwrap();
                counter.fetch_add(1, Ordering::Relaxed);
                let mut server = TcpStream::connect(target).await.unwrap();
                tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
                continue;
            };
            client.write_all(format!("HTTP/1.1 {refusal}\r\n\r\n").as_bytes()).await.unwrap();
        }
    });
    (address, passed)
}

#[tokio::test]
async fn a_host_behind_a_proxy_is_reached_over_both_schemes() {
    let secure = Secure::new(|_| {}).await;
    let clear = Rig::new(|_| {}).await;
    for (port, target) in [
        (secure.rig.server.address().port(), secure.target(Auth::Ntlm, PASSWORD)),
        (clear.server.address().port(), Target { tls: None, ..secure.target(Auth::Ntlm, PASSWORD) }),
    ] {
        let (address, passed) = web_proxy(port).await;
        let by = |password: Option<&str>, port: u16| {
            let login = password.map(|it| ("me".to_owned(), Arc::new(SecretValue::new(it.to_owned()))));
            let proxy = Proxy { host: address.ip().to_string(), port: address.port(), login };
            let account = Arc::new(winrm::Account::new(USER, SecretValue::new(PASSWORD.to_owned())));
            Target {
                account,
                port,
                tls: target.tls.clone(),
                proxy: Some(proxy),
                ..Target::new("web01", "127.0.0.1", port, Arc::clone(&target.account))
            }
        };
        assert_eq!(look(by(Some("sesame"), port)).await.unwrap(), 8);
        assert_eq!(passed.load(Ordering::Relaxed), 1);
        let proxy = format!("the proxy {address}");
        check_refused(by(None, port), &["cannot reach `web01`", &proxy, "proxy_user: NAME"]).await;
        check_refused(by(Some("wrong"), port), &[&proxy, "check proxy_user"]).await;
        check_refused(by(Some("sesame"), 1), &[&proxy, "must allow CONNECT", "127.0.0.1:1"]).await;
    }
}
