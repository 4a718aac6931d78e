//! One connection to a host, logged in and sealed.
//!
//! The keys of a login advance with each message, so there is one request at a time, in order. Over bare HTTP nothing
//! leaves in clear and nothing that comes in clear is taken for an answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hyper::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, USER_AGENT, WWW_AUTHENTICATE,
};
use hyper::{Method, Request, Response, StatusCode};
use zeroize::Zeroizing;

use super::account::Account;
use super::login::{Auth, Login, Wire};
use super::reached::Reached;
use super::seal;
use crate::http::{Connection, Endpoint, HttpError, Proxy, Tls, host_and_port};
use crate::transport::{Traffic, TransportError};

/// How long a connection and each message of a login may take.
const LOGIN_PATIENCE: Duration = Duration::from_secs(30);

/// Tokens that a login may send: the longest takes two.
const MAX_TOKENS: usize = 4;
/// What an envelope is.
const PLAIN_TYPE: &str = "application/soap+xml;charset=UTF-8";

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
    /// By which way.
    pub auth: Auth,
    /// How the connection is secured; `None` for bare HTTP, over which every message is sealed.
    pub tls: Option<Tls>,
    /// The proxy that it goes by.
    pub proxy: Option<Proxy>,
}

impl Target {
    /// A host's WinRM over HTTP, with NTLM.
    pub fn new(name: &str, address: &str, port: u16, account: Arc<Account>) -> Target {
        Target {
            name: name.to_owned(),
            address: address.to_owned(),
            port,
            account,
            auth: Auth::default(),
            tls: None,
            proxy: None,
        }
    }

    /// The name that the host's services go by. A domain knows no addresses, so where there is one, the host's own name
    /// is the better guess.
    fn service_host(&self) -> &str {
        if self.address.parse::<IpAddr>().is_ok() { &self.name } else { &self.address }
    }

    /// Who logs in, for messages.
    fn who(&self) -> String {
        match &self.auth {
            Auth::Kerberos(kerberos) if self.account.name().is_empty() => kerberos.holder(),
            _ => self.account.name(),
        }
    }
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
    reached: Reached,
}

struct Open {
    connection: Connection,
    login: Login,
}

impl Channel {
    /// A channel that is not open yet.
    pub fn new(target: Target) -> Channel {
        Channel { target, open: None, past: Traffic::default(), reached: Reached::default() }
    }

    /// The host's name.
    pub fn host(&self) -> &str {
        &self.target.name
    }

