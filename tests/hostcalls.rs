//! Every host call answers as its fixtures under `tests/hostcalls/CALL/` say, on every engine there is.
//!
//! A fixture is one JSON object, see [`Fixture`]. Its expected replies are compared as JSON, and in them
//! `"*"` stands for any value, a string that starts with `~` for one that contains the rest, and a key `"..."`
//! says that the object may have more keys. Texts of refusals are Windows' own and are compared only where given.

#![expect(clippy::unwrap_used, reason = "a test stops where its own files are not as they must be")]
#![expect(clippy::print_stdout, reason = "figures, and what was skipped, are said aloud")]

#[path = "hostcalls/engines.rs"]
mod engines;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use engines::{Engine, engines};
use farmhand::hostcall::{Access, Batch, Call, Nonce};
use farmhand::lab::{Fault, LabHost};
use serde::Deserialize;
use serde_json::{Value, json};

/// A host, what it is asked, and what it must answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    /// What the fixture shows, and where the fact is from.
    about: String,
    /// The host's folder under `tests/hostcalls/hosts/`.
    host: String,
    /// Files of the host written over the folder's, as lines; `null` removes one.
    #[serde(default)]
    files: BTreeMap<String, Option<Vec<String>>>,
    /// When files and folders of the host were last written to, in seconds since 1970.
    #[serde(default)]
    written_unix_seconds: BTreeMap<String, u64>,
    /// What is wrong with the host.
    #[serde(default)]
    faults: Vec<Fault>,
    /// What the session may do.
    #[serde(default = "read_write")]
    access: Access,
    /// The request.
    calls: Vec<Call>,
    /// The answer, one reply a call.
    replies: Vec<Value>,
    /// Why the agent is known to answer otherwise, where it is.
    #[serde(default)]
    agent_differs: Option<String>,
    /// What files must look like afterwards; a `*` in a name stands for what only the host can know, and one file has it.
    #[serde(default)]
    after: BTreeMap<String, After>,
}

/// What a file must look like afterwards.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct After {
    /// Text that it has.
    #[serde(default)]
    has: Vec<String>,
    /// Text that it has not.
    #[serde(default)]
    lacks: Vec<String>,
    /// Whether it is as it was before.
    #[serde(default)]
    same: bool,
}

impl Fixture {
    fn batch(&self) -> Batch {
        Batch { id: 1, nonce: Nonce("5a".repeat(32)), calls: self.calls.clone() }
    }
}

fn read_write() -> Access {
    Access::ReadWrite
}

#[test]
fn every_call_answers_as_its_fixtures_say() {
    let mut failures = Vec::new();
    let engines = engines();
    let mut counts = vec![0; engines.len()];
    for path in fixtures() {
        let text = fs::read_to_string(&path).unwrap();
        let fixture: Fixture =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for (engine, count) in engines.iter().zip(&mut counts) {
            if !engine.can(fixture.access, &fixture.batch()) {
                continue;
            }
            *count += 1;
            let mut problems = Vec::new();
            run(engine.as_ref(), &fixture, &mut problems);
            if let Some(why) = fixture.agent_differs.as_ref().filter(|_| engine.name() != "lab") {
                println!("{} ({}): known to differ: {why}", path.display(), engine.name());
                let stale = problems.is_empty().then(|| format!("nothing differs any more: {why}"));
                problems = stale.into_iter().collect();
            }
            failures.extend(
                problems
                    .iter()
                    .map(|problem| format!("{} ({}): {}\n    {problem}", path.display(), engine.name(), fixture.about)),
            );
        }
    }
    for (engine, count) in engines.iter().zip(&counts) {
        println!("{}: {count} fixtures", engine.name());
    }
    assert!(failures.is_empty(), "{} of {counts:?} differ:\n{}", failures.len(), failures.join("\n"));
    assert!(counts[0] >= 40, "there are only {} fixtures", counts[0]);
}

