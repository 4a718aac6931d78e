//! `group_vars` and `host_vars` as Ansible finds them: `NAME`, `NAME.yml`, `NAME.yaml`, `NAME.json`, or a folder `NAME`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{VAULT, yaml};
use crate::diagnostic::{Diagnostic, Sources, Span};
use crate::inventory::groups::Book;
use crate::inventory::vars::VarsFiles;
use crate::template::Variables;
use crate::yaml::Content;

/// Endings of files with variables.
const ENDINGS: [&str; 3] = ["yml", "yaml", "json"];

/// How deep folders lie in one another.
const MAX_DEPTH: usize = 8;

/// Reads the files in a folder's `group_vars` and `host_vars` that belong to a book's groups and hosts.
pub(in crate::inventory) fn read(
    sources: &mut Sources,
    folder: &Path,
    book: &mut Book,
    diagnostics: &mut Vec<Diagnostic>,
) -> VarsFiles {
    let groups: Vec<String> = book.groups.keys().cloned().collect();
    let hosts: Vec<String> = book.hosts.keys().cloned().collect();
    VarsFiles {
        groups: named(sources, &folder.join("group_vars"), groups, book, diagnostics),
        hosts: named(sources, &folder.join("host_vars"), hosts, book, diagnostics),
    }
}

fn named(
    sources: &mut Sources,
    folder: &Path,
    names: Vec<String>,
    book: &mut Book,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Variables> {
    let mut found = BTreeMap::new();
    for name in names.into_iter().filter(|name| !name.contains(['/', '\\'])) {
        let mut variables = Variables::default();
        for file in files(sources, folder, &name) {
            match sources.read(&file) {
                Ok(source) => {
                    let start = Span { source, start: 0, end: 0 };
                    if sources.text(source).starts_with(VAULT) {
                        book.note(start, "only `ansible-vault` opens this file; its variables are not known here");
                        continue;
                    }
                    let Some(node) = yaml(sources, source, book, diagnostics) else { continue };
                    match node.content {
                        Content::Map(entries) => {
                            for entry in entries {
                                variables.insert(&entry.key.text, entry.key.span, entry.value);
                            }
                        }
                        _ if node.is_null() => {}
                        _ => diagnostics.push(Diagnostic::new(node.span, "a file of variables must be a map")),
                    }
                }
                Err(diagnostic) => diagnostics.push(diagnostic),
            }
        }
        found.insert(name, variables);
    }
    found
}

/// The files of a name: the first of its spellings that is there.
fn files(sources: &Sources, folder: &Path, name: &str) -> Vec<PathBuf> {
    let bare = folder.join(name);
    if sources.has_folder(&bare) {
        let mut files = Vec::new();
        below(sources, &bare, 0, &mut files);
        return files;
    }
    let spelt = ENDINGS.iter().map(|ending| folder.join(format!("{name}.{ending}")));
    std::iter::once(bare).chain(spelt).find(|file| sources.has(file)).into_iter().collect()
}

fn below(sources: &Sources, folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<(PathBuf, bool)> = sources.list(folder).into_iter().map(|path| (path, false)).collect();
    entries.extend(sources.folders(folder).into_iter().map(|path| (path, true)));
    entries.sort();
    for (path, is_folder) in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ending = path.extension().map(|ending| ending.to_string_lossy().into_owned());
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        if is_folder {
            if ending.is_none() && depth < MAX_DEPTH {
                below(sources, &path, depth + 1, files);
            }
        } else if ending.is_none_or(|ending| ENDINGS.contains(&ending.as_str())) {
            files.push(path);
        }
    }
}
