//! A zip archive as a package.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use super::fault::Fault;
use super::listing::{Limits, Listed, Listing};
use super::reader::Place;

/// An archive that is open.
pub(super) type Archive = ZipArchive<BufReader<File>>;

/// An entry that unpacks to more times its size than this is refused, if it is larger than [`RATIO_FROM_BYTES`].
const MAX_RATIO: u64 = 200;

/// What repetition is let pass, in bytes: small files of blanks are no danger.
const RATIO_FROM_BYTES: u64 = 16 * 1024 * 1024;

/// Opens an archive.
pub(super) fn open(file: File) -> Result<Archive, Fault> {
    ZipArchive::new(BufReader::new(file)).map_err(|error| Fault::NotZip(error.to_string()))
}

/// Lists the files of an archive, each with its number in it. Folders are left out; their names are judged.
pub(super) fn list(path: &Path, archive: &mut Archive, limits: &Limits) -> (Listing, Vec<usize>) {
    let (mut listing, mut numbers) = (Listing::default(), Vec::new());
    // Folders are entries too, and seldom more than files are.
    if archive.len() / 2 > limits.files {
        listing.faults.push((None, Fault::TooManyFiles { files: archive.len(), limit: limits.files }));
        return (listing, numbers);
    }
    if archive.has_duplicate_names() {
        listing.faults.extend(
            duplicates(path, archive.central_directory_start()).into_iter().map(|name| (Some(name), Fault::Twice)),
        );
    }
    match archive.has_overlapping_files() {
        Ok(false) => {}
        Ok(true) => listing.faults.push((None, Fault::Overlap)),
        Err(error) => listing.faults.push((None, Fault::Damaged(error.to_string()))),
    }
    for number in 0..archive.len() {
        match entry(archive, number) {
            Ok(Some(listed)) => {
                listing.files.push(listed);
                numbers.push(number);
            }
            Ok(None) => {}
            Err((name, fault)) => listing.faults.push((Some(name), fault)),
        }
    }
    (listing, numbers)
}

/// One entry; `None` for a folder.
fn entry(archive: &mut Archive, number: usize) -> Result<Option<Listed>, (String, Fault)> {
    let damaged = |error: zip::result::ZipError| (format!("number {number}"), Fault::Damaged(error.to_string()));
    let entry = archive.by_index_raw(number).map_err(damaged)?;
    let Ok(name) = std::str::from_utf8(entry.name_raw()).map(str::to_owned) else {
        return Err((String::from_utf8_lossy(entry.name_raw()).into_owned(), Fault::NotUtf8));
    };
    let is = |fault: Fault| Err((name.clone(), fault));
    let attributes = entry.external_attributes();
    let folder = name.ends_with(['/', '\\']);
    match (attributes >> 16) & 0o170_000 {
        0o120_000 => return is(Fault::Link),
        0 | 0o100_000 | 0o040_000 => {}
        _ if entry.system() == zip::System::Unix => return is(Fault::Special),
        _ => {}
    }
    // FILE_ATTRIBUTE_REPARSE_POINT, as archivers on Windows keep it.
    if entry.system() != zip::System::Unix && attributes & 0x400 != 0 {
        return is(Fault::Link);
    }
    if folder {
        let path = super::entry_name::relative(name.trim_end_matches(['/', '\\']));
        return match path {
            Ok(_) if entry.size() > 0 => is(Fault::Special),
            Ok(_) => Ok(None),
            Err(fault) => is(fault),
        };
    }
    if entry.encrypted() {
        return is(Fault::Encrypted);
    }
    let (bytes, compressed) = (entry.size(), entry.compressed_size());
    let Some(start) = entry.data_start() else {
        return is(Fault::Damaged("the entry's place is not known".to_owned()));
    };
    let place = match entry.compression() {
        CompressionMethod::Stored if compressed != bytes => {
            return is(Fault::Damaged("it is stored as it is, and has two sizes".to_owned()));
        }
        CompressionMethod::Stored => Place::Stored { start },
        CompressionMethod::Deflated => Place::Deflated { start, compressed },
        other => return is(Fault::Method(other.to_string())),
    };
    let ratio = bytes / compressed.max(1);
    if bytes > RATIO_FROM_BYTES && ratio > MAX_RATIO {
        return is(Fault::Ratio(ratio));
    }
    Ok(Some(Listed { name, bytes, place }))
}

/// The names that the archive's directory has more than once. The directory is read again: what opened it keeps one.
fn duplicates(path: &Path, start: u64) -> Vec<String> {
    let mut names = Vec::new();
    let (mut seen, mut found) = (BTreeSet::new(), BTreeSet::new());
    let Ok(mut reader) = File::open(path).map(BufReader::new) else { return names };
    if reader.seek(SeekFrom::Start(start)).is_ok() {
        while let Some(name) = directory_name(&mut reader) {
            if !seen.insert(name.clone()) && found.insert(name.clone()) {
                names.push(String::from_utf8_lossy(&name).into_owned());
            }
        }
    }
    names
}

/// The name in the directory header that comes next (APPNOTE 4.3.12).
fn directory_name(reader: &mut impl Read) -> Option<Vec<u8>> {
    let mut header = [0; 46];
    reader.read_exact(&mut header).ok()?;
    let length = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
    let mut rest = vec![0; length(28) + length(30) + length(32)];
    reader.read_exact(&mut rest).ok()?;
    rest.truncate(length(28));
    header.starts_with(b"PK\x01\x02").then_some(rest)
}
