//! The TLS handshake inside PRELOGIN packets, and bare bytes after it (MS-TDS 3.2.5.1).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::packet::{Assembler, Kind, split};

/// A stream whose bytes travel in PRELOGIN packets until the handshake is over.
pub struct Wrapped<S> {
    stream: S,
    handshake: bool,
    incoming: Assembler,
    /// Bytes of a packet that were not asked for yet.
    ready: Vec<u8>,
    /// Bytes that go out as one packet.
    outgoing: Vec<u8>,
    /// A packet of which some is still to be sent.
    sending: Vec<u8>,
}

impl<S> Wrapped<S> {
    /// Wraps a stream for its handshake.
    pub fn new(stream: S) -> Wrapped<S> {
        Wrapped {
            stream,
            handshake: true,
            incoming: Assembler::default(),
            ready: Vec::new(),
            outgoing: Vec::new(),
            sending: Vec::new(),
        }
    }

    /// The handshake is over.
    pub fn finish(&mut self) {
        self.handshake = false;
    }

    /// The stream itself.
    pub fn inner(&mut self) -> &mut S {
        &mut self.stream
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wrapped<S> {
    fn poll_send(&mut self, context: &mut Context) -> Poll<io::Result<()>> {
        if !self.outgoing.is_empty() {
            let packet = split(Kind::PreLogin, &std::mem::take(&mut self.outgoing), 32_767, true);
            self.sending.extend(packet);
        }
        while !self.sending.is_empty() {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(context, &self.sending))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sending.drain(..sent);
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wrapped<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.handshake && this.ready.is_empty() {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        // Who waits for an answer has said everything.
        ready!(this.poll_send(context))?;
        while this.ready.is_empty() {
            if let Some(message) = this.incoming.next()? {
                this.ready = message.payload;
                continue;
            }
            let mut bytes = [0; 4096];
            let mut chunk = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut chunk))?;
            if chunk.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.incoming.push(chunk.filled());
        }
        let count = buffer.remaining().min(this.ready.len());
        buffer.put_slice(&this.ready[..count]);
        this.ready.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wrapped<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.handshake {
            self.outgoing.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        self.poll_send(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
