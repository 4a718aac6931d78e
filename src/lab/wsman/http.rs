//! HTTP/1.1 as far as WS-Management needs it, read and written on a bare socket.
//!
//! Written by hand because the lab breaks connections on purpose, at exact places.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Larger than any envelope that a client may send; what is larger is not read to its end.
const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// A request.
pub(super) struct Request {
    /// Header fields in order, names in lower case.
    headers: Vec<(String, String)>,
    /// The path.
    pub path: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header field; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }
}

/// A reply.
pub(super) struct Reply {
    /// The status code.
    pub status: u16,
    /// Header fields besides the length.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A reply without header fields and body.
    pub fn empty(status: u16) -> Reply {
        Reply { status, headers: Vec::new(), body: Vec::new() }
    }
}

/// Why no request was read.
#[derive(Debug)]
pub(super) enum Unread {
    /// The client closed the connection, or it broke.
    Closed,
    /// What came is not a request that is taken here; the status that says so.
    Refused(u16),
}

/// Reads the next request. `pending` keeps what was read beyond it.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin), pending: &mut Vec<u8>) -> Result<Request, Unread> {
    let head_end = loop {
        if let Some(at) = pending.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if pending.len() > MAX_HEAD_BYTES {
            return Err(Unread::Refused(431));
        }
        more(stream, pending).await?;
    };
    let body = pending.split_off(head_end);
    let head = std::mem::replace(pending, body);
    let head = String::from_utf8(head).map_err(|_| Unread::Refused(400))?;
    let mut lines = head.split("\r\n");
    let mut start = lines.next().unwrap_or_default().split(' ');
    let (method, path) = (start.next().unwrap_or_default(), start.next().unwrap_or_default().to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut request = Request { headers, path, body: Vec::new() };
    if method != "POST" {
        return Err(Unread::Refused(405));
    }
    let length = match request.header("content-length") {
        "" => return Err(Unread::Refused(411)),
        length => length.parse::<usize>().map_err(|_| Unread::Refused(400))?,
    };
    if length > MAX_BODY_BYTES {
        return Err(Unread::Refused(413));
    }
    while pending.len() < length {
        more(stream, pending).await?;
    }
    let rest = pending.split_off(length);
    request.body = std::mem::replace(pending, rest);
    Ok(request)
}

async fn more(stream: &mut (impl AsyncRead + Unpin), pending: &mut Vec<u8>) -> Result<(), Unread> {
    match stream.read_buf(pending).await {
        Ok(read) if read > 0 => Ok(()),
        Ok(_) | Err(_) => Err(Unread::Closed),
    }
}

/// Writes a reply at once: a head and a body in two writes would wait 40 ms for each other.
pub(super) async fn write(stream: &mut (impl AsyncWrite + Unpin), reply: &Reply) -> std::io::Result<()> {
    let reason = match reply.status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        500 => "Internal Server Error",
        _ => "Refused",
    };
    let start = format!("HTTP/1.1 {} {reason}\r\nServer: Microsoft-HTTPAPI/2.0\r\n", reply.status);
    let fields: Vec<String> = reply.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = format!("Content-Length: {}\r\n\r\n", reply.body.len());
    let bytes = [start.as_bytes(), fields.concat().as_bytes(), length.as_bytes(), &reply.body].concat();
    stream.write_all(&bytes).await?;
    stream.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_are_read_however_they_are_cut() {
        let text = b"POST /wsman HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcPOST /b HTTP/1.1\r\ncontent-length: 0\r\n\r\n";
        for size in 1..text.len() {
            let mut stream = tokio_test_stream(text, size);
            let mut pending = Vec::new();
            let first = read(&mut stream, &mut pending).await.ok().unwrap();
            assert_eq!(
                (first.path.as_str(), first.header("host"), first.body.as_slice()),
                ("/wsman", "a", &b"abc"[..])
            );
            let second = read(&mut stream, &mut pending).await.ok().unwrap();
            assert_eq!((second.path.as_str(), second.body.as_slice()), ("/b", &b""[..]));
            assert!(matches!(read(&mut stream, &mut pending).await, Err(Unread::Closed)));
        }
    }

    fn tokio_test_stream(text: &[u8], size: usize) -> tokio::io::DuplexStream {
        let (mut ours, theirs) = tokio::io::duplex(size);
        let text = text.to_vec();
        tokio::spawn(async move { ours.write_all(&text).await });
        theirs
    }

    #[tokio::test]
    async fn what_is_no_request_is_refused() {
        for (text, status) in [
            ("GET / HTTP/1.1\r\n\r\n", 405),
            ("POST / HTTP/1.1\r\n\r\n", 411),
            ("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        ] {
            let mut stream = tokio_test_stream(text.as_bytes(), 64);
            let refused = read(&mut stream, &mut Vec::new()).await.err().unwrap();
            assert!(matches!(refused, Unread::Refused(code) if code == status), "{text}: {refused:?}");
        }
    }
}
