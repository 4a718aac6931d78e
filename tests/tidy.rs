//! The rules of the house, read off the tree.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on says so by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Modules, lowest first. A module uses only those above it here.
const LAYERS: &[&str] = &[
    "diagnostic",
    "codes",
    "value",
    "secret",
    "xml",
    "yaml",
    "template",
    "hostcall",
    "release",
    "resource",
    "inventory",
    "playbook",
    "plan",
    "rollout",
    "agent",
    "http",
    "transport",
    "session",
    "sql",
    "balancer",
    "probe",
    "journal",
    "engine",
    "bootstrap",
    "doctor",
    "report",
    "lab",
    "cli",
];

/// Where a secret's value may be taken out of its type: on its way to the wire, into a login, a MAC, a sealed store.
const EXPOSES: &[&str] = &[
    "src/value/secret.rs",
    "src/value/secret_text.rs",
    "src/value/machine_key/",
    "src/agent/framing.rs",
    "src/http/identity.rs",
    "src/http/proxy.rs",
    "src/transport/winrm/login.rs",
    "src/transport/winrm/kerberos/credentials.rs",
    "src/transport/winrm/ntlm.rs",
    "src/transport/winrm/spnego.rs",
    "src/transport/ssh/login.rs",
    "src/sql/change.rs",
    "src/sql/connect.rs",
    "src/engine/macs.rs",
    "src/lab/sql/instance.rs",
    "src/lab/wsman/accounts.rs",
    "src/lab/wsman/login.rs",
    "src/secret/",
    "src/cli/secret/export.rs",
];

/// Circles between the modules of one folder that remain, each with why. The list may only shrink.
const CIRCLES: &[(&str, &str)] = &[
    (
        "lab::wsman: command, service",
        "a service starts commands, and a command takes what it needs from the service whole",
    ),
    ("resource: key_backup, sql_master_key", "one kind in two files: a key, and what it says of its backup"),
    ("template: scope, view", "a variable is rendered when a template looks at it, and that rendering looks at others"),
    ("transport: error, ssh, winrm", "one type of error for all transports holds those of each"),
    (
        "transport::ssh: connect, held, kept, login, sftp, target, worker",
        "a target holds the place where connections to it are kept, and those are made for targets",
    ),
    (
        "transport::winrm::kerberos: kdc, krb5_conf",
        "the file lists KDCs, and one that it does not list is found by its realm",
    ),
];

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn shown(path: &Path) -> String {
    path.display().to_string().replace('\\', "/")
}

/// The text of a source file without its unit tests, which may use anything.
fn shipped(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned()
}

fn module_of(path: &Path) -> Option<String> {
    let rest = shown(path).strip_prefix("src/")?.to_owned();
    Some(rest.split(['/', '.']).next()?.to_owned())
}

