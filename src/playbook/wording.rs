//! What serde says of a wrong value, in an operator's words.

use crate::diagnostic::{did_you_mean, shown};

/// A sentence and what to type instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wording {
    pub message: String,
    pub help: String,
}

/// What serde complained of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Complaint<'a> {
    /// A key that the type does not have, and those it has.
    Unknown { field: &'a str, known: Vec<&'a str> },
    /// A key that must be there.
    Missing(&'a str),
    /// A value of the wrong type, out of range, or not among the words that are allowed.
    Value,
}

/// Tells which of the three complaints a message is.
pub(super) fn complaint(message: &str) -> Complaint<'_> {
    if let Some(rest) = message.strip_prefix("unknown field `") {
        let (field, rest) = rest.split_once('`').unwrap_or((rest, ""));
        return Complaint::Unknown { field, known: quoted(rest) };
    }
    match message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        Some(field) => Complaint::Missing(field),
        None => Complaint::Value,
    }
}

/// Words for a value that does not fit the property called `what`.
pub(super) fn wrong_value(message: &str, what: &str, found: &str) -> Wording {
    let plain = |message: String| Wording { message, help: String::new() };
    if let Some(rest) = message.strip_prefix("unknown variant `") {
        let (typed, rest) = rest.split_once('`').unwrap_or((rest, ""));
        let known = quoted(rest);
        let help = match did_you_mean(typed, known.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("one of {}", known.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")),
        };
        return Wording { message: format!("{what} cannot be {}", shown(typed)), help };
    }
    let typed = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    if let Some((_, expected)) = typed.and_then(|rest| rest.rsplit_once(", expected ")) {
        let help = if expected == "a boolean" && matches!(found.trim_matches('`'), "yes" | "Yes" | "on" | "On") {
            "true"
        } else if expected == "a boolean" && matches!(found.trim_matches('`'), "no" | "No" | "off" | "Off") {
            "false"
        } else {
            ""
        };
        let message = format!("{what} must be {}, and this is {found}", expected_words(expected));
        return Wording { message, help: help.to_owned() };
    }
    if let Some((_, expected)) = message.strip_prefix("invalid length ").and_then(|rest| rest.split_once(", expected "))
    {
        return plain(format!("{what} must be {}", expected_words(expected)));
    }
    plain(message.to_owned())
}

/// What serde calls a type, in words.
fn expected_words(expected: &str) -> String {
    let words = match expected {
        "a boolean" => "`true` or `false`",
        "a string" => "a text",
        "a sequence" => "a list",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number, not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "string or map" => "one of its words",
        _ if expected.starts_with("struct ") || expected.starts_with("a map") => "a map",
        other => other,
    };
    words.to_owned()
}

/// The names in backticks in a message.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_complaints_are_told_apart() {
        assert_eq!(
            complaint("unknown field `nam`, expected one of `names`, `source`"),
            Complaint::Unknown { field: "nam", known: vec!["names", "source"] }
        );
        assert_eq!(
            complaint("unknown field `x`, there are no fields"),
            Complaint::Unknown { field: "x", known: vec![] }
        );
        assert_eq!(complaint("missing field `names`"), Complaint::Missing("names"));
        assert_eq!(complaint("invalid type: null, expected a string"), Complaint::Value);
    }

    #[test]
    fn wrong_values_are_told_in_an_operators_words() {
        let check = |message: &str, found: &str, expected: &str, help: &str| {
            let wording = wrong_value(message, "`x`", found);
            assert_eq!((wording.message.as_str(), wording.help.as_str()), (expected, help));
        };
        check(
            "invalid type: string \"many, expected u8\", expected u32",
            "`many`",
            "`x` must be a whole number from 0 to 4294967295, and this is `many`",
            "",
        );
        check(
            "invalid type: string \"yes\", expected a boolean",
            "`yes`",
            "`x` must be `true` or `false`, and this is `yes`",
            "true",
        );
        check(
            "invalid value: integer `70000`, expected u16",
            "`70000`",
            "`x` must be a whole number from 0 to 65535, and this is `70000`",
            "",
        );
        check(
            "unknown variant `alwys`, expected `never` or `always`",
            "",
            "`x` cannot be `alwys`",
            "did you mean `always`?",
        );
        check("unknown variant `q`, expected `never` or `always`", "", "`x` cannot be `q`", "one of `never`, `always`");
        check("a time span is written `90s`", "", "a time span is written `90s`", "");
    }
}
