//! A farm of two hosts in a process of its own, and the program that is killed while it changes them.

mod proxy;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use farmhand::journal::{self, Record};

pub use proxy::Passed;
use proxy::{Kill, Proxy};

const HOSTS: [&str; 2] = ["web01", "web02"];

/// Where the program is killed.
#[derive(Clone, Copy, Debug)]
pub enum Point {
    /// At a record of the journal: before it, in its midst, or when it is on disk.
    Record(u64, &'static str),
    /// At a message, in either direction, when so much of it has passed.
    Message(usize, Passed),
}

/// The hosts, the way to them, and a folder with the playbook.
pub struct Farm {
    folder: tempfile::TempDir,
    lab: Child,
    kill: Arc<Kill>,
    password: String,
    crashes: usize,
}

/// A file without what is in it from one line on and before another.
fn without(file: &str, from: &str, to: &str) -> String {
    let text = fs::read_to_string(file).unwrap();
    let (before, rest) = text.split_once(from).unwrap();
    let (_, after) = rest.split_once(to).unwrap();
    format!("{before}{to}{after}")
}

impl Farm {
    pub fn new() -> Farm {
        let folder = tempfile::tempdir().unwrap();
        let playbook = without("playbooks/signalr-farm.yml", "  - name: Backplane\n", "  - name: Web servers\n");
        let playbook = playbook.replace("secret('svc-chat')", "secret('env:SVC_CHAT')");
        fs::write(folder.path().join("site.yml"), playbook).unwrap();
        fs::create_dir(folder.path().join("chat")).unwrap();
        for file in ["index.html", "web.config"] {
            fs::copy(Path::new("playbooks/chat").join(file), folder.path().join("chat").join(file)).unwrap();
        }
        fs::create_dir(folder.path().join("lab")).unwrap();
        let inventory = without("playbooks/inventory.yml", "  sql:\n", "  web:\n");
        fs::write(folder.path().join("lab/inventory.yml"), inventory).unwrap();
        let kill = Arc::new(Kill::default());
        let lab = Command::new("true").spawn().unwrap();
        let mut farm = Farm { folder, lab, kill, password: String::new(), crashes: 0 };
        for words in ["init", "generate chat-machine-key --as machine-key"] {
            let mut secret = farm.farmhand(&["secret"]);
            secret.args(words.split(' ')).stdout(Stdio::null());
            assert!(secret.status().unwrap().success(), "{words}");
        }
        farm.serve();
        farm
    }

