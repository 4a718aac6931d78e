//! Loading the user's files: what is right is resolved, and everything that is wrong is told at once.
//!
//! Each folder under `tests/input` holds files as a user would write them and `expected.txt`, what farmhand says of
//! them. `UPDATE=1` writes the expectations anew; then read the difference.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on says so by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};

use farmhand::diagnostic::{Paint, Sources, render_all};
use farmhand::playbook::{Playbook, Request, load};

fn request(folder: &Path) -> Request {
    let mut request = Request { playbook: folder.join("playbook.yml"), ..Request::default() };
    let inventory = folder.join("inventory.yml");
    request.inventory = Some(if inventory.exists() { inventory } else { PathBuf::from("tests/input/inventory.yml") });
    // One argument a line, as they would stand on the command line.
    let arguments = fs::read_to_string(folder.join("arguments.txt")).unwrap_or_default();
    let mut lines = arguments.lines();
    while let (Some(option), Some(value)) = (lines.next(), lines.next()) {
        let value = value.to_owned();
        match option {
            "-e" => request.extra_vars.push(value),
            "--limit" => request.limit = Some(value),
            "--tags" => request.tags.push(value),
            "--skip-tags" => request.skip_tags.push(value),
            other => panic!("no option {other}"),
        }
    }
    request
}

fn sketch(playbook: &Playbook) -> String {
    let mut out = String::new();
    for play in &playbook.plays {
        out.push_str(&format!("{} ({}) serial {:?}\n", play.name, play.place.text(), play.serial));
        for host in &play.hosts {
            out.push_str(&format!("  {} at {}\n", host.host.name, host.host.address));
            for step in &host.steps {
                let name = step.name.as_ref().map(|name| format!(" \"{name}\"")).unwrap_or_default();
                out.push_str(&format!(
                    "    {}{name} {} {}\n",
                    step.kind.name,
                    step.tags.join(","),
                    step.resource.desired()
                ));
            }
        }
    }
    for secret in &playbook.secrets {
        out.push_str(&format!("secret {}\n", secret.reference));
    }
    out
}

#[test]
fn every_input_is_told_as_expected() {
    let mut folders: Vec<PathBuf> =
        fs::read_dir("tests/input").unwrap().map(|entry| entry.unwrap().path()).filter(|it| it.is_dir()).collect();
    folders.sort();
    let mut wrong = Vec::new();
    for folder in &folders {
        let mut sources = Sources::new();
        let loaded = load(&mut sources, &request(folder));
        let mut told = render_all(&sources, &loaded.diagnostics, Paint::Plain);
        if loaded.diagnostics.is_empty() {
            told = sketch(&loaded.playbook.expect("a playbook without mistakes"));
        }
        for diagnostic in &loaded.diagnostics {
            for span in diagnostic.span.iter().chain(diagnostic.notes.iter().map(|(span, _)| span)) {
                assert!(
                    span.start <= span.end && span.end <= sources.text(span.source).len(),
                    "{folder:?} {diagnostic:?}"
                );
            }
        }
        let expected = folder.join("expected.txt");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected, &told).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != told {
            wrong.push(format!("{}:\n{told}", folder.display()));
        }
    }
    assert!(wrong.is_empty(), "not as expected (UPDATE=1 writes anew):\n{}", wrong.join("\n"));
    assert!(folders.len() >= 40, "only {} inputs", folders.len());
}

#[test]
fn the_shipped_playbook_loads() {
    let mut sources = Sources::new();
    let request = Request { playbook: "playbooks/signalr-farm.yml".into(), ..Request::default() };
    let loaded = load(&mut sources, &request);
    assert_eq!(render_all(&sources, &loaded.diagnostics, Paint::Plain), "");
    let playbook = loaded.playbook.unwrap();
    assert!(playbook.plays.iter().any(|play| !play.hosts.is_empty()));
}
