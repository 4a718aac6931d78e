//! Stored passwords: encrypted under a key of the host, in the form in which IIS writes them.
//!
//! The key lies beside the host's files, so this hides nothing from who holds the lab. It keeps a person from taking
//! what is stored for the password itself, and a blob of one host unreadable on another, as on real servers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};

use crate::hostcall::{Refusal, RefusalCode};
use crate::lab::error::refused_plainly;
use crate::lab::{Folder, LabError, hexadecimal};

const PREFIX: &str = "[enc:IISWASOnlyAesProvider:";
const SUFFIX: &str = ":enc]";
const NONCE_BYTES: usize = 12;

/// The host's keys, oldest first.
pub struct Keys {
    ring: Vec<[u8; 32]>,
    /// Whether what older keys encrypted can no longer be read: the host is a clone.
    cloned: bool,
}

/// A stored text that this host cannot decrypt.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable;

impl Keys {
    const FILE: &'static str = "keys/iisWasKey";

    /// Reads the host's keys.
    ///
    /// # Errors
    /// When the file is broken.
    pub fn load(folder: &Folder, cloned: bool) -> Result<Keys, LabError> {
        let bytes = folder.read(Keys::FILE)?.unwrap_or_default();
        let broken = || LabError::File {
            path: folder.path(Keys::FILE),
            message: "a line is not 64 hexadecimal digits".to_owned(),
        };
        let text = String::from_utf8(bytes).map_err(|_| broken())?;
        let mut ring = Vec::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            ring.push(hexadecimal::key(line.trim()).ok_or_else(broken)?);
        }
        Ok(Keys { ring, cloned })
    }

    /// Makes a new key, as the generalisation of an image does.
    ///
    /// # Errors
    /// When the disk fails or the system has no randomness.
    pub fn renew(&mut self, folder: &Folder) -> Result<(), LabError> {
        let mut key = [0; 32];
        let failed = |error: getrandom::Error| {
            LabError::disk(&folder.path(Keys::FILE), std::io::Error::other(error.to_string()))
        };
        getrandom::fill(&mut key).map_err(failed)?;
        self.ring.push(key);
        let lines: Vec<String> = self.ring.iter().map(|key| hexadecimal::hex(key)).collect();
        folder.write(Keys::FILE, format!("{}\n", lines.join("\n")).as_bytes())
    }

    /// Encrypts a text under the newest key; the first use makes one. Nothing stays nothing.
    ///
    /// # Errors
    /// When the disk fails or the system has no randomness.
    pub fn encrypt(&mut self, folder: &Folder, clear: &str) -> Result<String, Refusal> {
        if clear.is_empty() {
            return Ok(String::new());
        }
        if self.ring.is_empty() {
            self.renew(folder)?;
        }
        let failed = || refused_plainly(RefusalCode::Failed, "the password could not be encrypted");
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| failed())?;
        let key = self.ring.last().ok_or_else(failed)?;
        let sealed = ChaCha20Poly1305::new(key.into()).encrypt(Nonce::from_slice(&nonce), clear.as_bytes());
        let blob = [nonce.as_slice(), &sealed.map_err(|_| failed())?].concat();
        Ok(format!("{PREFIX}{}{SUFFIX}", STANDARD.encode(blob)))
    }

    /// The text behind what is stored. A person may write a password in clear; IIS takes it too.
    ///
    /// # Errors
    /// When it was encrypted under another host's key.
    pub fn decrypt(&self, stored: &str) -> Result<String, Unreadable> {
        if !(stored.starts_with("[enc:") && stored.ends_with(SUFFIX)) {
            return Ok(stored.to_owned());
        }
        let blob = stored.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX)).ok_or(Unreadable)?;
        let blob = STANDARD.decode(blob).map_err(|_| Unreadable)?;
        let (nonce, sealed) = blob.split_at_checked(NONCE_BYTES).ok_or(Unreadable)?;
        let mut readable = self.ring.iter().rev().take(if self.cloned { 1 } else { usize::MAX });
        let open = |key: &[u8; 32]| ChaCha20Poly1305::new(key.into()).decrypt(Nonce::from_slice(nonce), sealed).ok();
        let clear = readable.find_map(open).ok_or(Unreadable)?;
        String::from_utf8(clear).map_err(|_| Unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_itself_reads_what_it_stored() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (here, there) = (Folder::new(here.path()), Folder::new(there.path()));
        let mut keys = Keys::load(&here, false).unwrap();
        let stored = keys.encrypt(&here, "Pass-1").unwrap();
        assert!(stored.starts_with("[enc:IISWASOnlyAesProvider:") && !stored.contains("Pass"));
        assert_ne!(stored, keys.encrypt(&here, "Pass-1").unwrap());
        let again = Keys::load(&here, false).unwrap();
        assert_eq!(again.decrypt(&stored).as_deref(), Ok("Pass-1"));
        let mut other = Keys::load(&there, false).unwrap();
        other.encrypt(&there, "x").unwrap();
        assert_eq!(other.decrypt(&stored), Err(Unreadable));
        assert_eq!(other.decrypt("[enc:IISWASOnlyRsaProvider:AAAA:enc]"), Err(Unreadable));
        assert_eq!(other.decrypt("clear").as_deref(), Ok("clear"));
    }

    #[test]
    fn a_clone_reads_only_what_it_stored_itself() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Folder::new(folder.path());
        let old = Keys::load(&folder, false).unwrap().encrypt(&folder, "Pass-1").unwrap();
        let mut clone = Keys::load(&folder, true).unwrap();
        clone.renew(&folder).unwrap();
        assert_eq!(clone.decrypt(&old), Err(Unreadable));
        let new = clone.encrypt(&folder, "Pass-2").unwrap();
        assert_eq!(clone.decrypt(&new).as_deref(), Ok("Pass-2"));
        let mended = Keys::load(&folder, false).unwrap();
        assert_eq!((mended.decrypt(&old).as_deref(), mended.decrypt(&new).as_deref()), (Ok("Pass-1"), Ok("Pass-2")));
    }
}
