//! A folder as an inventory: every file in it is read, in order of name.

use std::path::Path;

use super::Reader;

/// Endings of names that are passed over.
const IGNORED: &[&str] =
    &[".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry"];

/// How deep folders lie in one another.
const MAX_DEPTH: usize = 16;

impl Reader<'_> {
    /// Reads a folder and those in it.
    pub fn folder(&mut self, folder: &Path) {
        self.folder_at(folder, 0);
    }

    fn folder_at(&mut self, folder: &Path, depth: usize) {
        let mut entries: Vec<(std::path::PathBuf, bool)> =
            self.sources.list(folder).into_iter().map(|path| (path, false)).collect();
        entries.extend(self.sources.folders(folder).into_iter().map(|path| (path, true)));
        entries.sort();
        for (path, is_folder) in entries {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let passed = name.starts_with('.')
                || ["group_vars", "host_vars", "vars_plugins"].contains(&name.as_str())
                || IGNORED.iter().any(|ending| name.ends_with(ending));
            if passed {
                continue;
            }
            if is_folder {
                if depth < MAX_DEPTH {
                    self.folder_at(&path, depth + 1);
                }
                continue;
            }
            match self.sources.read(&path) {
                Ok(source) => self.file(&path, source),
                Err(diagnostic) => self.diagnostics.push(diagnostic),
            }
        }
    }
}
