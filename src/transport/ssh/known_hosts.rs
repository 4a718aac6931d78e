//! The keys by which hosts are known: `known_hosts` as OpenSSH writes it (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, STANDARD_NO_PAD};
use sha1::{Digest as _, Sha1};
use sha2::{Digest as _, Sha256};

/// Where the system keeps keys for all users.
const SYSTEM: &str = if cfg!(windows) { r"C:\ProgramData\ssh\ssh_known_hosts" } else { "/etc/ssh/ssh_known_hosts" };

/// Length of a block of SHA-1 in bytes, which HMAC pads its key to.
const BLOCK_BYTES: usize = 64;

/// All keys that are known.
pub(super) struct KnownHosts {
    /// The file that a key would be added to.
    pub file: PathBuf,
    entries: Vec<Entry>,
}

/// One line.
struct Entry {
    revoked: bool,
    names: String,
    kind: String,
    key: Vec<u8>,
    place: Place,
}

/// Where a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

/// What is known of a key that a host has shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the host's.
    Known,
    /// It was declared worthless.
    Revoked(Place),
    /// The host is known by another key of the same kind.
    Changed(Place, String),
    /// The host is not known by a key of this kind; the kinds that it is known by.
    Unknown(Vec<String>),
}

/// The name by which a host's key is known.
pub(super) fn name_of(address: &str, port: u16) -> String {
    let address = address.to_lowercase();
    if port == 22 { address } else { format!("[{address}]:{port}") }
}

/// A key's fingerprint as `ssh-keygen -l` shows it.
pub(super) fn fingerprint(key: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key)))
}

/// A line that makes a key known.
pub(super) fn line(name: &str, key: &[u8]) -> String {
    format!("{name} {} {}", kind(key), BASE64.encode(key))
}

/// What kind of key it is, such as `ssh-ed25519` (RFC 4253, 6.6: the first string in it).
pub(super) fn kind(key: &[u8]) -> String {
    let length = key.first_chunk::<4>().map_or(0, |length| u32::from_be_bytes(*length) as usize);
    String::from_utf8_lossy(key.get(4..4 + length).unwrap_or_default()).into_owned()
}

impl KnownHosts {
    /// Reads the file that is named, or the user's own and the system's.
    ///
    /// # Errors
    ///
    /// When a file cannot be read that is there or was named.
    pub fn read(named: Option<&Path>) -> Result<KnownHosts, String> {
        let own = || std::env::home_dir().unwrap_or_default().join(".ssh").join("known_hosts");
        let files = named.map_or_else(|| vec![own(), PathBuf::from(SYSTEM)], |named| vec![named.to_owned()]);
        let mut known = KnownHosts { file: files.first().cloned().unwrap_or_default(), entries: Vec::new() };
        for file in files {
            match fs::read(&file) {
                Ok(bytes) => known.add(&file, &String::from_utf8_lossy(&bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("{} cannot be read: {error}", file.display())),
            }
        }
        Ok(known)
    }

    /// Reads lines. Those that say nothing of a host key are passed over, as OpenSSH does.
    fn add(&mut self, file: &Path, text: &str) {
        for (number, line) in text.lines().enumerate() {
            let mut words = line.split_ascii_whitespace().peekable();
            // Certificates are not asked for, so who may sign them does not matter.
            let marker = words.next_if(|word| word.starts_with('@'));
            let (Some(names), Some(kind), Some(key)) = (words.next(), words.next(), words.next()) else { continue };
            if names.starts_with('#') || marker.is_some_and(|marker| marker != "@revoked") {
                continue;
            }
            let Ok(key) = BASE64.decode(key) else { continue };
            self.entries.push(Entry {
                revoked: marker.is_some(),
                names: names.to_owned(),
                kind: kind.to_owned(),
                key,
                place: Place { file: file.to_owned(), line: number + 1 },
            });
        }
    }

    /// The kinds of keys that a host is known by, which it is asked to show first.
    pub fn kinds(&self, name: &str) -> Vec<String> {
        let mut kinds: Vec<String> = Vec::new();
        for entry in self.entries.iter().filter(|entry| !entry.revoked && is_meant(&entry.names, name)) {
            if !kinds.contains(&entry.kind) {
                kinds.push(entry.kind.clone());
            }
        }
        kinds
    }

    /// Judges a key that a host has shown.
    pub fn check(&self, name: &str, key: &[u8]) -> Verdict {
        let of_host = || self.entries.iter().filter(|entry| is_meant(&entry.names, name));
        if let Some(revoked) = of_host().find(|entry| entry.revoked && entry.key == key) {
            return Verdict::Revoked(revoked.place.clone());
        }
        if of_host().any(|entry| !entry.revoked && entry.key == key) {
            return Verdict::Known;
        }
        let kind = kind(key);
        match of_host().find(|entry| !entry.revoked && entry.kind == kind) {
            Some(other) => Verdict::Changed(other.place.clone(), fingerprint(&other.key)),
            None => Verdict::Unknown(self.kinds(name)),
        }
    }
}

/// Whether a line's names mean a host: hashed, or patterns of which one with `!` takes out.
fn is_meant(names: &str, name: &str) -> bool {
    if let Some(hashed) = names.strip_prefix("|1|") {
        let Some((salt, hash)) = hashed.split_once('|') else { return false };
        let (Ok(salt), Ok(hash)) = (BASE64.decode(salt), BASE64.decode(hash)) else { return false };
        return hmac_sha1(&salt, name.as_bytes()) == hash;
    }
    let mut meant = false;
    for pattern in names.split(',') {
        match pattern.strip_prefix('!') {
            Some(not) if matches(not.to_lowercase().as_bytes(), name.as_bytes()) => return false,
            Some(_) => {}
            None => meant |= matches(pattern.to_lowercase().as_bytes(), name.as_bytes()),
        }
    }
    meant
}

/// Whether a pattern of `*` and `?` covers a name.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            matches(rest, name) || name.split_first().is_some_and(|(_, it)| matches(pattern, it))
        }
        (Some((b'?', rest)), Some((_, name))) => matches(rest, name),
        (Some((letter, rest)), Some((first, name))) => letter == first && matches(rest, name),
        _ => false,
    }
}

