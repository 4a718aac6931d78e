//! Files and folders of a host, as host calls see them.

use std::cmp::Reverse;
use std::path::Path;
use std::time::UNIX_EPOCH;
use std::{fs, io};

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use super::error::refused_plainly;
use super::hexadecimal::{hex, key};
use super::{drive, tree, tree_names, utc};
use crate::hostcall::answer::{FileState, ListedFile, Listing, Tree};
use crate::hostcall::{FileWant, Nonce, Refusal, RefusalCode};

/// How much text one answer may hold.
const MAX_TEXT_BYTES: u64 = 1024 * 1024;

/// What is told of a file or folder; `None` where there is none.
///
/// # Errors
/// When the path is not one, or the file cannot be told of.
pub fn state(host: &Path, path: &str, want: &FileWant, nonce: &Nonce) -> Result<Option<FileState>, Refusal> {
    let real = drive::locate(host, path)?;
    let Ok(metadata) = fs::metadata(&real) else { return Ok(None) };
    let modified = metadata.modified().map_err(|error| failed(path, &error))?;
    let mut state = FileState {
        folder: metadata.is_dir(),
        length_bytes: if metadata.is_dir() { 0 } else { metadata.len() },
        modified_utc: utc::text(modified),
        text: None,
        sha256: None,
        mac: None,
        tree: None,
        names: None,
        listing: None,
    };
    if state.folder {
        let failed = |error| failed(path, &error);
        match want {
            FileWant::Tree { except } => state.tree = Some(tree_of(&real, except).map_err(failed)?),
            FileWant::Names => state.names = Some(names(&real).map_err(failed)?),
            FileWant::Listing { most } => state.listing = Some(listing_of(&real, *most).map_err(failed)?),
            _ => {}
        }
        return Ok(Some(state));
    }
    if matches!(want, FileWant::Stat | FileWant::Tree { .. } | FileWant::Names | FileWant::Listing { .. }) {
        return Ok(Some(state));
    }
    if *want == FileWant::Text && state.length_bytes > MAX_TEXT_BYTES {
        let text = format!("'{path}' has {} bytes; at most {MAX_TEXT_BYTES} are read as text", state.length_bytes);
        return Err(refused_plainly(RefusalCode::Invalid, text));
    }
    let bytes = fs::read(&real).map_err(|error| failed(path, &error))?;
    match want {
        FileWant::Stat | FileWant::Tree { .. } | FileWant::Names | FileWant::Listing { .. } => {}
        FileWant::Text => state.text = Some(decode(&bytes)),
        FileWant::Sha256 => state.sha256 = Some(hex(&Sha256::digest(&bytes))),
        FileWant::Mac => state.mac = Some(mac(nonce, &bytes)?),
    }
    Ok(Some(state))
}

/// A folder by the names and lengths of its files; links are not followed.
fn tree_of(folder: &Path, except: &[String]) -> io::Result<Tree> {
    let except: Vec<String> = except.iter().map(|path| tree_names::fold(path)).collect();
    let mut lines: Vec<(Vec<u16>, String)> = tree::listing(folder)?
        .into_iter()
        .filter(|(name, entry)| !entry.folder && !except.iter().any(|above| tree_names::is_below(name, above)))
        .map(|(name, entry)| format!("{name}|{}\n", entry.bytes))
        .map(|line| (line.encode_utf16().collect(), line))
        .collect();
    lines.sort_unstable();
    let digest = lines.iter().fold(Sha256::new(), |digest, (_, line)| digest.chain_update(line));
    Ok(Tree { files: lines.len() as u64, digest: hex(&digest.finalize()) })
}

/// The first files of a folder and how many more there are; links are not followed.
fn listing_of(folder: &Path, most: u32) -> io::Result<Listing> {
    let mut found: Vec<_> = tree::listing(folder)?.into_iter().filter(|(_, entry)| !entry.folder).collect();
    found.sort_by_cached_key(|(name, _)| name.encode_utf16().collect::<Vec<u16>>());
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let more = found.len().saturating_sub(most) as u64;
    let file = |entry: tree::Entry| ListedFile { path: entry.relative, bytes: entry.bytes };
    Ok(Listing { files: found.into_iter().take(most).map(|(_, entry)| file(entry)).collect(), more })
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let written = entry.metadata()?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        names.push((Reverse(written.as_nanos() / 100), entry.file_name().to_string_lossy().into_owned()));
    }
    names.sort_by_cached_key(|(written, name)| (*written, name.encode_utf16().collect::<Vec<u16>>()));
    Ok(names.into_iter().map(|(_, name)| name).collect())
}

/// Makes a folder and the folders above it.
///
/// # Errors
/// When the drive is not there or a file is in the way.
pub fn make_folder(host: &Path, path: &str) -> Result<(), Refusal> {
    let real = drive::locate(host, path)?;
    if !drive::has_drive(host, path) {
        return Err(tree::no_part(path));
    }
    fs::create_dir_all(&real).map_err(|_| tree::in_the_way(path))
}

/// HMAC-SHA256 of bytes under a batch's nonce, 64 lower-case hexadecimal digits.
///
/// # Errors
/// When the nonce is not 64 hexadecimal digits.
pub fn mac(nonce: &Nonce, bytes: &[u8]) -> Result<String, Refusal> {
    let bad = || refused_plainly(RefusalCode::Invalid, "the batch's nonce is not 64 hexadecimal digits");
    let key = key(&nonce.0).ok_or_else(bad)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| bad())?;
    mac.update(bytes);
    Ok(hex(&mac.finalize().into_bytes()))
}

/// Text by its byte order mark, else UTF-8; what is no character becomes U+FFFD, as .NET has it.
fn decode(bytes: &[u8]) -> String {
    let wide = |bytes: &[u8], read: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| read([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn failed(path: &str, error: &std::io::Error) -> Refusal {
    refused_plainly(RefusalCode::Failed, format!("'{path}' cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_by_its_mark() {
        for (bytes, expected) in [
            (&b"\xEF\xBB\xBFa\xC3\xA9"[..], "aé"),
            (b"\xFF\xFEa\0\xE9\0", "aé"),
            (b"\xFE\xFF\0a\0\xE9", "aé"),
            (b"a\xC3\xA9", "aé"),
            (b"a\xE9", "a\u{FFFD}"),
        ] {
            assert_eq!(decode(bytes), expected);
        }
    }

    #[test]
    fn a_mac_is_hmac_sha256_under_the_nonce() {
        // RFC 4231 has no key of 32 bytes; computed with `openssl dgst -sha256 -mac HMAC -macopt hexkey:…`.
        let nonce = Nonce("00".repeat(32));
        assert_eq!(mac(&nonce, b"secret").unwrap(), "1810e8d341b9e61e88895fba0b1aa2bd03cb6c8fff2b368e666ef8efdef5b4fb");
        assert!(mac(&Nonce("0".repeat(63)), b"").is_err());
        assert!(mac(&Nonce("zz".repeat(32)), b"").is_err());
    }
}
