//! A folder as a package.

use std::fs;
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::listing::{Limits, Listed, Listing};
use super::reader::Place;

/// Lists the files below a folder. It stops listing when there are more than may be.
pub(super) fn list(root: &Path, limits: &Limits) -> Listing {
    let mut listing = Listing::default();
    let mut folders = vec![(root.to_owned(), String::new())];
    while let Some((folder, above)) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                let name = (!above.is_empty()).then(|| above.trim_end_matches('/').to_owned());
                listing.faults.push((name, Fault::Unreadable(error.to_string())));
                continue;
            }
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    listing.faults.push((Some(above.clone()), Fault::Unreadable(error.to_string())));
                    break;
                }
            };
            let Ok(own) = entry.file_name().into_string() else {
                let name = format!("{above}{}", entry.file_name().to_string_lossy());
                listing.faults.push((Some(name), Fault::NotUtf8));
                continue;
            };
            let name = format!("{above}{own}");
            // Elsewhere than on Windows a name may hold what would be a step down here.
            if own.contains('\\') {
                listing.faults.push((Some(name), Fault::Forbidden('\\')));
                continue;
            }
            match sort(entry.path()) {
                Ok(Sort::Folder(path)) => folders.push((path, format!("{name}/"))),
                Ok(Sort::File(path, bytes)) => listing.files.push(Listed { name, bytes, place: Place::File(path) }),
                Err(fault) => listing.faults.push((Some(name), fault)),
            }
        }
        if listing.files.len() > limits.files {
            break;
        }
    }
    listing
}

enum Sort {
    Folder(PathBuf),
    File(PathBuf, u64),
}

fn sort(path: PathBuf) -> Result<Sort, Fault> {
    let metadata = fs::symlink_metadata(&path).map_err(|error| Fault::Unreadable(error.to_string()))?;
    let sort = metadata.file_type();
    if sort.is_symlink() {
        Err(Fault::Link)
    } else if sort.is_dir() {
        Ok(Sort::Folder(path))
    } else if sort.is_file() {
        Ok(Sort::File(path, metadata.len()))
    } else {
        Err(Fault::Special)
    }
}
