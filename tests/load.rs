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
use std::time::{Duration, Instant};

use farmhand::diagnostic::{Paint, Sources, render_all};
use farmhand::playbook::{Loaded, Playbook, Request, load, missing_secrets};
use farmhand::value::SecretRef;
use proptest::prelude::*;

/// The request that a folder of `tests/input` stands for; `arguments.txt` holds one argument a line.
fn request(folder: &Path) -> Request {
    let inventory = folder.join("inventory.yml");
    let mut request = Request {
        playbook: folder.join("playbook.yml"),
        inventory: Some(if inventory.exists() { inventory } else { PathBuf::from("tests/input/inventory.yml") }),
        ..Request::default()
    };
    let arguments = fs::read_to_string(folder.join("arguments.txt")).unwrap_or_default();
    let mut lines = arguments.lines().map(str::to_owned);
    while let (Some(option), Some(value)) = (lines.next(), lines.next()) {
        match option.as_str() {
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
    let mut lines = Vec::new();
    for play in &playbook.plays {
        lines.push(format!("{} ({}) serial {:?}", play.name, play.place.text(), play.serial));
        for host in &play.hosts {
            lines.push(format!("  {} at {}", host.host.name, host.host.address));
            for step in &host.steps {
                let name = step.name.as_ref().map(|name| format!(" \"{name}\"")).unwrap_or_default();
                let tags = step.tags.join(",");
                lines.push(format!("    {}{name} {tags} {}", step.kind.name, step.resource.desired()));
            }
        }
    }
    lines.extend(playbook.secrets.iter().map(|secret| format!("secret {}", secret.reference)));
    lines.join("\n") + "\n"
}

/// Renders what was said, after checking that every place lies within its file.
fn told(sources: &Sources, loaded: &Loaded) -> String {
    for diagnostic in &loaded.diagnostics {
        for span in diagnostic.span.iter().chain(diagnostic.notes.iter().map(|(span, _)| span)) {
            let length = sources.text(span.source).len();
            assert!(span.start <= span.end && span.end <= length, "{diagnostic:?} in {length} bytes");
        }
    }
    render_all(sources, &loaded.diagnostics, Paint::Plain)
}

fn load_in_memory(files: &[(&str, &str)], request: &Request) -> (Sources, Loaded) {
    let mut sources = Sources::in_memory(files.iter().map(|&(name, text)| (name, text)));
    let loaded = load(&mut sources, request);
    (sources, loaded)
}

fn playbook_request() -> Request {
    Request { playbook: "playbook.yml".into(), ..Request::default() }
}

const INVENTORY: &str = "groups: {web: {hosts: {'web[01:03]': {}}}}\n";

#[test]
fn every_input_is_told_as_expected() {
    let mut folders: Vec<PathBuf> =
        fs::read_dir("tests/input").unwrap().map(|entry| entry.unwrap().path()).filter(|it| it.is_dir()).collect();
    folders.sort();
    let mut wrong = Vec::new();
    for folder in &folders {
        let mut sources = Sources::new();
        let loaded = load(&mut sources, &request(folder));
        let mut said = told(&sources, &loaded);
        if let Some(playbook) = loaded.playbook.filter(|_| loaded.diagnostics.is_empty()) {
            said = sketch(&playbook);
        }
        assert!(
            !said.contains("hunter2") && !said.contains("12345678"),
            "{} shows a password:\n{said}",
            folder.display()
        );
        let expected = folder.join("expected.txt");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected, &said).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != said {
            wrong.push(format!("{}:\n{said}", folder.display()));
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
    assert_eq!(told(&sources, &loaded), "");
    assert!(loaded.playbook.unwrap().plays.iter().any(|play| !play.hosts.is_empty()));
}

#[test]
fn a_missing_secret_says_what_to_type() {
    let text = "plays:\n  - hosts: web\n    steps:\n      - iis_app_pool: {name: A, identity: {user: C\\a, password: \"{{ secret('svc-chat') }}\"}}\n";
    let (sources, mut loaded) =
        load_in_memory(&[("playbook.yml", text), ("inventory.yml", INVENTORY)], &playbook_request());
    assert_eq!(told(&sources, &loaded), "");
    let playbook = loaded.playbook.take().unwrap();
    assert!(missing_secrets(&playbook.secrets, |_| true).is_empty());
    loaded.diagnostics = missing_secrets(&playbook.secrets, |secret: &SecretRef| secret.name != "svc-chat");
    let said = told(&sources, &loaded);
    assert!(said.contains("no secret `svc-chat`") && said.contains("type: farmhand secret set svc-chat"), "{said}");
    assert!(said.contains("playbook.yml:4:"), "{said}");
}

#[test]
fn a_file_of_100_mb_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("playbook.yml");
    fs::File::create(&path).unwrap().set_len(100 << 20).unwrap();
    fs::write(folder.path().join("inventory.yml"), INVENTORY).unwrap();
    let mut sources = Sources::new();
    let loaded = load(&mut sources, &Request { playbook: path, ..Request::default() });
    let said = told(&sources, &loaded);
    assert!(said.contains("it is 100 MiB large, and 4 MiB is the most"), "{said}");
}

/// A bomb costs at most what a large honest playbook costs, times a few.
#[test]
fn bombs_cost_no_more_than_honest_work() {
    let took = |text: &str| -> (Duration, String) {
        let start = Instant::now();
        let (sources, loaded) =
            load_in_memory(&[("playbook.yml", text), ("inventory.yml", INVENTORY)], &playbook_request());
        (start.elapsed(), told(&sources, &loaded))
    };
    let steps: Vec<String> = (0..3_000)
        .map(|n| format!("      - iis_app_pool: {{name: \"P{n}-{{{{ inventory_hostname }}}}\", queue_length: {n}}}\n"))
        .collect();
    let (honest, said) = took(&format!(
        "plays:\n  - hosts: web\n    steps:\n{}",
        steps.concat().replace("queue_length: 0}", "queue_length: 10}")
    ));
    assert!(!said.contains("levels"), "{said}");

    let template =
        |text: &str| format!("plays: [{{hosts: web, steps: [{{windows_feature: {{names: [\"{text}\"]}}}}]}}]\n");
    let nested = "{% for a in range(99999) %}".repeat(20) + "x" + &"{% endfor %}".repeat(20);
    let bombs = [
        "[".repeat(3 << 20),
        "- ".repeat(1 << 20),
        "{a: ".repeat(1 << 20),
        "? ".repeat(1 << 20),
        "a: &a [*a]\n".repeat(1 << 17),
        "!x ".repeat(1 << 20),
        "&a ".repeat(1 << 20),
        "\"".to_owned() + &"\\u0041".repeat(1 << 19),
        "x".repeat(4 << 20),
        "a\n".repeat(1 << 20),
        "\t\n".repeat(1 << 20),
        "plays: 'x\n".to_owned() + &" y\n".repeat(1 << 19),
        template(&nested),
        template(&("{{ ".to_owned() + &"(".repeat(10_000) + " }}")),
        template(&("{{ ".to_owned() + &"-".repeat(10_000) + "1 }}")),
        template(&("{{ ".to_owned() + &"[".repeat(100) + &"]".repeat(100) + " }}")),
        template(&("{{ 'x'".to_owned() + &" | upper".repeat(1_900) + " }}")),
        template("{{ range(100000) | list | join('x' * 1000) }}"),
        template("{{ range(100000) | map('string') | list }}"),
        template("{{ [range(100000)] * 100000 }}"),
        template("{% for a in range(99999) %}{{ 'x' * 10000000 }}{% endfor %}"),
    ];
    let plus = template(&("{{ 1".to_owned() + &"+1".repeat(8_000) + " }}"));
    let elif = template(&("{% if a %}".to_owned() + &"{% elif a %}".repeat(1_200) + "{% endif %}{{ nope }}"));
    for bomb in bombs.into_iter().chain([elif, plus.replace("1+1 }}", "1+nope }}")]) {
        let (time, said) = took(&bomb);
        let start: String = bomb.chars().take(60).collect();
        // Some templates are only odd, and right.
        assert!(said.contains("error") || bomb.contains("{{"), "{start} is taken");
        assert!(time < honest * 10 + Duration::from_secs(2), "{start} took {time:?}, honest work {honest:?}");
    }
}

/// A playbook with something of everything, to be spoiled.
const WHOLE: &str = r#"name: all of it
vars: {app: chat, port: 80, list: [a, b], pw: "{{ secret('x') }}", up: "{{ app | upper }}"}
plays:
  - name: web servers
    hosts: web:!web02
    serial: [1, 50%]
    tags: [x]
    vars: {site: "{{ up }}-{{ inventory_hostname }}"}
    steps:
      - name: "features of {{ inventory_hostname }}"
        windows_feature: {names: [Web-Server, "Web-{{ item }}"], reboot: if_needed}
        loop: "{{ list }}"
        when: item != 'a' and inventory_hostname in groups['web']
      - iis_app_pool:
          name: "{{ site }}"
          identity: &id {user: 'CORP\svc', password: "{{ pw }}"}
          periodic_restart_schedule: ['04:30']
      - iis_site: {name: Chat, pool: P, bindings: [{http: "*:{{ port }}:chat.example.com"}]}
"#;

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_spoiled_playbook_makes_loading_panic(
        cuts in prop::collection::vec((0..WHOLE.len(), 0..40_usize, "[ -~é\t\n{}\\[\\]:,&*|>'\"%#-]{0,6}"), 1..6),
    ) {
        let mut text = WHOLE.to_owned();
        for (at, length, instead) in cuts {
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            if text.is_char_boundary(at) && text.is_char_boundary(end) {
                text.replace_range(at..end, &instead);
            }
        }
        let (sources, loaded) = load_in_memory(&[("playbook.yml", &text), ("inventory.yml", INVENTORY)], &playbook_request());
        told(&sources, &loaded);
        // The same spoiled text as an inventory and as variables.
        let (sources, loaded) = load_in_memory(
            &[("playbook.yml", WHOLE), ("inventory.yml", &text), ("group_vars/all.yml", &text)],
            &playbook_request(),
        );
        told(&sources, &loaded);
    }

    #[test]
    fn no_template_makes_loading_panic(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "{{", "}}", "{%", "%}", "{#", "#}", " ", "app", "port", "list", "pw", "secret('x')", "secret(", ")", "(", "[",
                "]", "{", "}", "'", "\\\"", ".", ",", ":", "|", "~", "+", "-", "*", "/", "//", "%", "**", "==", "<", "is", "in", "not",
                "and", "if", "else", "endif", "for", "endfor", "raw", "endraw", "defined", "upper", "join", "map", "first", "x", "1",
                "0", "99999999999", "1e9", "none", "true", "range(3)", "loop", "item", "é", "\\n", "a.b", "[0]", "[1:]",
            ]),
            0..14,
        ),
        expression in any::<bool>(),
    ) {
        let text = parts.concat();
        let line = if expression { format!("\"{{{{ {text} }}}}\"") } else { format!("\"{text}\"") };
        let playbook = format!(
            "vars: {{app: chat, port: 80, list: [a, b], pw: \"{{{{ secret('x') }}}}\", v: {line}}}\nplays:\n  - hosts: web\n    \
             steps:\n      - windows_feature: {{names: [{line}, \"{{{{ v }}}}\"]}}\n        when: {line}\n      - windows_feature: {{names: [{line}]}}\n        loop: {line}\n"
        );
        let (sources, loaded) = load_in_memory(&[("playbook.yml", &playbook), ("inventory.yml", INVENTORY)], &playbook_request());
        told(&sources, &loaded);
    }
}
