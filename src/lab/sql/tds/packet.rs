//! Packets: the eight-byte headers in which all of TDS travels (MS-TDS 2.2.3).

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Length of a packet's header.
pub const HEADER_BYTES: usize = 8;
/// The most bytes that a message may have; a batch of the lab's has a few thousand.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Status: the last packet of a message.
const END: u8 = 0x01;
/// Status: the client no longer wants the message that it has begun.
const IGNORE: u8 = 0x02;
/// Status: the session shall be as after its log-in.
const RESET: u8 = 0x08 | 0x10;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A batch of T-SQL.
    Batch,
    /// A remote procedure call.
    Rpc,
    /// What the server says.
    Reply,
    /// A wish to stop.
    Attention,
    /// A request of the transaction manager.
    Transaction,
    /// LOGIN7.
    Login,
    /// PRELOGIN, and the TLS handshake.
    PreLogin,
}

impl Kind {
    /// The kind of a packet's first byte.
    fn of(byte: u8) -> Option<Kind> {
        Some(match byte {
            0x01 => Kind::Batch,
            0x03 => Kind::Rpc,
            0x04 => Kind::Reply,
            0x06 => Kind::Attention,
            0x0E => Kind::Transaction,
            0x10 => Kind::Login,
            0x12 => Kind::PreLogin,
            _ => return None,
        })
    }

    /// A packet's first byte.
    pub fn byte(self) -> u8 {
        match self {
            Kind::Batch => 0x01,
            Kind::Rpc => 0x03,
            Kind::Reply => 0x04,
            Kind::Attention => 0x06,
            Kind::Transaction => 0x0E,
            Kind::Login => 0x10,
            Kind::PreLogin => 0x12,
        }
    }
}

/// A message put together from its packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub kind: Kind,
    /// Whether the session shall be reset first.
    pub reset: bool,
    /// Its bytes.
    pub payload: Vec<u8>,
}

/// Puts packets together as their bytes arrive.
#[derive(Debug, Default)]
pub struct Assembler {
    bytes: Vec<u8>,
    payload: Vec<u8>,
    reset: bool,
}

impl Assembler {
    /// Takes bytes as they come.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message; `None` while it is not all there.
    ///
    /// # Errors
    /// When the bytes are no packets.
    pub fn next(&mut self) -> io::Result<Option<Message>> {
        loop {
            let [kind, status, high, low, ..] = self.bytes[..] else { return Ok(None) };
            let length = usize::from(u16::from_be_bytes([high, low]));
            let kind = Kind::of(kind).ok_or_else(|| invalid("a packet of an unknown kind"))?;
            if length < HEADER_BYTES || self.payload.len() > MOST_BYTES {
                return Err(invalid("a packet of an impossible length"));
            }
            if self.bytes.len() < length {
                return Ok(None);
            }
            self.payload.extend_from_slice(&self.bytes[HEADER_BYTES..length]);
            self.bytes.drain(..length);
            self.reset |= status & RESET != 0;
            if status & END != 0 {
                let payload = std::mem::take(&mut self.payload);
                let reset = std::mem::take(&mut self.reset);
                // A message that was given up half-way is none.
                if status & IGNORE == 0 {
                    return Ok(Some(Message { kind, reset, payload }));
                }
            }
        }
    }

    /// Reads the next message; `None` where the other side is gone. Nothing is lost when this is not waited for.
    ///
    /// # Errors
    /// When the connection fails or what comes is no TDS.
    pub async fn read(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Message>> {
        loop {
            if let Some(message) = self.next()? {
                return Ok(Some(message));
            }
            let mut bytes = [0; 4096];
            let read = stream.read(&mut bytes).await?;
            if read == 0 {
                return Ok(None);
            }
            self.push(&bytes[..read]);
        }
    }
}

/// A message as packets of at most a size; without its end where it breaks off.
pub fn split(kind: Kind, payload: &[u8], size_bytes: usize, whole: bool) -> Vec<u8> {
    let room = size_bytes.clamp(512, 32_767) - HEADER_BYTES;
    let mut bytes = Vec::with_capacity(payload.len() + HEADER_BYTES);
    let mut chunks: Vec<&[u8]> = payload.chunks(room).collect();
    if chunks.is_empty() {
        chunks.push(&[]);
    }
    let last = chunks.len() - 1;
    for (number, chunk) in chunks.into_iter().enumerate() {
        let length = u16::try_from(chunk.len() + HEADER_BYTES).unwrap_or(u16::MAX);
        let id = u8::try_from((number + 1) % 256).unwrap_or(0);
        let status = if whole && number == last { END } else { 0 };
        bytes.extend([kind.byte(), status]);
        bytes.extend(length.to_be_bytes());
        bytes.extend([0, 0, id, 0]);
        bytes.extend(chunk);
    }
    bytes
}

/// Sends a message.
///
/// # Errors
/// When the connection fails.
pub async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    kind: Kind,
    payload: &[u8],
    size_bytes: usize,
) -> io::Result<()> {
    stream.write_all(&split(kind, payload, size_bytes, true)).await?;
    stream.flush().await
}

/// An error for what is no TDS.
pub fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_message_is_the_same_in_packets_of_any_size(
            payload in proptest::collection::vec(any::<u8>(), 0..5000), size in 512_usize..40_000, step in 1_usize..700)
        {
            let mut assembler = Assembler::default();
            let mut found = Vec::new();
            for chunk in split(Kind::Batch, &payload, size, true).chunks(step) {
                assembler.push(chunk);
                found.extend(assembler.next().unwrap());
            }
            prop_assert_eq!(found, vec![Message { kind: Kind::Batch, reset: false, payload }]);
        }

        #[test]
        fn no_bytes_upset_the_assembler(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut assembler = Assembler::default();
            assembler.push(&bytes);
            while let Ok(Some(_)) = assembler.next() {}
        }
    }
}
