//! What can be seen of the wire, and what happens when it breaks.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::proxy::Proxy;
use super::{Rig, check_answers, log_on, no_secrets, operator_at, reads, settings};
use crate::hostcall::Write;
use crate::session::{ReadSession, SessionError, WriteSession};
use crate::transport::winrm::seal::{self, Sealed};
use crate::transport::winrm::{Account, ClientLogin};
use crate::transport::{TransportError, log_filter};
use crate::value::SecretValue;

const CANARY: &str = "canary-7f3a";

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

async fn talk(proxy: &Proxy) {
    let mut session = WriteSession::open(operator_at(proxy.address), settings()).await.unwrap();
    check_answers(&session.observe(&reads()).await.unwrap());
    session.change(&[log_on()], &reads(), &|_| Ok(SecretValue::new(CANARY.to_owned()))).await.unwrap();
    session.close().await.1.unwrap();
}

#[tokio::test]
async fn nothing_but_the_login_is_in_clear() {
    let rig = Rig::new(|_| {}).await;
    let proxy = Proxy::new(rig.server.address(), None).await;
    talk(&proxy).await;
    for bytes in [proxy.up(), proxy.down()] {
        assert!(bytes.len() > 4000);
        for word in ["Envelope", "schemas.xmlsoap.org", "ShellId", "host_facts", CANARY] {
            assert!(!contains(&bytes, word.as_bytes()), "{word} is in clear");
        }
    }
    // Requests whose body is empty: the two of the login. All others are sealed.
    let up = String::from_utf8_lossy(&proxy.up()).into_owned();
    assert_eq!(up.matches("Authorization: Negotiate ").count() + up.matches("authorization: Negotiate ").count(), 2);
    assert_eq!(up.matches("content-length: 0\r\n").count(), 2);
    assert_eq!(up.matches("POST /wsman").count(), 10);
    assert_eq!(up.matches("--Encrypted Boundary--\r\n").count(), 8);
}

#[tokio::test]
async fn a_lost_receive_is_repeated_over_a_new_login() {
    let rig = Rig::new(|_| {}).await;
    let proxy = Proxy::new(rig.server.address(), Some(6)).await;
    let mut session = WriteSession::open(operator_at(proxy.address), settings()).await.unwrap();
    check_answers(&session.observe(&reads()).await.unwrap());
    assert_eq!((rig.server.counts().logins, rig.server.counts().commands), (2, 1));

    // The same for the reply to a change: it is fetched again, and the change is made once.
    proxy.cut_at(proxy.replies() + 2);
    let (outcomes, answers) = session.change(&[Write::Reboot], &reads(), &no_secrets).await.unwrap();
    assert_eq!(outcomes.len(), 1);
    check_answers(&answers);
    assert_eq!(rig.server.counts().logins, 3);
    assert_eq!(rig.host.writes.lock().unwrap().len(), 1);
    session.close().await.1.unwrap();
}

#[tokio::test]
async fn nothing_else_is_repeated() {
    // The replies: two of the login, Create, Command, Send.
    for (cut_at, doing, commands) in [(3, "Create", 0), (4, "Command", 1), (5, "Send", 1)] {
        let rig = Rig::new(|_| {}).await;
        let proxy = Proxy::new(rig.server.address(), Some(cut_at)).await;
        let error = match ReadSession::open(operator_at(proxy.address), settings()).await {
            Ok(mut session) => session.observe(&reads()).await.unwrap_err(),
            Err(error) => error,
        };
        match error {
            SessionError::Transport(TransportError::Lost { doing: lost, sent: true, .. }) => assert_eq!(lost, doing),
            other => panic!("{other}"),
        }
        assert_eq!(rig.server.counts().commands, commands, "{doing}");
    }
}

