//! One client's connection.

use std::io;
use std::sync::Arc;

use native_tls::{Protocol, TlsAcceptor};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio_native_tls::TlsStream;

use super::packet::{Assembler, Kind, Message, invalid, send, split};
use super::prelogin::{Agreed, agree, answer, wish};
use super::token::Tokens;
use super::wrapped::Wrapped;
use super::{Service, login, request};
use crate::lab::sql::reply::{Reply, SqlError};
use crate::lab::sql::session::Session;

/// The bytes of a packet before another size is agreed upon.
const FIRST_PACKET_BYTES: usize = 4096;

/// A stream, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection for as long as it lasts.
pub async fn converse(service: Arc<Service>, mut stream: TcpStream) -> io::Result<()> {
    let mut packets = Assembler::default();
    let Some(hello) = packets.read(&mut stream).await? else { return Ok(()) };
    if hello.kind != Kind::PreLogin {
        return Err(invalid("a conversation that does not begin with PRELOGIN"));
    }
    let (agreed, byte) = agree(wish(&hello.payload)?, service.encryption);
    send(&mut stream, Kind::Reply, &answer(service.version(), byte), FIRST_PACKET_BYTES).await?;
    match agreed {
        Agreed::Refused => stream.shutdown().await,
        Agreed::Nothing => {
            let Some(message) = packets.read(&mut stream).await? else { return Ok(()) };
            Talk::new(service, packets).begin(&mut stream, message).await
        }
        Agreed::All => {
            let mut tls = handshake(&service, stream).await?;
            let Some(message) = packets.read(&mut tls).await? else { return Ok(()) };
            Talk::new(service, packets).begin(&mut tls, message).await
        }
        Agreed::LoginOnly => {
            let mut tls = handshake(&service, stream).await?;
            let Some(message) = packets.read(&mut tls).await? else { return Ok(()) };
            // From here on nothing is encrypted, in either direction.
            let bare = tls.get_mut().get_mut().get_mut().inner();
            Talk::new(service, packets).begin(bare, message).await
        }
    }
}

async fn handshake(service: &Service, stream: TcpStream) -> io::Result<TlsStream<Wrapped<TcpStream>>> {
    // A TLS 1.3 server sends tickets after the handshake, when a client no longer expects packets around them.
    let acceptor = TlsAcceptor::builder(service.identity.clone())
        .min_protocol_version(Some(Protocol::Tlsv12))
        .max_protocol_version(Some(Protocol::Tlsv12))
        .build()
        .map_err(io::Error::other)?;
    let accepted = tokio_native_tls::TlsAcceptor::from(acceptor).accept(Wrapped::new(stream)).await;
    let mut tls = accepted.map_err(io::Error::other)?;
    let wrapped = tls.get_mut().get_mut().get_mut();
    wrapped.flush().await?;
    wrapped.finish();
    Ok(tls)
}

/// What is said after PRELOGIN.
struct Talk {
    service: Arc<Service>,
    packets: Assembler,
    packet_bytes: usize,
}

impl Talk {
    fn new(service: Arc<Service>, packets: Assembler) -> Talk {
        Talk { service, packets, packet_bytes: FIRST_PACKET_BYTES }
    }

    fn tokens(&self) -> Tokens {
        Tokens::new(&self.service.server_name)
    }

