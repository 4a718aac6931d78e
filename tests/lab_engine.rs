//! `--lab-engine pwsh`: PowerShell is found and started, and gets the agent's own bytes through the lab's server.
//!
//! The PowerShell here is a shell script by that name. What a real one makes of the agent, `tests/hostcalls.rs` shows
//! where there is one.

#![cfg_attr(unix, expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed"))]
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use assert_cmd::Command;
use farmhand::agent;

/// Keeps what it is given, and answers the first batch as no agent of ours.
const SHELL: &str = r#"#!/bin/sh
while IFS= read -r line; do
    printf '%s\n' "$line" >> "$CAPTURE"
    case "$line" in '{"id"'*) echo '{"hello":1,"agent":"another","access":"read_only"}'; exit 0 ;; esac
done
"#;

fn playbook(folder: &Path) {
    let inventory = "groups:\n  web:\n    hosts:\n      web01: {}\n    connection: { via: winrm, user: x, password: \"{{ secret('x') }}\" }\n";
    fs::write(folder.join("inventory.yml"), inventory).unwrap();
    let play = "plays:\n  - hosts: web\n    steps:\n      - windows_feature: { names: [Web-Server] }\n";
    fs::write(folder.join("site.yml"), play).unwrap();
}

fn farmhand(folder: &Path, path: &str, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_farmhand"));
    command.current_dir(folder).env("PATH", path).env("CAPTURE", folder.join("capture")).args(arguments);
    command.output().unwrap()
}

fn refused(arguments: &[&str], expected: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    playbook(folder.path());
    let output = farmhand(folder.path(), "/nowhere", arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{arguments:?}: {said}");
    for part in expected {
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
}

#[test]
fn an_engine_needs_the_lab_and_a_powershell() {
    refused(&["plan", "site.yml", "--lab-engine", "pwsh"], &["simulated farm", "add `--lab`"]);
    refused(&["--lab", "plan", "site.yml", "--lab-engine", "pwsh"], &["no PowerShell 7", "install PowerShell 7"]);
    refused(&["lab", "serve", "--lab-engine", "pwsh"], &["no PowerShell 7", "leave out `--lab-engine`"]);
    refused(&["lab", "reset", "--lab-engine", "lab"], &["add `--lab`"]);
    refused(&["--lab", "plan", "site.yml", "--lab-engine", "perl"], &["perl", "pwsh"]);
}

#[test]
fn the_agent_reaches_it_unchanged_and_its_answer_comes_back() {
    let (folder, bin) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    playbook(folder.path());
    let program = bin.path().join("pwsh");
    fs::write(&program, SHELL).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", bin.path().display());
    let output = farmhand(folder.path(), &path, &["--lab", "--lab-engine", "pwsh", "plan", "site.yml"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("agent"), "the host's own answer does not show: {said}");
    let given = fs::read_to_string(folder.path().join("capture")).unwrap();
    let expected =
        format!("{}{}\n{{\"hello\":1,\"access\":\"read_only\"}}\n{{\"id\":1,", agent::text(), agent::END_LINE);
    assert!(given.starts_with(&expected), "{}", &given[given.len().saturating_sub(2000)..]);
}