#[test]
fn every_module_uses_only_those_below_it() {
    let mut wrong = Vec::new();
    for path in files("src", "rs") {
        let Some(module) = module_of(&path).filter(|module| module != "main" && module != "lib") else { continue };
        let Some(own) = LAYERS.iter().position(|layer| *layer == module) else {
            wrong.push(format!("{} is in no layer", shown(&path)));
            continue;
        };
        for (number, line) in
            shipped(&path).lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            for used in line.split("crate::").skip(1) {
                let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if LAYERS.iter().position(|layer| *layer == used).is_some_and(|used| used > own) {
                    wrong.push(format!("{}:{}: `{module}` uses `{used}`, which is above it", shown(&path), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn lib_rs_lists_the_modules_in_layer_order() {
    let text = fs::read_to_string("src/lib.rs").unwrap();
    let listed: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let expected: Vec<&str> = LAYERS.iter().copied().filter(|layer| listed.contains(layer)).collect();
    assert_eq!(listed, expected);
}

/// The paths in a text from a word on, such as `super::`, with each group of names spread: `a::{b, c}` is `a::b` and `a::c`.
fn paths(text: &str, from: &str) -> Vec<String> {
    fn spread(before: &str, text: &str, found: &mut Vec<String>) {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(text.len());
        let path = format!("{before}{}", &text[..end]);
        let Some(group) = text[end..].strip_prefix('{').filter(|_| path.ends_with("::")) else {
            return found.push(path);
        };
        let (mut depth, mut start) = (0, 0);
        for (at, c) in group.char_indices() {
            depth += i32::from(c == '{') - i32::from(c == '}');
            if depth < 0 || (depth == 0 && c == ',') {
                spread(&path, group[start..at].trim(), found);
                start = at + 1;
            }
            if depth < 0 {
                break;
            }
        }
    }
    let mut found = Vec::new();
    for (at, _) in text.match_indices(from).filter(|(at, _)| !text[..*at].ends_with("::")) {
        spread("", text[at..].trim_start_matches("\npub use ").trim_start_matches("\npub(super) use "), &mut found);
    }
    found
}

#[test]
fn the_modules_of_a_folder_use_each_other_in_one_direction() {
    let is_test = |path: &PathBuf| shown(path).contains("/tests") || shown(path).contains("_tests.rs");
    let mut texts: BTreeMap<Vec<String>, String> = BTreeMap::new();
    for path in files("src", "rs").into_iter().filter(|path| !is_test(path)) {
        let module =
            shown(&path).trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod").to_owned();
        let code = shipped(&path)
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .fold(String::new(), |text, line| text + "\n" + line);
        texts.insert(module.split('/').map(str::to_owned).collect(), code);
    }
    // A name that a folder hands on, by the module that it is of.
    let mut handed_on: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
    for (folder, text) in &texts {
        for path in ["\npub use ", "\npub(super) use "].iter().flat_map(|from| paths(text, from)) {
            let (module, name) = path.rsplit_once("::").unwrap_or_default();
            let below =
                |name: &str| folder.iter().cloned().chain(name.split("::").map(str::to_owned)).collect::<Vec<_>>();
            if texts.contains_key(&below(module)) {
                handed_on.insert(below(name), below(module));
            }
        }
    }
    let mut uses: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
    for (module, text) in &texts {
        for path in ["crate::", "super::"].iter().flat_map(|from| paths(text, from)) {
            let mut used = module.clone();
            for part in path.split("::") {
                match part {
                    "crate" => used.clear(),
                    "super" => drop(used.pop()),
                    part => used.push(part.to_owned()),
                }
                used = handed_on.get(&used).unwrap_or(&used).clone();
            }
            let same = module.iter().zip(&used).take_while(|(a, b)| a == b).count();
            if let (Some(from), Some(to)) = (module.get(..=same), used.get(..=same))
                && texts.contains_key(to)
            {
                uses.entry(from.to_vec()).or_default().insert(to.to_vec());
            }
        }
    }
    let reached = |from: &Vec<String>| {
        let mut reached = BTreeSet::new();
        let mut next = vec![from];
        while let Some(module) = next.pop() {
            next.extend(uses.get(module).into_iter().flatten().filter(|used| reached.insert((*used).clone())));
        }
        reached
    };
    let all: BTreeMap<&Vec<String>, BTreeSet<Vec<String>>> =
        uses.keys().map(|module| (module, reached(module))).collect();
    let mut circles = BTreeSet::new();
    for (module, reached) in &all {
        let round: Vec<&str> = reached
            .iter()
            .filter(|it| reached.contains(*module) && all.get(it).is_some_and(|back| back.contains(*module)))
            .filter_map(|it| it.last().map(String::as_str))
            .collect();
        if !round.is_empty() {
            circles.insert(format!("{}: {}", module[..module.len() - 1].join("::"), round.join(", ")));
        }
    }
    let listed: BTreeSet<String> = CIRCLES.iter().map(|(circle, _)| (*circle).to_owned()).collect();
    let new: Vec<&String> = circles.difference(&listed).collect();
    let gone: Vec<&String> = listed.difference(&circles).collect();
    assert!(new.is_empty(), "these use each other in a circle; put what they share below them: {new:#?}");
    assert!(gone.is_empty(), "these circles are gone; take them off the list: {gone:#?}");
}

#[test]
fn no_file_has_outgrown_reading() {
    let long = |path: &PathBuf| fs::read_to_string(path).unwrap().lines().count() > 400;
    let long: Vec<String> = files("src", "rs").iter().filter(|path| long(path)).map(|path| shown(path)).collect();
    assert!(long.is_empty(), "past 400 lines something is missing below it:\n{}", long.join("\n"));
}

#[test]
fn a_secret_is_exposed_only_where_it_must_be() {
    let exposes = |path: &PathBuf| shipped(path).contains(".expose()");
    let found: Vec<String> = files("src", "rs").iter().filter(|path| exposes(path)).map(|path| shown(path)).collect();
    let wrong: Vec<&String> =
        found.iter().filter(|path| !EXPOSES.iter().any(|allowed| path.starts_with(allowed))).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn only_the_command_line_prints_or_exits() {
    let speaks = ["println!", "eprintln!", "print!(", "process::exit"];
    let wrong: Vec<String> = files("src", "rs")
        .iter()
        .filter(|path| !shown(path).starts_with("src/cli/") && !shown(path).ends_with("src/main.rs"))
        .filter(|path| speaks.iter().any(|word| shipped(path).contains(word)))
        .map(|path| shown(path))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn no_module_is_named_for_nothing() {
    let wrong = ["util", "utils", "common", "helper", "helpers", "manager", "misc"];
    let named = |path: &PathBuf| path.file_stem().is_some_and(|stem| wrong.iter().any(|word| stem == *word));
    let found: Vec<String> = files("src", "rs").iter().filter(|path| named(path)).map(|path| shown(path)).collect();
    assert!(found.is_empty(), "{found:?}");
}

/// `cargo fmt` does not see the modules that the list of kinds declares.
#[test]
fn kinds_are_formatted() {
    let kinds = files("src/resource", "rs");
    let run = Command::new("rustfmt").args(["--check", "--edition", "2024"]).args(&kinds).output();
    let Ok(run) = run else {
        eprintln!("skipped: there is no rustfmt");
        return;
    };
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
}

#[test]
fn text_files_end_in_one_line_feed_and_hold_no_tab_or_trailing_blank() {
    let mut wrong = Vec::new();
    for path in ["src", "tests", "playbooks", "templates"].iter().flat_map(|folder| {
        ["rs", "md", "ps1", "yml"].iter().flat_map(|ending| files(folder, ending)).collect::<Vec<_>>()
    }) {
        // Mistakes kept on purpose.
        if shown(&path).starts_with("tests/input/") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let ends = text.ends_with('\n') && !text.ends_with("\n\n");
        if !ends || text.lines().any(|line| line.ends_with(' ') || line.contains('\t')) {
            wrong.push(shown(&path));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
