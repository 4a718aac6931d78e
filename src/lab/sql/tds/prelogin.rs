//! PRELOGIN: versions, and whether what follows is encrypted (MS-TDS 2.2.6.5).

use std::io;

use super::packet::invalid;
use crate::lab::sql::versions::Version;

const VERSION: u8 = 0;
const ENCRYPTION: u8 = 1;
const INSTANCE: u8 = 2;
const THREAD: u8 = 3;
const MARS: u8 = 4;
const END: u8 = 0xFF;

/// What a server does about encryption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// As the client asks; log-ins always, as SQL Server does out of the box.
    #[default]
    Offered,
    /// Always; a client that cannot is sent away ("Force Encryption").
    Required,
    /// Never. No SQL Server does so; whoever sits between client and server could pretend it.
    Unavailable,
}

/// What client and server agreed upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreed {
    /// Everything is encrypted.
    All,
    /// The log-in alone is.
    LoginOnly,
    /// Nothing is.
    Nothing,
    /// There is no agreement: the connection ends.
    Refused,
}

/// The client's wish: the byte of the ENCRYPTION option.
///
/// # Errors
/// When the message is no PRELOGIN.
pub fn wish(payload: &[u8]) -> io::Result<u8> {
    let mut at = 0;
    loop {
        match payload.get(at..) {
            Some([END, ..]) => return Ok(2),
            Some([token, high, low, _, length, ..]) => {
                let offset = usize::from(u16::from_be_bytes([*high, *low]));
                if *token == ENCRYPTION && *length > 0 {
                    let byte = payload.get(offset).copied();
                    return byte.ok_or_else(|| invalid("a PRELOGIN option that is not there"));
                }
                at += 5;
            }
            _ => return Err(invalid("a PRELOGIN without an end")),
        }
    }
}

/// What becomes of a client's wish, and the byte that says so: 0 off, 1 on, 2 not supported, 3 required.
pub fn agree(wish: u8, server: Encryption) -> (Agreed, u8) {
    match (wish & 0x03, server) {
        (2, Encryption::Required) => (Agreed::Refused, 3),
        (1 | 3, Encryption::Unavailable) => (Agreed::Refused, 2),
        (_, Encryption::Unavailable) | (2, Encryption::Offered) => (Agreed::Nothing, 2),
        (0, Encryption::Offered) => (Agreed::LoginOnly, 0),
        (0, Encryption::Required) => (Agreed::All, 3),
        (_, _) => (Agreed::All, 1),
    }
}

/// The server's PRELOGIN.
pub fn answer(version: &Version, encryption: u8) -> Vec<u8> {
    let [major, minor, build, _] = version.parts().map(|part| u16::try_from(part).unwrap_or(0));
    let mut number = vec![u8::try_from(major).unwrap_or(0), u8::try_from(minor).unwrap_or(0)];
    number.extend(build.to_be_bytes());
    number.extend([0, 0]);
    let options: [(u8, Vec<u8>); 5] =
        [(VERSION, number), (ENCRYPTION, vec![encryption]), (INSTANCE, vec![0]), (THREAD, Vec::new()), (MARS, vec![0])];
    let mut head = Vec::new();
    let mut body: Vec<u8> = Vec::new();
    let start = options.len() * 5 + 1;
    for (token, bytes) in &options {
        head.push(*token);
        head.extend(u16::try_from(start + body.len()).unwrap_or(0).to_be_bytes());
        head.extend(u16::try_from(bytes.len()).unwrap_or(0).to_be_bytes());
        body.extend(bytes);
    }
    head.push(END);
    head.extend(body);
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encryption_is_agreed_upon_as_sql_server_does() {
        for (asked, server, expected) in [
            (0, Encryption::Offered, (Agreed::LoginOnly, 0)),
            (1, Encryption::Offered, (Agreed::All, 1)),
            (2, Encryption::Offered, (Agreed::Nothing, 2)),
            (3, Encryption::Offered, (Agreed::All, 1)),
            (0, Encryption::Required, (Agreed::All, 3)),
            (2, Encryption::Required, (Agreed::Refused, 3)),
            (1, Encryption::Unavailable, (Agreed::Refused, 2)),
            (0, Encryption::Unavailable, (Agreed::Nothing, 2)),
        ] {
            assert_eq!(agree(asked, server), expected, "{asked} {server:?}");
        }
    }

    #[test]
    fn a_wish_is_read_back_from_an_answer() {
        let version = Version::of("2019").unwrap();
        assert_eq!(wish(&answer(version, 3)).unwrap(), 3);
        assert!(wish(&[0, 0]).is_err() && wish(&[1, 255, 255, 0, 1, 255]).is_err());
        assert_eq!(wish(&[END]).unwrap(), 2);
    }
}
