//! PRELOGIN of TDS: what an instance says before any login (MS-TDS 2.2.6.5).

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long an instance may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Types of packets: ours, and the server's reply.
const PRELOGIN: u8 = 0x12;
const REPLY: u8 = 0x04;
/// Options.
const VERSION: u8 = 0;
const ENCRYPTION: u8 = 1;
const END: u8 = 0xFF;
/// A reply is far shorter.
const MAX_BYTES: usize = 4096;

/// What an instance says.
#[derive(Debug, PartialEq, Eq)]
pub struct Prelogin {
    /// Its version, such as `15.0.4355`.
    pub version: String,
    /// What it does about encryption.
    pub encryption: Encryption,
}

/// What an instance does about encryption when it is asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// As it is asked.
    Offered,
    /// Always.
    Required,
    /// Never.
    Unavailable,
}

impl Encryption {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Encryption::Offered => "offered",
            Encryption::Required => "required",
            Encryption::Unavailable => "not supported",
        }
    }

    /// Whether there can be any.
    pub fn is_possible(self) -> bool {
        self != Encryption::Unavailable
    }
}

/// Asks over a new connection, which is of no use afterwards.
pub async fn ask(mut stream: TcpStream) -> Result<Prelogin, String> {
    let asked = async {
        stream.write_all(&question()).await?;
        let mut head = [0; 8];
        stream.read_exact(&mut head).await?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]])).clamp(8, MAX_BYTES) - 8;
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).await?;
        Ok::<_, std::io::Error>((head[0], payload))
    };
    match timeout(PATIENCE, asked).await {
        Err(_) => Err(format!("nothing came within {} s", PATIENCE.as_secs())),
        Ok(Err(error)) => Err(format!("the connection broke before an answer ({error})")),
        Ok(Ok((REPLY, payload))) => read(&payload).ok_or_else(|| "what came is no PRELOGIN".to_owned()),
        Ok(Ok((kind, _))) => Err(format!("what came is no reply of TDS (type {kind})")),
    }
}

/// A packet that asks for encryption.
fn question() -> Vec<u8> {
    // Two options of 5 bytes and the end, then their values: 6 bytes of version, 1 of encryption (ENCRYPT_ON).
    let options = [VERSION, 0, 11, 0, 6, ENCRYPTION, 0, 17, 0, 1, END, 0, 0, 0, 0, 0, 0, 1];
    let mut packet = vec![PRELOGIN, 1, 0, 0, 0, 0, 0, 0];
    packet.extend(options);
    packet[3] = u8::try_from(packet.len()).unwrap_or(u8::MAX);
    packet
}

fn read(payload: &[u8]) -> Option<Prelogin> {
    let (mut version, mut encryption) = (None, None);
    for option in payload.chunks(5) {
        let [token, high, low, _, length] = option else { break };
        if *token == END {
            break;
        }
        let offset = usize::from(u16::from_be_bytes([*high, *low]));
        let value = payload.get(offset..offset + usize::from(*length))?;
        match (*token, value) {
            (VERSION, [major, minor, high, low, ..]) => {
                version = Some(format!("{major}.{minor}.{}", u16::from_be_bytes([*high, *low])));
            }
            (ENCRYPTION, [0 | 1, ..]) => encryption = Some(Encryption::Offered),
            (ENCRYPTION, [3, ..]) => encryption = Some(Encryption::Required),
            (ENCRYPTION, [2, ..]) => encryption = Some(Encryption::Unavailable),
            _ => {}
        }
    }
    Some(Prelogin { version: version?, encryption: encryption? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(encryption: u8) -> Vec<u8> {
        let head = [VERSION, 0, 11, 0, 6, ENCRYPTION, 0, 17, 0, 1, END];
        [head.as_slice(), &[15, 0, 0x11, 0x03, 0, 0, encryption]].concat()
    }

    #[test]
    fn a_reply_is_read() {
        let check = |byte: u8, encryption: Encryption| {
            assert_eq!(read(&reply(byte)), Some(Prelogin { version: "15.0.4355".to_owned(), encryption }));
        };
        check(1, Encryption::Offered);
        check(3, Encryption::Required);
        check(2, Encryption::Unavailable);
        assert_eq!(read(&reply(1)[..15]), None);
        assert_eq!(read(b"HTTP/1.1 400"), None);
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn the_question_says_how_long_it_is() {
        let question = question();
        assert_eq!(usize::from(question[3]), question.len());
        // Its own values are where its options say.
        assert_eq!(&question[8 + 17..], [1]);
    }
}
