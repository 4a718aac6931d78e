//! The shape of a sealed message (RFC 4121 4.2.6.2): what must hold of one before it is opened.

#[cfg(feature = "kinit")]
use crate::transport::winrm::seal::Sealed;

/// TOK_ID of a Wrap token.
const WRAP: [u8; 2] = [0x05, 0x04];
/// The bits of the flags: the acceptor sent it; it is encrypted and not just signed.
const FROM_ACCEPTOR: u8 = 0x01;
const SEALED: u8 = 0x02;
/// The header in clear.
const HEADER_BYTES: usize = 16;
/// What encryption adds: a confounder, the header once more, and an HMAC of 96 bits.
const ADDED_BYTES: usize = 16 + 16 + 12;
/// How far Windows and its peers rotate what is encrypted (MS-KILE 3.4.5.4.1), the extra count apart.
const ROTATION_BYTES: u16 = 28;
/// A header as it goes on the wire to Windows, filler apart: with what is rotated before the data.
#[cfg(feature = "kinit")]
const SEALED_HEADER_BYTES: usize = HEADER_BYTES + ADDED_BYTES;
/// The most of filler that an AES block asks for.
const MAX_EXTRA_BYTES: u16 = 16;

/// Refuses a message that is no sealed one of a host, before its keys are tried.
pub fn check(token: &[u8]) -> Result<(), String> {
    let Some((header, rest)) = token.split_first_chunk::<HEADER_BYTES>() else {
        return Err("it is too short for a header".to_owned());
    };
    let number = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let (extra, rotation) = (number(4), number(6));
    if header[..2] != WRAP {
        return Err("it is no sealed message of Kerberos".to_owned());
    }
    if header[2] & SEALED == 0 {
        return Err("it is signed but not encrypted".to_owned());
    }
    if header[2] & FROM_ACCEPTOR == 0 {
        return Err("it was not made by the host".to_owned());
    }
    if rotation != ROTATION_BYTES || extra > MAX_EXTRA_BYTES {
        return Err(format!(
            "it is rotated by {rotation} bytes with {extra} of filler, where 28 with at most 16 are usual"
        ));
    }
    if rest.len() < ADDED_BYTES + usize::from(extra) {
        return Err("it is cut short".to_owned());
    }
    Ok(())
}

/// A message as other libraries seal it, rotated as Windows expects it and cut where its header ends: the rotation is
/// part of no signature.
///
/// # Errors
///
/// What is unusual about it.
#[cfg(feature = "kinit")]
pub fn for_windows(mut token: Vec<u8>) -> Result<Sealed, String> {
    let Some((header, rest)) = token.split_first_chunk_mut::<HEADER_BYTES>() else {
        return Err("the library sealed nothing".to_owned());
    };
    let number = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let (extra, rotation) = (number(4), number(6));
    if rotation == 0 && rest.len() >= ADDED_BYTES + usize::from(extra) {
        rest.rotate_right(usize::from(ROTATION_BYTES + extra));
        header[6..8].copy_from_slice(&ROTATION_BYTES.to_be_bytes());
    } else if rotation != ROTATION_BYTES {
        return Err(format!("the library rotates by {rotation} bytes, where 0 or 28 are usual"));
    }
    let data = token.split_off(SEALED_HEADER_BYTES + usize::from(extra));
    Ok(Sealed { header: token, data })
}

/// A message that [`check`] let pass, without the rotation, as every library opens it. Windows' own takes it as it came.
///
/// # Errors
///
/// That it is cut short.
#[cfg(feature = "kinit")]
pub fn from_windows(mut token: Vec<u8>) -> Result<Vec<u8>, String> {
    check(&token)?;
    if cfg!(not(windows))
        && let Some((header, rest)) = token.split_first_chunk_mut::<HEADER_BYTES>()
    {
        let extra = u16::from_be_bytes([header[4], header[5]]);
        rest.rotate_left(usize::from(ROTATION_BYTES + extra));
        header[6..8].copy_from_slice(&[0, 0]);
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_host_sealed_is_tried() {
        let whole = [&[5, 4, 7, 0xFF, 0, 0, 0, 28][..], &[0; 8], &[9; 44]].concat();
        assert_eq!(check(&whole), Ok(()));
        let check_changed = |at: usize, to: u8, expected: &str| {
            let mut changed = whole.clone();
            changed[at] = to;
            let why = check(&changed).unwrap_err();
            assert!(why.contains(expected), "{why:?} lacks {expected:?}");
        };
        check_changed(0, 4, "no sealed message");
        check_changed(2, 5, "not encrypted");
        check_changed(2, 6, "not made by the host");
        check_changed(7, 0, "rotated by 0 bytes");
        check_changed(5, 17, "17 of filler");
        check_changed(5, 1, "cut short");
        assert!(check(&whole[..59]).is_err_and(|why| why.contains("cut short")));
        assert!(check(&whole[..15]).is_err_and(|why| why.contains("too short")));
    }

    #[cfg(feature = "kinit")]
    #[test]
    fn a_library_s_rotation_is_made_windows_and_undone() {
        let body: Vec<u8> = (0..64).collect();
        let plain = [&[5, 4, 6, 0xFF, 0, 0, 0, 0][..], &[1; 8], &body].concat();
        let sealed = for_windows(plain.clone()).unwrap();
        assert_eq!((sealed.header.len(), sealed.data.len()), (60, 20));
        assert_eq!(sealed.header[..8], [5, 4, 6, 0xFF, 0, 0, 0, 28]);
        assert_eq!(sealed.header[16..44], body[36..]);
        // What the host sends carries the other side's flag.
        let mut back = [sealed.header, sealed.data].concat();
        back[2] |= 1;
        let mut expected = plain;
        expected[2] |= 1;
        assert_eq!(from_windows(back), Ok(expected));
        assert!(for_windows(vec![0; 10]).is_err());
    }
}
