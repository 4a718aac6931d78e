//! One connection to a host, logged in and sealed.
//!
//! NTLM's keys advance with each message, so there is one request at a time, in order. Once a login asks for sealing,
//! nothing leaves in clear and nothing that comes in clear is taken for an answer.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, USER_AGENT, WWW_AUTHENTICATE};
use hyper::{Method, Request, Response, StatusCode};
use zeroize::Zeroizing;

use super::account::Account;
use super::ntlm::Login;
use super::seal;
use crate::http::{Connection, HttpError};
use crate::transport::{Traffic, TransportError};

/// How long a connection and each message of a login may take.
const LOGIN_PATIENCE: Duration = Duration::from_secs(30);

/// Where a host's WinRM is and who logs in there.
pub struct Target {
    /// What messages call the host.
    pub name: String,
    /// Its DNS name or IP address.
    pub address: String,
    /// TCP port; 5985 is Windows' default.
    pub port: u16,
    /// Who logs in.
    pub account: Arc<Account>,
}

/// A reply: HTTP's status and the envelope, opened.
pub struct Reply {
    /// Whether the status says success.
    pub success: bool,
    /// The envelope.
    pub text: String,
}

/// A connection that is opened when needed, and again when it was closed between two requests.
pub struct Channel {
    target: Target,
    open: Option<Open>,
    /// What former connections carried.
    past: Traffic,
}

struct Open {
    connection: Connection,
    login: Login,
}

impl Channel {
    /// A channel that is not open yet.
    pub fn new(target: Target) -> Channel {
        Channel { target, open: None, past: Traffic::default() }
    }

    /// The host's name.
    pub fn host(&self) -> &str {
        &self.target.name
    }

    /// Where requests are addressed to.
    pub fn address(&self) -> String {
        format!("http://{}:{}/wsman", self.target.address, self.target.port)
    }

    /// What has passed so far.
    pub fn traffic(&self) -> Traffic {
        let mut traffic = self.past;
        if let Some(open) = &self.open {
            traffic.bytes_up += open.connection.bytes_up();
            traffic.bytes_down += open.connection.bytes_down();
        }
        traffic
    }

    /// Sends an envelope and opens the reply to it. On an error the connection is given up.
    pub async fn post(
        &mut self,
        doing: &'static str,
        envelope: &Zeroizing<String>,
        patience: Duration,
    ) -> Result<Reply, TransportError> {
        let mut open = match self.open.take() {
            Some(open) if !open.connection.is_closed() => open,
            closed => {
                self.retire(closed.as_ref());
                self.log_in().await?
            }
        };
        let reply = self.exchange(&mut open, doing, envelope, patience).await;
        match &reply {
            Ok(_) => self.open = Some(open),
            Err(_) => self.retire(Some(&open)),
        }
        reply
    }

    fn retire(&mut self, open: Option<&Open>) {
        if let Some(open) = open {
            self.past.bytes_up += open.connection.bytes_up();
            self.past.bytes_down += open.connection.bytes_down();
        }
    }

    async fn exchange(
        &mut self,
        open: &mut Open,
        doing: &'static str,
        envelope: &Zeroizing<String>,
        patience: Duration,
    ) -> Result<Reply, TransportError> {
        let host = self.target.name.clone();
        let nonsense = |what: String| TransportError::Nonsense { host: host.clone(), doing, what };
        let sealed = open.login.seal(envelope.as_bytes().to_vec()).map_err(nonsense)?;
        let request = self.request(seal::CONTENT_TYPE, None, seal::wrap(&sealed).into());
        self.past.requests += 1;
        let reply = open.connection.exchange(request, patience).await.map_err(|error| self.lost(doing, &error))?;
        let status = reply.status();
        if !seal::is_sealed(header(reply.headers(), &CONTENT_TYPE)) {
            return Err(self.unsealed(doing, &reply));
        }
        let sealed = seal::unwrap(reply.body()).map_err(|why| nonsense(format!("its sealing is malformed: {why}")))?;
        let text = open.login.unseal(sealed).map_err(|why| nonsense(format!("its seal does not hold: {why}")))?;
        let text = String::from_utf8(text).map_err(|_| nonsense("it is not UTF-8".to_owned()))?;
        Ok(Reply { success: status.is_success(), text })
    }

    /// What a reply means that came in clear: never an answer.
    fn unsealed(&self, doing: &'static str, reply: &Response<Bytes>) -> TransportError {
        let host = self.target.name.clone();
        match reply.status() {
            StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST => TransportError::Lost {
                host,
                doing,
                why: format!("it no longer knows this login (HTTP {})", reply.status().as_u16()),
                // It probably refused before it opened what was sealed. But this came in clear, so anybody on the way
                // may have written it.
                sent: true,
            },
            status => TransportError::Nonsense {
                host,
                doing,
                what: format!("HTTP {} without a seal, where everything must be sealed", status.as_u16()),
            },
        }
    }

