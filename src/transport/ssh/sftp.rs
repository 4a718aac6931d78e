//! Files by SFTP, into a folder that a `put_tree` call has begun.
//!
//! They go where `put_file` would put them: beside the folder, in `PATH.partial`. The next `put_tree` compares their
//! digests on the host and moves them to their place, so what was cut short or altered on the way is never used.

use std::collections::BTreeSet;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ssh2::{File, OpenFlags, OpenType, Sftp};

use super::held::Held;
use crate::transport::FilePiece;

/// What a staging folder's name ends with.
const PARTIAL: &str = ".partial";
/// How long the host may take over one request.
const PATIENCE: Duration = Duration::from_mins(2);
/// What libssh2 is given beyond what the host has confirmed: OpenSSH takes 2 MiB before it wants to have written them.
const AHEAD_BYTES: usize = 3 << 20;

/// SFTP over a connection.
pub(super) struct Files {
    // A handle goes before what it was opened by.
    open: Option<(PathBuf, File)>,
    folders: BTreeSet<PathBuf>,
    sftp: Sftp,
}

/// Why files were not written.
pub(super) enum Unwritten {
    /// The host has no SFTP, or it does not lead to this folder.
    NoSftp(String),
    /// The connection, or the disk, failed.
    Failed(String),
}

impl Held {
    /// Writes pieces of files that belong to a folder, in order.
    pub fn write_files(&mut self, tree: &str, pieces: &[FilePiece]) -> Result<(), Unwritten> {
        let session = self.session(PATIENCE).map_err(Unwritten::Failed)?.clone();
        let mut files = match self.files.take() {
            Some(files) => files,
            None => Files {
                open: None,
                folders: BTreeSet::new(),
                sftp: session.sftp().map_err(|error| Unwritten::NoSftp(error.message().to_owned()))?,
            },
        };
        files.write(tree, pieces)?;
        self.files = Some(files);
        Ok(())
    }
}

impl Files {
    fn write(&mut self, tree: &str, pieces: &[FilePiece]) -> Result<(), Unwritten> {
        let staging = PathBuf::from(format!("{}{PARTIAL}", place(&self.sftp, tree)?));
        if self.folders.insert(staging.clone()) {
            // Never made here: where it is not, SFTP shows other folders than the agent sees.
            self.sftp.stat(&staging).map_err(|error| {
                self.folders.remove(&staging);
                Unwritten::NoSftp(format!("{}: {}", staging.display(), error.message()))
            })?;
        }
        for pieces in pieces.chunk_by(follows) {
            let [first, ..] = pieces else { continue };
            let path = staging.join(first.file.replace('\\', "/"));
            let failed = |why: String| Unwritten::Failed(format!("{}: {why}", path.display()));
            if self.open.as_ref().is_none_or(|(open, _)| *open != path) {
                self.close().map_err(failed)?;
                self.make_folders(&staging, &path);
                let flags = OpenFlags::WRITE | OpenFlags::CREATE;
                let file = self.sftp.open_mode(&path, flags, 0o644, OpenType::File);
                self.open = Some((path.clone(), file.map_err(|error| failed(error.message().to_owned()))?));
            }
            if let Some((_, file)) = &mut self.open {
                let written = file.seek(SeekFrom::Start(first.at_bytes)).and_then(|_| stream(file, pieces));
                written.map_err(|error| failed(error.to_string()))?;
            }
        }
        self.close().map_err(Unwritten::Failed)
    }

    /// Closes the file that is open; only then is it known to be written.
    fn close(&mut self) -> Result<(), String> {
        match self.open.take() {
            Some((path, mut file)) => file.close().map_err(|error| format!("{}: {}", path.display(), error.message())),
            None => Ok(()),
        }
    }

    fn make_folders(&mut self, staging: &Path, path: &Path) {
        let above = path.ancestors().skip(1).take_while(|folder| *folder != staging);
        let mut lacking: Vec<&Path> = above.filter(|folder| !self.folders.contains(*folder)).collect();
        lacking.reverse();
        for folder in lacking {
            // One that is there already is refused; one that cannot be made shows when its file is opened.
            let _ = self.sftp.mkdir(folder, 0o755);
            self.folders.insert(folder.to_owned());
        }
    }
}

/// Writes pieces that follow each other.
///
/// libssh2 sends what it is given and then waits for the host's word on its beginning; given the rest and more, it sends
/// the more before it waits again (`libssh2_sftp_write(3)`). So there is always more than the host lets it send at once.
fn stream(file: &mut File, pieces: &[FilePiece]) -> io::Result<()> {
    let mut pieces = pieces.iter();
    let mut given = Vec::with_capacity(2 * AHEAD_BYTES);
    let mut done = 0;
    loop {
        if given.len() - done < AHEAD_BYTES {
            given.drain(..done);
            done = 0;
            while given.len() < AHEAD_BYTES
                && let Some(piece) = pieces.next()
            {
                given.extend_from_slice(&piece.bytes);
            }
        }
        if done == given.len() {
            return Ok(());
        }
        done += match file.write(&given[done..])? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => written,
        };
    }
}

/// Whether a piece begins where another ends.
fn follows(one: &FilePiece, next: &FilePiece) -> bool {
    one.file == next.file && one.at_bytes + one.bytes.len() as u64 == next.at_bytes
}

/// Where SFTP has a folder of Windows: `C:\x` is `/C:/x` (Win32-OpenSSH).
fn place(sftp: &Sftp, tree: &str) -> Result<String, Unwritten> {
    let tree = tree.trim_end_matches('\\').replace('\\', "/");
    if let Some(rest) = tree.strip_prefix("%SystemDrive%") {
        // The account's home is on the same drive, on most hosts; where it is not, the folder is not found.
        let home = sftp.realpath(Path::new(".")).map(|home| home.display().to_string()).unwrap_or_default();
        return Ok(format!("/{}{rest}", drive(&home).unwrap_or("C:")));
    }
    if drive(&format!("/{tree}")).is_none() {
        return Err(Unwritten::NoSftp(format!("nobody knows where SFTP has {tree}")));
    }
    Ok(format!("/{tree}"))
}

/// The drive in a path such as `/C:/Users/deploy`.
fn drive(path: &str) -> Option<&str> {
    let drive = path.strip_prefix('/')?.get(..2)?;
    (drive.starts_with(|c: char| c.is_ascii_alphabetic()) && drive.ends_with(':')).then_some(drive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drives_are_recognised() {
        assert_eq!(drive("/C:/Users/deploy"), Some("C:"));
        assert_eq!(drive("/d:"), Some("d:"));
        for other in ["/home/deploy", "C:/x", "/", "", "/1:/x"] {
            assert_eq!(drive(other), None, "{other}");
        }
    }
}
