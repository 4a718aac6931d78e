//! The client against hosts that do not keep to the rules, and whoever stands in between.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::net::TcpListener;

use super::https::{PASSWORD, Secure, USER};
use crate::lab::wsman::http::{self, Reply, Request};
use crate::lab::wsman::login::{Login, Sealer, Step, Terms};
use crate::lab::wsman::tls::{Secured, Socket};
use crate::lab::wsman::{Account, Accounts, Hardening, message};
use crate::transport::TransportError;
use crate::transport::winrm::seal::{self, Sealed};
use crate::transport::winrm::{self, Auth, Target, WinRm};
use crate::value::SecretValue;

/// What is done to a sealed answer on its way.
type Change = fn(&mut Sealed);

/// What a host does that it must not.
#[derive(Clone, Copy)]
enum Foul {
    /// Answers the request for a login, whose number is counted from 1, with a status, `Location` included.
    Login(usize, u16),
    /// Accepts, and says by SPNEGO nothing but a state: nothing vouches for what was offered and chosen.
    Unvouched(u8),
    /// Challenges whatever comes.
    Again,
    /// Leaves a promise out of its challenge: a bit of `NegotiateFlags` (MS-NLMP 2.2.2.5).
    Weak(usize),
    /// Changes what it has sealed.
    Seal(Change),
    /// Answers the second request with what it has answered the first one with.
    Replay,
    /// Answers in clear, with a status and a type.
    Clear(u16, &'static str),
    /// Answers another request: what is told is what the client's identifier has become.
    Other(fn(&str) -> String),
}

/// What such a host has heard.
#[derive(Default)]
struct Heard {
    tokens: usize,
    /// Operations, by the ends of their actions.
    operations: Vec<String>,
}

struct Unfair {
    foul: Foul,
    accounts: Accounts,
    heard: Mutex<Heard>,
}

impl Unfair {
    fn new(foul: Foul) -> Arc<Unfair> {
        let password = SecretValue::new(PASSWORD.to_owned());
        let account = Account { domain: "LAB".to_owned(), user: "operator".to_owned(), password };
        Arc::new(Unfair { foul, accounts: Accounts(vec![account]), heard: Mutex::default() })
    }

    async fn serve(&self, mut stream: impl Socket, secured: Option<Secured>) {
        let (mut state, mut first) = ((Login::Fresh, None), None);
        let mut pending = Vec::new();
        while let Ok(request) = http::read(&mut stream, &mut pending).await {
            let token = request.header("authorization").strip_prefix("Negotiate ");
            let reply = match token.map(|token| BASE64.decode(token).unwrap()) {
                Some(token) => self.let_in(token, &mut state, secured.as_ref()),
                None => self.answer(&request, state.1.as_mut(), &mut first),
            };
            if http::write(&mut stream, &reply).await.is_err() {
                return;
            }
        }
    }

    fn let_in(&self, mut token: Vec<u8>, state: &mut (Login, Option<Sealer>), secured: Option<&Secured>) -> Reply {
        let tokens = {
            let mut heard = self.heard.lock().unwrap();
            heard.tokens += 1;
            heard.tokens
        };
        match self.foul {
            Foul::Login(number, status) if number == tokens => {
                let elsewhere = ("Location", "http://127.0.0.1:9/wsman".to_owned());
                return Reply { headers: vec![elsewhere], ..Reply::empty(status) };
            }
            // NegTokenResp with its state alone (RFC 4178 4.2.2).
            Foul::Unvouched(state) if tokens == 2 => {
                return negotiate(200, &[0xA1, 7, 0x30, 5, 0xA0, 3, 0x0A, 1, state]);
            }
            Foul::Again => {
                token = winrm::ClientLogin::new(&account(), None).negotiate().unwrap();
                state.0 = Login::Fresh;
            }
            _ => {}
        }
        let terms = Terms { accounts: &self.accounts, secured, hardening: Hardening::Relaxed };
        match std::mem::replace(&mut state.0, Login::Fresh).step(token, &terms) {
            Step::Challenge(mut token, login) => {
                state.0 = login;
                if let Foul::Weak(bit) = self.foul {
                    let at = token.windows(8).position(|window| window == b"NTLMSSP\0").unwrap();
                    token[at + 20 + bit / 8] &= !(1 << (bit % 8));
                }
                negotiate(401, &token)
            }
            Step::Accepted(token, sealer) => {
                state.1 = Some(sealer);
                if token.is_empty() { Reply::empty(200) } else { negotiate(200, &token) }
            }
            Step::Denied(why) => panic!("{why}"),
        }
    }

