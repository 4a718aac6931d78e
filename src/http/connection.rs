//! One pinned HTTP/1.1 connection.
//!
//! NTLM and Kerberos belong to a TCP connection, so there is no pool here and no redial: who needs a new connection
//! opens one and logs in again.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_native_tls::TlsStream;

use super::counted::{Count, Counted};
use super::presented::Presented;
use super::proxy::{self, Proxy, Refusal};
use super::tls::{self, Failed, Tls};
use super::{HttpError, host_and_port};

/// The largest body that is read: a reply that fills the largest envelope is far below it.
pub const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// An open connection. Dropping it closes it.
#[derive(Debug)]
pub struct Connection {
    address: String,
    sender: Sender,
    driver: tokio::task::JoinHandle<()>,
    count: Arc<Count>,
    end_point: Option<Vec<u8>>,
}

/// Where a connection goes.
#[derive(Clone, Copy)]
pub struct Endpoint<'a> {
    /// A DNS name or an IP address.
    pub host: &'a str,
    /// TCP port.
    pub port: u16,
    /// How it is secured, where it is.
    pub tls: Option<&'a Tls>,
    /// The proxy that it goes by, where there is one.
    pub proxy: Option<&'a Proxy>,
}

impl Endpoint<'_> {
    fn address(&self) -> String {
        host_and_port(self.host, self.port)
    }

    /// What the certificate there says, trusted or not. Nothing is sent there but a handshake.
    ///
    /// # Errors
    ///
    /// As [`Connection::open`], but for what is wrong with the certificate.
    pub async fn presented(&self, patience: Duration) -> Result<Option<Presented>, HttpError> {
        let timed_out = |_| HttpError::TimedOut { address: self.address(), after: patience, sent: false };
        let name = self.tls.map_or(self.host, |tls| tls.name.as_str());
        let looked = async {
            let stream = self.reach(&Arc::default()).await?;
            Ok(tls::presented(name, stream).await)
        };
        timeout(patience, looked).await.map_err(timed_out)?
    }

    /// A TCP connection to the host, as far as anybody on the way can tell.
    async fn reach(&self, count: &Arc<Count>) -> Result<Counted, HttpError> {
        let (host, port) = self.proxy.map_or((self.host, self.port), |proxy| (proxy.host.as_str(), proxy.port));
        let stream = dial(host, port).await.map_err(|error| self.by_proxy(error))?;
        let address = self.address();
        // A request is one write; waiting for more would only cost a delayed acknowledgement.
        stream.set_nodelay(true).map_err(|error| lost(&address, &error, false))?;
        let mut stream = Counted { stream, count: Arc::clone(count) };
        if let Some(proxy) = self.proxy {
            let asked = proxy::connect(proxy, &address, &mut stream).await;
            asked.map_err(|refusal| match refusal {
                Refusal::Said(why) => HttpError::Proxy { proxy: host_and_port(host, port), why },
                Refusal::Broken(error) => self.by_proxy(lost(&host_and_port(host, port), &error, false)),
            })?;
        }
        Ok(stream)
    }

    /// That it is the proxy that was not reached, where there is one.
    fn by_proxy(&self, error: HttpError) -> HttpError {
        match self.proxy {
            Some(proxy) => HttpError::Proxy { proxy: host_and_port(&proxy.host, proxy.port), why: error.to_string() },
            None => error,
        }
    }

    async fn secure(&self, tls: &Tls, stream: Counted) -> Result<TlsStream<Counted>, HttpError> {
        let address = self.address();
        let said = match tls::secure(tls, stream).await {
            Ok(secured) => return Ok(secured),
            Err(Failed::Other { trusted, shown }) => {
                let why = format!(
                    "its certificate is not the one that is trusted (trusted {trusted}, shown {shown}); if the host has a \
                     new one, let whoever made it confirm that, and write: fingerprint: \"{shown}\"; if not, somebody \
                     stands in between"
                );
                return Err(HttpError::Untrusted { address, why });
            }
            Err(Failed::Broken(said)) => said,
        };
        // A second look tells what was wrong with the certificate, where that was it.
        let stream = self.reach(&Arc::default()).await?;
        match tls::presented(&tls.name, stream).await {
            Some(shown) => Err(HttpError::Untrusted { address, why: shown.complaint(&tls.name, &said) }),
            None => Err(HttpError::Handshake { address, why: said }),
        }
    }
}

