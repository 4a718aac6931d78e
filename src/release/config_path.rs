//! The way to an element of a configuration file.

use std::fmt;

/// A way from the root element down, such as `system.webServer/rewrite/rules/rule[name='to https']`.
///
/// The root itself is not named. A step takes the first element of its name whose attributes are as the brackets say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConfigPath(Vec<PathStep>);

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PathStep {
    /// The element's name.
    pub element: String,
    /// Attributes that it must have.
    pub keys: Vec<(String, String)>,
}

impl ConfigPath {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong with it, and what a path looks like.
    pub fn parse(text: &str) -> Result<ConfigPath, String> {
        steps(text).map(ConfigPath).ok_or_else(|| {
            format!("`{text}` is no path to an element; write it as system.web/httpRuntime or rules/rule[name='x']")
        })
    }

    /// A path of element names alone.
    pub(super) fn of(names: &[&str]) -> ConfigPath {
        ConfigPath(names.iter().map(|name| PathStep { element: (*name).to_owned(), keys: Vec::new() }).collect())
    }

    /// Its steps; there is at least one.
    pub fn steps(&self) -> &[PathStep] {
        &self.0
    }
}

impl fmt::Display for ConfigPath {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        for (number, step) in self.0.iter().enumerate() {
            formatter.write_str(if number == 0 { "" } else { "/" })?;
            formatter.write_str(&step.element)?;
            for (name, value) in &step.keys {
                let quote = if value.contains('\'') { '"' } else { '\'' };
                write!(formatter, "[{name}={quote}{value}{quote}]")?;
            }
        }
        Ok(())
    }
}

/// Whether a text can name an element or an attribute.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && text.chars().all(|part| part.is_alphanumeric() || matches!(part, '_' | '-' | '.' | ':'))
}

fn steps(text: &str) -> Option<Vec<PathStep>> {
    let mut steps = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find(['/', '[']).unwrap_or(rest.len());
        let (element, mut after) = rest.split_at(end);
        let mut keys = Vec::new();
        while let Some(inside) = after.strip_prefix('[') {
            let (name, value) = inside.split_once('=')?;
            let name = name.strip_prefix('@').unwrap_or(name);
            let quote = value.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
            let (value, end) = value[1..].split_once(quote)?;
            after = end.strip_prefix(']')?;
            keys.push((is_name(name).then(|| name.to_owned())?, value.to_owned()));
        }
        steps.push(PathStep { element: is_name(element).then(|| element.to_owned())?, keys });
        if after.is_empty() {
            return Some(steps);
        }
        rest = after.strip_prefix('/')?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_it_is_shown() {
        for text in [
            "appSettings",
            "system.web/httpRuntime",
            "system.webServer/rewrite/rules/rule[name='a/b [c]']/match",
            "location[path='api'][inheritInChildApplications='false']/system.web",
            "a[b=\"it's\"]",
        ] {
            assert_eq!(ConfigPath::parse(text).map(|path| path.to_string()), Ok(text.to_owned()));
        }
        let same = ConfigPath::parse("a[@b='c']").unwrap();
        assert_eq!(same, ConfigPath::parse("a[b='c']").unwrap());
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in
            ["", "/", "a/", "/a", "a//b", "1a", "a b", "a[b]", "a[b=c]", "a[b='c'", "a[b='c']d", "a[='c']", "<a"]
        {
            assert!(ConfigPath::parse(text).is_err(), "{text}");
        }
    }
}
