//! What else listens at a port that does not answer as it should.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::http::{Connection, Endpoint};

/// How long each of the looks may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How much of a greeting is shown.
const GREETING_CHARACTERS: usize = 60;

/// What a port speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// SSH, which greets whoever connects (RFC 4253, 4.2).
    Ssh,
    /// TLS, and something within it.
    Tls,
    /// HTTP in clear.
    Http,
    /// Something that greets with this.
    Other(String),
}

impl fmt::Display for Speaks {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Speaks::Ssh => formatter.write_str("speaks SSH"),
            Speaks::Tls => formatter.write_str("speaks TLS"),
            Speaks::Http => formatter.write_str("speaks HTTP without TLS"),
            Speaks::Other(greeting) => write!(formatter, "greets with `{greeting}`"),
        }
    }
}

/// What a port speaks, where that comes out within a few seconds: it is listened to, then offered TLS, then HTTP.
pub async fn hear(host: &str, port: u16) -> Option<Speaks> {
    if let Some(greeting) = greeting(host, port).await {
        return Some(if greeting.starts_with("SSH-") { Speaks::Ssh } else { Speaks::Other(greeting) });
    }
    let to = Endpoint { host, port, tls: None, proxy: None };
    if let Ok(Some(_)) = to.presented(PATIENCE).await {
        return Some(Speaks::Tls);
    }
    let asked = async {
        let request = Request::builder().uri("/").header("host", host).body(Bytes::new()).ok()?;
        Connection::open(&to, PATIENCE).await.ok()?.exchange(request, PATIENCE).await.ok()
    };
    asked.await.map(|_| Speaks::Http)
}

/// The first line of whatever says something unasked.
async fn greeting(host: &str, port: u16) -> Option<String> {
    let listened = async {
        let mut stream = TcpStream::connect((host, port)).await.ok()?;
        let mut bytes = [0; 256];
        let read = stream.read(&mut bytes).await.ok()?;
        let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
        let line: String = text.lines().next()?.chars().filter(|c| !c.is_control()).take(GREETING_CHARACTERS).collect();
        (!line.is_empty()).then_some(line)
    };
    timeout(PATIENCE, listened).await.ok()?
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    /// What is heard of a server that says `first`, and `then` once it was asked something.
    async fn heard(first: &'static str, then: &'static str) -> Option<Speaks> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serve = async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(first.as_bytes()).await.unwrap();
                let mut question = [0; 1024];
                // Who hangs up has asked nothing.
                if first.is_empty() && stream.read(&mut question).await.is_ok_and(|read| read > 0) {
                    let _ = stream.write_all(then.as_bytes()).await;
                }
            }
        };
        let serving = tokio::spawn(serve);
        let heard = hear("127.0.0.1", port).await;
        serving.abort();
        heard
    }

    #[tokio::test]
    async fn what_listens_is_known_by_what_it_says() {
        assert_eq!(heard("SSH-2.0-OpenSSH_for_Windows_8.1\r\n", "").await, Some(Speaks::Ssh));
        let mail = heard("220 mail.example ESMTP\r\n", "").await;
        assert_eq!(mail, Some(Speaks::Other("220 mail.example ESMTP".to_owned())));
        assert_eq!(mail.unwrap().to_string(), "greets with `220 mail.example ESMTP`");
        let reply = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        assert_eq!(heard("", reply).await, Some(Speaks::Http));
        assert_eq!(heard("", "\u{1}\u{2}").await, None);
    }
}