    /// Starts the lab's process, and writes the inventory that leads to it through the proxies.
    fn serve(&mut self) {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_farmhand"));
        lab.args(["lab", "serve", "-i", "lab/inventory.yml", "--port", "0", "--http-port", "0"]);
        let mut lab = lab.current_dir(self.folder.path()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut hosts = String::new();
        let mut lines = BufReader::new(lab.stdout.take().unwrap()).lines().map(Result::unwrap);
        for name in HOSTS {
            let line = lines.by_ref().find(|line| line.trim_start().starts_with(name)).unwrap();
            let port: String = line.split("port: ").nth(1).unwrap().chars().take_while(char::is_ascii_digit).collect();
            let port = Proxy::start(port.parse().unwrap(), Arc::clone(&self.kill));
            hosts += &format!("      {name}: {{ address: 127.0.0.1, connection: {{ port: {port} }} }}\n");
        }
        let connection = r#"{ via: winrm, user: 'LAB\operator', password: "{{ secret('env:LAB_PASSWORD') }}" }"#;
        let inventory = format!("groups:\n  web:\n    hosts:\n{hosts}    connection: {connection}\n");
        fs::write(self.path("inventory.yml"), inventory).unwrap();
        // The lab makes its password before it tells where it listens.
        self.password = fs::read_to_string(self.path("lab/.farmhand/lab/secrets/lab-operator")).unwrap();
        let _ = self.lab.kill();
        let _ = self.lab.wait();
        self.lab = lab;
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn apply(&self) -> Command {
        let mut apply = self.farmhand(&["apply", "site.yml", "--yes"]);
        apply.env("LAB_PASSWORD", &self.password).env("SVC_CHAT", "Pa55 of the service");
        apply.stdout(Stdio::piped()).stderr(Stdio::piped());
        apply
    }

    fn farmhand(&self, arguments: &[&str]) -> Command {
        let mut farmhand = Command::new(env!("CARGO_BIN_EXE_farmhand"));
        farmhand.args(arguments).current_dir(self.folder.path());
        farmhand.env_clear().env("FARMHAND_IDENTITY", self.path("identity"));
        farmhand
    }

    /// Makes the hosts bare again and forgets all runs.
    fn reset(&mut self) {
        for name in ["lab/.farmhand/lab/hosts", ".farmhand"] {
            let _ = fs::remove_dir_all(self.path(name));
        }
        self.kill.disarm();
        // A program that is killed leaves a shell on each host until its time runs out, and hosts allow thirty.
        if self.crashes >= 20 {
            self.crashes = 0;
            self.serve();
        }
    }

    /// The records and the messages of a run that nothing disturbs.
    pub fn count(mut self) -> (u64, usize) {
        self.reset();
        let output = self.apply().output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
        let records = self.journals().unwrap().iter().map(|records| records.len() as u64).sum();
        (records, self.kill.seen())
    }

    /// Kills a run at a point, and runs again. Tells whether the point was reached.
    pub fn crash_and_recover(&mut self, point: Point) -> Result<bool, String> {
        self.reset();
        let mut crashing = self.apply();
        if let Point::Record(number, moment) = point {
            crashing.env("FARMHAND_TEST_CRASH", format!("{number}:{moment}"));
        }
        let child = crashing.spawn().unwrap();
        if let Point::Message(number, passed) = point {
            self.kill.arm(number, child.id(), passed);
        }
        let crashed = child.wait_with_output().unwrap();
        self.kill.disarm();
        if crashed.status.success() {
            return Ok(false);
        }
        if crashed.status.code().is_some() {
            return Err(format!("it was not killed, it failed: {}", told(&crashed)));
        }
        self.crashes += 1;
        let again = self.apply().output().unwrap();
        if !again.status.success() {
            return Err(format!("the next run failed: {}", told(&again)));
        }
        let last = self.apply().output().unwrap();
        if !told(&last).contains("2 ok, 0 changed, 0 failed") {
            return Err(format!("the last run changed something: {}", told(&last)));
        }
        self.check_journals().map(|()| true)
    }

    fn journals(&self) -> Result<Vec<Vec<Record>>, String> {
        let runs = journal::list(&self.path(".farmhand/runs")).map_err(|error| error.to_string())?;
        let read = |path: &PathBuf| {
            let kept = journal::read(path).map_err(|error| error.to_string())?;
            Ok(kept.records.into_iter().map(|(_, record)| record).collect())
        };
        runs.iter().map(read).collect()
    }

    /// Every journal holds, and every batch that changed a host was announced.
    fn check_journals(&self) -> Result<(), String> {
        let records: Vec<Record> = self.journals()?.into_iter().flatten().collect();
        for host in HOSTS {
            let announced = |record: &&Record| matches!(record, Record::Intent(intent) if intent.host == host);
            let intents = records.iter().filter(announced).count();
            let log = self.path("lab/.farmhand/lab/hosts").join(host).join("calls.log");
            let batches = changing_batches(&log);
            if batches > intents {
                return Err(format!("{host} took {batches} batches of changes, and {intents} were announced"));
            }
        }
        Ok(())
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        let _ = self.lab.kill();
        let _ = self.lab.wait();
    }
}

/// Batches that change what is there. The pieces of a release's files are announced with the release.
fn changing_batches(log: &Path) -> usize {
    let text = fs::read_to_string(log).unwrap();
    let batches = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let changes = |batch: &serde_json::Value| {
        let pieces = batch["calls"].as_array().unwrap().iter().all(|call| call == "put_file" || call == "marker");
        batch["writes"].as_u64().unwrap() > 0 && !pieces
    };
    batches.filter(changes).count()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
