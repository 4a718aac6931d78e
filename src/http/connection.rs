//! One pinned HTTP/1.1 connection.
//!
//! NTLM and Kerberos belong to a TCP connection, so there is no pool here and no redial: who needs a new connection
//! opens one and logs in again.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::HttpError;

/// The largest body that is read: a reply that fills the largest envelope is far below it.
pub const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// An open connection. Dropping it closes it.
#[derive(Debug)]
pub struct Connection {
    address: String,
    sender: SendRequest<Full<Bytes>>,
    driver: tokio::task::JoinHandle<()>,
    count: Arc<Count>,
}

/// Bytes that passed the socket.
#[derive(Debug, Default)]
struct Count {
    up: AtomicU64,
    down: AtomicU64,
}

impl Connection {
    /// Connects to a host by name or address, trying each of its addresses.
    ///
    /// # Errors
    ///
    /// No address, no listener, or nobody there in time.
    pub async fn open(host: &str, port: u16, patience: Duration) -> Result<Connection, HttpError> {
        let address = format!("{host}:{port}");
        let timed_out = |_| HttpError::TimedOut { address: address.clone(), after: patience, sent: false };
        let stream = timeout(patience, dial(host, port)).await.map_err(timed_out)??;
        // A request is one write; waiting for more would only cost a delayed acknowledgement.
        stream.set_nodelay(true).map_err(|error| lost(&address, &error, false))?;
        let count = Arc::new(Count::default());
        let io = TokioIo::new(Counted { stream, count: Arc::clone(&count) });
        let (sender, connection) = http1::handshake(io).await.map_err(|error| lost(&address, &error, false))?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
        Ok(Connection { address, sender, driver, count })
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

async fn dial(host: &str, port: u16) -> Result<TcpStream, HttpError> {
    let unresolved = |why: String| HttpError::Name { host: host.to_owned(), why };
    let addresses = tokio::net::lookup_host((host, port)).await.map_err(|error| unresolved(error.to_string()))?;
    let mut last = unresolved("it has no address".to_owned());
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                last = HttpError::Refused { address: format!("{host}:{port}") };
            }
            Err(error) => last = lost(&format!("{host}:{port}"), &error, false),
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

/// A stream that counts.
struct Counted {
    stream: TcpStream,
    count: Arc<Count>,
}

impl Counted {
    fn sent(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            self.count.up.fetch_add(*bytes as u64, Ordering::Relaxed);
        }
        written
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.count.down.fetch_add((buffer.filled().len() - before) as u64, Ordering::Relaxed);
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.sent(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.sent(written)
    }

    // Head and body leave in one system call.
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