/// HMAC (RFC 2104) with SHA-1, by which OpenSSH hashes names.
fn hmac_sha1(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0; BLOCK_BYTES];
    for (place, byte) in block.iter_mut().zip(key) {
        *place = *byte;
    }
    let inner = Sha1::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(text).finalize();
    Sha1::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

/// Why a host's key is not trusted. Nothing was sent to the host but the beginning of a conversation.
#[derive(Debug, thiserror::Error)]
pub enum HostKeyError {
    /// Nobody has said that this key is the host's.
    #[error(
        "the host key of `{host}` is not known, so farmhand did not log in: {kind} {fingerprint}{others}; compare it \
         with what `ssh-keygen -l` shows on the host, and add this line to {}: {line}", file.display()
    )]
    Unknown {
        /// The host.
        host: String,
        /// Kind of the key.
        kind: String,
        /// Its fingerprint.
        fingerprint: String,
        /// The kinds of keys that the host is known by, in words; empty where there are none.
        others: String,
        /// Where the line goes.
        file: PathBuf,
        /// The line.
        line: String,
    },
    /// It is not the key that the host had.
    #[error(
        "THE HOST KEY OF `{host}` HAS CHANGED: line {} of {} says {known}, and {shown} was shown; the host was installed \
         anew, or somebody stands in between and wants the password; farmhand did not log in. Ask who runs the host; \
         only if they confirm {shown}, put this in the place of that line: {line}", place.line, place.file.display()
    )]
    Changed {
        /// The host.
        host: String,
        /// The fingerprint that is known.
        known: String,
        /// The fingerprint that was shown.
        shown: String,
        /// Where the known key stands.
        place: Place,
        /// The line for the key that was shown.
        line: String,
    },
    /// It must not be trusted any more.
    #[error(
        "THE HOST KEY OF `{host}` IS REVOKED by line {} of {}: {shown}; farmhand did not log in", place.line,
        place.file.display()
    )]
    Revoked {
        /// The host.
        host: String,
        /// The fingerprint that was shown.
        shown: String,
        /// Where it is revoked.
        place: Place,
    },
}