#[tokio::test]
async fn a_change_whose_send_is_cut_is_unknown() {
    let rig = Rig::new(|_| {}).await;
    let proxy = Proxy::new(rig.server.address(), None).await;
    let mut session = WriteSession::open(operator_at(proxy.address), settings()).await.unwrap();
    session.observe(&reads()).await.unwrap();
    proxy.cut_at(proxy.replies() + 1);
    let error = session.change(&[Write::Reboot], &[], &no_secrets).await.unwrap_err();
    assert!(matches!(error, SessionError::Unknown { .. }), "{error}");
    // Closing the session does not keep the host from finishing.
    session.close().await.1.unwrap();
    for _ in 0..200 {
        if rig.host.writes.lock().unwrap().len() == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the change was not made");
}

#[tokio::test]
async fn a_token_that_makes_the_parser_panic_ends_its_connection_alone() {
    let rig = Rig::new(|_| {}).await;
    let tokens: [&[u8]; 6] = [
        &[0x60],
        &[0x60, 0x80],
        &[0x60, 0x84, 0xff, 0xff, 0xff, 0xff],
        &[0x60, 0x0a, 0x06, 0x06, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02, 0xa0, 0x00],
        &[0x60, 0x06, 0x06, 0x04, 0x2b, 0x06, 0x01, 0x05],
        b"NTLMSSP\0",
    ];
    for token in tokens {
        let mut stream = TcpStream::connect(rig.server.address()).await.unwrap();
        let authorization = format!("Authorization: Negotiate {}\r\n", BASE64.encode(token));
        let request = format!("POST /wsman HTTP/1.1\r\nContent-Length: 0\r\n{authorization}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = [0; 12];
        // Either a refusal or the end.
        if stream.read_exact(&mut reply).await.is_ok() {
            assert_eq!(&reply, b"HTTP/1.1 401");
        }
    }
    let mut session = ReadSession::open(rig.transport(), settings()).await.unwrap();
    check_answers(&session.observe(&reads()).await.unwrap());
}

/// A client that does one thing at a time, and not always the right one.
struct Raw {
    stream: TcpStream,
    login: ClientLogin,
}

impl Raw {
    async fn new(rig: &Rig) -> Raw {
        let stream = TcpStream::connect(rig.server.address()).await.unwrap();
        let account = Account::new("LAB\\operator", SecretValue::new("Pässw0rd!".to_owned()));
        Raw { stream, login: ClientLogin::new(&account, None) }
    }

    /// Posts a body and gives the reply's head; the replies looked at here have no bodies.
    async fn post(&mut self, field: &str, body: &[u8]) -> String {
        let head = format!("POST /wsman HTTP/1.1\r\nContent-Length: {}\r\n{field}\r\n\r\n", body.len());
        self.stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        let mut reply = Vec::new();
        while !reply.ends_with(b"\r\n\r\n") {
            if self.stream.read_buf(&mut reply).await.unwrap() == 0 {
                break;
            }
        }
        String::from_utf8(reply).unwrap()
    }

    /// Logs in; `body` comes with the proof, where it must not.
    async fn log_in(&mut self, body: &[u8]) -> String {
        let first = format!("Authorization: Negotiate {}", BASE64.encode(self.login.negotiate().unwrap()));
        let reply = self.post(&first, b"").await;
        let challenge = reply.split("Negotiate ").nth(1).unwrap().split("\r\n").next().unwrap();
        let proof = self.login.authenticate(BASE64.decode(challenge).unwrap()).unwrap();
        self.post(&format!("Authorization: Negotiate {}", BASE64.encode(proof)), body).await
    }
}

const SEALED: &str = "Content-Type: multipart/encrypted;protocol=\"x\";boundary=\"Encrypted Boundary\"";

#[tokio::test]
async fn soap_in_clear_is_refused_before_with_and_after_a_login() {
    let rig = Rig::new(|_| {}).await;
    let plain = "Content-Type: application/soap+xml";
    let before = Raw::new(&rig).await.post(plain, b"<a/>").await;
    assert!(before.starts_with("HTTP/1.1 401"), "{before}");
    let with = Raw::new(&rig).await.log_in(b"<a/>").await;
    assert!(with.starts_with("HTTP/1.1 500"), "{with}");
    let mut client = Raw::new(&rig).await;
    assert!(client.log_in(b"").await.starts_with("HTTP/1.1 200"));
    let after = client.post(plain, b"<a/>").await;
    assert!(after.starts_with("HTTP/1.1 500"), "{after}");
}

#[tokio::test]
async fn a_message_that_was_touched_or_is_out_of_order_ends_the_connection() {
    let rig = Rig::new(|_| {}).await;
    // Ciphertext, checksum, number in the order.
    let touches: [fn(&mut Sealed); 3] = [|it| it.data[0] ^= 1, |it| it.header[4] ^= 1, |it| it.header[12] ^= 1];
    for touch in touches {
        let mut client = Raw::new(&rig).await;
        client.log_in(b"").await;
        let mut sealed = client.login.seal(b"<a/>".to_vec()).unwrap();
        touch(&mut sealed);
        let reply = client.post(SEALED, &seal::wrap(seal::Protocol::Spnego, &sealed)).await;
        assert!(reply.starts_with("HTTP/1.1 400"), "{reply}");
        assert_eq!(client.post(SEALED, b"").await, "");
    }
    let mut client = Raw::new(&rig).await;
    client.log_in(b"").await;
    client.login.seal(b"<lost/>".to_vec()).unwrap();
    let second = client.login.seal(b"<a/>".to_vec()).unwrap();
    assert!(client.post(SEALED, &seal::wrap(seal::Protocol::Spnego, &second)).await.starts_with("HTTP/1.1 400"));
    // A login belongs to its connection.
    let elsewhere = Raw::new(&rig).await.post(SEALED, &seal::wrap(seal::Protocol::Spnego, &second)).await;
    assert!(elsewhere.starts_with("HTTP/1.1 401"), "{elsewhere}");
}

/// Where a log goes that a test looks at.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

/// What is logged while client and server talk, in lower case.
async fn logged(filter: EnvFilter) -> String {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(log.clone()).with_ansi(false).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let rig = Rig::new(|_| {}).await;
    let proxy = Proxy::new(rig.server.address(), None).await;
    talk(&proxy).await;
    drop(guard);
    let bytes = log.0.lock().unwrap().clone();
    String::from_utf8_lossy(&bytes).to_lowercase()
}

/// How an envelope begins, in hexadecimal: the library logs what it is about to seal in this form.
fn envelope_in_hexadecimal() -> String {
    crate::agent::hexadecimal(b"<s:Envelope")
}

#[tokio::test]
async fn no_verbosity_logs_a_message_in_clear() {
    for verbosity in [0, 1, 2, 3, u8::MAX] {
        let log = logged(log_filter(verbosity)).await;
        for word in [envelope_in_hexadecimal().as_str(), "envelope", CANARY, "pässw0rd"] {
            assert!(!log.contains(word), "{word} at verbosity {verbosity}: {log}");
        }
    }
    // The log is not empty, and without the filter it does tell.
    assert!(logged(log_filter(3)).await.contains("farmhand"));
    assert!(logged(EnvFilter::new("trace")).await.contains(&envelope_in_hexadecimal()));
}
