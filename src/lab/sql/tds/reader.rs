//! Reading the little-endian fields of a message.

use std::io;

use super::packet::invalid;

/// A message that is read from its beginning.
pub struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    /// Reads bytes.
    pub fn new(bytes: &'b [u8]) -> Reader<'b> {
        Reader { rest: bytes }
    }

    /// Whether everything was read.
    pub fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// Whether the next byte is this one.
    pub fn peeks(&self, byte: u8) -> bool {
        self.rest.first() == Some(&byte)
    }

    /// So many bytes.
    pub fn bytes(&mut self, count: usize) -> io::Result<&'b [u8]> {
        if count > self.rest.len() {
            return Err(invalid("a message that ends too early"));
        }
        let (bytes, rest) = self.rest.split_at(count);
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        self.bytes(N)?.try_into().map_err(|_| invalid("a message that ends too early"))
    }

    /// One byte.
    pub fn u8(&mut self) -> io::Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Two bytes.
    pub fn u16(&mut self) -> io::Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes.
    pub fn u32(&mut self) -> io::Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> io::Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A text of so many UTF-16 units.
    pub fn text(&mut self, units: usize) -> io::Result<String> {
        self.bytes(units.saturating_mul(2)).map(utf16)
    }

    /// A text behind its length in one byte (B_VARCHAR).
    pub fn short_text(&mut self) -> io::Result<String> {
        let units = self.u8()?;
        self.text(usize::from(units))
    }

    /// Goes past ALL_HEADERS (MS-TDS 2.2.5.3).
    pub fn skip_headers(&mut self) -> io::Result<()> {
        let total = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        let rest = total.checked_sub(4).ok_or_else(|| invalid("headers of an impossible length"))?;
        self.bytes(rest).map(|_| ())
    }

    /// What is left, as a text.
    pub fn rest_text(&mut self) -> String {
        utf16(std::mem::take(&mut self.rest))
    }
}

/// Bytes as UTF-16; what is not is replaced.
pub fn utf16(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units)
}
