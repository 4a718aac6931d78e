//! What a file is that shall hold a private key. libssh2 has one message for all that it cannot open.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

/// No private key is longer.
const MOST_BYTES: u64 = 64 * 1024;
/// What a private key in OpenSSH's own form begins with (PROTOCOL.key); the name of its cipher follows.
const OPENSSH: &[u8] = b"openssh-key-v1\0";
/// The name of the cipher of a key that is not locked, behind its length.
const NO_CIPHER: &[u8] = b"\0\0\0\x04none";
/// How public halves begin, as `ssh-keygen` writes them and as RFC 4716 does.
const PUBLIC: [&str; 6] = ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-", "---- BEGIN SSH2 PUBLIC", "-----BEGIN PUBLIC"];

/// What is wrong with the file of a private key, and what to do; `None` where nothing is that can be seen without its
/// passphrase. `passphrase` says whether there is one.
pub fn key_trouble(path: &Path, passphrase: bool) -> Option<String> {
    let shown = path.display();
    let text = match read(path) {
        Ok(text) => text,
        Err(error) => return Some(format!("the key {shown} cannot be read: {error}; check `key_file` and its rights")),
    };
    let first = text.trim_start().lines().next().unwrap_or_default();
    if first.starts_with("PuTTY-User-Key-File") {
        return Some(format!(
            "the key {shown} is of PuTTY's own form; export it in PuTTYgen (Conversions, Export OpenSSH key) and name that \
             file in `key_file`"
        ));
    }
    if PUBLIC.iter().any(|begin| first.starts_with(begin)) {
        return Some(format!("{shown} is the public half of a key; name the file of the private half in `key_file`"));
    }
    if !first.contains("PRIVATE KEY-----") {
        return Some(format!("{shown} holds no private key; name the file that ssh-keygen made, the one without .pub"));
    }
    (!passphrase && is_locked(&text)).then(|| {
        format!("the key {shown} is locked and no passphrase is given; if it has a passphrase, name its secret in `passphrase`")
    })
}

fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Whether a passphrase opens it: in OpenSSH's own form, in PKCS #8, or in the PEM of old.
fn is_locked(text: &str) -> bool {
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return true;
    }
    let body: String = text.lines().map(str::trim).filter(|line| !line.starts_with('-')).collect();
    // The cipher's name is among the first bytes.
    let head = body.get(..32).and_then(|head| BASE64.decode(head).ok()).unwrap_or_default();
    head.strip_prefix(OPENSSH).is_some_and(|rest| !rest.starts_with(NO_CIPHER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_that_can_be_opened_is_told_by_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let check = |text: &str, passphrase: bool, says: Option<&str>| {
            let path = folder.path().join("id");
            std::fs::write(&path, text).unwrap();
            let trouble = key_trouble(&path, passphrase);
            assert_eq!(trouble.is_some(), says.is_some(), "{trouble:?}");
            assert!(trouble.clone().unwrap_or_default().contains(says.unwrap_or_default()), "{trouble:?}");
        };
        let openssh = |cipher: &str| {
            let length = u32::try_from(cipher.len()).unwrap().to_be_bytes();
            let body = BASE64.encode([OPENSSH, &length, cipher.as_bytes(), &[0; 64]].concat());
            format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n")
        };
        check(&openssh("none"), false, None);
        check(&openssh("none"), true, None);
        check(&openssh("aes256-ctr"), false, Some("is locked and no passphrase is given"));
        check(&openssh("aes256-ctr"), true, None);
        let pem = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n";
        check(pem, false, Some("passphrase"));
        check("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n", false, Some("passphrase"));
        check("-----BEGIN PRIVATE KEY-----\nAAAA\n", false, None);
        check("ssh-ed25519 AAAA me@here\n", false, Some("is the public half"));
        check("PuTTY-User-Key-File-3: ssh-ed25519\n", false, Some("PuTTYgen"));
        check("hello", false, Some("holds no private key"));
        check("", false, Some("holds no private key"));
        let here = key_trouble(folder.path(), false).unwrap();
        assert!(here.contains("cannot be read") && here.contains("; "), "{here}");
    }
}
