//! How a sealed message is wrapped in a body (MS-WSMV 2.2.9.1). The sealing itself is that of the login.

const PLAIN_TYPE: &str = "application/soap+xml;charset=UTF-8";

/// By which login a message is sealed, as bodies name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// One that was made under `Negotiate`: NTLM, bare or in SPNEGO, or Kerberos in SPNEGO.
    Spnego,
    /// One that was made under `Kerberos`.
    Kerberos,
}

impl Protocol {
    fn name(self) -> &'static str {
        match self {
            Protocol::Spnego => "application/HTTP-SPNEGO-session-encrypted",
            Protocol::Kerberos => "application/HTTP-Kerberos-session-encrypted",
        }
    }

    /// `Content-Type` of a body that holds a sealed message.
    pub fn content_type(self) -> String {
        format!("multipart/encrypted;protocol=\"{}\";boundary=\"Encrypted Boundary\"", self.name())
    }
}

/// A sealed message: what the mechanism puts before it, and the ciphertext.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The mechanism's header: 16 bytes with NTLM, 60 with Kerberos and AES.
    pub header: Vec<u8>,
    /// As long as the plaintext, padding included where the mechanism pads.
    pub data: Vec<u8>,
}

/// Whether a reply's or request's `Content-Type` announces a sealed message.
pub fn is_sealed(content_type: &str) -> bool {
    content_type.trim_start().to_ascii_lowercase().starts_with("multipart/encrypted")
}

/// The body for a sealed message. There is no line break before the last boundary, and a tab before each header.
pub fn wrap(protocol: Protocol, sealed: &Sealed) -> Vec<u8> {
    let header_length = u32::try_from(sealed.header.len()).unwrap_or(u32::MAX);
    let head = format!(
        "--Encrypted Boundary\r\n\tContent-Type: {}\r\n\tOriginalContent: type={PLAIN_TYPE};Length={}\r\n\
         --Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n",
        protocol.name(),
        sealed.data.len()
    );
    [head.as_bytes(), &header_length.to_le_bytes(), &sealed.header, &sealed.data, b"--Encrypted Boundary--\r\n"]
        .concat()
}

/// The sealed message in a body. The ciphertext may hold anything, so it is cut by its length and never searched.
///
/// Peers differ: tabs may be missing, a line break may precede the last boundary, Exchange puts a space behind `--`.
///
/// # Errors
///
/// Which part is missing or is not where it should be.
pub fn unwrap(body: &[u8]) -> Result<Sealed, &'static str> {
    let mut rest = boundary(body).ok_or("the first boundary is missing")?;
    let mut length = None;
    rest = loop {
        if let Some(after) = boundary(rest) {
            break after;
        }
        let (line, after) = line(rest).ok_or("the second boundary is missing")?;
        length = length.or(plain_length(line));
        rest = after;
    };
    let (_, data) = line(rest).ok_or("the part's header is missing")?;
    let length = length.ok_or("the length of the original content is missing")?;
    let (header_length, data) = data.split_first_chunk::<4>().ok_or("the part is cut short")?;
    let header_length = usize::try_from(u32::from_le_bytes(*header_length)).map_err(|_| "the header is too long")?;
    let (header, data) = data.split_at_checked(header_length).ok_or("the header is cut short")?;
    let (data, tail) = data.split_at_checked(length).ok_or("the ciphertext is cut short")?;
    if !is_last_boundary(tail) {
        return Err("the last boundary is not where the length says");
    }
    Ok(Sealed { header: header.to_vec(), data: data.to_vec() })
}

/// Whether nothing but the last boundary is left.
fn is_last_boundary(tail: &[u8]) -> bool {
    let text = std::str::from_utf8(tail).map(str::trim).unwrap_or_default();
    text.strip_prefix("--").and_then(|text| text.strip_suffix("--")).map(str::trim) == Some("Encrypted Boundary")
}

/// What follows a boundary line; `None` where there is none.
fn boundary(bytes: &[u8]) -> Option<&[u8]> {
    let (line, rest) = line(bytes)?;
    (line.strip_prefix("--")?.trim() == "Encrypted Boundary").then_some(rest)
}

/// The next line without its end, and the rest.
fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    // A line of a part's head is far shorter; what is longer is ciphertext in the wrong place.
    let end = bytes.iter().take(1024).position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&bytes[..end]).ok()?;
    Some((line.trim_end_matches('\r'), &bytes[end + 1..]))
}

fn plain_length(line: &str) -> Option<usize> {
    let (name, value) = line.split_once(':')?;
    if !name.trim().eq_ignore_ascii_case("OriginalContent") {
        return None;
    }
    let length = value.split(';').find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case("Length").then_some(value)
    })?;
    length.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealed() -> Sealed {
        Sealed { header: vec![1; 16], data: b"a--Encrypted Boundary\r\nb".to_vec() }
    }

    fn check(from: &str, to: &str) {
        let body = wrap(Protocol::Spnego, &sealed());
        let text = String::from_utf8(body).unwrap();
        assert!(text.contains(from), "{text:?} lacks {from:?}");
        assert_eq!(unwrap(text.replacen(from, to, 9).as_bytes()), Ok(sealed()), "{from:?} as {to:?}");
    }

    #[test]
    fn the_body_is_as_the_specification_shows_it() {
        for (protocol, name) in [(Protocol::Spnego, "SPNEGO"), (Protocol::Kerberos, "Kerberos")] {
            let body = wrap(protocol, &Sealed { header: b"HHHH".to_vec(), data: b"DDD".to_vec() });
            let expected = format!(
                "--Encrypted Boundary\r\n\
                 \tContent-Type: application/HTTP-{name}-session-encrypted\r\n\
                 \tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=3\r\n\
                 --Encrypted Boundary\r\n\
                 \tContent-Type: application/octet-stream\r\n\
                 \u{4}\0\0\0HHHHDDD--Encrypted Boundary--\r\n"
            );
            assert_eq!(String::from_utf8(body).unwrap(), expected);
            assert!(is_sealed(&protocol.content_type()) && protocol.content_type().contains(name));
        }
    }

    #[test]
    fn what_other_servers_write_is_read_too() {
        check("\r\n\t", "\r\n");
        check("--Encrypted Boundary--", "\r\n--Encrypted Boundary--");
        check("--Encrypted Boundary--\r\n", "--Encrypted Boundary--");
        check("--Encrypted Boundary\r\n\t", "-- Encrypted Boundary\r\n\t");
        check("OriginalContent", "originalcontent");
        check(";Length=", "; Length = ");
    }

    #[test]
    fn a_wrong_length_is_an_error() {
        let whole = String::from_utf8(wrap(Protocol::Spnego, &sealed())).unwrap();
        let length = format!("Length={}", sealed().data.len());
        for wrong in ["Length=1", "Length=99999", "Length=x", "Size=1"] {
            assert!(unwrap(whole.replace(&length, wrong).as_bytes()).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_message_comes_back(header in any::<Vec<u8>>(), data in any::<Vec<u8>>()) {
            let sealed = Sealed { header, data };
            prop_assert_eq!(unwrap(&wrap(Protocol::Spnego, &sealed)), Ok(sealed));
        }

        #[test]
        fn any_bytes_are_taken_without_panic(bytes in any::<Vec<u8>>(), cut in 0usize..400) {
            let _ = unwrap(&bytes);
            let whole = wrap(Protocol::Spnego, &sealed());
            let _ = unwrap(&whole[..cut.min(whole.len())]);
        }
    }
}
