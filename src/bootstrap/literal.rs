//! Text as a literal of PowerShell.

/// An expression of PowerShell that is this text, in printable ASCII and on one line, whatever the text holds.
///
/// PowerShell ends a single-quoted string at any of the quotes U+0027 and U+2018 to U+201B, and a script's encoding is
/// anybody's guess. So the one quote of ASCII is doubled, and what is not printable ASCII is named by its number.
pub fn literal(text: &str) -> String {
    // The first is text, so that all the others are added to text.
    let mut parts = vec!["'".to_owned()];
    let mut plain = true;
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte @ b' '..=b'~') => {
                if !plain {
                    parts.push("'".to_owned());
                    plain = true;
                }
                if let Some(part) = parts.last_mut() {
                    part.push(char::from(byte));
                    if byte == b'\'' {
                        part.push('\'');
                    }
                }
            }
            _ => {
                if let Some(part) = parts.last_mut().filter(|_| plain) {
                    part.push('\'');
                }
                plain = false;
                parts.push(format!("[char]0x{unit:04X}"));
            }
        }
    }
    if let Some(part) = parts.last_mut().filter(|_| plain) {
        part.push('\'');
    }
    if parts.len() == 1 { parts.concat() } else { format!("({})", parts.join(" + ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What PowerShell makes of an expression of quoted strings and characters by number that are added.
    fn evaluate(expression: &str) -> Option<Vec<u16>> {
        let inner = expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(expression);
        let mut units = Vec::new();
        let mut rest = inner;
        loop {
            if let Some(number) = rest.strip_prefix("[char]0x") {
                units.push(u16::from_str_radix(number.get(..4)?, 16).ok()?);
                rest = &number[4..];
            } else {
                rest = rest.strip_prefix('\'')?;
                loop {
                    let end = rest.find('\'')?;
                    units.extend(rest[..end].encode_utf16());
                    rest = &rest[end + 1..];
                    match rest.strip_prefix('\'') {
                        Some(more) => {
                            units.push(u16::from(b'\''));
                            rest = more;
                        }
                        None => break,
                    }
                }
            }
            match rest.strip_prefix(" + ") {
                Some(more) => rest = more,
                None => return rest.is_empty().then_some(units),
            }
        }
    }

    #[test]
    fn texts_are_written_as_powershell_reads_them() {
        let check = |text: &str, expected: &str| assert_eq!(literal(text), expected);
        check("web01.example", "'web01.example'");
        check("", "''");
        check("O'Hara $x `n \"", "'O''Hara $x `n \"'");
        check("'; exit; '", "'''; exit; '''");
        check("caf\u{e9}", "('caf' + [char]0x00E9)");
        check("\u{2019}x", "('' + [char]0x2019 + 'x')");
        check("[char]0x0041", "'[char]0x0041'");
    }

    proptest! {
        #[test]
        fn any_text_is_one_expression_that_is_that_text(text in any::<String>()) {
            let written = literal(&text);
            prop_assert!(written.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            prop_assert_eq!(evaluate(&written), Some(text.encode_utf16().collect::<Vec<_>>()));
        }

        #[test]
        fn text_made_of_quotes_and_what_looks_like_code_too(text in "['$();\\[\\]char0x41 +\u{2018}\u{201b}]{0,20}") {
            let written = literal(&text);
            prop_assert_eq!(evaluate(&written), Some(text.encode_utf16().collect::<Vec<_>>()));
        }
    }
}
