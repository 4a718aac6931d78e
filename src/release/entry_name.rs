//! Names of entries: what a file of a package may be called so that Windows keeps it where it says.

use super::fault::Fault;

/// The path on the host, relative to the release's folder, with `\` between its parts.
pub(super) fn relative(name: &str) -> Result<String, Fault> {
    let name = name.replace('/', "\\");
    if name.starts_with("\\\\") {
        return Err(Fault::Share);
    }
    if name.starts_with('\\') {
        return Err(Fault::Absolute);
    }
    if name.as_bytes().get(1) == Some(&b':') && name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return Err(Fault::Drive);
    }
    for part in name.split('\\') {
        check_part(part)?;
    }
    Ok(name)
}

/// One part of a path. Rules: "Naming Files, Paths, and Namespaces" in Microsoft's Win32 reference.
fn check_part(part: &str) -> Result<(), Fault> {
    match part {
        "" => return Err(Fault::EmptyPart),
        "." => return Err(Fault::Step(".")),
        ".." => return Err(Fault::Step("..")),
        _ => {}
    }
    for character in part.chars() {
        match character {
            '<' | '>' | ':' | '"' | '|' | '?' | '*' | '\0'..='\u{1F}' | '\u{7F}' => {
                return Err(Fault::Forbidden(character));
            }
            // What UTF-8 looks like when it was read as Latin-1, and what stands for unreadable bytes.
            '\u{80}'..='\u{9F}' | '\u{FFFD}' => return Err(Fault::Garbled(character)),
            _ => {}
        }
    }
    if part.ends_with(['.', ' ']) {
        return Err(Fault::TrailingDotOrBlank(part.to_owned()));
    }
    let stem = part.split('.').next().unwrap_or(part).trim_end();
    if device(stem) { Err(Fault::Device(stem.to_owned())) } else { Ok(()) }
}

fn device(stem: &str) -> bool {
    let upper = stem.to_ascii_uppercase();
    let port = upper.strip_prefix("COM").or_else(|| upper.strip_prefix("LPT")).map(|number| {
        let mut digits = number.chars();
        matches!((digits.next(), digits.next()), (Some('1'..='9' | '¹' | '²' | '³'), None))
    });
    port.unwrap_or(matches!(upper.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$"))
}

/// The form in which two names that are one on NTFS are equal: each character by itself in upper case.
pub(super) fn folded(path: &str) -> String {
    let upper = |character: char| {
        let mut upper = character.to_uppercase();
        match (upper.next(), upper.next()) {
            (Some(one), None) => one,
            _ => character,
        }
    };
    path.chars().map(upper).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_windows_keeps_is_taken() {
        for (name, expected) in [
            ("web.config", "web.config"),
            ("bin/Chat.dll", "bin\\Chat.dll"),
            ("bin\\Chat.dll", "bin\\Chat.dll"),
            ("a b/.hidden", "a b\\.hidden"),
            ("com.dll", "com.dll"),
            ("COM10", "COM10"),
            ("console.log", "console.log"),
            ("null", "null"),
            ("straße.txt", "straße.txt"),
            ("日本/語", "日本\\語"),
            ("..a/b..c", "..a\\b..c"),
        ] {
            assert_eq!(relative(name), Ok(expected.to_owned()));
        }
    }

    #[test]
    fn what_windows_would_keep_elsewhere_is_refused() {
        let trailing = |part: &str| Fault::TrailingDotOrBlank(part.to_owned());
        let device = |part: &str| Fault::Device(part.to_owned());
        for (name, expected) in [
            ("../a", Fault::Step("..")),
            ("a/../../b", Fault::Step("..")),
            ("a\\..\\b", Fault::Step("..")),
            ("./a", Fault::Step(".")),
            ("/etc/passwd", Fault::Absolute),
            ("\\windows", Fault::Absolute),
            ("//server/share", Fault::Share),
            ("\\\\?\\C:\\x", Fault::Share),
            ("C:\\x", Fault::Drive),
            ("c:x", Fault::Drive),
            ("a//b", Fault::EmptyPart),
            ("", Fault::EmptyPart),
            ("a:stream", Fault::Drive),
            ("ab:stream", Fault::Forbidden(':')),
            ("a*b", Fault::Forbidden('*')),
            ("a\u{1}", Fault::Forbidden('\u{1}')),
            ("a\0b", Fault::Forbidden('\0')),
            ("a./b", trailing("a.")),
            ("b ", trailing("b ")),
            ("...", trailing("...")),
            ("nul", device("nul")),
            ("x/CON.txt", device("CON")),
            ("aux .tar.gz", device("aux")),
            ("lpt9.x", device("lpt9")),
            ("Com¹", device("Com¹")),
            ("conin$", device("conin$")),
            ("Ã\u{9F}", Fault::Garbled('\u{9F}')),
            ("a\u{FFFD}", Fault::Garbled('\u{FFFD}')),
        ] {
            assert_eq!(relative(name), Err(expected), "{name:?}");
        }
    }

    #[test]
    fn names_are_folded_as_ntfs_does() {
        assert_eq!(folded("bin\\é.DLL"), folded("BIN\\É.dll"));
        assert_ne!(folded("straße"), folded("strasse"));
    }

    proptest! {
        #[test]
        fn a_name_that_is_taken_stays_below_its_root(name in "([a-zA-Z.:/\\\\ \0é]|\\.\\./|CON|NUL){0,12}") {
            if let Ok(path) = relative(&name) {
                let kept = |part: &str| {
                    !part.is_empty() && !part.ends_with(['.', ' ']) && !part.contains([':', '/'])
                };
                prop_assert!(path.split('\\').all(kept), "{}", path);
                prop_assert_eq!(relative(&path), Ok(path.clone()));
            }
        }
    }
}
