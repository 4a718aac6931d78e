//! Whole conversations with a host that has IIS.

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crate::hostcall::config::{Edit, Element, ElementPath, Expected, Text, Token};
use crate::hostcall::write::ConfigFile;
use crate::hostcall::{Access, Answer, Batch, Call, Content, MacForm, Nonce, Outcome, Read, Reply, Write};
use crate::lab::iis::APPLICATION_HOST;
use crate::lab::{Answers, Fault, Faults, HostSpec, LabHost};

fn host(folder: &tempfile::TempDir) -> LabHost {
    LabHost::create(folder.path().join("web01"), HostSpec { iis: true, ..HostSpec::new("web01", "2019") }).unwrap()
}

fn send(host: &LabHost, call: Call) -> Reply {
    let batch = Batch { id: 1, nonce: Nonce("00".repeat(32)), calls: vec![call] };
    host.reply(Access::ReadWrite, &batch).replies.pop().unwrap()
}

fn pool() -> ElementPath {
    ElementPath::section("system.applicationHost/applicationPools").item([("name", "DefaultAppPool")])
}

fn read(host: &LabHost, at: ElementPath) -> Element {
    match send(host, Call::Ask(Read::IisConfig { at, mac: MacForm::Exact })) {
        Reply::Answer(Answer::Present(value)) => serde_json::from_value(value).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn set(host: &LabHost, at: ElementPath, token: Token, attribute: &str, value: &str) -> Outcome {
    let value = Text::Plain(value.to_owned());
    let edit = Edit::Set { at: at.clone(), attribute: attribute.to_owned(), value };
    let expect = vec![Expected { at, token }];
    let write = Write::IisCommit { file: ConfigFile::ApplicationHost {}, expect, edits: vec![edit] };
    match send(host, Call::Tell(write)) {
        Reply::Outcome(outcome) => outcome,
        Reply::Answer(answer) => panic!("{answer:?}"),
    }
}

#[test]
fn ten_generations_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(&folder);
    for length in 0..13 {
        let token = read(&host, pool()).token;
        assert!(matches!(set(&host, pool(), token, "queueLength", &(2000 + length).to_string()), Outcome::Done(_)));
    }
    let history = host.folder().path("C/farmhand/history");
    let mut names: Vec<String> =
        fs::read_dir(history).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    assert_eq!(names.len(), 10);
    // By time, as .NET's format `o` has it without colons, so that names sort as they were made.
    assert!(names[0].starts_with("applicationHost-20") && names[0].ends_with("Z.config"), "{names:?}");
    for (name, length) in names.iter().zip(2002..) {
        let kept = host.folder().read(&format!("C/farmhand/history/{name}")).unwrap().unwrap();
        assert!(String::from_utf8(kept).unwrap().contains(&format!(r#"queueLength="{length}""#)), "{name}");
    }
}

#[test]
fn of_two_who_read_the_same_one_commits() {
    let folder = tempfile::tempdir().unwrap();
    let host = Arc::new(host(&folder));
    let token = read(&host, pool()).token;
    let commits: Vec<_> = (0..8)
        .map(|number| {
            let (host, token) = (host.clone(), token.clone());
            thread::spawn(move || set(&host, pool(), token, "queueLength", &(2000 + number).to_string()))
        })
        .collect();
    let outcomes: Vec<Outcome> = commits.into_iter().map(|commit| commit.join().unwrap()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Done(_))).count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Moved { .. })).count(), 7, "{outcomes:?}");
}

#[test]
fn a_hand_edit_shows_as_itself_and_is_healed_without_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(&folder);
    let token = read(&host, pool()).token;
    set(&host, pool(), token, "queueLength", "2000");
    let before = read(&host, pool());
    let file = host.folder().read(APPLICATION_HOST).unwrap().unwrap();
    let text = String::from_utf8(file.clone()).unwrap();
    let edited = text.replace(r#"queueLength="2000""#, r#"queueLength="3000""#);
    host.folder().write(APPLICATION_HOST, edited.as_bytes()).unwrap();
    let after = read(&host, pool());
    let differing: Vec<&String> = after
        .attributes
        .iter()
        .filter(|(name, found)| before.attributes[*name] != **found)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(differing, ["queueLength"]);
    assert_eq!(before.children, after.children);
    set(&host, pool(), after.token, "queueLength", "2000");
    assert_eq!(host.folder().read(APPLICATION_HOST).unwrap().unwrap(), file);
}

#[test]
fn a_clone_cannot_read_a_password_until_it_is_stored_anew() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(&folder);
    let model = || pool().child("processModel");
    let password = |host: &LabHost| read(host, model()).attributes["password"].content.clone();
    let token = read(&host, model()).token;
    set(&host, model(), token, "password", "Pass-1");
    let Content::Mac(told) = password(&host) else { panic!("not told by MAC") };
    host.break_(Fault::ClonedKeys).unwrap();
    assert_eq!(password(&host), Content::Unreadable {});
    let token = read(&host, model()).token;
    set(&host, model(), token, "password", "Pass-1");
    assert_eq!(password(&host), Content::Mac(told.clone()));
    host.mend(None).unwrap();
    assert_eq!(password(&host), Content::Mac(told));
}

#[test]
fn a_slow_was_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(&folder);
    host.break_(Fault::WasSlow).unwrap();
    let mut faults: Faults = host.folder().read_toml(Faults::FILE).unwrap();
    faults.was_slow_seconds = 2;
    host.folder().write_toml(Faults::FILE, Faults::HEADING, &faults).unwrap();
    let token = read(&host, pool()).token;
    set(&host, pool(), token, "queueLength", "2000");
    let start = Instant::now();
    let runtime = Read::IisRuntime { pools: vec!["DefaultAppPool".to_owned()], sites: Vec::new() };
    let Reply::Answer(Answer::Present(value)) = send(&host, Call::Ask(runtime)) else { panic!("no runtime") };
    assert_eq!(value["pools"]["DefaultAppPool"]["state"], "started");
    // Two seconds by a clock of whole seconds are more than one.
    assert!(start.elapsed().as_millis() >= 900, "{:?}", start.elapsed());
}

#[test]
fn a_bare_server_becomes_one_with_iis() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(&folder);
    host.break_(Fault::NoIis).unwrap();
    assert!(!host.folder().path(APPLICATION_HOST).exists());
    let names = vec!["Web-Server".to_owned()];
    let install = Write::InstallFeatures { names, management_tools: false, source: Vec::new() };
    assert!(matches!(send(&host, Call::Tell(install)), Reply::Outcome(Outcome::Done(_))));
    assert_eq!(read(&host, pool()).text("managedRuntimeVersion"), Some("v4.0"));
}
