//! By way of another host: a channel of its connection, made to look like a socket.
//!
//! libssh2 speaks to sockets alone. So one end of a pair on loopback is given to the inner session, and a thread passes
//! on what comes at the other end.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use ssh2::{Channel, Session};
use tokio::io::Interest;
use tokio::net::TcpStream as Socket;

/// What is read at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// A socket whose bytes go through a channel. `twin` is another handle of the session's own socket, to wait on.
pub(super) fn carry(session: Session, channel: Channel, twin: TcpStream) -> io::Result<TcpStream> {
    let (near, far) = pair()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    twin.set_nonblocking(true)?;
    far.set_nonblocking(true)?;
    session.set_blocking(false);
    let run = move || {
        let passed = runtime.block_on(async {
            let mut pump = Pump {
                channel,
                outer: Socket::from_std(twin)?,
                inner: Socket::from_std(far)?,
                down: Pending::default(),
                up: Pending::default(),
            };
            pump.run(&session).await
        });
        if let Err(error) = passed {
            tracing::debug!(%error, "a jump host's channel ended");
        }
    };
    std::thread::Builder::new().name("ssh jump".to_owned()).spawn(run)?;
    Ok(near)
}

/// Two sockets that are connected with each other and with nobody else.
fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let own = near.local_addr()?;
    let far = loop {
        // Anybody on this machine may knock.
        let (stream, from) = listener.accept()?;
        if from == own {
            break stream;
        }
    };
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    Ok((near, far))
}

/// Bytes that were read and not yet written.
#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    ended: bool,
}

struct Pump {
    channel: Channel,
    outer: Socket,
    inner: Socket,
    /// From the channel to the inner session.
    down: Pending,
    /// From the inner session to the channel.
    up: Pending,
}

impl Pump {
    /// Passes bytes on until either side ends.
    async fn run(&mut self, session: &Session) -> io::Result<()> {
        loop {
            // Readiness is forgotten before libssh2 reads to the end of what there is; what comes later counts anew.
            for interest in [Interest::READABLE, Interest::WRITABLE] {
                let _ = self.outer.try_io(interest, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
            }
            while self.pass()? {}
            if (self.down.ended && self.down.bytes.is_empty()) || (self.up.ended && self.up.bytes.is_empty()) {
                return Ok(());
            }
            let blocked =
                matches!(session.block_directions(), ssh2::BlockDirections::Outbound | ssh2::BlockDirections::Both);
            tokio::select! {
                ready = self.outer.readable() => ready?,
                ready = self.outer.writable(), if blocked => ready?,
                ready = self.inner.readable(), if self.up.bytes.is_empty() => ready?,
                ready = self.inner.writable(), if !self.down.bytes.is_empty() => ready?,
            }
        }
    }

    /// Passes on what can be passed on at once; whether that was anything.
    fn pass(&mut self) -> io::Result<bool> {
        let Pump { channel, inner, down, up, .. } = self;
        let mut passed = down.fill(|buffer| match channel.read(buffer)? {
            // libssh2 says so, too, after a packet that was for another channel.
            0 if !channel.eof() => Err(io::ErrorKind::WouldBlock.into()),
            read => Ok(read),
        })?;
        passed |= down.drain(|bytes| inner.try_write(bytes))?;
        passed |= up.fill(|buffer| inner.try_read(buffer))?;
        passed |= up.drain(|bytes| channel.write(bytes))?;
        Ok(passed)
    }
}

impl Pending {
    fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<bool> {
        if self.ended || !self.bytes.is_empty() {
            return Ok(false);
        }
        self.bytes.resize(BUFFER_BYTES, 0);
        let read = at_once(read(&mut self.bytes));
        self.bytes.truncate(read.as_ref().ok().copied().flatten().unwrap_or_default());
        self.ended = read? == Some(0);
        Ok(self.ended || !self.bytes.is_empty())
    }

    fn drain(&mut self, write: impl FnOnce(&[u8]) -> io::Result<usize>) -> io::Result<bool> {
        if self.bytes.is_empty() {
            return Ok(false);
        }
        let written = at_once(write(&self.bytes))?.unwrap_or_default();
        self.bytes.drain(..written);
        Ok(written > 0)
    }
}

/// What was done at once; `None` where that was nothing yet.
fn at_once(done: io::Result<usize>) -> io::Result<Option<usize>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