    fn answer(&self, request: &Request, sealer: Option<&mut Sealer>, first: &mut Option<Sealed>) -> Reply {
        let sealer = sealer.filter(|_| seal::is_sealed(request.header("content-type")));
        let (text, sealer) = match sealer {
            Some(sealer) => (sealer.unseal(seal::unwrap(&request.body).unwrap()).unwrap(), Some(sealer)),
            None => (request.body.clone(), None),
        };
        let asked = message::Request::parse(&String::from_utf8(text).unwrap()).unwrap();
        let operation = asked.action.rsplit('/').next().unwrap_or_default();
        self.heard.lock().unwrap().operations.push(operation.to_owned());
        let relates_to = match self.foul {
            Foul::Other(change) => change(&asked.id),
            _ => format!("<a:RelatesTo>{}</a:RelatesTo>", asked.id),
        };
        let envelope = format!(
            "<s:Envelope xmlns:s=\"s\" xmlns:a=\"a\" xmlns:r=\"r\"><s:Header>{relates_to}</s:Header><s:Body>\
             <r:Shell><r:ShellId>S1</r:ShellId></r:Shell>\
             <r:CommandResponse><r:CommandId>C1</r:CommandId></r:CommandResponse></s:Body></s:Envelope>"
        );
        let plain = |status, kind: &str| Reply {
            headers: vec![("Content-Type", kind.to_owned())],
            body: envelope.clone().into_bytes(),
            ..Reply::empty(status)
        };
        let (Some(sealer), false) = (sealer, matches!(self.foul, Foul::Clear(..))) else {
            let Foul::Clear(status, kind) = self.foul else { return plain(200, "application/soap+xml") };
            return plain(status, kind);
        };
        let mut sealed = sealer.seal(envelope.clone().into_bytes()).unwrap();
        match self.foul {
            Foul::Seal(change) => change(&mut sealed),
            Foul::Replay => sealed = first.get_or_insert(sealed).clone(),
            _ => {}
        }
        Reply {
            headers: vec![("Content-Type", seal::Protocol::Spnego.content_type())],
            body: seal::wrap(seal::Protocol::Spnego, &sealed),
            ..Reply::empty(200)
        }
    }
}

fn negotiate(status: u16, token: &[u8]) -> Reply {
    let token = format!("Negotiate {}", BASE64.encode(token));
    Reply { headers: vec![("WWW-Authenticate", token)], ..Reply::empty(status) }
}

fn account() -> winrm::Account {
    winrm::Account::new(USER, SecretValue::new(PASSWORD.to_owned()))
}

/// Starts a process on a host that does not keep to the rules.
async fn start(secure: Option<&Secure>, foul: Foul, auth: &Auth) -> (TransportError, Arc<Unfair>) {
    let unfair = Unfair::new(foul);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut target = Target::new("web01", "127.0.0.1", listener.local_addr().unwrap().port(), Arc::new(account()));
    target.auth = auth.clone();
    target.tls = secure.map(Secure::tls);
    let (server, acceptor) = (Arc::clone(&unfair), secure.map(Secure::acceptor));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (server, acceptor) = (Arc::clone(&server), acceptor.clone());
            tokio::spawn(async move {
                match acceptor {
                    Some(acceptor) => {
                        let (stream, secured) = acceptor.accept(stream).await.unwrap();
                        server.serve(stream, Some(secured)).await;
                    }
                    None => server.serve(stream, None).await,
                }
            });
        }
    });
    (WinRm::new(target).start("cmd").await.unwrap_err(), unfair)
}

/// Checks what is said of such a host, and the tokens and the operations that it has heard.
async fn check(secure: Option<&Secure>, foul: Foul, auth: Auth, words: &str, tokens: usize, operations: &[&str]) {
    let (error, unfair) = start(secure, foul, &auth).await;
    let said = error.to_string();
    assert!(said.contains(words), "{auth:?}: {said} lacks {words}");
    let heard = unfair.heard.lock().unwrap();
    assert_eq!(heard.tokens, tokens, "{auth:?}: {said}");
    assert_eq!(heard.operations, operations, "{auth:?}: {said}");
    // Whatever has left may have been carried out.
    assert_eq!(
        error.may_have_arrived(),
        !operations.is_empty() && !matches!(error, TransportError::Login { .. }),
        "{said}"
    );
}

