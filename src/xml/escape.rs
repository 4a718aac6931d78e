//! Characters and the references that stand for them.

use crate::value::push_xml_attribute;
pub(super) use crate::value::xml_allows as allowed;

/// The character that a reference stands for: the text between `&` and `;`.
///
/// Only the five names that need no declaration are known, since declarations are refused.
pub(super) fn reference(name: &str) -> Option<char> {
    let number = |digits: &str, radix| {
        let plain = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
        let code = plain.then(|| u32::from_str_radix(digits, radix).ok()).flatten()?;
        char::from_u32(code).filter(|character| allowed(*character))
    };
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match name.strip_prefix('#')?.strip_prefix('x') {
            Some(digits) => number(digits, 16),
            None => number(&name[1..], 10),
        },
    }
}

/// The value of an attribute: references replaced, white space as XML normalises it.
pub(super) fn attribute_value(raw: &str) -> String {
    let normalised = raw.replace("\r\n", " ").replace(['\n', '\r', '\t'], " ");
    replace_references(&normalised)
}

/// Character data with references replaced and line ends as XML normalises them.
pub(super) fn text_value(raw: &str) -> String {
    replace_references(&raw.replace("\r\n", "\n").replace('\r', "\n"))
}

fn replace_references(raw: &str) -> String {
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('&') {
        value.push_str(before);
        if let Some((character, tail)) = after.split_once(';').and_then(|(name, tail)| Some((reference(name)?, tail))) {
            value.push(character);
            rest = tail;
        } else {
            // The parser lets no such thing through; it is kept as it is.
            value.push('&');
            rest = after;
        }
    }
    value + rest
}

/// An attribute's value as it is written between quotes. A character that XML does not allow is left out.
pub(super) fn escape_attribute(value: &str, quote: char) -> String {
    let mut raw = String::with_capacity(value.len());
    value.chars().for_each(|character| push_xml_attribute(&mut raw, character, Some(quote)));
    raw
}
