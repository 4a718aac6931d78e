//! Many small wishes made into few writes, with the same result as one by one.

use crate::hostcall::Write;
use crate::resource::Phase;

/// Orders writes by phase and, within a phase, by step, and joins those that Windows takes as one:
/// the edits of one configuration file, and features with the same source.
pub fn merge(mut calls: Vec<(Phase, Write)>) -> Vec<Write> {
    calls.sort_by_key(|(phase, _)| *phase);
    let mut merged: Vec<Write> = Vec::new();
    for (_, write) in calls {
        if !merged.iter_mut().any(|earlier| joins(earlier, &write)) {
            merged.push(write);
        }
    }
    merged
}

/// Takes `write` into `earlier` where the two are one; `false` where they are not.
fn joins(earlier: &mut Write, write: &Write) -> bool {
    match (earlier, write) {
        (
            Write::IisCommit { file, expect, edits },
            Write::IisCommit { file: same, expect: more_expect, edits: more_edits },
        ) if file == same => {
            expect.extend(more_expect.iter().filter(|it| !expect.contains(it)).cloned().collect::<Vec<_>>());
            edits.extend(more_edits.iter().cloned());
            true
        }
        (
            Write::InstallFeatures { names, management_tools, source },
            Write::InstallFeatures { names: more, management_tools: tools, source: same },
        ) if source == same && *management_tools == *tools => {
            names.extend(more.iter().filter(|name| !names.contains(name)).cloned().collect::<Vec<_>>());
            true
        }
        (earlier, write) => earlier == write,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostcall::write::ConfigFile;
    use crate::hostcall::{Control, ControlTarget, Edit, ElementPath, Text};

    fn commit(pool: &str) -> (Phase, Write) {
        let at = ElementPath::section("system.applicationHost/applicationPools").item([("name", pool)]);
        let edit = Edit::Set { at, attribute: "autoStart".to_owned(), value: Text::Plain("true".to_owned()) };
        let write = Write::IisCommit { file: ConfigFile::ApplicationHost {}, expect: Vec::new(), edits: vec![edit] };
        (Phase::Commit, write)
    }

    fn start(pool: &str) -> (Phase, Write) {
        let target = ControlTarget::Pool(pool.to_owned());
        (Phase::Control, Write::IisControl { target, action: Control::Start })
    }

    #[test]
    fn one_file_is_one_commit_and_control_comes_after_it() {
        let merged = merge(vec![commit("a"), start("a"), commit("b"), start("b"), start("a")]);
        let names: Vec<&str> = merged.iter().map(Write::name).collect();
        assert_eq!(names, ["iis_commit", "iis_control", "iis_control"]);
        let Write::IisCommit { edits, .. } = &merged[0] else { panic!("a commit comes first") };
        assert_eq!(edits.len(), 2);
    }

    #[test]
    fn features_are_installed_in_one_operation() {
        let install = |name: &str| {
            let names = vec![name.to_owned()];
            (Phase::Features, Write::InstallFeatures { names, management_tools: false, source: Vec::new() })
        };
        let merged = merge(vec![install("Web-Server"), install("Web-WebSockets"), install("Web-Server")]);
        let [Write::InstallFeatures { names, .. }] = &merged[..] else { panic!("{merged:?}") };
        assert_eq!(names, &["Web-Server", "Web-WebSockets"]);
    }
}
