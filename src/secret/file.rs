//! Files for the owner's eyes, written whole or not at all.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::error::SecretError;

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Whether a file that is there may be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overwrite {
    /// It is kept, and writing fails.
    Never,
    /// It is replaced.
    Always,
}

/// Reads a file; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, SecretError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(SecretError::disk(path)(error)),
    };
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(SecretError::disk(path))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(SecretError::disk(path)(std::io::Error::other("larger than 1 MiB, which no secret is")));
    }
    Ok(Some(bytes))
}

/// Writes a file beside its place and moves it there, readable by its owner only. Tells whether it was written.
pub(super) fn write(path: &Path, bytes: &[u8], overwrite: Overwrite) -> Result<bool, SecretError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(SecretError::disk(folder))?;
    // A temporary file is made with mode 0600 on Unix and with the folder's rights on Windows.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(SecretError::disk(folder))?;
    file.write_all(bytes).map_err(SecretError::disk(path))?;
    file.as_file().sync_all().map_err(SecretError::disk(path))?;
    let moved = match overwrite {
        Overwrite::Always => file.persist(path),
        Overwrite::Never => file.persist_noclobber(path),
    };
    match moved {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(SecretError::disk(path)(error.error)),
    }
}

/// Whether others than the file's owner can read or change it. Windows' rights are inherited from the folder, and not judged.
#[cfg(unix)]
pub(super) fn others_can_read(path: &Path) -> Result<bool, SecretError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).map_err(SecretError::disk(path))?.permissions().mode();
    Ok(mode & 0o077 != 0)
}

/// Whether others than the file's owner can read or change it. Windows' rights are inherited from the folder, and not judged.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the other one can fail")]
pub(super) fn others_can_read(_: &Path) -> Result<bool, SecretError> {
    Ok(false)
}
