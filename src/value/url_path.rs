//! The path of an application or a virtual directory.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where an application is below its site, or a virtual directory below its application: `/` or `/chat`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct UrlPath(String);

impl UrlPath {
    /// The root.
    #[must_use]
    pub fn root() -> UrlPath {
        UrlPath("/".to_owned())
    }

    /// The path as IIS writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `/`.
    pub fn is_root(&self) -> bool {
        self.0 == "/"
    }
}

impl TryFrom<String> for UrlPath {
    type Error = String;

    fn try_from(path: String) -> Result<UrlPath, String> {
        if !path.starts_with('/') || (path.len() > 1 && path.ends_with('/')) || path.contains("//") {
            return Err(format!("`{path}` is not where an application can be; write it as `/` or `/chat`"));
        }
        if path.split('/').any(|part| part == "." || part == "..") {
            return Err(format!("`{path}` steps through `.` or `..`"));
        }
        // What IIS refuses in an application's path.
        if let Some(wrong) = path.chars().find(|c| "\\?;:@&=+$,|\"<>*".contains(*c) || c.is_control()) {
            return Err(format!("the path of an application cannot hold {wrong:?}"));
        }
        Ok(UrlPath(path))
    }
}

impl From<UrlPath> for String {
    fn from(path: UrlPath) -> String {
        path.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_what_cannot_be_one() {
        let check = |text: &str, right: bool| assert_eq!(UrlPath::try_from(text.to_owned()).is_ok(), right, "{text}");
        for right in ["/", "/chat", "/chat/v2", "/a b"] {
            check(right, true);
        }
        for wrong in ["", "chat", "/chat/", "//", "/a//b", "/..", "/a/./b", "/a?b", "/a\\b"] {
            check(wrong, false);
        }
    }
}
