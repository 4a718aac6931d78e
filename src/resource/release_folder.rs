//! The folder of a release: which one is live, and what can be told of it without reading its files.

use sha2::{Digest, Sha256};

use crate::hostcall::Element;
use crate::release::{FileContent, Release};

/// The file of a release that is compared byte by byte.
pub const WEB_CONFIG: &str = "web.config";

/// Whether a folder's name is that of a release.
pub fn is_digest(name: &str) -> bool {
    name.len() == 12 && name.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
}

/// The folder that an application's files are in.
pub fn live_folder(application: &Element) -> &str {
    application.find_item(&[("path", "/")]).and_then(|it| it.text("physicalPath")).unwrap_or_default()
}

/// The last part of a path.
pub fn folder_name(path: &str) -> &str {
    path.rsplit(['\\', '/']).next().unwrap_or_default()
}

/// What [`crate::hostcall::answer::Tree`] says of a folder that holds the release.
pub fn tree_digest(release: &Release, except: &[String]) -> String {
    let left_out = |path: &str| {
        let mut all = except.iter().map(|it| it.to_lowercase()).chain([WEB_CONFIG.to_owned()]);
        all.any(|it| path == it || path.strip_prefix(&it).is_some_and(|rest| rest.starts_with('\\')))
    };
    let mut lines: Vec<Vec<u16>> = Vec::new();
    for file in release.files() {
        let path = file.path.to_lowercase();
        let bytes = match &file.content {
            FileContent::Plain { bytes, .. } => Some(*bytes),
            // How long a text with secrets is would tell something of them; only web.config has any.
            FileContent::Overlaid(text) => {
                text.bytes(|_| Err(String::new())).ok().and_then(|bytes| u64::try_from(bytes.len()).ok())
            }
        };
        if let Some(bytes) = bytes.filter(|_| !left_out(&path)) {
            lines.push(format!("{path}|{bytes}\n").encode_utf16().collect());
        }
    }
    lines.sort();
    let text: String = lines.iter().map(|line| String::from_utf16_lossy(line)).collect();
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
