//! What packagers take from the program itself: completions that shells accept, pages that `man` renders.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on says so by panicking"
)]

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

fn farmhand(arguments: &[&str]) -> Vec<u8> {
    let run = Command::new(env!("CARGO_BIN_EXE_farmhand")).args(arguments).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    run.stdout
}

/// What a program says when it is fed a text; nothing where there is no such program.
fn fed(program: &str, arguments: &[&str], input: &[u8]) -> Option<std::process::Output> {
    let piped = Stdio::piped;
    let child = Command::new(program).args(arguments).stdin(piped()).stdout(piped()).stderr(piped()).spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: there is no {program}");
        return None;
    };
    child.stdin.take().unwrap().write_all(input).unwrap();
    Some(child.wait_with_output().unwrap())
}

#[test]
fn shells_accept_their_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let script = farmhand(&["completions", shell]);
        if let Some(checked) = fed(shell, &["-n"], &script) {
            assert!(checked.status.success(), "{shell}: {}", String::from_utf8_lossy(&checked.stderr));
        }
    }
    // What a person gets who types `farmhand expl` and the tab key.
    let mut script = farmhand(&["completions", "bash"]);
    script.extend(
        b"\nCOMP_WORDS=(farmhand expl); COMP_CWORD=1; _farmhand farmhand expl farmhand; echo \"${COMPREPLY[*]}\"\n",
    );
    if let Some(completed) = fed("bash", &["--norc"], &script) {
        assert_eq!(String::from_utf8_lossy(&completed.stdout).trim(), "explain");
    }
}

#[test]
fn every_page_renders() {
    let folder = tempfile::tempdir().unwrap();
    farmhand(&["man", "--out", folder.path().to_str().unwrap()]);
    let mut pages: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    assert!(pages.len() > 20, "{pages:?}");
    for page in pages {
        let text = fs::read(&page).unwrap();
        let Some(rendered) = fed("groff", &["-Kutf8", "-man", "-Tutf8", "-ww", "-z"], &text) else { return };
        let complaints = String::from_utf8_lossy(&rendered.stderr);
        assert!(rendered.status.success() && complaints.trim().is_empty(), "{}: {complaints}", page.display());
    }
}
