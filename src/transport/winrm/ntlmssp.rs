//! The few fields of NTLM's messages that decide whether a login is good enough (MS-NLMP 2.2.1, 2.2.2).

use super::seal::Sealed;

/// Message type of a challenge.
pub const CHALLENGE: u32 = 2;
/// Message type of an authentication.
pub const AUTHENTICATE: u32 = 3;

/// A signature's length in bytes (MS-NLMP 2.2.2.9).
const SIGNATURE_BYTES: usize = 16;
const AV_FLAGS: u16 = 6;
const AV_CHANNEL_BINDINGS: u16 = 10;

const SIGN: u32 = 0x0000_0010;
const SEAL: u32 = 0x0000_0020;
const EXTENDED_SESSION_SECURITY: u32 = 0x0008_0000;
const KEY_128: u32 = 0x2000_0000;
const KEY_EXCHANGE: u32 = 0x4000_0000;

/// Whether a message promises sealing with 128-bit keys, extended session security and a key of its own.
/// Anything weaker could log in and then not seal.
///
/// # Errors
///
/// What is missing, in words.
pub fn check_strength(token: &[u8], message_type: u32) -> Result<(), String> {
    if token.get(..8) != Some(b"NTLMSSP\0") || number(token, 8) != Some(message_type) {
        return Err(format!("the token is no NTLM message of type {message_type}"));
    }
    let at = if message_type == AUTHENTICATE { 60 } else { 20 };
    let flags = number(token, at).ok_or("the NTLM message is cut short")?;
    let needed = [
        (SIGN, "signing"),
        (SEAL, "sealing"),
        (EXTENDED_SESSION_SECURITY, "extended session security"),
        (KEY_128, "128-bit keys"),
        (KEY_EXCHANGE, "key exchange"),
    ];
    match needed.iter().find(|(flag, _)| flags & flag == 0) {
        Some((_, name)) => Err(format!("the NTLM login would be without {name}")),
        None => Ok(()),
    }
}

/// Whether the signature of a sealed message is as long as NTLM's are.
///
/// # Errors
///
/// How long it is.
pub fn check_signature(sealed: &Sealed) -> Result<(), String> {
    match sealed.header.len() {
        SIGNATURE_BYTES => Ok(()),
        bytes => Err(format!("the signature has {bytes} bytes and not {SIGNATURE_BYTES}")),
    }
}

/// Whether an authentication carries a message integrity code: bit 2 of `MsvAvFlags` in its NTLMv2 response.
pub fn has_integrity_code(authenticate: &[u8]) -> bool {
    let flags = pair(authenticate, AV_FLAGS).and_then(|flags| number(flags, 0));
    flags.is_some_and(|flags| flags & 2 != 0)
}

/// The hash of what an authentication is bound to: `MsvAvChannelBindings`, of which nothing but zeros says none.
pub fn channel_binding(authenticate: &[u8]) -> Option<&[u8]> {
    pair(authenticate, AV_CHANNEL_BINDINGS).filter(|hash| hash.iter().any(|byte| *byte != 0))
}

/// A value among the pairs of an NTLMv2 response (MS-NLMP 2.2.2.1).
fn pair(authenticate: &[u8], wanted: u16) -> Option<&[u8]> {
    const RESPONSE_HEAD: usize = 16 + 28;
    let mut pairs = field(authenticate, 20)?.get(RESPONSE_HEAD..)?;
    loop {
        let (head, rest) = pairs.split_first_chunk::<4>()?;
        let id = u16::from_le_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
        let (value, rest) = rest.split_at_checked(length)?;
        match id {
            0 => return None,
            id if id == wanted => return Some(value),
            _ => pairs = rest,
        }
    }
}

/// The user and the domain of an authentication, in Unicode.
pub fn names(authenticate: &[u8]) -> Option<(String, String)> {
    let text = |at| {
        let units: Vec<u16> =
            field(authenticate, at)?.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok()
    };
    Some((text(36)?, text(28)?))
}

/// The bytes that a field's length and offset point to.
fn field(message: &[u8], at: usize) -> Option<&[u8]> {
    let length = usize::from(u16::from_le_bytes(*message.get(at..)?.first_chunk()?));
    let offset = usize::try_from(number(message, at + 4)?).ok()?;
    message.get(offset..offset.checked_add(length)?)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