const SEALING: [Auth; 2] = [Auth::Ntlm, Auth::Negotiate];

#[tokio::test]
async fn a_seal_that_does_not_hold_is_no_answer() {
    // Ciphertext, checksum, place in the order, length.
    let changes: [(Change, &str); 5] = [
        (|it| it.data[40] ^= 1, "its seal does not hold"),
        (|it| it.header[4] ^= 1, "its seal does not hold"),
        (|it| it.header[12] ^= 1, "its seal does not hold"),
        (|it| it.header.truncate(12), "has 12 bytes and not 16"),
        (|it| it.data.truncate(4), "its seal does not hold"),
    ];
    for (change, words) in changes {
        for auth in SEALING {
            check(None, Foul::Seal(change), auth, words, 2, &["Create"]).await;
        }
    }
}

#[tokio::test]
async fn an_answer_that_has_come_before_is_none() {
    for auth in SEALING {
        check(None, Foul::Replay, auth, "its seal does not hold", 2, &["Create", "Command"]).await;
    }
}

#[tokio::test]
async fn an_answer_to_something_else_is_none() {
    let others: [fn(&str) -> String; 3] = [
        |_| String::new(),
        |_| "<a:RelatesTo>uuid:00000000-0000-0000-0000-000000000000</a:RelatesTo>".to_owned(),
        |id| format!("<a:RelatesTo>{}</a:RelatesTo>", &id[..id.len() - 1]),
    ];
    for other in others {
        for auth in SEALING {
            check(None, Foul::Other(other), auth, "it answers another request", 2, &["Create"]).await;
        }
    }
}

#[tokio::test]
async fn what_comes_in_clear_is_no_answer_and_nothing_is_sent_again() {
    for auth in SEALING {
        for (status, words) in [
            (200, "HTTP 200 without a seal"),
            (500, "HTTP 500 without a seal"),
            (307, "HTTP 307 without a seal"),
            (401, "no longer knows this login"),
            (400, "no longer knows this login"),
        ] {
            let clear = Foul::Clear(status, "application/soap+xml;charset=UTF-8");
            check(None, clear, auth.clone(), words, 2, &["Create"]).await;
        }
    }
}

#[tokio::test]
async fn over_tls_a_refusal_after_the_login_is_not_answered_with_another() {
    let secure = Secure::new(|_| {}).await;
    for (auth, tokens, words) in [
        (Auth::Ntlm, 2, "no longer knows"),
        (Auth::Negotiate, 2, "no longer knows"),
        (Auth::Basic, 0, "refused the login"),
    ] {
        check(Some(&secure), Foul::Clear(401, "application/soap+xml"), auth.clone(), words, tokens, &["Create"]).await;
        let page = "HTTP 200 without an envelope";
        check(Some(&secure), Foul::Clear(200, "text/html"), auth.clone(), page, tokens, &["Create"]).await;
        let other: fn(&str) -> String = |_| String::new();
        check(Some(&secure), Foul::Other(other), auth, "it answers another request", tokens, &["Create"]).await;
    }
}

#[tokio::test]
async fn a_login_goes_no_way_but_its_own() {
    for auth in SEALING {
        check(None, Foul::Login(1, 200), auth.clone(), "accepted a login that was not made", 1, &[]).await;
        for status in [302, 307, 308] {
            let words = format!("HTTP {status}");
            check(None, Foul::Login(1, status), auth.clone(), &words, 1, &[]).await;
            check(None, Foul::Login(2, status), auth.clone(), &words, 2, &[]).await;
        }
        // The proof is given once.
        check(None, Foul::Login(2, 401), auth.clone(), "check the name and the password", 2, &[]).await;
        for (bit, name) in [(4, "signing"), (5, "sealing"), (19, "extended"), (29, "128-bit"), (30, "key exchange")] {
            check(None, Foul::Weak(bit), auth.clone(), &format!("without {name}"), 1, &[]).await;
        }
    }
    check(None, Foul::Again, Auth::Ntlm, "check the name and the password", 2, &[]).await;
    check(None, Foul::Unvouched(0), Auth::Negotiate, "leaves the login unfinished", 2, &[]).await;
    check(None, Foul::Unvouched(1), Auth::Negotiate, "refused the login", 2, &[]).await;
}
