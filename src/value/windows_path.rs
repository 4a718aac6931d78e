//! Paths on a Windows host.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An absolute path on the host: `D:\sites\chat`, `%SystemDrive%\inetpub`, `\\server\share\site`.
/// Two spellings that differ in letter case, in `/` for `\` or in a trailing `\` are the same path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct WindowsPath(String);

impl WindowsPath {
    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The desired spelling where `found` is the same path, else what was found.
    #[must_use]
    pub fn in_own_words(&self, found: &str) -> WindowsPath {
        if canonical(&self.0) == canonical(found) { self.clone() } else { WindowsPath(found.to_owned()) }
    }
}

fn canonical(path: &str) -> String {
    let path = path.replace('/', "\\").to_lowercase();
    let trimmed = path.trim_end_matches('\\');
    if trimmed.ends_with(':') { format!("{trimmed}\\") } else { trimmed.to_owned() }
}

impl TryFrom<String> for WindowsPath {
    type Error = String;

    fn try_from(path: String) -> Result<WindowsPath, String> {
        let bytes = path.as_bytes();
        let drive =
            bytes.len() >= 3 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && matches!(bytes[2], b'\\' | b'/');
        let rest = if drive { &path[2..] } else { path.as_str() };
        if !(drive || path.starts_with("\\\\") || path.starts_with('%')) {
            return Err(format!("`{path}` is not an absolute Windows path; write it as 'D:\\sites\\chat'"));
        }
        if let Some(wrong) =
            rest.chars().find(|c| matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*') || c.is_control())
        {
            return Err(format!("a Windows path cannot hold {wrong:?}"));
        }
        if rest.split(['\\', '/']).any(|part| part == ".." || part == ".") {
            return Err(format!("`{path}` steps through `.` or `..`; write the folder itself"));
        }
        Ok(WindowsPath(path))
    }
}

impl From<WindowsPath> for String {
    fn from(path: WindowsPath) -> String {
        path.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Result<WindowsPath, String> {
        WindowsPath::try_from(text.to_owned())
    }

    #[test]
    fn only_absolute_paths_are_paths() {
        for right in ["C:\\", "D:/sites/chat", "\\\\files\\web", "%SystemDrive%\\inetpub\\wwwroot"] {
            assert!(path(right).is_ok(), "{right}");
        }
        for wrong in ["", "C:", "sites\\chat", "/var/www", "C:\\a\\..\\b", "C:\\a?b", "C:\\x:y", "C:\\a\nb"] {
            assert!(path(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_equal_path_gives_the_desired_spelling_back() {
        let desired = path("D:\\Sites\\Chat").unwrap();
        assert_eq!(desired.in_own_words("d:/sites/chat\\"), desired);
        assert_eq!(desired.in_own_words("d:\\sites\\chat2").as_str(), "d:\\sites\\chat2");
    }
}