    /// Logs in and serves requests until the client goes.
    async fn begin(mut self, stream: &mut impl Stream, first: Message) -> io::Result<()> {
        if first.kind != Kind::Login {
            return Err(invalid("a conversation without a log-in"));
        }
        let login = login::read(&first.payload)?;
        let client = login.client.clone();
        let asked = usize::try_from(login.packet_bytes).unwrap_or(0);
        let instance = self.service.instance.clone();
        let admitted = blocking(move || {
            if login.integrated {
                let text = "Login failed. The login is from an untrusted domain and cannot be used with Integrated authentication.";
                return Err(SqlError::new(18452, 14, text));
            }
            instance.log_in(&login.user, &login.password, &login.client)
        });
        let mut tokens = self.tokens();
        let session = match admitted.await? {
            Ok(session) => session,
            Err(error) => {
                tokens.refusal(&error);
                // 4060 comes with 18456, as from SQL Server.
                send(stream, Kind::Reply, &tokens.bytes, self.packet_bytes).await?;
                return stream.shutdown().await;
            }
        };
        let size = if asked == 0 { FIRST_PACKET_BYTES } else { asked.clamp(512, 32_767) };
        tokens.welcome(self.service.version(), session.database(), size);
        send(stream, Kind::Reply, &tokens.bytes, self.packet_bytes).await?;
        self.packet_bytes = size;
        self.serve(stream, session, &client.database).await
    }

    async fn serve(&mut self, stream: &mut impl Stream, session: Session, database: &str) -> io::Result<()> {
        let first_database = if database.is_empty() { session.database().to_owned() } else { database.to_owned() };
        let mut session = session;
        while let Some(message) = self.packets.read(stream).await? {
            if message.kind == Kind::Attention {
                let mut tokens = self.tokens();
                tokens.stopped();
                send(stream, Kind::Reply, &tokens.bytes, self.packet_bytes).await?;
                continue;
            }
            if message.reset {
                session.reset(&first_database);
            }
            let rpc = message.kind == Kind::Rpc;
            let mut tokens = self.tokens();
            let request = match request::read(message.kind, &message.payload) {
                Ok(request) => request,
                Err(error) => {
                    let text = format!(
                        "The incoming tabular data stream (TDS) remote procedure call (RPC) protocol stream is incorrect: {error}."
                    );
                    tokens.refusal(&SqlError::new(8009, 16, text));
                    send(stream, Kind::Reply, &tokens.bytes, self.packet_bytes).await?;
                    continue;
                }
            };
            let (back, replies, stopped) = self.execute(stream, session, request).await?;
            session = back;
            if stopped {
                tokens.stopped();
                send(stream, Kind::Reply, &tokens.bytes, self.packet_bytes).await?;
                continue;
            }
            if !tokens.replies(&replies, rpc) {
                // What was said so far arrives, and then nothing more.
                let bytes = split(Kind::Reply, &tokens.bytes, self.packet_bytes, false);
                if !tokens.bytes.is_empty() {
                    stream.write_all(&bytes).await?;
                    stream.flush().await?;
                }
                return Ok(());
            }
            send(stream, Kind::Reply, &tokens.bytes, self.packet_bytes).await?;
        }
        Ok(())
    }

    /// Carries out a request; whether the client asked to stop it meanwhile.
    async fn execute(
        &mut self,
        stream: &mut impl Stream,
        mut session: Session,
        request: request::Request,
    ) -> io::Result<(Session, Vec<Reply>, bool)> {
        let instance = self.service.instance.clone();
        let signs = session.signs();
        let mut work = spawn_blocking(move || {
            let replies = instance.execute(&mut session, request.kind, &request.text, &request.parameters);
            (session, replies)
        });
        let mut stopped = false;
        loop {
            tokio::select! {
                done = &mut work => {
                    let (session, replies) = done.map_err(io::Error::other)?;
                    return Ok((session, replies, stopped));
                }
                message = self.packets.read(stream), if !stopped => match message {
                    Ok(Some(Message { kind: Kind::Attention, .. })) => {
                        signs.cancel();
                        stopped = true;
                    }
                    Ok(Some(_)) => return Err(invalid("a request before the one before it was answered")),
                    // The client is gone: what it asked for is carried out, and nobody is told.
                    Ok(None) | Err(_) => {
                        signs.cancel();
                        let _ = work.await;
                        return Err(io::ErrorKind::ConnectionAborted.into());
                    }
                },
            }
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)
}