#[test]
fn the_comparison_can_fail() {
    let check = |expected: Value, actual: Value| {
        let mut problems = Vec::new();
        compare("", &expected, &actual, &mut problems);
        problems.len()
    };
    assert_eq!(check(json!({"a": "*", "b": ["~or"]}), json!({"a": 7, "b": ["word"]})), 0);
    assert_eq!(check(json!({"a": 1, "...": ""}), json!({"a": 1, "b": 2})), 0);
    assert_eq!(check(json!({"a": 1}), json!({"a": 1, "b": 2})), 1);
    assert_eq!(check(json!({"a": 1, "b": "*"}), json!({"a": 2})), 2);
    assert_eq!(check(json!(["~x", 1]), json!(["word"])), 1);
}

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new("tests/hostcalls");
    let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let calls = folders.filter(|path| path.is_dir() && !path.ends_with("hosts"));
    let mut found: Vec<PathBuf> = calls
        .flat_map(|call| fs::read_dir(call).unwrap().map(|entry| entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    found.sort();
    found
}

fn run(engine: &dyn Engine, fixture: &Fixture, problems: &mut Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let host = folder.path();
    copy(&Path::new("tests/hostcalls/hosts").join(&fixture.host), host);
    for (name, lines) in &fixture.files {
        let path = host.join(name);
        match lines {
            Some(lines) => {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, lines.join("\n") + "\n").unwrap();
            }
            None => fs::remove_file(path).unwrap(),
        }
    }
    for (name, seconds) in &fixture.written_unix_seconds {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(*seconds);
        fs::File::open(host.join(name)).unwrap().set_modified(time).unwrap();
    }
    for fault in &fixture.faults {
        LabHost::open(host).break_(*fault).unwrap();
    }
    let before: BTreeMap<&String, Vec<u8>> = fixture.after.keys().map(|name| (name, content(host, name))).collect();
    let replies = serde_json::to_value(engine.replies(host, fixture.access, &fixture.batch()).replies).unwrap();
    compare("replies", &Value::from(fixture.replies.clone()), &replies, problems);
    for (name, after) in &fixture.after {
        let bytes = content(host, name);
        let text = String::from_utf8_lossy(&bytes);
        let lacking = after.has.iter().filter(|part| !text.contains(part.as_str()));
        problems.extend(lacking.map(|part| format!("{name} lacks `{part}`:\n{text}")));
        let surplus = after.lacks.iter().filter(|part| text.contains(part.as_str()));
        problems.extend(surplus.map(|part| format!("{name} has `{part}`:\n{text}")));
        if after.same && before[name] != bytes {
            problems.push(format!("{name} has changed:\n{text}"));
        }
    }
}

/// What a file of the host holds; nothing where there is none.
fn content(host: &Path, name: &str) -> Vec<u8> {
    let Some((head, tail)) = name.split_once('*') else { return fs::read(host.join(name)).unwrap_or_default() };
    let (folder, head) = head.rsplit_once('/').unwrap();
    let Ok(entries) = fs::read_dir(host.join(folder)) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let found: Vec<String> = names.filter(|name| name.starts_with(head) && name.ends_with(tail)).collect();
    assert!(found.len() < 2, "several files are {name}: {found:?}");
    found.first().map(|name| fs::read(host.join(folder).join(name)).unwrap()).unwrap_or_default()
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Notes where an answer is not as expected.
fn compare(at: &str, expected: &Value, actual: &Value, problems: &mut Vec<String>) {
    match (expected, actual) {
        (Value::String(any), _) if any == "*" => {}
        (Value::String(part), Value::String(text)) if part.starts_with('~') => {
            if !text.contains(&part[1..]) {
                problems.push(format!("{at}: `{text}` lacks `{}`", &part[1..]));
            }
        }
        (Value::Object(expected), Value::Object(actual)) => {
            for (key, value) in expected.iter().filter(|(key, _)| *key != "...") {
                match actual.get(key) {
                    Some(found) => compare(&format!("{at}.{key}"), value, found, problems),
                    None => problems.push(format!("{at}.{key} is not there")),
                }
            }
            let refusal = actual.contains_key("code");
            let open = |key: &String| expected.contains_key("...") || (refusal && key == "text");
            let surplus = actual.iter().filter(|(key, _)| !expected.contains_key(*key) && !open(key));
            problems.extend(surplus.map(|(key, value)| format!("{at}.{key} is surplus: {value}")));
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                compare(&format!("{at}[{index}]"), expected, actual, problems);
            }
        }
        _ if expected == actual => {}
        _ => problems.push(format!("{at}: expected {expected}, got {actual}")),
    }
}
