//! A release: one version of an application, named by what it holds.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::edit::{EMPTY_CONFIG, apply};
use super::entry_name::{folded, relative};
use super::overlay::{ConfigEdit, Overlay, OverlayError};
use super::package::Package;
use super::sha256_digest::Sha256Digest;
use crate::value::{Fingerprint, SecretRef, SecretText, SecretTextError, SecretValue, TextPiece};

/// A release's name: the first 12 lower-case hexadecimal digits of the SHA-256 of what it holds.
///
/// What is hashed: the line `farmhand release 1`, then for each file, sorted by path (bytes of UTF-8), a line of JSON
/// without blanks: `["path",bytes,"sha256"]`, or for a file with overlays `["path","encoding",[piece,…]]`, where a
/// piece is `{"plain":"text"}` or `{"fingerprint":"…","part":"…","escape":"…"}`. No hash of a secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleaseDigest(String);

impl ReleaseDigest {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReleaseDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One file of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseFile {
    /// Its path below the release's folder, with `\` between its parts.
    pub path: String,
    /// What is in it.
    pub content: FileContent,
}

/// What is in a file of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileContent {
    /// The package's own bytes.
    Plain {
        /// How many.
        bytes: u64,
        /// Their SHA-256.
        sha256: Sha256Digest,
    },
    /// The package's text with overlays, which may hold secrets.
    Overlaid(SecretText),
}

/// Why there is no release, or none of its bytes.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// An overlay cannot be made.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
    /// A secret whose value was never looked at, so that the release would have no name.
    #[error("the secret `{0}` has no fingerprint, so the release that holds it cannot be named")]
    Fingerprint(SecretRef),
    /// A secret that cannot be written.
    #[error(transparent)]
    Secret(#[from] SecretTextError),
    /// The release has no such file.
    #[error("there is no `{0}` in the release")]
    NotThere(String),
    /// The disk says no.
    #[error("`{path}` cannot be read: {error}")]
    Read {
        /// The file.
        path: String,
        /// What the disk said.
        error: io::Error,
    },
}

/// A package with its overlays.
#[derive(Clone, Debug)]
pub struct Release {
    package: Arc<Package>,
    /// Sorted by path.
    files: Vec<ReleaseFile>,
    digest: ReleaseDigest,
}

impl Release {
    /// The zip of the package, where it is one, with its SHA-256 as it is now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn archive(&self) -> io::Result<Option<(u64, Sha256Digest)>> {
        let Some(path) = self.package.archive() else { return Ok(None) };
        let mut digest = Sha256::new();
        let bytes = io::copy(&mut File::open(path)?, &mut digest)?;
        Ok(Some((bytes, Sha256Digest(digest.finalize().into()))))
    }

    /// Makes the edits of overlays and names the result.
    ///
    /// # Errors
    /// An edit that cannot be made, or a secret that has no fingerprint.
    pub fn new(package: Arc<Package>, overlays: &[Overlay]) -> Result<Release, ReleaseError> {
        let plain = |file: &super::PackageFile| {
            let content = FileContent::Plain { bytes: file.bytes, sha256: file.sha256 };
            (file.path.clone(), content)
        };
        let mut files: BTreeMap<String, FileContent> = package.files().iter().map(plain).collect();
        for (path, edits) in by_file(&package, overlays)? {
            if let [ConfigEdit::File { text }] = edits.as_slice() {
                let pieces = vec![TextPiece::Plain(text.clone())];
                files.insert(path, FileContent::Overlaid(SecretText { pieces, ..SecretText::default() }));
                continue;
            }
            let before = bytes_of(&package, &path)?;
            let text = apply(&path, before.as_deref().unwrap_or(EMPTY_CONFIG), &edits)?;
            // Edits that changed nothing make no other release.
            let unchanged = before.is_some_and(|before| {
                text.secrets().next().is_none()
                    && text.bytes(|_| Err(String::new())).is_ok_and(|bytes| *bytes == before)
            });
            if !unchanged {
                files.insert(path, FileContent::Overlaid(text));
            }
        }
        let files: Vec<ReleaseFile> = files.into_iter().map(|(path, content)| ReleaseFile { path, content }).collect();
        let digest = digest(&files)?;
        Ok(Release { package, files, digest })
    }

    /// Its name.
    pub fn digest(&self) -> &ReleaseDigest {
        &self.digest
    }

    /// Whether its digest is its name. It is none where a secret in it could not be had, so that no fingerprint was made.
    pub fn is_named(&self) -> bool {
        let unknown = Fingerprint::unknown();
        !self.secrets().iter().any(|secret| secret.fingerprint.as_ref() == Some(&unknown))
    }

    /// Its files, sorted by path.
    pub fn files(&self) -> &[ReleaseFile] {
        &self.files
    }

    /// The file of a path; letter case does not count, as on Windows.
    pub fn file(&self, path: &str) -> Option<&ReleaseFile> {
        match self.files.binary_search_by(|file| file.path.as_str().cmp(path)) {
            Ok(at) => self.files.get(at),
            Err(_) => self.files.iter().find(|file| folded(&file.path) == folded(path)),
        }
    }

    /// The secrets in it, each once, by name.
    pub fn secrets(&self) -> Vec<&SecretRef> {
        let mut secrets: Vec<&SecretRef> = self
            .files
            .iter()
            .filter_map(|file| match &file.content {
                FileContent::Plain { .. } => None,
                FileContent::Overlaid(text) => Some(text),
            })
            .flat_map(SecretText::secrets)
            .collect();
        secrets.sort();
        secrets.dedup();
        secrets
    }

    /// Up to `length` bytes of a file for the wire, from `offset` on; fewer only at its end. `resolve` gives a secret's
    /// value, or says why there is none.
    ///
    /// # Errors
    /// When there is no such file, the disk says no, or a secret cannot be written.
    pub fn read(
        &self,
        path: &str,
        offset: u64,
        length: usize,
        resolve: impl Fn(&SecretRef) -> Result<SecretValue, String>,
    ) -> Result<Zeroizing<Vec<u8>>, ReleaseError> {
        match self.file(path).map(|file| &file.content) {
            None => Err(ReleaseError::NotThere(path.to_owned())),
            Some(FileContent::Plain { .. }) => {
                let slice = self.package.read(path, offset, length);
                slice.map(Zeroizing::new).map_err(|error| ReleaseError::Read { path: path.to_owned(), error })
            }
            Some(FileContent::Overlaid(text)) => {
                let bytes = text.bytes(resolve)?;
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let end = start.saturating_add(length).min(bytes.len());
                Ok(Zeroizing::new(bytes[start..end].to_vec()))
            }
        }
    }
}

