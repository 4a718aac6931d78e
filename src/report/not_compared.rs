//! What was not compared, and what could be told all the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Style;
use super::shown::visible_text;
use crate::engine::{FarmKey, Survey};
use crate::value::SecretRef;

/// What was not compared: a line for each property with the hosts, why, and whether hosts agree on machine keys. Nothing
/// where all secrets could be had.
pub fn not_compared_text(
    surveys: &[Survey],
    closed: &BTreeMap<SecretRef, String>,
    keys: &[FarmKey],
    style: Style,
) -> String {
    let mut hosts: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
    for survey in surveys {
        for it in survey.looked.iter().flat_map(|looked| &looked.not_compared) {
            let (_, name) = it.address.split_once('/').unwrap_or(("", &it.address));
            let secret = it.secret.as_ref().map(|secret| format!(" ({secret})")).unwrap_or_default();
            hosts.entry((name.to_owned(), format!("{}{secret}", it.property))).or_default().push(&survey.host);
        }
    }
    let mut text = String::new();
    if hosts.is_empty() {
        return text;
    }
    let _ = writeln!(text, "\n{}", style.bold("Not compared"));
    for ((name, property), hosts) in hosts {
        let _ = writeln!(text, "  {}  {property}  {}", visible_text(&name), style.dim(&hosts.join(", ")));
    }
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (secret, why) in closed {
        reasons.entry(why).or_default().push(secret.to_string());
    }
    for (why, secrets) in reasons {
        let _ = writeln!(text, "  {}", style.dim(&format!("{}: {}", secrets.join(", "), visible_text(why))));
    }
    for key in keys {
        let _ = writeln!(text, "{}", key_text(key, style));
    }
    text
}

fn key_text(key: &FarmKey, style: Style) -> String {
    let name = format!("Machine key {}", key.secret);
    let groups: Vec<String> = key.hosts.iter().map(|hosts| hosts.join(", ")).collect();
    match key.hosts.as_slice() {
        [] => format!("{name}: no host has one."),
        [one] if one.len() == 1 => format!("{name}: {} has one; whether it is this one is not known.", one.join("")),
        [_] => format!("{name}: the same on {}; whether it is this one is not known.", groups.join("")),
        _ => style.red(&format!("{name}: hosts have keys that differ: {}", groups.join(" | "))),
    }
}
