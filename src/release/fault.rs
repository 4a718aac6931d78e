//! Why a package is not delivered.

use std::fmt;

use crate::xml::XmlError;

/// What is wrong with an entry of a package, or with the package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is nothing at the path.
    #[error("there is no such file or folder")]
    NotThere,
    /// The file is something else.
    #[error("this is neither a folder nor a zip archive: {0}")]
    NotZip(String),
    /// The disk says no.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// There is no file in it.
    #[error("the package holds no file")]
    Empty,
    /// There are too many files in it.
    #[error("the package holds {files} files and {limit} is the most")]
    TooManyFiles {
        /// How many there are.
        files: usize,
        /// How many there may be.
        limit: usize,
    },
    /// Its files are too large.
    #[error("the package unpacks to more than {limit} bytes, which is the most")]
    TooManyBytes {
        /// How many bytes there may be.
        limit: u64,
    },
    /// Entries of an archive share bytes.
    #[error("entries of the archive lie over each other, as in archives made to fill a disk")]
    Overlap,
    /// The name has a part that is `.` or `..`.
    #[error("the path steps through `{0}`, and could leave the release's folder")]
    Step(&'static str),
    /// The name starts at a root.
    #[error("the path is absolute; paths in a package start at the package's root")]
    Absolute,
    /// The name starts with a drive letter.
    #[error("the path starts with a drive letter; paths in a package start at the package's root")]
    Drive,
    /// The name is one of a share.
    #[error("the path is that of a share; paths in a package start at the package's root")]
    Share,
    /// The name has an empty part.
    #[error("the path has an empty part between two slashes")]
    EmptyPart,
    /// A symbolic link, junction or the like.
    #[error("it is a link; put the file itself into the package")]
    Link,
    /// A device, pipe, socket or the like.
    #[error("it is neither a file nor a folder")]
    Special,
    /// A name that Windows keeps for devices.
    #[error("`{0}` is the name of a device on Windows, whatever its extension")]
    Device(String),
    /// A name that Windows would shorten.
    #[error("`{0}` ends in a dot or a blank, which Windows takes away")]
    TrailingDotOrBlank(String),
    /// A character that no name on Windows holds.
    #[error("its name holds {0:?}, which Windows does not allow")]
    Forbidden(char),
    /// A name whose bytes are no text.
    #[error("its name is not UTF-8; make the archive with a tool that writes names as UTF-8")]
    NotUtf8,
    /// A name that was read in the wrong encoding.
    #[error("its name was written in the wrong encoding: it holds {0:?}")]
    Garbled(char),
    /// The same name twice.
    #[error("the archive has this entry more than once")]
    Twice,
    /// Two names that are one on Windows.
    #[error("Windows takes it for the same file as `{0}`: names differ in more than letter case")]
    SameFile(String),
    /// A file where a folder is needed.
    #[error("it is a file, and `{0}` needs a folder of that name")]
    FileAndFolder(String),
    /// The content is encrypted.
    #[error("it is encrypted; make the archive without a password")]
    Encrypted,
    /// The content is compressed in a way that is not read.
    #[error("it is compressed by {0}; only Deflate and Store are read")]
    Method(String),
    /// The content is not what the archive says.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// The content grew while it was read.
    #[error("it has more than the {0} bytes that it had a moment ago; nothing may write the package meanwhile")]
    Larger(u64),
    /// The content is nothing but repetition.
    #[error("it unpacks to {0} times its size, as in archives made to fill a disk")]
    Ratio(u64),
    /// The whole path would be too long.
    #[error(
        "its path on the host has {chars} characters and {limit} is the most; shorten it, or choose a shorter root"
    )]
    PathTooLong {
        /// How many characters it has.
        chars: usize,
        /// How many it may have.
        limit: usize,
    },
    /// A configuration that is no XML.
    #[error("it is no configuration that IIS can read: {0}")]
    NotXml(XmlError),
    /// A configuration that no IIS reads.
    #[error("it is larger than {0} bytes; IIS reads no such configuration")]
    HugeConfiguration(usize),
    /// A machineKey in the package.
    #[error(
        "it holds a <machineKey>{0}; a key in a package is no secret and goes with the next package: take it out, \
         and let `machine_key` put the farm's own key in"
    )]
    MachineKey(InLocation),
    /// A machineKey in a file of its own.
    #[error(
        "its <machineKey>{0} is kept in another file (configSource=\"{1}\"); take the element and that file out, \
         and let `machine_key` put the farm's own key in"
    )]
    ConfigSource(InLocation, String),
    /// A machineKey that one machine can decrypt.
    #[error(
        "its <machineKey>{0} is encrypted by `{1}`, with keys that other servers lack; take it out, \
         and let `machine_key` put the farm's own key in"
    )]
    EncryptedSection(InLocation, String),
}

/// The `<location>` that an element stands in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InLocation(pub Option<String>);

impl fmt::Display for InLocation {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match &self.0 {
            None => Ok(()),
            Some(path) => write!(formatter, " (inside <location path=\"{path}\">)"),
        }
    }
}

/// Everything that is wrong with a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageError {
    /// The package as it was named.
    pub package: String,
    /// What is wrong, each with the entry where it is one entry's. Never empty.
    pub faults: Vec<(Option<String>, Fault)>,
}

/// How many faults a message lists.
const LISTED: usize = 10;

impl fmt::Display for PackageError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "the package `{}` cannot be delivered", self.package)?;
        let one = self.faults.len() == 1;
        for (entry, fault) in self.faults.iter().take(LISTED) {
            formatter.write_str(if one { ": " } else { "\n  " })?;
            if let Some(entry) = entry {
                write!(formatter, "`{}`: ", entry.escape_debug())?;
            }
            write!(formatter, "{fault}")?;
        }
        match self.faults.len().saturating_sub(LISTED) {
            0 => Ok(()),
            more => write!(formatter, "\n  and {more} more"),
        }
    }
}

impl std::error::Error for PackageError {}
