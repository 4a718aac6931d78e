//! Stories: what a user does, end to end, against the lab; and the README, which is one.
//!
//! A story is a Markdown file under `tests/stories`. Each of its console blocks runs in one temporary folder, in order:
//! a line `$ command` is run by the shell with the lines `> more` that follow it, the lines below it are what it prints. `[..]` stands for any text in a line,
//! a line `...` for any lines, `[exit 3]` for an exit code other than 0. `UPDATE=1` writes what was printed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on says so by panicking"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One command of a story and what it shall print.
struct Step {
    line: usize,
    command: String,
    expected: Vec<String>,
}

#[test]
fn stories_come_true() {
    let mut files: Vec<PathBuf> = fs::read_dir("tests/stories").unwrap().flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|it| it == "md"));
    // `STORY=name` tells that one alone.
    if let Some(name) = std::env::var_os("STORY") {
        files.retain(|path| path.file_stem() == Some(&name));
    }
    files.sort();
    assert!(!files.is_empty(), "there are no stories");
    let wrong: Vec<String> = files.iter().filter_map(|file| tell(file)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_readme_is_true() {
    if let Some(wrong) = tell(Path::new("README.md")) {
        panic!("{wrong}");
    }
}

/// Runs a story; gives what went otherwise.
fn tell(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).unwrap();
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new("playbooks"), &folder.path().join("playbooks"));
    let mut wrong = String::new();
    let mut updated: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut moved = 0;
    for step in steps(&text) {
        let printed = run(&step.command, folder.path());
        if matches(&step.expected, &printed) {
            continue;
        }
        let (file, line, expected) = (file.display(), step.line, step.expected.join("\n"));
        let command = &step.command;
        let _ = writeln!(
            wrong,
            "{file}:{line}: $ {command}\n--- expected\n{expected}\n--- printed\n{}",
            printed.join("\n")
        );
        let from = (line + command.lines().count() - 1).saturating_add_signed(moved);
        moved += printed.len().cast_signed() - step.expected.len().cast_signed();
        updated.splice(from..from + step.expected.len(), printed);
    }
    if std::env::var_os("UPDATE").is_some() && !wrong.is_empty() {
        fs::write(file, lines(&updated.join("\n"))).unwrap();
        return None;
    }
    (!wrong.is_empty()).then_some(wrong)
}

fn lines(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{text}\n") }
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ if !inside => {}
            _ => match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => {
                    steps.push(Step { line: number + 1, command: command.to_owned(), expected: Vec::new() });
                }
                (None, Some(step)) if line.starts_with("> ") && step.expected.is_empty() => {
                    step.command = format!("{}\n{}", step.command, &line[2..]);
                }
                (None, Some(step)) => step.expected.push(line.to_owned()),
                (None, None) => {}
            },
        }
    }
    steps
}

/// Runs a command as a user would, `farmhand` being the one under test, and gives all it prints.
fn run(command: &str, folder: &Path) -> Vec<String> {
    let binary = Path::new(env!("CARGO_BIN_EXE_farmhand"));
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", binary.parent().unwrap().display());
    let command = command.replace("cargo run --release --", "farmhand");
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1; {command}")])
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
    match output.status.code() {
        Some(0) => {}
        code => lines.push(format!("[exit {}]", code.map_or("by signal".to_owned(), |code| code.to_string()))),
    }
    lines
}

fn matches(expected: &[String], printed: &[String]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first == "..." => (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..])),
        Some((first, rest)) => {
            printed.split_first().is_some_and(|(line, more)| line_matches(first, line) && matches(rest, more))
        }
    }
}

fn line_matches(pattern: &str, line: &str) -> bool {
    match pattern.split_once("[..]") {
        None => pattern == line,
        Some((start, rest)) => line.strip_prefix(start).is_some_and(|line| {
            (0..=line.len()).filter(|at| line.is_char_boundary(*at)).any(|at| line_matches(rest, &line[at..]))
        }),
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.file_name() == ".farmhand" {
            continue;
        }
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn patterns_match_what_they_should() {
    let check = |expected: &[&str], printed: &[&str], same: bool| {
        let own = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        assert_eq!(matches(&own(expected), &own(printed)), same, "{expected:?} {printed:?}");
    };
    check(&["a", "b"], &["a", "b"], true);
    check(&["a"], &["a", "b"], false);
    check(&["a", "...", "c"], &["a", "x", "y", "c"], true);
    check(&["a", "...", "c"], &["a", "x"], false);
    check(&["took [..] ms"], &["took 12 ms"], true);
    check(&["took [..] ms"], &["took 12 s"], false);
    check(&[], &["a"], false);
}
