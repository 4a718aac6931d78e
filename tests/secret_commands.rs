//! No command about secrets shows a value but `secret export`, and that one not on a terminal.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on says so by panicking"
)]
#![cfg(unix)]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use farmhand::secret::Redaction;
use farmhand::value::SecretValue;

const CANARY: &str = "Aa0-canary in \"the\" mine";

/// Runs a command with something on standard input; gives all it said.
fn run(program: &str, folder: &Path, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("FARMHAND_IDENTITY", folder.join(if folder.ends_with("farm") { "../identity" } else { "identity" }))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Who needs no input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
}

fn farmhand(folder: &Path, arguments: &str, input: &str) -> String {
    run(env!("CARGO_BIN_EXE_farmhand"), folder, &arguments.split(' ').collect::<Vec<_>>(), input)
}

/// Every value that the secrets of a folder have, and the keys inside of machine keys.
fn values(folder: &Path, names: &[&str]) -> Vec<SecretValue> {
    let mut values = Vec::new();
    for name in names {
        let text = farmhand(folder, &format!("secret export {name}"), "");
        values.extend(text.split('"').filter(|part| part.len() >= 64).map(|part| SecretValue::new(part.to_owned())));
        values.push(SecretValue::new(text.trim_end().to_owned()));
    }
    values
}

#[test]
fn no_command_shows_a_value_but_export() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let mut told = vec![farmhand(home, "init farm --host web01 --user deploy", CANARY)];
    let farm = home.join("farm");
    fs::write(farm.join("secrets/exec.yml"), "command: [sh, ask.sh]\n").unwrap();
    let script =
        format!("cat >&2; echo '{}' >&2; echo '{{\"value\": \"{}\"}}'; exit 1\n", CANARY, CANARY.replace('"', "\\\""));
    fs::write(farm.join("ask.sh"), script).unwrap();
    fs::write(farm.join("open.txt"), CANARY).unwrap();
    let recipient = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
    let names = ["deploy", "svc", "key", "letters", "bytes"];
    let mut all = Vec::new();
    for command in [
        "secret set svc",
        "secret set svc",
        "secret generate key --as machine-key",
        "secret generate letters",
        "secret generate bytes --bytes 64",
        "secret generate key --as machine-key",
        "secret list",
        "secret rotate key",
        "secret rotate letters",
        "secret rotate bytes",
        "secret rotate svc",
        "secret set key --replace",
        "secret rotate key --back",
        "secret export svc --as machine-key",
        "secret export exec:nothing",
        "secret export file:open.txt",
        &format!("secret recipients add {recipient} build"),
        "secret recipients",
        "secret recipients remove build",
        "secret reseal",
        "validate site.yml",
    ] {
        for form in ["", " --json", " -vv"] {
            told.push(farmhand(&farm, &format!("{command}{form}"), CANARY));
        }
        // Values that were rotated away are secrets still.
        all.extend(values(&farm, &names).into_iter().filter(|value| !value.expose().starts_with("error: ")));
    }
    let net = Redaction::new(&all);
    let clean = net.clean(&farmhand(&farm, "secret export bytes", ""));
    assert!(clean.starts_with("(sensitive)"), "the net has a hole: {clean}");
    for text in &told {
        assert_eq!(&net.clean(text), text);
    }
    assert!(told.iter().any(|text| text.contains("ended with exit status: 1") && text.contains("(sensitive)")));
    for entry in fs::read_dir(farm.join("secrets")).unwrap() {
        let path = entry.unwrap().path();
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        assert_eq!(net.clean(&text), text, "{}", path.display());
    }
}

#[test]
fn a_terminal_shows_a_value_only_when_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    farmhand(home, "secret init", "");
    farmhand(home, "secret set svc", CANARY);
    let terminal = |command: &str| {
        let command = format!("'{}' {command}", env!("CARGO_BIN_EXE_farmhand"));
        run("script", home, &["-qec", &command, "/dev/null"], "")
    };
    if Command::new("script").arg("--version").output().is_err() {
        eprintln!("skipped: there is no script(1), which makes a terminal");
        return;
    }
    let refused = terminal("secret export svc");
    assert!(refused.contains("would be shown on this terminal") && !refused.contains("canary"), "{refused}");
    assert!(!terminal("--json secret export svc").contains("canary"));
    assert!(terminal("secret export svc --show").contains("canary"));
    assert_eq!(farmhand(home, "secret export svc", ""), format!("{CANARY}\n"));
}
