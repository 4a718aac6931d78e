//! Who sealed files are sealed for: a list of public keys beside them.

use std::path::Path;
use std::str::FromStr;

use age::ssh::ParseRecipientKeyError;

use super::error::SecretError;
use super::file::{self, Overwrite};

/// The first lines of a new list.
const HEADING: &str = "\
# Who can open the secrets in this folder: age recipients and SSH public keys, one a line, a name behind each.
# To change it, type: farmhand secret recipients add|remove
";

/// Somebody who can open sealed files.
pub struct Recipient {
    key: Key,
    /// What stands behind the key; empty for nothing.
    pub comment: String,
}

enum Key {
    Age(age::x25519::Recipient),
    Ssh(age::ssh::Recipient),
}

impl Recipient {
    /// Reads a line: `age1…`, `ssh-ed25519 …` or `ssh-rsa …`, and a comment.
    ///
    /// # Errors
    /// What is wrong with it. A private key is not repeated.
    pub fn parse(line: &str) -> Result<Recipient, String> {
        let line = line.trim();
        let words: Vec<&str> = line.split_whitespace().collect();
        let first = words.first().copied().unwrap_or_default();
        if first.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") || first.starts_with("-----BEGIN") {
            return Err(
                "is a private key, which is for its owner's eyes alone: make a new one, and give its public key"
                    .to_owned(),
            );
        }
        let (key, n_words) = if first.starts_with("age1") {
            let key = age::x25519::Recipient::from_str(first);
            (Key::Age(key.map_err(|_| "is a damaged age recipient: some letter of it is wrong".to_owned())?), 1)
        } else {
            let key = words.get(..2).unwrap_or(&words).join(" ");
            (Key::Ssh(age::ssh::Recipient::from_str(&key).map_err(|error| ssh_trouble(&error))?), 2)
        };
        Ok(Recipient { key, comment: words[n_words..].join(" ") })
    }

    /// The key, as it is written in a list.
    pub fn key(&self) -> String {
        match &self.key {
            Key::Age(key) => key.to_string(),
            Key::Ssh(key) => key.to_string(),
        }
    }

    /// The key as `age` takes it.
    pub(super) fn as_age(&self) -> &dyn age::Recipient {
        match &self.key {
            Key::Age(key) => key,
            Key::Ssh(key) => key,
        }
    }
}

fn ssh_trouble(error: &ParseRecipientKeyError) -> String {
    match error {
        ParseRecipientKeyError::RsaModulusTooSmall => "is an RSA key of less than 2048 bits".to_owned(),
        ParseRecipientKeyError::RsaModulusTooLarge => "is an RSA key of more than 4096 bits".to_owned(),
        ParseRecipientKeyError::Unsupported(sort) => {
            format!("is a key of the sort {sort}, which cannot open files; take ssh-ed25519, ssh-rsa or age1…")
        }
        ParseRecipientKeyError::Ignore | ParseRecipientKeyError::Invalid(_) => {
            "is no recipient, which starts with age1, ssh-ed25519 or ssh-rsa".to_owned()
        }
    }
}

/// Reads a list of recipients, one a line.
pub(super) fn read(path: &Path) -> Result<Vec<Recipient>, SecretError> {
    let wrong = |why: String| SecretError::Recipients { path: path.to_owned(), why };
    let mut recipients = Vec::new();
    for (number, line) in text(path)?.lines().enumerate().filter(|(_, line)| speaks(line)) {
        recipients.push(Recipient::parse(line).map_err(|why| wrong(format!("line {} {why}", number + 1)))?);
    }
    if recipients.is_empty() { Err(wrong("it names nobody".to_owned())) } else { Ok(recipients) }
}

/// Starts a list with one recipient.
pub(super) fn start(path: &Path, key: &str) -> Result<(), SecretError> {
    file::write(path, format!("{HEADING}{key}\n").as_bytes(), Overwrite::Never).map(drop)
}

/// Writes one more into the list; tells whether it was not in it before.
pub(super) fn add(path: &Path, recipient: &Recipient) -> Result<bool, SecretError> {
    if read(path)?.iter().any(|it| it.key() == recipient.key()) {
        return Ok(false);
    }
    let mut text = text(path)?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let line = format!("{} {}", recipient.key(), recipient.comment);
    file::write(path, format!("{text}{}\n", line.trim_end()).as_bytes(), Overwrite::Always)
}

/// Takes one out of the list; everything else in it stays.
pub(super) fn remove(path: &Path, key: &str) -> Result<(), SecretError> {
    let stays = |line: &&str| !speaks(line) || Recipient::parse(line).is_ok_and(|it| it.key() != key);
    let text: String = text(path)?.lines().filter(stays).map(|line| format!("{line}\n")).collect();
    file::write(path, text.as_bytes(), Overwrite::Always).map(drop)
}

/// Whether a line names somebody.
fn speaks(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

fn text(path: &Path) -> Result<String, SecretError> {
    let wrong = |why: &str| SecretError::Recipients { path: path.to_owned(), why: why.to_owned() };
    let bytes = file::read(path)?.ok_or_else(|| wrong("there is no list of recipients"))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is no text"))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN";

    #[test]
    fn a_line_is_a_key_and_a_comment_or_says_what_is_wrong() {
        let check = |line: &str, expected: Result<(&str, &str), &str>| {
            let read = Recipient::parse(line).map(|it| (it.key(), it.comment));
            match (read, expected) {
                (Ok(read), Ok(expected)) => assert_eq!((read.0.as_str(), read.1.as_str()), expected),
                (Err(why), Err(expected)) => assert!(why.contains(expected), "{why}"),
                (read, _) => panic!("{line}: {read:?}"),
            }
        };
        check(AGE, Ok((AGE, "")));
        check(&format!("  {AGE}\tAlice of ops "), Ok((AGE, "Alice of ops")));
        check(&format!("{ED25519} alice@rock"), Ok((ED25519, "alice@rock")));
        check(&AGE.replace("zv", "zw"), Err("some letter"));
        check(&ED25519[..40], Err("is no recipient"));
        check("ssh-ed25519", Err("is no recipient"));
        check("alice", Err("is no recipient"));
        check("", Err("is no recipient"));
        let ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEzaXTKp5Lx2eQ4s3wFnJYCh8LqXKjGSMPuxI3a8FWA7qH3x8EJ2u2kF6GAfUPVzCgT4YFmPa7lTQDSEKbGnfpY=";
        check(ecdsa, Err("ecdsa-sha2-nistp256, which cannot open files"));
        for private in ["AGE-SECRET-KEY-1QQQ", "-----BEGIN OPENSSH PRIVATE KEY-----"] {
            check(private, Err("is a private key"));
            assert!(!Recipient::parse(private).err().unwrap().contains("QQQ"));
        }
    }

    #[test]
    fn a_list_keeps_what_was_written_in_it_by_hand() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recipients.txt");
        std::fs::write(&path, format!("# ours\n\n{AGE} Alice")).unwrap();
        let key = Recipient::parse(&format!("{ED25519} Bob")).unwrap();
        assert!(add(&path, &key).unwrap() && !add(&path, &key).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("# ours\n\n{AGE} Alice\n{ED25519} Bob\n"));
        assert_eq!(read(&path).unwrap().len(), 2);
        remove(&path, AGE).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("# ours\n\n{ED25519} Bob\n"));
        std::fs::write(&path, "# nobody\nssh-dss AAAA\n").unwrap();
        assert!(read(&path).err().unwrap().to_string().contains("recipients.txt: line 2 is"));
    }
}
