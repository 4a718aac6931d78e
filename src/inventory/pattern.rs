//! Which hosts a pattern means, by the rules that Ansible's users know.
//!
//! `a:b` or `a,b` both, `a:&b` in both, `a:!b` in one and not the other, `web*` wildcards over groups and hosts,
//! `~web\d+` a regular expression that their names begin with, `web[0]` and `web[0:2]` by place in the group, the last one
//! counted in. Whatever their order in the pattern, exclusions are made last.

use indexmap::IndexSet;
use regex::{Regex, RegexBuilder};

use super::glob::fits;
use super::{ALL, Inventory};
use crate::diagnostic::{Diagnostic, Span, did_you_mean, shown};

/// The names of the hosts that a pattern means, in order. `span_of` gives the place of a stretch of the pattern.
pub fn hosts_of(
    inventory: &Inventory,
    pattern: &str,
    span_of: &dyn Fn(usize, usize) -> Span,
    diagnostics: &mut Vec<Diagnostic>,
) -> IndexSet<String> {
    let (mut taken, mut kept, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
    for (start, term) in terms(pattern) {
        let (list, name) = match term.strip_prefix(['&', '!']) {
            Some(name) if term.starts_with('&') => (&mut kept, name),
            Some(name) => (&mut dropped, name),
            None => (&mut taken, term),
        };
        let at = start + term.len() - name.len();
        match one(inventory, name) {
            Ok(hosts) => list.push(hosts),
            Err((message, help)) => {
                diagnostics.push(Diagnostic::new(span_of(at, name.len()), message).help(help));
                list.push(Vec::new());
            }
        }
    }
    let mut hosts: IndexSet<String> = if taken.is_empty() {
        inventory.hosts.keys().cloned().collect()
    } else {
        taken.into_iter().flatten().map(str::to_owned).collect()
    };
    for list in kept {
        hosts.retain(|host| list.contains(&host.as_str()));
    }
    for list in dropped {
        hosts.retain(|host| !list.contains(&host.as_str()));
    }
    hosts
}

/// The terms of a pattern with the byte at which each starts.
fn terms(pattern: &str) -> Vec<(usize, &str)> {
    let mut terms = Vec::new();
    let (mut start, mut depth) = (0, 0_usize);
    let mut escaped = false;
    for (at, c) in pattern.char_indices().chain([(pattern.len(), ',')]) {
        // In a regular expression more brackets hold together than in a name, and a backslash takes away their meaning.
        let expression = pattern[start..at].trim_start().trim_start_matches(['&', '!']).starts_with('~');
        if std::mem::take(&mut escaped) && at < pattern.len() {
            continue;
        }
        match c {
            '\\' if expression => escaped = true,
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '(' | '{' if expression => depth += 1,
            ')' | '}' if expression => depth = depth.saturating_sub(1),
            ',' | ':' if depth == 0 || at == pattern.len() => {
                let term = &pattern[start..at];
                let trimmed = term.trim_start();
                if !trimmed.trim_end().is_empty() {
                    terms.push((at - trimmed.len(), trimmed.trim_end()));
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    terms
}

type Complaint = (String, String);

/// The hosts that one term means.
fn one<'a>(inventory: &'a Inventory, term: &str) -> Result<Vec<&'a str>, Complaint> {
    if let Some(expression) = term.strip_prefix('~') {
        return expressed(inventory, expression);
    }
    if term.starts_with('@') {
        return Err(("hosts cannot be read from a file here".to_owned(), "name them: `web01,web02`".to_owned()));
    }
    let (name, places) = subscript(term);
    let hosts = match named(inventory, name) {
        // `web0[1-2]` asks for places in a group `web0`; where there is none it can only be a wildcard.
        Err(complaint) if places.is_some() => return named(inventory, term).map_err(|_| complaint),
        result => result?,
    };
    Ok(match places {
        None => hosts,
        Some(Places::One(place)) => {
            let index =
                if place < 0 { hosts.len().checked_sub(place.unsigned_abs()) } else { Some(place.unsigned_abs()) };
            index.and_then(|index| hosts.get(index)).copied().into_iter().collect()
        }
        Some(Places::From(first, last)) => {
            let n_taken = last.map_or(usize::MAX, |last| (last + 1).saturating_sub(first));
            hosts.into_iter().skip(first).take(n_taken).collect()
        }
    })
}

/// The hosts whose names, or whose groups' names, begin with what a regular expression says.
fn expressed<'a>(inventory: &'a Inventory, expression: &str) -> Result<Vec<&'a str>, Complaint> {
    let begins = begins(expression).map_err(|error| {
        let why = error.to_string();
        let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let help = "as in `~web\\d+`; write a parenthesis of the name itself as `\\(`".to_owned();
        (format!("{} is no regular expression: {why}", shown(expression)), help)
    })?;
    let mut hosts = IndexSet::new();
    let mut any = false;
    for (_, members) in inventory.groups.iter().filter(|(group, _)| begins.is_match(group)) {
        any = true;
        hosts.extend(members.iter().map(String::as_str));
    }
    hosts.extend(inventory.hosts.keys().map(String::as_str).filter(|host| begins.is_match(host)));
    if !any && hosts.is_empty() {
        return Err((format!("no host or group fits {}", shown(&format!("~{expression}"))), String::new()));
    }
    // The order of the inventory, whichever group was met first.
    let mut hosts: Vec<&str> = hosts.into_iter().collect();
    hosts.sort_by_key(|host| inventory.hosts.get_index_of(*host));
    Ok(hosts)
}

/// What is true of names that begin with what the expression says. Bounded, whoever wrote it.
fn begins(expression: &str) -> Result<Regex, regex::Error> {
    const MAX_BYTES: usize = 1 << 20;
    // Read alone first: `a)(b` is no expression, and would become one in parentheses.
    RegexBuilder::new(expression).size_limit(MAX_BYTES).build()?;
    RegexBuilder::new(&format!("^(?:{expression})")).size_limit(MAX_BYTES).build()
}

enum Places {
    One(isize),
    From(usize, Option<usize>),
}

/// Splits `web[0:2]` into its name and places.
fn subscript(term: &str) -> (&str, Option<Places>) {
    let whole = (term, None);
    let Some((name, inside)) = term.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) else { return whole };
    if name.is_empty() {
        return whole;
    }
    if let Ok(place) = inside.parse::<isize>() {
        return if inside.starts_with('+') { whole } else { (name, Some(Places::One(place))) };
    }
    let Some((first, last)) = inside.split_once([':', '-']) else { return whole };
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) => (name, Some(Places::From(first, Some(last)))),
        (Ok(first), Err(_)) if last.is_empty() => (name, Some(Places::From(first, None))),
        _ => whole,
    }
}