/// The edits of each file, by the path that the package has for it.
fn by_file<'a>(
    package: &Package,
    overlays: &'a [Overlay],
) -> Result<BTreeMap<String, Vec<&'a ConfigEdit>>, OverlayError> {
    let mut files: BTreeMap<String, Vec<&ConfigEdit>> = BTreeMap::new();
    for overlay in overlays {
        let refused = |why: String| OverlayError::Path { file: overlay.file.clone(), why };
        let path = relative(&overlay.file).map_err(|fault| refused(fault.to_string()))?;
        let path = match package.file(&path) {
            Some(file) => file.path.clone(),
            None if path.eq_ignore_ascii_case("web.config") => {
                let below = format!("{}\\", folded(&path));
                if package.files().iter().any(|file| folded(&file.path).starts_with(&below)) {
                    return Err(refused("the package has a folder of that name".to_owned()));
                }
                "web.config".to_owned()
            }
            None if matches!(overlay.edits.as_slice(), [ConfigEdit::File { .. }]) => path,
            None => return Err(OverlayError::NotThere { file: path }),
        };
        files.entry(path).or_default().extend(&overlay.edits);
    }
    Ok(files)
}

/// A file of the package as it was judged, or nothing where it has none of that path.
fn bytes_of(package: &Package, path: &str) -> Result<Option<Vec<u8>>, OverlayError> {
    let Some(file) = package.file(path) else { return Ok(None) };
    let unreadable = |why: String| OverlayError::Unreadable { file: path.to_owned(), why };
    let mut bytes = Vec::new();
    let read = package.reader(path).and_then(|mut reader| reader.read_to_end(&mut bytes));
    read.map_err(|error| unreadable(error.to_string()))?;
    if Sha256Digest(Sha256::digest(&bytes).into()) != file.sha256 {
        return Err(unreadable("the package has changed since it was opened".to_owned()));
    }
    Ok(Some(bytes))
}

fn digest(files: &[ReleaseFile]) -> Result<ReleaseDigest, ReleaseError> {
    let mut hasher = Sha256::new();
    hasher.update("farmhand release 1\n");
    for file in files {
        let line = match &file.content {
            FileContent::Plain { bytes, sha256 } => json!([file.path, bytes, sha256]),
            FileContent::Overlaid(text) => {
                let pieces = text.pieces.iter().map(piece).collect::<Result<Vec<_>, _>>()?;
                json!([file.path, text.encoding, pieces])
            }
        };
        hasher.update(format!("{line}\n"));
    }
    let digits = hasher.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    Ok(ReleaseDigest(digits))
}

fn piece(piece: &TextPiece) -> Result<serde_json::Value, ReleaseError> {
    match piece {
        TextPiece::Plain(text) => Ok(json!({ "plain": text })),
        TextPiece::Secret(piece) => {
            let fingerprint: Option<&Fingerprint> = piece.secret.fingerprint.as_ref();
            let fingerprint = fingerprint.ok_or_else(|| ReleaseError::Fingerprint(piece.secret.clone()))?;
            Ok(json!({ "fingerprint": fingerprint, "part": piece.part, "escape": piece.escape }))
        }
    }
}
