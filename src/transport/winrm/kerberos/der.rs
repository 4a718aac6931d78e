//! The little of DER (X.690) that Kerberos' errors and SPNEGO's frames are made of: definite lengths, low tags.

/// What a tag and a length hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The tag with its class bits: `0x30` a SEQUENCE, `0xA0` the context's 0.
    pub tag: u8,
    /// What is inside.
    pub content: &'a [u8],
}

/// The first element of some bytes, and what follows it.
pub fn take(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(*first), rest),
        // Four bytes of length are 4 GiB.
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((Element { tag: *tag, content }, rest))
}

/// What is inside an element that must be of a tag.
pub fn inside(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    take(bytes).filter(|(element, _)| element.tag == tag).map(|(element, _)| element.content)
}

/// The elements that stand side by side; ends where they stop making sense.
pub fn each(mut bytes: &[u8]) -> impl Iterator<Item = Element<'_>> {
    std::iter::from_fn(move || {
        let (element, rest) = take(bytes)?;
        bytes = rest;
        Some(element)
    })
}

/// What is inside the element of the context's tag `number`, among elements side by side.
pub fn field(bytes: &[u8], number: u8) -> Option<&[u8]> {
    each(bytes).find(|element| element.tag == 0xA0 | number).map(|element| element.content)
}

/// An INTEGER that fits.
pub fn integer(bytes: &[u8]) -> Option<i64> {
    let digits = inside(bytes, 0x02).filter(|digits| (1..=8).contains(&digits.len()))?;
    let start = if digits[0] & 0x80 == 0 { 0 } else { -1 };
    Some(digits.iter().fold(start, |number, digit| number << 8 | i64::from(*digit)))
}

/// An element made of pieces.
pub fn wrap(tag: u8, pieces: &[&[u8]]) -> Vec<u8> {
    let content = pieces.concat();
    let digits = content.len().to_be_bytes();
    let digits = &digits[digits.iter().take_while(|digit| **digit == 0).count()..];
    let mut bytes = vec![tag];
    match (content.len(), u8::try_from(digits.len())) {
        (0..=0x7F, _) => bytes.push(digits.first().copied().unwrap_or(0)),
        (_, Ok(count)) => {
            bytes.push(0x80 | count);
            bytes.extend(digits);
        }
        (_, Err(_)) => unreachable!("a length has at most eight bytes"),
    }
    bytes.extend(content);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_are_written_as_short_as_they_go() {
        let check = |length: usize, head: &[u8]| {
            let made = wrap(0x30, &[&vec![7; length]]);
            assert!(made.starts_with(head) && made.len() == head.len() + length, "{length}: {:?}", &made[..4]);
        };
        check(0, &[0x30, 0]);
        check(127, &[0x30, 127]);
        check(128, &[0x30, 0x81, 128]);
        check(256, &[0x30, 0x82, 1, 0]);
        check(70_000, &[0x30, 0x83, 1, 0x11, 0x70]);
    }

    #[test]
    fn numbers_have_signs() {
        let check = |bytes: &[u8], expected: Option<i64>| assert_eq!(integer(bytes), expected, "{bytes:?}");
        check(&[2, 1, 37], Some(37));
        check(&[2, 2, 0, 0x80], Some(128));
        check(&[2, 1, 0xFF], Some(-1));
        check(&[2, 0], None);
        check(&[4, 1, 1], None);
    }

    proptest! {
        #[test]
        fn what_is_wrapped_comes_out(a: Vec<u8>, b: Vec<u8>, tag: u8, rest: Vec<u8>) {
            let made = [wrap(tag, &[&a, &b]), rest.clone()].concat();
            let content = [a, b].concat();
            prop_assert_eq!(take(&made), Some((Element { tag, content: &content }, rest.as_slice())));
        }

        #[test]
        fn any_bytes_are_taken_without_panic(bytes: Vec<u8>) {
            let _ = each(&bytes).count();
            let _ = (integer(&bytes), field(&bytes, 1));
        }
    }
}
