//! PowerShell's standard error, in plain text.

/// The messages in what a PowerShell started with an encoded command writes to standard error: `#< CLIXML` and then
/// objects in XML, of which those of the stream `Error` matter. Anything else is given back as it is.
pub fn plain(stderr: &[u8]) -> String {
    const LONGEST: usize = 2000;
    let text = String::from_utf8_lossy(stderr);
    let text = if text.trim_start().starts_with("#< CLIXML") { errors(&text) } else { text.into_owned() };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.chars().take(LONGEST).collect()
}

fn errors(text: &str) -> String {
    // It may be cut anywhere, so it is searched and not parsed.
    text.split("<S S=\"Error\">").skip(1).filter_map(|rest| rest.split("</S>").next()).map(unescape).collect()
}

/// Resolves XML's five entities and CLIXML's own `_xXXXX_` characters.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        let code = rest.get(at + 2..at + 6).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        if let (Some(character), Some("_")) = (code.and_then(char::from_u32), rest.get(at + 6..at + 7)) {
            plain.push_str(&rest[..at]);
            plain.push(character);
            rest = &rest[at + 7..];
        } else {
            plain.push_str(&rest[..at + 2]);
            rest = &rest[at + 2..];
        }
    }
    plain.push_str(rest);
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
        .iter()
        .fold(plain, |plain, (entity, character)| plain.replace(entity, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_found_and_progress_is_not() {
        let check = |stderr: &str, expected: &str| assert_eq!(plain(stderr.as_bytes()), expected);
        check("plain\r\n text", "plain text");
        check(
            "#< CLIXML\r\n<Objs><Obj S=\"progress\"><AV>Preparing</AV></Obj><S S=\"Error\">no &lt;such&gt;_x000D__x000A_</S>\
             <S S=\"Error\">+ thing_x</S></Objs>",
            "no <such> + thing_x",
        );
        check("#< CLIXML\r\n<Objs><S S=\"Error\">cut he", "cut he");
        check("", "");
    }
}
