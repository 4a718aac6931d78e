//! What the user may have meant, and user text fit for a message.

/// The longest piece of user text that a message quotes, in characters.
const MAX_SHOWN_CHARS: usize = 60;

/// The known name closest to what was typed; `None` where none is close.
pub fn did_you_mean<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A long text is no misspelt name, and comparing it costs its length squared.
    if typed.len() > 64 {
        return None;
    }
    // Of one or two letters anything is close to anything.
    if typed.chars().count() < 3 {
        return None;
    }
    let folded = typed.to_lowercase().replace('-', "_");
    let allowed = (folded.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&folded, &name.to_lowercase().replace('-', "_")), name))
        .filter(|&(distance, _)| distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// User text in a message: in backticks, one line, cut where it is long.
pub fn shown(text: &str) -> String {
    let mut out = String::from("`");
    for (index, c) in text.chars().enumerate() {
        if index == MAX_SHOWN_CHARS {
            out.push('…');
            break;
        }
        if c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out.push('`');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_name_is_offered_and_a_far_one_is_not() {
        let known = ["windows_feature", "iis_site", "iis_app_pool"];
        let check = |typed, expected| assert_eq!(did_you_mean(typed, known), expected);
        check("windws_feature", Some("windows_feature"));
        check("IIS-Site", Some("iis_site"));
        check("sql_login", None);
        check("", None);
        check(&"x".repeat(1_000_000), None);
    }

    #[test]
    fn shown_text_is_short_and_harmless() {
        assert_eq!(shown("a\nb\u{202e}c"), "`a\\u{a}b\\u{202e}c`");
        assert_eq!(shown(&"é".repeat(100)).chars().count(), MAX_SHOWN_CHARS + 3);
    }
}
