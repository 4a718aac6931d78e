//! How text is written into XML.

/// Whether XML 1.0 allows a character.
pub fn xml_allows(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r') || (character >= ' ' && !matches!(character, '\u{FFFE}' | '\u{FFFF}'))
}

/// Writes a character of an attribute's value; one that XML does not allow is left out.
/// With `quote` that quote alone is escaped, without it both, so that the text fits between either.
pub fn push_xml_attribute(raw: &mut String, character: char, quote: Option<char>) {
    match character {
        '&' => raw.push_str("&amp;"),
        '<' => raw.push_str("&lt;"),
        '>' => raw.push_str("&gt;"),
        '"' if quote != Some('\'') => raw.push_str("&quot;"),
        '\'' if quote != Some('"') => raw.push_str("&apos;"),
        '\n' => raw.push_str("&#xA;"),
        '\r' => raw.push_str("&#xD;"),
        '\t' => raw.push_str("&#x9;"),
        character if xml_allows(character) => raw.push(character),
        _ => {}
    }
}