    /// Opens a connection and logs in: two requests with empty bodies. Nothing but NTLM's messages leaves before the
    /// host has accepted them.
    async fn log_in(&mut self) -> Result<Open, TransportError> {
        let host = self.target.name.clone();
        let unreachable = |error| TransportError::Unreachable { host: host.clone(), error };
        let mut connection =
            Connection::open(&self.target.address, self.target.port, LOGIN_PATIENCE).await.map_err(unreachable)?;
        let mut login = Login::new(&self.target.account);
        let negotiate = login.negotiate().map_err(|why| self.refused(why))?;
        let reply = self.knock(&mut connection, &negotiate).await?;
        let challenge = self.challenge(&reply)?;
        let proof = login.authenticate(challenge).map_err(|why| self.refused(why))?;
        let reply = self.knock(&mut connection, &proof).await?;
        match reply.status() {
            status if status.is_success() => Ok(Open { connection, login }),
            StatusCode::UNAUTHORIZED => Err(self.refused(
                "check the name and the password, that the account is not locked or expired, and that it may log on \
                 over the network"
                    .to_owned(),
            )),
            status => Err(self.refused(format!("HTTP {}", status.as_u16()))),
        }
    }

    async fn knock(&mut self, connection: &mut Connection, token: &[u8]) -> Result<Response<Bytes>, TransportError> {
        let authorization = format!("Negotiate {}", BASE64.encode(token));
        let request = self.request("application/soap+xml;charset=UTF-8", Some(&authorization), Bytes::new());
        self.past.requests += 1;
        connection.exchange(request, LOGIN_PATIENCE).await.map_err(|error| self.unreachable(error))
    }

    /// The challenge in a reply to the first message.
    fn challenge(&self, reply: &Response<Bytes>) -> Result<Vec<u8>, TransportError> {
        if reply.status() != StatusCode::UNAUTHORIZED {
            return Err(self.refused(format!(
                "it answered HTTP {} where WinRM answers 401; check that port {} is WinRM's",
                reply.status().as_u16(),
                self.target.port
            )));
        }
        let offers: Vec<&str> =
            reply.headers().get_all(WWW_AUTHENTICATE).iter().filter_map(|offer| offer.to_str().ok()).collect();
        let token = offers.iter().find_map(|offer| {
            let (scheme, token) = offer.split_once(' ')?;
            scheme.eq_ignore_ascii_case("Negotiate").then_some(token.trim())
        });
        match token.map(|token| BASE64.decode(token)) {
            Some(Ok(challenge)) => Ok(challenge),
            Some(Err(_)) => Err(self.refused("its challenge is not base64".to_owned())),
            None => Err(self.refused(format!(
                "it offers no NTLM (it offers: {}); enable Negotiate in its winrm/config/service/auth",
                if offers.is_empty() { "nothing".to_owned() } else { offers.join(", ") }
            ))),
        }
    }

    fn request(&self, content_type: &str, authorization: Option<&str>, body: Bytes) -> Request<Bytes> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = hyper::Uri::from_static("/wsman");
        let host = format!("{}:{}", self.target.address, self.target.port);
        let length = request.body().len().to_string();
        let headers = [
            (HOST, Some(host.as_str())),
            // Said even when it is 0, which hyper would leave out and http.sys answers with 411.
            (CONTENT_LENGTH, Some(length.as_str())),
            (USER_AGENT, Some(concat!("farmhand/", env!("CARGO_PKG_VERSION")))),
            (CONTENT_TYPE, Some(content_type)),
            (AUTHORIZATION, authorization),
        ];
        for (name, value) in headers {
            // A host name with characters that no header takes was refused when its address was looked up.
            if let Some(value) = value.and_then(|value| value.parse().ok()) {
                request.headers_mut().insert(name, value);
            }
        }
        request
    }

    fn refused(&self, why: String) -> TransportError {
        TransportError::Login { host: self.target.name.clone(), user: self.target.account.name(), why }
    }

    fn unreachable(&self, error: HttpError) -> TransportError {
        TransportError::Unreachable { host: self.target.name.clone(), error }
    }

    fn lost(&self, doing: &'static str, error: &HttpError) -> TransportError {
        TransportError::Lost { host: self.target.name.clone(), doing, why: error.to_string(), sent: error.was_sent() }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &hyper::header::HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
