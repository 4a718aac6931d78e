//! No secret is told: not on a terminal, in a file, in an argument, or in clear on the wire.
//!
//! Every secret of every kind's example, and the password of the connection, gets a value that is nowhere else. Then
//! the program is run in all ways that have to do with secrets, and everything that it leaves behind is searched.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on says so by panicking"
)]
#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "each test uses its part of it")]
mod farm;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use farm::canary::Canaries;
use farm::recorder::Recorder;
use farm::serving::{farmhand, inventory, serve};
use farm::written::example;
use farmhand::hostcall::answer::Certificate;
use farmhand::lab::sql::SqlSpec;
use farmhand::lab::{HostSpec, Lab, issued_by_lab};
use farmhand::resource::{KINDS, Kind};
use farmhand::value::SecretRef;
use serde_json::Value;
use zip::ZipWriter;
use zip::write::FileOptions;

const HOST: &str = "web01";

/// A working folder, the canaries in it, and all that was said so far.
struct Mine {
    folder: tempfile::TempDir,
    canaries: Canaries,
    told: Vec<(String, Vec<u8>)>,
}

/// The secrets that a resource names, however deep.
fn secrets(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            let named = map.get(SecretRef::MARK).and_then(|reference| reference["name"].as_str());
            names.extend(named.map(str::to_owned));
            map.values().for_each(|value| secrets(value, names));
        }
        Value::Array(items) => items.iter().for_each(|value| secrets(value, names)),
        _ => {}
    }
}

/// A playbook of all examples.
fn playbook() -> String {
    let mut steps = "      - windows_feature: { names: [Web-Server, Web-AppInit] }\n".to_owned();
    steps.push_str("      - sql_database: { name: ChatBackplane }\n");
    steps.push_str("      - sql_login: { name: 'CORP\\svc-chat', from: windows }\n");
    // What a user may do comes after the user.
    let (last, first): (Vec<&Kind>, Vec<&Kind>) = KINDS.iter().partition(|kind| kind.name == "sql_permission");
    for kind in first.into_iter().chain(last).filter(|kind| kind.barrier.is_none()) {
        let lines: String = kind.example.lines().map(|line| format!("          {line}\n")).collect();
        steps.push_str(&format!("      - {}:\n{lines}", kind.name));
    }
    format!("plays:\n  - name: All kinds\n    hosts: web\n    steps:\n{steps}")
}

impl Mine {
    fn new() -> Mine {
        let mut mine = Mine { folder: tempfile::tempdir().unwrap(), canaries: Canaries::default(), told: Vec::new() };
        mine.write("site.yml", &playbook());
        mine.package("Chat, release 1");
        mine.run("secret init", None);
        let mut names = Vec::new();
        for kind in KINDS {
            secrets(&example(kind), &mut names);
        }
        names.sort();
        names.dedup();
        assert!(!names.is_empty(), "no kind names a secret");
        for name in names {
            let is_key = name.ends_with("machine-key");
            let value = if is_key { mine.canaries.hatch_machine_key(&name) } else { mine.canaries.hatch(&name) };
            mine.run(&format!("secret set {name}"), Some(&value));
            mine.write(&format!(".farmhand/lab/secrets/{name}"), &value);
        }
        let password = mine.canaries.hatch("connection");
        mine.run("secret set connection", Some(&password));
        mine.write(".farmhand/lab/secrets/lab-operator", &password);
        mine.certificates();
        mine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    /// The package that the examples name: hosts fetch it, so it is a zip.
    fn package(&self, page: &str) {
        let mut archive = ZipWriter::new(fs::File::create(self.path("package")).unwrap());
        archive.start_file("index.html", FileOptions::<()>::default()).unwrap();
        archive.write_all(page.as_bytes()).unwrap();
        archive.finish().unwrap();
    }

    /// The certificates that the examples name, on the host.
    fn certificates(&self) {
        // With the site that the examples are about.
        let (sql, folders) = (Some(SqlSpec::default()), vec!["D:\\keys".to_owned()]);
        let spec = HostSpec { iis: true, sql, folders, ..HostSpec::new(HOST, "2019") };
        let lab = Lab::open(self.path(".farmhand/lab"), &[spec]);
        let host = lab.host(HOST).unwrap();
        host.sql().unwrap().unwrap();
        // Where the examples keep releases.
        fs::create_dir_all(host.folder().path("D")).unwrap();
        let any = issued_by_lab("chat.example.com");
        for thumbprint in [any.thumbprint.clone(), "A909502DD82AE41433E6F83886B00D4277A32A7B".to_owned()] {
            host.add_certificate("My", Certificate { thumbprint, ..any.clone() }).unwrap();
        }
    }

    /// Runs farmhand, keeps what it says and what the system shows of its processes, and gives its exit code.
    fn run(&mut self, line: &str, input: Option<&str>) -> i32 {
        let mut child = farmhand(self.folder.path(), line).spawn().unwrap();
        let pid = child.id();
        let mut arguments = vec![arguments_below(pid)];
        // The system shows them a moment after the process has started.
        while arguments.concat().is_empty() && child.try_wait().unwrap().is_none() {
            arguments.push(arguments_below(pid));
        }
        child.stdin.take().unwrap().write_all(input.unwrap_or_default().as_bytes()).unwrap();
        let waiting = std::thread::spawn(move || child.wait_with_output().unwrap());
        while !waiting.is_finished() {
            arguments.push(arguments_below(pid));
            std::thread::sleep(Duration::from_millis(5));
        }
        let output = waiting.join().unwrap();
        arguments.dedup();
        self.told.push((format!("the arguments of `{line}`"), arguments.concat()));
        self.told.push((format!("the output of `{line}`"), output.stdout));
        self.told.push((format!("the news of `{line}`"), output.stderr));
        output.status.code().unwrap()
    }

    /// Runs farmhand, which shall end with a code.
    fn expect(&mut self, code: i32, line: &str) {
        let ended = self.run(line, None);
        let texts: Vec<String> =
            self.told.iter().rev().take(2).map(|it| String::from_utf8_lossy(&it.1).into()).collect();
        assert_eq!(ended, code, "{line}\n{}\n{}", texts[1], texts[0]);
    }

    /// Everywhere that a canary was found.
    fn found(&self, wire: &[u8]) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let wire = ("the bytes on the wire".to_owned(), wire.to_vec());
        for (place, bytes) in self.told.iter().chain([&wire]) {
            found.extend(self.canaries.found_in(bytes).iter().map(|secret| format!("`{secret}` in {place}")));
        }
        let (files, searched) = self.canaries.found_below(self.folder.path(), &is_the_labs_own);
        assert!(searched > 10, "only {searched} files were searched");
        found.extend(files);
        found
    }
}