    /// Where requests are addressed to.
    pub fn address(&self) -> String {
        let scheme = if self.target.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/wsman", host_and_port(&self.target.address, self.target.port))
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

    /// How far it has come.
    pub fn reached(&self) -> Reached {
        self.reached
    }

    fn reach(&mut self, reached: Reached) {
        self.reached = self.reached.max(reached);
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
            Ok(_) => {
                self.reach(Reached::Opened);
                self.open = Some(open);
            }
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
        let Some(protocol) = open.login.sealing() else {
            return self.exchange_bare(open, doing, envelope, patience).await;
        };
        let sealed = open.login.seal(envelope.as_bytes().to_vec()).map_err(|what| self.nonsense(doing, what))?;
        let request = self.request(&protocol.content_type(), None, seal::wrap(protocol, &sealed).into());
        let reply = self.carry(open, doing, request, patience).await?;
        if !seal::is_sealed(header(reply.headers(), &CONTENT_TYPE)) {
            return Err(self.unsealed(doing, &reply));
        }
        let broken = |what: &str, why: &str| self.nonsense(doing, format!("{what}: {why}"));
        let sealed = seal::unwrap(reply.body()).map_err(|why| broken("its sealing is malformed", why))?;
        let text = open.login.unseal(sealed).map_err(|why| broken("its seal does not hold", &why))?;
        self.opened(doing, reply.status(), text)
    }

    /// Sends an envelope as it is, for TLS carries it, and reads the reply.
    async fn exchange_bare(
        &mut self,
        open: &mut Open,
        doing: &'static str,
        envelope: &Zeroizing<String>,
        patience: Duration,
    ) -> Result<Reply, TransportError> {
        let request = self.request(PLAIN_TYPE, open.login.every_request(), envelope.as_bytes().to_vec().into());
        let reply = self.carry(open, doing, request, patience).await?;
        let status = reply.status();
        if status == StatusCode::UNAUTHORIZED {
            // Nothing is carried out for somebody who is not let in, and TLS shows that the host itself says so.
            return Err(match open.login.every_request() {
                Some(_) => self.refused(open.login.advice().to_owned()),
                None => self.unsealed(doing, &reply),
            });
        }
        if !header(reply.headers(), &CONTENT_TYPE).trim_start().to_ascii_lowercase().starts_with("application/soap+xml")
        {
            return Err(self.nonsense(doing, format!("HTTP {} without an envelope", status.as_u16())));
        }
        self.opened(doing, status, reply.into_body().to_vec())
    }

    /// Sends the request for an operation, once, and reads the whole reply.
    async fn carry(
        &mut self,
        open: &mut Open,
        doing: &'static str,
        request: Request<Bytes>,
        patience: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        self.past.requests += 1;
        open.connection.exchange(request, patience).await.map_err(|error| self.lost(doing, &error))
    }

    fn opened(&self, doing: &'static str, status: StatusCode, text: Vec<u8>) -> Result<Reply, TransportError> {
        let text = String::from_utf8(text).map_err(|_| self.nonsense(doing, "it is not UTF-8".to_owned()))?;
        Ok(Reply { success: status.is_success(), text })
    }

    /// What a reply means that came in clear: never an answer.
    fn unsealed(&self, doing: &'static str, reply: &Response<Bytes>) -> TransportError {
        match reply.status() {
            StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST => TransportError::Lost {
                host: self.target.name.clone(),
                doing,
                why: format!("it no longer knows this login (HTTP {})", reply.status().as_u16()),
                // It probably refused before it opened what was sealed. But this came in clear, so anybody on the way
                // may have written it.
                sent: true,
            },
            status => {
                let what = format!("HTTP {} without a seal, where everything must be sealed", status.as_u16());
                self.nonsense(doing, what)
            }
        }
    }

    /// Opens a connection and logs in, by requests with empty bodies. Nothing but the login's tokens leaves before the
    /// host has accepted them.
    async fn log_in(&mut self) -> Result<Open, TransportError> {
        let Target { address, port, tls, proxy, .. } = &self.target;
        let to = Endpoint { host: address, port: *port, tls: tls.as_ref(), proxy: proxy.as_ref() };
        let mut connection = Connection::open(&to, LOGIN_PATIENCE).await.map_err(|error| self.unreachable(error))?;
        let wire = match tls {
            Some(_) => Wire::Tls(connection.end_point().map(<[u8]>::to_vec)),
            None => Wire::Clear,
        };
        self.reach(Reached::Connected);
        let login = Login::new(&self.target.auth, &self.target.account, self.target.service_host(), &wire);
        let mut login = login.map_err(|why| self.refused(why))?;
        let mut token = login.first().await.map_err(|why| self.refused(why))?;
        self.reach(Reached::Begun);
        for _ in 0..MAX_TOKENS {
            let Some(sent) = token else { return Ok(Open { connection, login }) };
            let reply = self.knock(&mut connection, login.scheme(), &sent).await?;
            token = self.answer(&mut login, &reply).await?;
            self.reach(if token.is_some() { Reached::Challenged } else { Reached::Accepted });
        }
        Err(self.refused("it goes on asking for tokens".to_owned()))
    }

    async fn knock(
        &mut self,
        connection: &mut Connection,
        scheme: &str,
        token: &[u8],
    ) -> Result<Response<Bytes>, TransportError> {
        let authorization = Zeroizing::new(format!("{scheme} {}", BASE64.encode(token)));
        let request = self.request(PLAIN_TYPE, Some(&authorization), Bytes::new());
        self.past.requests += 1;
        connection.exchange(request, LOGIN_PATIENCE).await.map_err(|error| self.unreachable(error))
    }

    /// What follows on the reply to a token: another token, or none because the host has accepted.
    async fn answer(&self, login: &mut Login, reply: &Response<Bytes>) -> Result<Option<Vec<u8>>, TransportError> {
        let came = self.token(login, reply)?;
        match (reply.status(), came) {
            (status, came) if status.is_success() => {
                login.accepted(came).await.map_err(|why| self.refused(why))?;
                Ok(None)
            }
            (StatusCode::UNAUTHORIZED, came) if login.awaits_challenge() => {
                let challenge = came.ok_or_else(|| self.not_offered(login, reply))?;
                login.next(challenge).map(Some).map_err(|why| self.refused(why))
            }
            (StatusCode::UNAUTHORIZED, came) => match login.reframed(&offers(reply)) {
                Some(token) => Ok(Some(token)),
                None if came.is_none() && !login.is_offered(&offers(reply)) => Err(self.not_offered(login, reply)),
                None => Err(self.refused(login.refusal(came.as_deref()))),
            },
            (status, _) if login.awaits_challenge() => Err(self.refused(format!(
                "it answered HTTP {} where WinRM answers 401; check that port {} is WinRM's",
                status.as_u16(),
                self.target.port
            ))),
            (status, _) => Err(self.refused(format!("HTTP {}", status.as_u16()))),
        }
    }

    /// The token of the login's scheme in a reply.
    fn token(&self, login: &Login, reply: &Response<Bytes>) -> Result<Option<Vec<u8>>, TransportError> {
        let token = offers(reply).into_iter().find_map(|offer| {
            let (scheme, token) = offer.split_once(' ')?;
            scheme.eq_ignore_ascii_case(login.scheme()).then_some(token.trim())
        });
        let read = token.map(|token| BASE64.decode(token)).transpose();
        read.map_err(|_| self.refused("its token is not base64".to_owned()))
    }

    fn not_offered(&self, login: &Login, reply: &Response<Bytes>) -> TransportError {
        self.refused(login.not_offered(&offers(reply)))
    }

    fn request(&self, content_type: &str, authorization: Option<&str>, body: Bytes) -> Request<Bytes> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = hyper::Uri::from_static("/wsman");
        let host = host_and_port(&self.target.address, self.target.port);
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
            if let Some(mut value) = value.and_then(|value| value.parse::<HeaderValue>().ok()) {
                value.set_sensitive(name == AUTHORIZATION);
                request.headers_mut().insert(name, value);
            }
        }
        request
    }

    fn refused(&self, why: String) -> TransportError {
        TransportError::Login { host: self.target.name.clone(), user: self.target.who(), why }
    }

    fn unreachable(&self, error: HttpError) -> TransportError {
        TransportError::Unreachable { host: self.target.name.clone(), error }
    }

    fn nonsense(&self, doing: &'static str, what: String) -> TransportError {
        TransportError::Nonsense { host: self.target.name.clone(), doing, what }
    }

    fn lost(&self, doing: &'static str, error: &HttpError) -> TransportError {
        TransportError::Lost { host: self.target.name.clone(), doing, why: error.to_string(), sent: error.was_sent() }
    }
}

/// What a host offers to log in by.
fn offers(reply: &Response<Bytes>) -> Vec<&str> {
    reply.headers().get_all(WWW_AUTHENTICATE).iter().filter_map(|offer| offer.to_str().ok()).collect()
}

fn header<'a>(headers: &'a HeaderMap, name: &hyper::header::HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
