//! One connection to a lab host: login, then sealed requests, one after the other.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::net::TcpStream;

use super::http::{self, Reply, Request, Unread};
use super::login::{Login, Sealer, Step};
use super::process::{Output, Pending};
use super::service::{Counters, HANG, Reaction, Service};
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

/// A connection's state.
pub(super) struct Connection {
    service: Arc<Service>,
    login: Login,
    sealer: Option<Sealer>,
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
    pub fn new(service: Arc<Service>) -> Connection {
        Connection { service, login: Login::Fresh, sealer: None, undelivered: None }
    }

    /// Serves it until it ends.
    pub async fn run(mut self, mut stream: TcpStream) {
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
                    let _ = stream.set_zero_linger();
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
            let reply = self.authenticate(&authorization);
            // Whoever sends a message along with the proof has sent it in clear, which this host does not take.
            return Next::Reply(if reply.status == 200 && !request.body.is_empty() {
                Reply::empty(500)
            } else {
                reply
            });
        }
        let Some(sealer) = self.sealer.as_mut() else { return Next::Reply(challenge(None)) };
        if request.body.is_empty() {
            return Next::Reply(Reply::empty(200));
        }
        if !seal::is_sealed(request.header("content-type")) {
            return Next::Reply(Reply::empty(500));
        }
        let opened = seal::unwrap(&request.body).map_err(str::to_owned).and_then(|sealed| sealer.unseal(sealed));
        let Ok(Ok(text)) = opened.map(String::from_utf8) else { return Next::Last(Reply::empty(400)) };
        let user = sealer.user().to_owned();
        match self.service.serve(&user, text.len(), &text).await {
            Reaction::Reset => Next::Reset,
            Reaction::Reply { success, text, undelivered } => {
                self.undelivered = undelivered;
                self.seal(success, text)
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

    fn authenticate(&mut self, authorization: &str) -> Reply {
        self.sealer = None;
        let token = authorization.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Negotiate"));
        let Some(Ok(token)) = token.map(|(_, token)| BASE64.decode(token.trim())) else { return challenge(None) };
        let login = std::mem::replace(&mut self.login, Login::Fresh);
        match login.step(token, &self.service.accounts) {
            Step::Challenge(token, login) => {
                self.login = login;
                challenge(Some(&token))
            }
            Step::Accepted(token, sealer) => {
                Counters::add(&self.service.counters.logins);
                self.sealer = Some(sealer);
                let headers = match token.as_slice() {
                    [] => Vec::new(),
                    token => vec![("WWW-Authenticate", format!("Negotiate {}", BASE64.encode(token)))],
                };
                Reply { headers, ..Reply::empty(200) }
            }
            Step::Denied(why) => {
                tracing::debug!(%why, "login denied");
                challenge(None)
            }
        }
    }
}

fn challenge(token: Option<&[u8]>) -> Reply {
    let value = token.map_or_else(|| "Negotiate".to_owned(), |token| format!("Negotiate {}", BASE64.encode(token)));
    Reply { headers: vec![("WWW-Authenticate", value)], ..Reply::empty(401) }
}
