//! Where a host fetches a file from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A URL over http or https, such as `https://builds.example.com/chat-1.4.zip`. It stands in plans and in logs, so it
/// names nobody and holds no password.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct DownloadUrl(String);

impl DownloadUrl {
    /// The URL as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DownloadUrl {
    type Error = String;

    fn try_from(url: String) -> Result<DownloadUrl, String> {
        let such = "write one such as https://builds.example.com/chat-1.4.zip";
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
        if host.contains('@') {
            return Err(format!("nobody logs in where a host fetches a file, and this URL names somebody; {such}"));
        }
        if host.is_empty() || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(format!("`{url}` is no place that a host could fetch a file from; {such}"));
        }
        Ok(DownloadUrl(url))
    }
}

impl From<DownloadUrl> for String {
    fn from(url: DownloadUrl) -> String {
        url.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_told_from_what_cannot_be_one() {
        let check =
            |text: &str, right: bool| assert_eq!(DownloadUrl::try_from(text.to_owned()).is_ok(), right, "{text}");
        for right in ["https://builds.example.com/chat.zip", "http://10.0.0.7:8081/a?b=c@d", "http://[fe80::1]/x"] {
            check(right, true);
        }
        for wrong in ["", "chat.zip", "ftp://a/b", "https://", "http:///a", "https://ana:x@a/b", "https://a/b c"] {
            check(wrong, false);
        }
    }
}
