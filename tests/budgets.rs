//! What a run costs a host and its network, and that what runs there is always the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on says so by panicking"
)]

#[allow(dead_code, reason = "each test uses its part of it")]
mod farm;

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use farm::recorder::Recorder;
use farm::serving::{farmhand, inventory, serve, web_play};
use farmhand::agent;
use farmhand::lab::wsman::{Account, Accounts, PowerShell, Settings, WsManServer};
use farmhand::lab::{HostSpec, LabHost};
use farmhand::value::SecretValue;
use serde_json::Value;

const PASSWORD: &str = "Pass-1-for-the-lab";

/// A folder with a playbook, its secrets and an inventory of one host behind a port.
fn folder(playbook: &str, host: &str, port: u16) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("site.yml"), playbook).unwrap();
    fs::write(folder.path().join("inventory.yml"), inventory(host, port)).unwrap();
    run(folder.path(), "secret init", "");
    run(folder.path(), "secret set svc-chat", "Chat-1-for-the-lab");
    run(folder.path(), "secret set connection", PASSWORD);
    folder
}

/// Runs farmhand, which shall succeed, and gives what it says.
fn run(folder: &Path, line: &str, input: &str) -> String {
    let mut child = farmhand(folder, line).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_run_without_changes_keeps_to_its_budget() {
    let playbook = web_play();
    let folder = folder(&playbook, "web01", 5985);
    let folder = folder.path();
    fs::create_dir(folder.join("chat")).unwrap();
    for file in ["index.html", "web.config"] {
        fs::copy(Path::new("playbooks/chat").join(file), folder.join("chat").join(file)).unwrap();
    }
    fs::create_dir_all(folder.join(".farmhand/lab/secrets")).unwrap();
    fs::write(folder.join(".farmhand/lab/secrets/lab-operator"), PASSWORD).unwrap();
    let (_serving, server) = serve(folder);
    let apply = || -> (Value, Recorder) {
        let recorder = Recorder::before(server);
        fs::write(folder.join("inventory.yml"), inventory("web01", recorder.address.port())).unwrap();
        (serde_json::from_str(&run(folder, "apply site.yml --yes --json", "")).unwrap(), recorder)
    };
    let writes = || -> u64 {
        let calls: Value = serde_json::from_str(&run(folder, "lab calls --json", "")).unwrap();
        calls["web01"]["writes"].as_u64().unwrap()
    };
    let (first, _) = apply();
    assert_eq!(first["hosts"][0]["status"], "changed", "{first:#}");
    let before = writes();
    let (second, wire) = apply();
    assert_eq!(second["hosts"][0]["status"], "ok", "{second:#}");
    let told = |run: &Value, figure: &str| run["hosts"][0]["traffic"][figure].as_u64().unwrap();
    for (name, run) in [("with changes", &first), ("without changes", &second)] {
        let figures = ["requests", "bytes_up", "bytes_down", "processes"].map(|it| format!("{it} {}", told(run, it)));
        eprintln!("signalr-farm.yml over NTLM, {name}: {}", figures.join(", "));
    }
    eprintln!(
        "mutating calls of the run without changes: {}; agent as sent: {} bytes",
        writes() - before,
        agent::text().len()
    );
    assert!(told(&second, "requests") <= 8);
    assert!(told(&second, "bytes_up") <= 64 * 1024);
    assert_eq!(told(&second, "processes"), 1);
    assert_eq!(writes(), before, "the second run sends no write");
    assert!(agent::text().len() <= 28 * 1024);
    assert!(agent::writer().len() <= 28 * 1024);
    // What farmhand says that it sent is what went over the wire.
    let requests = wire.up().windows(6).filter(|window| window == b"POST /").count();
    assert_eq!(requests as u64, told(&second, "requests"));
    let (up, down) = (wire.up().len() as u64, wire.down().len() as u64);
    assert_eq!((up, down), (told(&second, "bytes_up"), told(&second, "bytes_down")));
}

const POOLS: &str =
    "plays:\n  - hosts: web\n    steps:\n      - iis_app_pool: { name: ChatPool, queue_length: 1000 }\n";
const FEATURES: &str =
    "plays:\n  - hosts: web\n    steps:\n      - windows_feature: { names: [Web-Server, Web-AppInit] }\n";

/// What a host was given: the command and all input of the processes that it started.
#[derive(Default)]
struct Given {
    scripts: Mutex<Vec<String>>,
}

/// A server of a host whose PowerShell keeps its input in a file and says nothing.
async fn listening(host: &str, folder: &Path, given: &Arc<Given>) -> (WsManServer, SocketAddr) {
    let (input, scripts) = (folder.join("input"), Arc::clone(given));
    let powershell = PowerShell(Arc::new(move |script: &str| {
        scripts.scripts.lock().unwrap().push(script.to_owned());
        let mut command = Command::new("sh");
        command.args(["-c", "cat > \"$0\""]).arg(&input);
        command.into()
    }));
    let settings = Settings { powershell: Some(powershell), ..Settings::new(host) };
    let (domain, user) = ("LAB".to_owned(), "operator".to_owned());
    let account = Account { domain, user, password: SecretValue::new(PASSWORD.to_owned()) };
    let host = LabHost::create(folder.join("host"), HostSpec::new(host, "2019")).unwrap();
    let server = WsManServer::bind(Arc::new(host), Arc::new(Accounts(vec![account])), settings).await.unwrap();
    let address = server.address();
    (server, address)
}

/// Runs farmhand until the host has got its first batch; gives the command and the lines of input.
async fn given(host: &str, playbook: &str, line: &str) -> (String, Vec<String>) {
    let here = tempfile::tempdir().unwrap();
    let given = Arc::new(Given::default());
    let (_server, address) = listening(host, here.path(), &given).await;
    let folder = folder(playbook, host, address.port());
    let mut child = farmhand(folder.path(), line).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let lines = loop {
        let input = fs::read_to_string(here.path().join("input")).unwrap_or_default();
        let lines: Vec<String> = input.split_inclusive('\n').map(str::to_owned).collect();
        let end = lines.iter().position(|line| line.trim_end() == agent::END_LINE);
        // The end is followed by the hello and the first batch.
        if end.is_some_and(|end| lines.len() == end + 3 && input.ends_with('\n')) {
            break lines;
        }
        assert!(Instant::now() < deadline, "only {} lines came", lines.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    child.kill().unwrap();
    child.wait().unwrap();
    let scripts = given.scripts.lock().unwrap().clone();
    assert_eq!(scripts.len(), 1, "one process is started");
    (scripts[0].clone(), lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_on_a_host_is_always_the_same() {
    let runs = [
        given("web01", POOLS, "plan site.yml").await,
        given("web02", FEATURES, "apply site.yml --yes").await,
        given("web02", POOLS, "apply site.yml --yes --limit web02 -e a=b").await,
        given("sql01.corp.example.com", FEATURES, "audit site.yml").await,
    ];
    let data = |(_, lines): &(String, Vec<String>)| lines[lines.len() - 2..].to_vec();
    let code = |(script, lines): &(String, Vec<String>)| (script.clone(), lines[..lines.len() - 2].concat());
    let sent = format!("{}{}\n", agent::text(), agent::END_LINE);
    for run in &runs {
        assert_eq!(code(run), (code(&runs[0]).0, sent.clone()));
        let [hello, batch] = &data(run)[..] else { unreachable!("there are two lines") };
        assert!(hello.starts_with("{\"hello\":") && batch.starts_with("{\"id\":1,"), "{hello}{batch}");
    }
    // Access and questions are data, and differ.
    assert_ne!(data(&runs[0])[0], data(&runs[1])[0]);
    assert_ne!(data(&runs[0])[1], data(&runs[1])[1]);
    eprintln!(
        "command {} characters, agent {} bytes, the same in {} runs",
        code(&runs[0]).0.len(),
        sent.len(),
        runs.len()
    );
}
