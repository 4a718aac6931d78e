//! The HTTP front: each port that a host's sites are bound to, as a real socket on loopback.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, HOST};
use hyper::service::service_fn;
use hyper::{Method, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::{AbortHandle, spawn_blocking};

use super::LabHost;
use super::iis::{Request, Served};
use crate::hostcall::read::HttpVerb;

/// The HTTP front of one host. A port is bound on loopback when it is first asked for and served until this is dropped.
pub struct Front {
    host: Arc<LabHost>,
    ports: Mutex<HashMap<u16, Listening>>,
}

/// A port that is served.
struct Listening {
    address: SocketAddr,
    task: AbortHandle,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Front {
    /// The front of a host; nothing is bound yet.
    pub fn new(host: Arc<LabHost>) -> Front {
        Front { host, ports: Mutex::new(HashMap::new()) }
    }

    /// Serves all ports of the host at one address, until the front is dropped: the port meant is the one in a request's
    /// Host header, 80 where it names none, as with `curl --connect-to ::ADDRESS http://chat.example.com:8080/`.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn serve_at(&self, listen: SocketAddr) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(accept(listener, self.host.clone(), None)).abort_handle();
        self.ports.lock().await.insert(0, Listening { address, task });
        Ok(address)
    }

    /// Where a port of the host is reached on loopback, such as its port 80. Which site answers, if any, is looked
    /// up anew for each request by its Host header; a connection to a port that no started site is bound to is closed.
    ///
    /// # Errors
    /// When no socket can be bound.
    pub async fn address(&self, port: u16) -> io::Result<SocketAddr> {
        let mut ports = self.ports.lock().await;
        if let Some(listening) = ports.get(&port) {
            return Ok(listening.address);
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(accept(listener, self.host.clone(), Some(port))).abort_handle();
        ports.insert(port, Listening { address, task });
        Ok(address)
    }
}

async fn accept(listener: TcpListener, host: Arc<LabHost>, port: Option<u16>) {
    // The connections end with the task that took them.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(converse(stream, host.clone(), port));
    }
}

async fn converse(stream: TcpStream, host: Arc<LabHost>, port: Option<u16>) {
    let service = service_fn(move |request| answer(host.clone(), port, request));
    let mut http = hyper::server::conn::http1::Builder::new();
    let connection = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection to a lab site ended early");
    }
}

/// Why a connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
enum Closed {
    #[error("no started site is bound to the port")]
    NobodyListens,
    #[error("the host cannot answer: {0}")]
    Broken(String),
}

async fn answer(
    host: Arc<LabHost>,
    port: Option<u16>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Closed> {
    let verb = match *request.method() {
        Method::GET => HttpVerb::Get,
        Method::HEAD => HttpVerb::Head,
        _ => return Ok(not_allowed()),
    };
    let name = request.headers().get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let (name, named) = name_and_port(name);
    let asked = Request { verb, ..Request::get(port.or(named).unwrap_or(80), name, &path) };
    // The model is files behind a lock, which must not hold up the runtime's threads.
    let served = spawn_blocking(move || host.serve(&asked)).await;
    let served = served.map_err(|error| Closed::Broken(error.to_string()))?;
    let served = served.map_err(|refusal| Closed::Broken(refusal.text))?.ok_or(Closed::NobodyListens)?;
    response(served).map_err(|error| Closed::Broken(error.to_string()))
}

fn response(served: Served) -> Result<hyper::Response<Full<Bytes>>, hyper::http::Error> {
    let builder = hyper::Response::builder().status(served.status);
    let builder = served.headers.iter().fold(builder, |builder, (name, value)| builder.header(name, value));
    builder.body(Full::new(Bytes::from(served.body)))
}

fn not_allowed() -> hyper::Response<Full<Bytes>> {
    let mut response = hyper::Response::new(Full::new(Bytes::new()));
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
    response
}

/// The name and the port in a Host header; an IPv6 address keeps its brackets.
fn name_and_port(host: &str) -> (&str, Option<u16>) {
    match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|digit| digit.is_ascii_digit()) => (name, port.parse().ok()),
        _ => (host, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::HostSpec;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// What comes back for a request, as bytes: no client of ours in between.
    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        // A connection that is closed without an answer may end in a reset.
        let _ = stream.read_to_string(&mut reply).await;
        reply
    }

    #[tokio::test]
    async fn a_site_is_served_from_its_folder_while_it_runs() {
        let folder = tempfile::tempdir().unwrap();
        let spec = HostSpec { iis: true, ..HostSpec::new("web01", "2012R2") };
        let host = Arc::new(LabHost::create(folder.path().join("web01"), spec).unwrap());
        let front = Front::new(host.clone());
        let address = front.address(80).await.unwrap();
        assert_eq!(front.address(80).await.unwrap(), address);
        let get = "GET / HTTP/1.1\r\nHost: web01:80\r\nConnection: close\r\n\r\n";
        let reply = ask(address, get).await;
        assert!(reply.starts_with("HTTP/1.1 200 ") && reply.contains("server: Microsoft-IIS/8.5"), "{reply}");
        assert!(reply.contains("Internet Information Services"), "{reply}");
        let post = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        assert!(ask(address, post).await.starts_with("HTTP/1.1 405 "));
        host.folder().write("C/inetpub/wwwroot/app_offline.htm", b"back soon").unwrap();
        let reply = ask(address, get).await;
        assert!(reply.starts_with("HTTP/1.1 503 ") && reply.ends_with("back soon"), "{reply}");
        let other = front.address(8080).await.unwrap();
        assert_eq!(ask(other, get).await, "");
    }

    #[tokio::test]
    async fn one_address_serves_all_ports() {
        let folder = tempfile::tempdir().unwrap();
        let spec = HostSpec { iis: true, ..HostSpec::new("web01", "2019") };
        let front = Front::new(Arc::new(LabHost::create(folder.path().join("web01"), spec).unwrap()));
        let address = front.serve_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        let get = |host: &str| format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert!(ask(address, &get("web01")).await.starts_with("HTTP/1.1 200 "));
        assert!(ask(address, &get("web01:80")).await.starts_with("HTTP/1.1 200 "));
        assert_eq!(ask(address, &get("web01:8080")).await, "");
    }

    #[test]
    fn a_port_is_no_part_of_a_name() {
        let cases = [
            ("a.b:80", ("a.b", Some(80))),
            ("a.b", ("a.b", None)),
            ("[::1]:80", ("[::1]", Some(80))),
            ("[::1]", ("[::1]", None)),
            ("", ("", None)),
        ];
        for (header, expected) in cases {
            assert_eq!(name_and_port(header), expected);
        }
    }
}