/// The hosts of the groups and hosts that a name or wildcard fits.
fn named<'a>(inventory: &'a Inventory, name: &str) -> Result<Vec<&'a str>, Complaint> {
    if name == ALL || name == "*" {
        return Ok(inventory.hosts.keys().map(String::as_str).collect());
    }
    let wildcard = name.contains(['*', '?', '[']);
    let mut hosts = IndexSet::new();
    let mut any = false;
    // Groups in the order in which they are written; a place counts from the first on.
    let order = |group: &String| inventory.tree.get_index_of(group);
    let mut groups: Vec<(&String, &Vec<String>)> = inventory.groups.iter().collect();
    groups.sort_by_key(|(group, _)| order(group));
    for (group, members) in groups {
        if group == name || (wildcard && fits(name, group)) {
            any = true;
            hosts.extend(members.iter().map(String::as_str));
        }
    }
    if wildcard {
        hosts.extend(inventory.hosts.keys().map(String::as_str).filter(|host| fits(name, host)));
    } else if !any && let Some((host, _)) = inventory.hosts.get_key_value(name) {
        hosts.insert(host);
    }
    if !any && hosts.is_empty() {
        let known = inventory.groups.keys().chain(inventory.hosts.keys()).map(String::as_str);
        let help = did_you_mean(name, known).map(|known| format!("did you mean `{known}`?"));
        let message = if wildcard { "no host or group fits" } else { "the inventory has no host or group" };
        return Err((format!("{message} {}", shown(name)), help.unwrap_or_default()));
    }
    Ok(hosts.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::diagnostic::Sources;
    use crate::inventory::{InventoryFiles, load};
    use crate::template::Variables;

    fn farm() -> (Sources, Inventory) {
        let text = "groups:\n  web: {hosts: {'web[01:05]': {}}}\n  sql: {hosts: {sql01: {}, web05: {}}}\n  \
                    prod: {children: [web, sql]}\n  none: {}\n";
        let mut sources = Sources::in_memory([("inventory.yml", text)]);
        let files = InventoryFiles { inventory: Path::new("inventory.yml"), playbook_folder: None };
        let mut diagnostics = Vec::new();
        let inventory = load(&mut sources, files, &Variables::default(), &mut diagnostics).unwrap();
        assert_eq!(diagnostics, []);
        (sources, inventory)
    }

    #[test]
    fn patterns_mean_what_ansible_means() {
        let (mut sources, inventory) = farm();
        let mut check = |pattern: &str, expected: &str| {
            let source = sources.add("hosts", pattern);
            let mut diagnostics = Vec::new();
            let span_of = |start, length| Span { source, start, end: start + length };
            let hosts = hosts_of(&inventory, pattern, &span_of, &mut diagnostics);
            let mut found: Vec<String> = hosts.into_iter().collect();
            found.extend(diagnostics.into_iter().map(|it| it.message));
            assert_eq!(found.join(" "), expected, "{pattern}");
        };
        check("all", "web01 web02 web03 web04 web05 sql01");
        check("*", "web01 web02 web03 web04 web05 sql01");
        check("prod", "web01 web02 web03 web04 web05 sql01");
        check("web[0]", "web01");
        check("web[-1]", "web05");
        check("web[0:2]", "web01 web02 web03");
        check("web[3:]", "web04 web05");
        check("web[9]", "");
        check("web:&sql", "web05");
        check("!sql:web", "web01 web02 web03 web04");
        check("!web", "sql01");
        check("web:!web[0:3]", "web05");
        check("sql01, web02", "sql01 web02");
        check("web0[1-2]", "web01 web02");
        check("*01", "web01 sql01");
        check("none", "");
        check("wbe", "the inventory has no host or group `wbe`");
        check("web01:nope*", "web01 no host or group fits `nope*`");
        check("~web", "web01 web02 web03 web04 web05");
        check("~web0[1-2]$", "web01 web02");
        check(r"~web\d{1,2}$:!~.*0(1|2)", "web03 web04 web05");
        check("~(sql|none):&~web05", "web05");
        check("~(?:web|sql)01", "web01 sql01");
        check("~eb01", "no host or group fits `~eb01`");
        check("web01:~we(b", "web01 `we(b` is no regular expression: unclosed group");
        check("~a)(b", "`a)(b` is no regular expression: unopened group");
    }
}