/// Trusts a key or says why not.
pub(super) fn trust(known: &KnownHosts, host: &str, name: &str, key: &[u8]) -> Result<(), Box<HostKeyError>> {
    let (host, shown, line) = (host.to_owned(), fingerprint(key), line(name, key));
    let error = match known.check(name, key) {
        Verdict::Known => return Ok(()),
        Verdict::Revoked(place) => HostKeyError::Revoked { host, shown, place },
        Verdict::Changed(place, known) => HostKeyError::Changed { host, known, shown, place, line },
        Verdict::Unknown(kinds) => {
            let mut others = String::new();
            if !kinds.is_empty() {
                // Writing to a string cannot fail.
                let _ = write!(others, ", and the host is known by another kind of key ({})", kinds.join(", "));
            }
            let (kind, file) = (kind(key), known.file.clone());
            HostKeyError::Unknown { host, kind, fingerprint: shown, others, file, line }
        }
    };
    Err(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIEt0RyaMYUCONqsWfJBNHgy8Np7vYRTsTpX5FgYRs1vY";

    fn known(text: &str) -> KnownHosts {
        let mut known = KnownHosts { file: PathBuf::from("k"), entries: Vec::new() };
        known.add(Path::new("k"), text);
        known
    }

    #[test]
    fn names_are_found_as_openssh_finds_them() {
        let key = BASE64.decode(ED25519).unwrap();
        let check = |names: &str, name: &str, expected: bool| {
            let known = known(&format!("# a comment\n\n{names} ssh-ed25519 {ED25519} a comment\n"));
            assert_eq!(known.check(name, &key) == Verdict::Known, expected, "{names} {name}");
        };
        check("web01", "web01", true);
        check("WEB01", "web01", true);
        check("web01", "web02", false);
        check("a,web01,10.0.0.1", "10.0.0.1", true);
        check("[web01]:2222", "[web01]:2222", true);
        check("web01", "[web01]:2222", false);
        check("*.example.com,!sql.example.com", "web.example.com", true);
        check("*.example.com,!sql.example.com", "sql.example.com", false);
        check("web0?", "web01", true);
    }

    #[test]
    fn a_hashed_name_is_its_hmac() {
        // RFC 2202, case 1.
        let hash = hmac_sha1(&[0x0b; 20], b"Hi There");
        assert_eq!(crate::agent::hexadecimal(&hash), "b617318655057264e28bc0b6fb378c8ef146be00");
        let salt = BASE64.encode([7; 20]);
        let names = format!("|1|{salt}|{}", BASE64.encode(hmac_sha1(&[7; 20], b"[web01]:2222")));
        assert!(is_meant(&names, "[web01]:2222") && !is_meant(&names, "web01"));
    }

    #[test]
    fn an_unknown_key_is_told_from_a_changed_and_a_revoked_one() {
        let key = BASE64.decode(ED25519).unwrap();
        let mut other = key.clone();
        *other.last_mut().unwrap() ^= 1;
        let (rsa, other) = ("AAAAB3NzaC1yc2EAAAADAQAB", BASE64.encode(other));
        let check = |text: &str| known(text).check("web01", &key);
        let place = |line| Place { file: PathBuf::from("k"), line };
        assert_eq!(check("web02 ssh-ed25519 x"), Verdict::Unknown(Vec::new()));
        assert_eq!(check(&format!("web01 ssh-rsa {rsa}")), Verdict::Unknown(vec!["ssh-rsa".to_owned()]));
        assert!(matches!(check(&format!("\nweb01 ssh-ed25519 {other}")), Verdict::Changed(at, _) if at == place(2)));
        let both = format!("web01 ssh-ed25519 {ED25519}\n@revoked * ssh-ed25519 {ED25519}\n");
        assert_eq!(check(&both), Verdict::Revoked(place(2)));
        assert_eq!(check(&format!("@cert-authority web01 ssh-ed25519 {ED25519}")), Verdict::Unknown(Vec::new()));
        assert_eq!(check(&format!("web01 ssh-ed25519 {other}\nweb01 ssh-ed25519 {ED25519}")), Verdict::Known);
    }

    #[test]
    fn lines_and_fingerprints_are_those_of_openssh() {
        let key = BASE64.decode(ED25519).unwrap();
        assert_eq!(line(&name_of("Web01", 2222), &key), format!("[web01]:2222 ssh-ed25519 {ED25519}"));
        assert_eq!(name_of("web01", 22), "web01");
        assert!(fingerprint(&key).starts_with("SHA256:") && fingerprint(&key).len() == 50);
    }
}
