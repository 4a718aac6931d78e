//! `group_vars/` and `host_vars/`: `NAME.yml`, `NAME.yaml`, or a folder `NAME` of such files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Sources};
use crate::template::Variables;
use crate::yaml;

/// The variables that files beside an inventory or a playbook give.
#[derive(Debug, Default)]
pub(super) struct VarsFiles {
    /// By group.
    pub groups: BTreeMap<String, Variables>,
    /// By host.
    pub hosts: BTreeMap<String, Variables>,
}

impl VarsFiles {
    /// Reads the files that belong to these groups and hosts.
    pub fn read<'a>(
        sources: &mut Sources,
        folder: &Path,
        groups: impl Iterator<Item = &'a str>,
        hosts: impl Iterator<Item = &'a str>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> VarsFiles {
        VarsFiles {
            groups: named(sources, &folder.join("group_vars"), groups, diagnostics),
            hosts: named(sources, &folder.join("host_vars"), hosts, diagnostics),
        }
    }
}

fn named<'a>(
    sources: &mut Sources,
    folder: &Path,
    names: impl Iterator<Item = &'a str>,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Variables> {
    let mut found = BTreeMap::new();
    let folders = sources.folders(folder);
    for name in names {
        let mut files: Vec<PathBuf> =
            ["yml", "yaml"].map(|extension| folder.join(format!("{name}.{extension}"))).into();
        if folders.contains(&folder.join(name)) {
            files.extend(sources.list(&folder.join(name)).into_iter().filter(|path| yaml_file(path)));
        }
        let mut variables = Variables::default();
        let mut any = false;
        for file in files.into_iter().filter(|file| sources.has(file)).collect::<Vec<_>>() {
            match sources.read(&file) {
                Ok(source) => {
                    if let Some(node) = yaml::parse(sources, source, diagnostics) {
                        variables.lay_over(&Variables::read(&node, diagnostics));
                        any = true;
                    }
                }
                Err(diagnostic) => diagnostics.push(diagnostic),
            }
        }
        if any {
            found.insert(name.to_owned(), variables);
        }
    }
    found
}

fn yaml_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml")
}
