//! Which part of a way through web.config names the section, and which leads on inside of it.

use crate::hostcall::config::AppPath;
use crate::hostcall::{ElementPath, Step};
use crate::release::ConfigPath;

/// Groups of sections that lie in other groups (`configSections` of applicationHost.config and machine.config).
const INNER_GROUPS: [&[&str]; 7] = [
    &["system.webServer", "security", "authentication"],
    &["system.webServer", "security"],
    &["system.webServer", "rewrite"],
    &["system.webServer", "tracing"],
    &["system.webServer", "management"],
    &["system.web", "caching"],
    &["system.net", "mailSettings"],
];

/// The element as a host is asked for it; `None` for one that hosts tell nothing of, such as what is in a `<location>`.
pub fn element_path(app: AppPath, path: &ConfigPath) -> Option<ElementPath> {
    let steps = path.steps();
    let length = section_length(path);
    let (section, below) = steps.split_at_checked(length)?;
    if section.iter().any(|step| !step.keys.is_empty() || step.element == "location") {
        return None;
    }
    let names: Vec<&str> = section.iter().map(|step| step.element.as_str()).collect();
    let mut element = ElementPath::in_app(app, &names.join("/"));
    element.steps = below
        .iter()
        .map(|step| {
            if step.keys.is_empty() {
                Step::Child(step.element.clone())
            } else {
                Step::Item(step.keys.iter().cloned().collect())
            }
        })
        .collect();
    Some(element)
}

/// How many steps of a path name its section.
pub fn section_length(path: &ConfigPath) -> usize {
    let names: Vec<&str> = path.steps().iter().map(|step| step.element.as_str()).collect();
    let inner = INNER_GROUPS.iter().find(|group| names.starts_with(group));
    match inner {
        Some(group) => group.len() + 1,
        // Every group that .NET and IIS declare is named so; sections outside of groups are not.
        None if names.first().is_some_and(|name| name.starts_with("system.")) => 2,
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Option<(&str, usize)>) {
        let app = AppPath { site: "Chat".to_owned(), path: "/".to_owned() };
        let found = element_path(app, &ConfigPath::parse(path).unwrap());
        let found = found.as_ref().map(|it| (it.section.as_str(), it.steps.len()));
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn a_path_is_a_section_and_the_way_on() {
        check("system.web/compilation", Some(("system.web/compilation", 0)));
        check("system.web/compilation/assemblies", Some(("system.web/compilation", 1)));
        check("appSettings", Some(("appSettings", 0)));
        check("system.webServer/rewrite/rules/rule[name='a']/match", Some(("system.webServer/rewrite/rules", 2)));
        let basic = "system.webServer/security/authentication/basicAuthentication";
        check(basic, Some((basic, 0)));
        check(
            "system.webServer/security/requestFiltering/requestLimits",
            Some(("system.webServer/security/requestFiltering", 1)),
        );
        check("system.net/mailSettings/smtp/network", Some(("system.net/mailSettings/smtp", 1)));
        check("location[path='api']/system.web/compilation", None);
        check("system.web", None);
    }
}
