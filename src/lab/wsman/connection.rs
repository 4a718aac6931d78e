//! One connection to a lab host: login, then requests, one after the other; sealed where TLS does not seal them.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::accounts::Account;
use super::http::{self, Reply, Request, Unread};
use super::login::{Login, Sealer, Step, Terms};
use super::process::{Output, Pending};
use super::service::{Counters, HANG, Reaction, Service};
use super::tls::{Secured, Socket};
use crate::lab::WireFault;
use crate::transport::winrm::seal;

/// What comes after a request.
enum Next {
    /// The reply, and the next request.
    Reply(Reply),
    /// The reply, and the end: order is lost once a message could not be opened.
    Last(Reply),
    /// A reset.
    Reset,
}

/// Whether somebody is let in.
enum Entry {
    /// Not, or not yet.
    No(Reply),
    /// As `DOMAIN\user`, with what the reply says of it.
    Yes(String, Vec<(&'static str, String)>),
}

/// `Authorization` of who is known by the certificate that TLS has shown (MS-WSMV 2.2.1).
const MUTUAL: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual";

/// A connection's state.
pub(super) struct Connection {
    service: Arc<Service>,
    login: Login,
    sealer: Option<Sealer>,
    /// What TLS has shown, where there is TLS.
    secured: Option<Secured>,
    /// Output in the last reply. Only the next request on this connection shows that it arrived.
    undelivered: Option<(Arc<Output>, Pending)>,
}

impl Drop for Connection {
    /// What may not have arrived is there again for a Receive over another connection.
    fn drop(&mut self) {
        if let Some((output, fetched)) = self.undelivered.take() {
            output.put_back(fetched);
        }
    }
}

impl Connection {
    pub fn new(service: Arc<Service>, secured: Option<Secured>) -> Connection {
        Connection { service, login: Login::Fresh, sealer: None, secured, undelivered: None }
    }

    /// Serves it until it ends.
    pub async fn run(mut self, mut stream: impl Socket) {
        let mut pending = Vec::new();
        loop {
            let request = match http::read(&mut stream, &mut pending).await {
                Ok(request) => request,
                Err(Unread::Closed) => return,
                Err(Unread::Refused(status)) => {
                    let _ = http::write(&mut stream, &Reply::empty(status)).await;
                    return;
                }
            };
            Counters::add(&self.service.counters.requests);
            self.undelivered = None;
            if self.service.host.wire_fault() == Some(WireFault::Hang) {
                tokio::time::sleep(HANG).await;
                return;
            }
            let (reply, last) = match self.react(request).await {
                Next::Reply(reply) => (reply, false),
                Next::Last(reply) => (reply, true),
                Next::Reset => {
                    // Dropped with nothing left to wait for, the socket sends a reset.
                    let _ = stream.tcp().set_zero_linger();
                    return;
                }
            };
            let written = http::write(&mut stream, &reply).await;
            if last || written.is_err() {
                return;
            }
        }
    }

    async fn react(&mut self, request: Request) -> Next {
        if !request.path.eq_ignore_ascii_case("/wsman") {
            return Next::Reply(Reply::empty(404));
        }
        let authorization = request.header("authorization").to_owned();
        if !authorization.is_empty() {
            return match self.authenticate(&authorization) {
                Entry::No(reply) => Next::Reply(reply),
                Entry::Yes(_, headers) if request.body.is_empty() => {
                    Next::Reply(Reply { headers, ..Reply::empty(200) })
                }
                Entry::Yes(user, headers) if self.secured.is_some() => self.serve_bare(&user, &request, headers).await,
                // Whoever sends a message along with the proof has sent it in clear, which this host does not take.
                Entry::Yes(..) => Next::Reply(Reply::empty(500)),
            };
        }
        let Some(sealer) = self.sealer.as_mut() else { return Next::Reply(self.challenge(None)) };
        if request.body.is_empty() {
            return Next::Reply(Reply::empty(200));
        }
        let user = sealer.user().to_owned();
        if !seal::is_sealed(request.header("content-type")) {
            return match self.secured {
                Some(_) => self.serve_bare(&user, &request, Vec::new()).await,
                None => Next::Reply(Reply::empty(500)),
            };
        }
        let opened = seal::unwrap(&request.body).map_err(str::to_owned).and_then(|sealed| sealer.unseal(sealed));
        let Ok(Ok(text)) = opened.map(String::from_utf8) else { return Next::Last(Reply::empty(400)) };
        match self.service.serve(&user, text.len(), &text).await {
            Reaction::Reset => Next::Reset,
            Reaction::Reply { success, text, undelivered } => {
                self.undelivered = undelivered;
                self.seal(success, text)
            }
        }
    }

    /// Serves an envelope that came as it is, for TLS carried it.
    async fn serve_bare(&mut self, user: &str, request: &Request, mut headers: Vec<(&'static str, String)>) -> Next {
        let Ok(text) = std::str::from_utf8(&request.body) else { return Next::Reply(Reply::empty(400)) };
        match self.service.serve(user, text.len(), text).await {
            Reaction::Reset => Next::Reset,
            Reaction::Reply { success, text, undelivered } => {
                self.undelivered = undelivered;
                headers.push(("Content-Type", "application/soap+xml;charset=UTF-8".to_owned()));
                Next::Reply(Reply { status: if success { 200 } else { 500 }, headers, body: text.into_bytes() })
            }
        }
    }

    fn seal(&mut self, success: bool, text: String) -> Next {
        let sealed = self.sealer.as_mut().and_then(|sealer| sealer.seal(text.into_bytes()).ok());
        match sealed {
            Some(sealed) => Next::Reply(Reply {
                status: if success { 200 } else { 500 },
                headers: vec![("Content-Type", seal::Protocol::Spnego.content_type())],
                body: seal::wrap(seal::Protocol::Spnego, &sealed),
            }),
            None => Next::Last(Reply::empty(500)),
        }
    }

    fn authenticate(&mut self, authorization: &str) -> Entry {
        self.sealer = None;
        let (scheme, rest) = authorization.split_once(' ').unwrap_or((authorization, ""));
        if scheme.eq_ignore_ascii_case("Negotiate") {
            return match BASE64.decode(rest.trim()) {
                Ok(token) => self.negotiate(token),
                Err(_) => Entry::No(self.challenge(None)),
            };
        }
        let Some(secured) = &self.secured else { return Entry::No(self.challenge(None)) };
        let also = &self.service.settings.also;
        let user = if scheme.eq_ignore_ascii_case("Basic") && also.basic {
            // Nothing says in what encoding a password is (RFC 7617 2.1), and clients differ.
            let latin = |bytes: Vec<u8>| bytes.into_iter().map(char::from).collect::<String>();
            let pair = BASE64.decode(rest.trim()).ok();
            let pair = pair.map(|pair| String::from_utf8(pair).unwrap_or_else(|error| latin(error.into_bytes())));
            let pair = pair.as_deref().and_then(|pair| pair.split_once(':'));
            pair.and_then(|(name, password)| self.service.accounts.admitted(name, password)).map(Account::name)
        } else if scheme.eq_ignore_ascii_case(MUTUAL) {
            let mapped = also.certificates.iter().find(|(hash, _)| secured.client == Some(*hash));
            mapped.map(|(_, user)| user.clone())
        } else {
            None
        };
        match user {
            Some(user) => Entry::Yes(user, Vec::new()),
            None => Entry::No(self.challenge(None)),
        }
    }

    fn negotiate(&mut self, token: Vec<u8>) -> Entry {
        let login = std::mem::replace(&mut self.login, Login::Fresh);
        let terms = Terms {
            accounts: &self.service.accounts,
            secured: self.secured.as_ref(),
            hardening: self.service.settings.hardening,
        };
        match login.step(token, &terms) {
            Step::Challenge(token, login) => {
                self.login = login;
                Entry::No(self.challenge(Some(&token)))
            }
            Step::Accepted(token, sealer) => {
                Counters::add(&self.service.counters.logins);
                let user = sealer.user().to_owned();
                self.sealer = Some(sealer);
                let headers = match token.as_slice() {
                    [] => Vec::new(),
                    token => vec![("WWW-Authenticate", format!("Negotiate {}", BASE64.encode(token)))],
                };
                Entry::Yes(user, headers)
            }
            Step::Denied(why) => {
                tracing::debug!(%why, "login denied");
                Entry::No(self.challenge(None))
            }
        }
    }

    /// The reply that asks who is there, and says how to tell.
    fn challenge(&self, token: Option<&[u8]>) -> Reply {
        let value = token.map_or_else(|| "Negotiate".to_owned(), |token| format!("Negotiate {}", BASE64.encode(token)));
        let mut headers = vec![("WWW-Authenticate", value)];
        if self.secured.is_some() && self.service.settings.also.basic {
            headers.push(("WWW-Authenticate", "Basic realm=\"WSMAN\"".to_owned()));
        }
        Reply { headers, ..Reply::empty(401) }
    }
}
