//! What is in a folder that an application leaves, and not in its release.

use crate::release::Release;

/// How many names are told.
const TOLD: usize = 20;

/// The names at the top level of a folder that the release has not, in words; `None` where it has all of them.
pub fn left_behind(names: &[String], release: &Release) -> Option<String> {
    let tops: Vec<String> =
        release.files().iter().filter_map(|file| file.path.split('\\').next()).map(str::to_lowercase).collect();
    let mut only_there: Vec<&str> =
        names.iter().filter(|name| !tops.contains(&name.to_lowercase())).map(String::as_str).collect();
    only_there.sort_unstable();
    if only_there.is_empty() {
        return None;
    }
    let more = match only_there.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!("{}{more} (top level)", only_there[..only_there.len().min(TOLD)].join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Package;
    use std::sync::Arc;

    #[test]
    fn what_the_release_has_not_is_told_up_to_twenty_names() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bin")).unwrap();
        std::fs::write(folder.path().join("bin/a.dll"), "").unwrap();
        std::fs::write(folder.path().join("Default.aspx"), "").unwrap();
        let release = Release::new(Arc::new(Package::open(folder.path()).unwrap()), &[]).unwrap();
        let check = |names: &[&str], expected: Option<&str>| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(left_behind(&names, &release).as_deref(), expected);
        };
        check(&[], None);
        check(&["BIN", "default.aspx"], None);
        check(&["robots.txt", "bin", "App_Data"], Some("App_Data, robots.txt (top level)"));
        let many: Vec<String> = (10..33).rev().map(|number: u32| number.to_string()).collect();
        let told = left_behind(&many, &release).unwrap();
        assert!(told.starts_with("10, 11, 12,") && told.ends_with(", 29 and 3 more (top level)"), "{told}");
    }
}
