//! LOGIN7: who connects (MS-TDS 2.2.6.4).

use std::io;

use super::packet::invalid;
use super::reader::{Reader, utf16};
use crate::lab::sql::session::Client;

/// A client's log-in.
pub struct Login {
    /// The packets' size it asks for.
    pub packet_bytes: u32,
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: String,
    /// From where, and where to.
    pub client: Client,
    /// Whether it logs in as a Windows account, through SSPI.
    pub integrated: bool,
}

/// Reads a LOGIN7.
///
/// # Errors
/// When it is none.
pub fn read(payload: &[u8]) -> io::Result<Login> {
    let mut reader = Reader::new(payload);
    reader.bytes(8)?;
    let packet_bytes = reader.u32()?;
    reader.bytes(12)?;
    // OptionFlags2, whose highest bit asks for integrated security.
    reader.bytes(1)?;
    let integrated = reader.u8()? & 0x80 != 0;
    reader.bytes(10)?;
    let mut fields = Vec::new();
    for _ in 0..9 {
        fields.push((usize::from(reader.u16()?), usize::from(reader.u16()?)));
    }
    let field = |at: usize| -> io::Result<&[u8]> {
        let (offset, units) = fields.get(at).copied().unwrap_or_default();
        payload.get(offset..offset + 2 * units).ok_or_else(|| invalid("a field of a log-in that is not there"))
    };
    // What clients do to a password is undone: each byte's halves were swapped, then it was XORed with 0xA5.
    let password: Vec<u8> = field(2)?.iter().map(|byte| (byte ^ 0xA5).rotate_left(4)).collect();
    let (host, user, program, database) = (utf16(field(0)?), utf16(field(1)?), utf16(field(3)?), utf16(field(8)?));
    Ok(Login { packet_bytes, user, password: utf16(&password), client: Client { host, program, database }, integrated })
}
