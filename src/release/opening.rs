//! Opening a package: what it says it holds is judged, then what it holds is read once.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::entry_name::{folded, relative};
use super::fault::Fault;
use super::inspection::{self, MAX_CONFIG_BYTES};
use super::listing::{Limits, Listing, PackageFile};
use super::reader::{PackageReader, Place};
use super::sha256_digest::Sha256Digest;
use super::{folder, zip_file};

/// What is wrong, each with the entry where it is one entry's.
pub(super) type Faults = Vec<(Option<String>, Fault)>;

/// Opens a package: its files sorted by path, each with its place.
pub(super) fn open(root: &Path, limits: &Limits) -> Result<Vec<(PackageFile, Place)>, Faults> {
    let whole = |fault: Fault| vec![(None, fault)];
    let metadata = fs::metadata(root).map_err(|error| {
        whole(match error.kind() {
            io::ErrorKind::NotFound => Fault::NotThere,
            _ => Fault::Unreadable(error.to_string()),
        })
    })?;
    let mut archive = None;
    let (listing, numbers) = if metadata.is_dir() {
        let listing = folder::list(root, limits);
        let count = listing.files.len();
        (listing, (0..count).collect())
    } else {
        let file = File::open(root).map_err(|error| whole(Fault::Unreadable(error.to_string())))?;
        let opened = archive.insert(zip_file::open(file).map_err(whole)?);
        zip_file::list(root, opened, limits)
    };
    let paths = judge(&listing, limits)?;
    let mut found = Vec::new();
    let mut faults = Vec::new();
    for ((listed, path), number) in listing.files.into_iter().zip(paths).zip(numbers) {
        let config = inspection::is_web_config(&path);
        let hashed = match &mut archive {
            // The archive's own reader checks the checksum at the end.
            Some(archive) => match archive.by_index(number) {
                Ok(mut entry) => hash(&mut entry, listed.bytes, config),
                Err(error) => Err(Fault::Damaged(error.to_string())),
            },
            None => PackageReader::open(&root.to_owned(), &listed.place, u64::MAX)
                .map_err(|error| Fault::Unreadable(error.to_string()))
                .and_then(|mut reader| hash(&mut reader, listed.bytes, config)),
        };
        match hashed {
            Ok(sha256) => found.push((PackageFile { path, bytes: listed.bytes, sha256 }, listed.place)),
            Err(fault) => faults.push((Some(listed.name), fault)),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    found.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
    Ok(found)
}

/// Judges what a package says it holds, before any of it is read; gives the files' paths.
fn judge(listing: &Listing, limits: &Limits) -> Result<Vec<String>, Faults> {
    let mut faults = listing.faults.clone();
    if listing.files.is_empty() && faults.is_empty() {
        faults.push((None, Fault::Empty));
    }
    if listing.files.len() > limits.files {
        faults.push((None, Fault::TooManyFiles { files: listing.files.len(), limit: limits.files }));
    }
    if listing.files.iter().map(|file| u128::from(file.bytes)).sum::<u128>() > u128::from(limits.bytes) {
        faults.push((None, Fault::TooManyBytes { limit: limits.bytes }));
    }
    let mut paths = Vec::new();
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for file in &listing.files {
        match relative(&file.name) {
            Ok(path) => {
                match seen.get(&folded(&path)) {
                    Some(other) => faults.push((Some(file.name.clone()), Fault::SameFile((*other).to_owned()))),
                    None => {
                        seen.insert(folded(&path), &file.name);
                    }
                }
                paths.push(path);
            }
            Err(fault) => faults.push((Some(file.name.clone()), fault)),
        }
    }
    for (path, name) in &seen {
        for (at, _) in path.match_indices('\\') {
            if let Some(file) = seen.get(&path[..at]) {
                faults.push((Some((*file).to_owned()), Fault::FileAndFolder((*name).to_owned())));
            }
        }
    }
    if faults.is_empty() { Ok(paths) } else { Err(faults) }
}

/// Hashes a file that says it has so many bytes. Of a configuration it looks at the content too.
fn hash(reader: &mut impl Read, bytes: u64, config: bool) -> Result<Sha256Digest, Fault> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut kept = Vec::new();
    let mut count = 0_u64;
    loop {
        let length = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Fault::Damaged(error.to_string())),
        };
        count += length as u64;
        if count > bytes {
            return Err(Fault::Larger(bytes));
        }
        hasher.update(&buffer[..length]);
        if config {
            kept.extend_from_slice(&buffer[..length]);
            if kept.len() > MAX_CONFIG_BYTES {
                return Err(Fault::HugeConfiguration(MAX_CONFIG_BYTES));
            }
        }
    }
    if count < bytes {
        return Err(Fault::Damaged(format!("it says it has {bytes} bytes, and has {count}")));
    }
    if config {
        inspection::check(&kept)?;
    }
    Ok(Sha256Digest(hasher.finalize().into()))
}
