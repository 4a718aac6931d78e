//! Keys that anybody can read on the web, known by their digests alone.

use sha2::{Digest, Sha256};

/// A list of keys that are no secret.
///
/// A line is the SHA-256 of a key's hexadecimal digits in upper case, as 64 hexadecimal digits, then where the key
/// stands; a line that starts with `#` is a remark.
#[derive(Clone, Debug)]
pub struct PublishedKeys(Vec<(String, String)>);

impl PublishedKeys {
    /// The list that farmhand ships.
    pub fn shipped() -> PublishedKeys {
        PublishedKeys::read(include_str!("published_keys.txt"))
            .unwrap_or_else(|line| unreachable!("line {line} of the shipped list is as the test found it"))
    }

    /// Reads a list.
    ///
    /// # Errors
    /// The number of the first line that is none, from 1.
    pub fn read(text: &str) -> Result<PublishedKeys, usize> {
        let mut keys = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (digest, place) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            if digest.len() != 64 || !digest.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(number + 1);
            }
            keys.push((digest.to_lowercase(), place.trim().to_owned()));
        }
        Ok(PublishedKeys(keys))
    }

    /// The same list with another one behind it.
    #[must_use]
    pub fn and(mut self, more: PublishedKeys) -> PublishedKeys {
        self.0.extend(more.0);
        self
    }

    /// Where a key is published; it is given as hexadecimal digits in upper case.
    pub(super) fn place(&self, key: &str) -> Option<&str> {
        let digest: String = Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        self.0.iter().find(|(known, _)| *known == digest).map(|(_, place)| place.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_list_reads_and_can_be_extended() {
        assert!(PublishedKeys::shipped().0.len() >= 5);
        // SHA-256 of "AB", from `printf AB | sha256sum`.
        let line = "38164fbd17603d73f696b8b4d72664d735bb6a7c88577687fd2ae33fd6964153 a blog";
        let more = PublishedKeys::read(&format!("# mine\n\n{line}\n")).unwrap();
        assert_eq!(PublishedKeys::shipped().and(more).place("AB"), Some("a blog"));
        assert_eq!(PublishedKeys::shipped().place("AB"), None);
    }

    #[test]
    fn a_line_that_is_no_digest_is_named() {
        assert_eq!(PublishedKeys::read("# x\nABCD a key itself").unwrap_err(), 2);
    }
}
