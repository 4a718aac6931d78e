//! A file of a package, byte by byte, in bounded memory.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Take};
use std::path::PathBuf;

use flate2::read::DeflateDecoder;

/// Where a file's bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A file in a folder.
    File(PathBuf),
    /// Bytes of an archive, as they are.
    Stored {
        /// Where they start in the archive.
        start: u64,
    },
    /// Bytes of an archive, compressed.
    Deflated {
        /// Where they start in the archive.
        start: u64,
        /// How many there are in the archive.
        compressed: u64,
    },
}

impl Place {
    /// Whether it is in an archive.
    pub(super) fn is_in_archive(&self) -> bool {
        !matches!(self, Place::File(_))
    }
}

/// Reads one file of a package from some place on.
pub struct PackageReader {
    source: Source,
    /// How many bytes are before it.
    position: u64,
    /// How many bytes the file has.
    bytes: u64,
}

enum Source {
    Plain(Take<File>),
    Deflated(Box<DeflateDecoder<Take<File>>>),
}

impl PackageReader {
    pub(super) fn open(package: &PathBuf, place: &Place, bytes: u64) -> io::Result<PackageReader> {
        let within = |start: u64, length: u64| {
            let mut file = File::open(package)?;
            file.seek(SeekFrom::Start(start))?;
            io::Result::Ok(file.take(length))
        };
        let source = match place {
            Place::File(path) => Source::Plain(File::open(path)?.take(bytes)),
            Place::Stored { start } => Source::Plain(within(*start, bytes)?),
            Place::Deflated { start, compressed } => {
                Source::Deflated(Box::new(DeflateDecoder::new(within(*start, *compressed)?)))
            }
        };
        Ok(PackageReader { source, position: 0, bytes })
    }

    /// How many bytes are before the place where it reads.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Goes on to a place behind the present one, or the same.
    pub(super) fn advance(&mut self, offset: u64) -> io::Result<()> {
        let Some(skipped) = offset.checked_sub(self.position) else {
            return Err(io::Error::other("a reader of a package does not go back"));
        };
        match &mut self.source {
            Source::Plain(file) => {
                let distance = i64::try_from(skipped).map_err(io::Error::other)?;
                file.get_mut().seek(SeekFrom::Current(distance))?;
                file.set_limit(file.limit().saturating_sub(skipped));
                self.position = offset;
            }
            Source::Deflated(_) => {
                io::copy(&mut Read::by_ref(self).take(skipped), &mut io::sink())?;
            }
        }
        if self.position == offset { Ok(()) } else { Err(changed()) }
    }

    /// The next `length` bytes, or what is left.
    pub(super) fn slice(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let left = usize::try_from(self.bytes.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let mut slice = vec![0; length.min(left)];
        self.read_exact(&mut slice).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => changed(),
            _ => error,
        })?;
        Ok(slice)
    }
}

impl Read for PackageReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.bytes.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let buffer = &mut buffer[..length];
        let read = match &mut self.source {
            Source::Plain(file) => file.read(buffer)?,
            Source::Deflated(decoder) => decoder.read(buffer)?,
        };
        self.position += read as u64;
        Ok(read)
    }
}

fn changed() -> io::Error {
    io::Error::other("the package has changed since it was opened")
}