/// Where the lab itself keeps secrets: its accounts as Windows' directory, its store of secrets, and the configuration
/// of applications, which has their keys as on any server.
fn is_the_labs_own(file: &str) -> bool {
    let lab = file.strip_prefix(".farmhand/lab/");
    lab.is_some_and(|it| it.starts_with("secrets/") || it.ends_with("/accounts.toml") || it.ends_with("/web.config"))
}

/// The arguments of a process and of those it has started, as everybody on the machine can read them.
fn arguments_below(pid: u32) -> Vec<u8> {
    let mut bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
        bytes.extend(arguments_below(child));
    }
    bytes
}

#[test]
fn no_secret_is_told() {
    let mut mine = Mine::new();
    mine.write("inventory.yml", &inventory(HOST, 5985));
    let (serving, server) = serve(mine.folder.path());
    let recorder = Recorder::before(server);
    mine.write("inventory.yml", &inventory(HOST, recorder.address.port()));
    mine.expect(0, "validate site.yml -vvvv");
    mine.expect(0, "validate site.yml --json");
    mine.expect(0, "plan site.yml --diff -vvvv");
    mine.expect(0, "plan site.yml --json");
    mine.expect(0, "lab break web01 wrong_account");
    mine.expect(4, "apply site.yml --yes -vvvv");
    mine.expect(0, "lab mend web01");
    mine.expect(0, "lab break web01 reset_after_write");
    // What is lost here is the answer to the question which files lack, which is asked again.
    mine.expect(0, "apply site.yml --yes -vvvv");
    mine.expect(0, "apply site.yml --yes --diff -vvvv");
    mine.expect(0, "apply site.yml --yes --json -vv");
    mine.expect(0, "audit site.yml --json");
    mine.expect(0, "lab break web01 cloned_keys");
    mine.expect(2, "audit site.yml -vvvv");
    mine.expect(0, "plan site.yml --out site.plan -vvvv");
    mine.expect(0, "apply site.plan --yes -vvvv");
    mine.expect(14, "apply site.plan --yes -vvvv");
    mine.expect(0, "runs --last -vvvv");
    mine.expect(0, "lab calls --json");
    mine.expect(0, "secret list --json");
    let wrong = mine.canaries.hatch("wrong connection");
    mine.run("secret set connection --replace", Some(&wrong));
    mine.expect(4, "apply site.yml --yes -vvvv");
    mine.expect(0, "lab break web01 refuse");
    mine.expect(4, "plan site.yml -vvvv");
    mine.expect(0, "lab mend web01");
    drop(serving);
    mine.expect(4, "apply site.yml --yes --json -vvvv");
    mine.expect(0, "--lab apply site.yml --yes -vvvv");
    mine.expect(0, "--lab audit site.yml --json -vvvv");
    let wire = [recorder.up(), recorder.down()].concat();
    assert!(wire.len() > 50_000, "only {} bytes were recorded", wire.len());
    assert!(wire.windows(12).any(|window| window == b"POST /wsman "), "what was recorded is no WinRM");
    assert_eq!(mine.found(&wire), Vec::<String>::new());
    a_canary_that_is_told_is_found(&mut mine, &wire);
}

/// The search itself is put to the test in each place that it looks at.
fn a_canary_that_is_told_is_found(mine: &mut Mine, wire: &[u8]) {
    let value = mine.canaries.hatch("planted");
    let utf16: Vec<u8> = value.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let encoded = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode([b"x".as_slice(), bytes].concat());
    assert_eq!(mine.found(&[wire, &utf16].concat()), ["`planted` in the bytes on the wire"]);
    mine.write("evidence/report.html", &encoded(&utf16));
    assert_eq!(mine.found(wire), ["`planted` in evidence/report.html"]);
    fs::remove_file(mine.path("evidence/report.html")).unwrap();
    // This one waits for its input, and so is there to be looked at.
    mine.run(&format!("secret set {value}"), Some("value"));
    let found = mine.found(wire).concat();
    assert!(found.contains("the arguments of") && found.contains("the news of"), "{found}");
}
