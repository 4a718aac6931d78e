//! Names and times as the kinds about SQL Server take them.

use crate::resource::Problems;
use crate::value::{MAX_NAME_UNITS, TimeSpan};

/// How long other sessions may go on before they are cut off, unless the playbook says otherwise.
const ROLLBACK_AFTER_SECONDS: u32 = 30;

/// The longest that they may go on: a day.
const LONGEST_SECONDS: u64 = 86_400;

/// What no name in SQL Server can be.
pub fn check_name(property: &str, name: &str, problems: &mut Problems) {
    let units = name.encode_utf16().count();
    if name.trim().is_empty() || units > MAX_NAME_UNITS || name.chars().any(char::is_control) {
        let message = format!("`{}` cannot be a name in SQL Server", name.escape_debug());
        problems.add(property, message, format!("1 to {MAX_NAME_UNITS} characters, on one line"));
    }
}

/// A database that is not there, and that no step before brings.
pub fn no_database(name: &str, problems: &mut Problems) {
    let message = format!("there is no database {name} on this instance");
    problems.add_lacking("database", message, "a sql_database step before this one, or the right name");
}

/// What no time for other sessions can be.
pub fn check_seconds(property: &str, time: Option<TimeSpan>, problems: &mut Problems) {
    if time.is_some_and(|time| time.seconds > LONGEST_SECONDS) {
        problems.add(
            property,
            "no session is waited for longer than a day",
            "such as 30s, or 0 to cut them off at once",
        );
    }
}

/// For how many seconds other sessions may go on.
pub fn seconds(time: Option<TimeSpan>) -> u32 {
    time.and_then(|time| u32::try_from(time.seconds).ok()).unwrap_or(ROLLBACK_AFTER_SECONDS)
}

/// The desired spelling where the name found is the same but for letter case.
///
/// The server's collation decides what is the same; one that tells cases apart has both names, and then the
/// statement that makes the difference fails with the server's own words.
pub fn in_own_words(desired: Option<&str>, found: &str) -> String {
    desired.filter(|name| name.to_lowercase() == found.to_lowercase()).unwrap_or(found).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_line_of_at_most_128_units() {
        let check = |name: &str, good: bool| {
            let mut problems = Problems::default();
            check_name("name", name, &mut problems);
            assert_eq!(problems.0.is_empty(), good, "{name:?}");
        };
        check("ChatBackplane", true);
        check("a]b'c", true);
        check("", false);
        check(" ", false);
        check("a\nb", false);
        check(&"x".repeat(128), true);
        check(&"x".repeat(129), false);
    }

    #[test]
    fn letter_case_is_no_difference() {
        assert_eq!(in_own_words(Some("CORP\\Svc"), "corp\\svc"), "CORP\\Svc");
        assert_eq!(in_own_words(Some("sa"), "other"), "other");
        assert_eq!(in_own_words(None, "other"), "other");
    }
}