impl Connection {
    /// Connects to a host, by way of its proxy where there is one, and shakes hands.
    ///
    /// # Errors
    ///
    /// No address, no listener, nobody there in time, a proxy that says no, or a certificate that is not trusted.
    pub async fn open(to: &Endpoint<'_>, patience: Duration) -> Result<Connection, HttpError> {
        let address = to.address();
        let timed_out = |_| HttpError::TimedOut { address: address.clone(), after: patience, sent: false };
        let count = Arc::new(Count::default());
        timeout(patience, Connection::open_at_last(to, count)).await.map_err(timed_out)?
    }

    async fn open_at_last(to: &Endpoint<'_>, count: Arc<Count>) -> Result<Connection, HttpError> {
        let address = to.address();
        let stream = to.reach(&count).await?;
        let Some(tls) = to.tls else {
            let (sender, driver) = start(&address, stream).await?;
            return Ok(Connection { address, sender, driver, count, end_point: None });
        };
        let secured = to.secure(tls, stream).await?;
        let end_point = tls::end_point(&secured);
        let (sender, driver) = start(&address, secured).await?;
        Ok(Connection { address, sender, driver, count, end_point })
    }

    /// What binds a login to the TLS connection (RFC 5929 4.1); `None` without TLS.
    pub fn end_point(&self) -> Option<&[u8]> {
        self.end_point.as_deref()
    }

    /// Sends a request and reads the whole reply. After an error the connection is of no more use.
    ///
    /// # Errors
    ///
    /// No whole reply in time, or one that is too large.
    pub async fn exchange(
        &mut self,
        request: Request<Bytes>,
        patience: Duration,
    ) -> Result<Response<Bytes>, HttpError> {
        let before = self.bytes_up();
        let reply = timeout(patience, self.roundtrip(request)).await;
        let sent = self.bytes_up() > before;
        match reply {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(Failure::TooLarge)) => {
                Err(HttpError::TooLarge { address: self.address.clone(), limit_bytes: MAX_BODY_BYTES })
            }
            Ok(Err(Failure::Broken(error))) => Err(lost(&self.address, &*error, sent)),
            Err(_) => Err(HttpError::TimedOut { address: self.address.clone(), after: patience, sent }),
        }
    }

    async fn roundtrip(&mut self, request: Request<Bytes>) -> Result<Response<Bytes>, Failure> {
        self.sender.ready().await.map_err(Failure::broken)?;
        let reply = self.sender.send_request(request.map(Full::new)).await.map_err(Failure::broken)?;
        let (head, body) = reply.into_parts();
        match Limited::new(body, MAX_BODY_BYTES).collect().await {
            Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(Failure::TooLarge),
            Err(error) => Err(Failure::Broken(error)),
        }
    }

    /// Whether the other side is known to have closed the connection.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Bytes sent so far, heads included.
    pub fn bytes_up(&self) -> u64 {
        self.count.up.load(Ordering::Relaxed)
    }

    /// Bytes received so far, heads included.
    pub fn bytes_down(&self) -> u64 {
        self.count.down.load(Ordering::Relaxed)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

type Sender = SendRequest<Full<Bytes>>;

/// Starts HTTP on a stream.
async fn start<S>(address: &str, stream: S) -> Result<(Sender, tokio::task::JoinHandle<()>), HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let started = http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = started.map_err(|error| lost(address, &error, false))?;
    let driver = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection ended");
        }
    });
    Ok((sender, driver))
}

async fn dial(host: &str, port: u16) -> Result<TcpStream, HttpError> {
    let unresolved = |why: String| HttpError::Name { host: host.to_owned(), why };
    let addresses = tokio::net::lookup_host((host, port)).await.map_err(|error| unresolved(error.to_string()))?;
    let mut last = unresolved("it has no address".to_owned());
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                last = HttpError::Refused { address: host_and_port(host, port) };
            }
            Err(error) => last = lost(&host_and_port(host, port), &error, false),
        }
    }
    Err(last)
}

enum Failure {
    TooLarge,
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

impl Failure {
    fn broken(error: hyper::Error) -> Failure {
        Failure::Broken(Box::new(error))
    }
}

fn lost(address: &str, error: &dyn std::error::Error, sent: bool) -> HttpError {
    // hyper says "connection error"; what the network said is one level down.
    let why =
        std::iter::successors(Some(error), |error| error.source()).last().map_or_else(String::new, ToString::to_string);
    HttpError::Lost { address: address.to_owned(), why, sent }
}
