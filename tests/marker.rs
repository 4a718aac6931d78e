//! Two controllers, each with a `.farmhand` of its own, and one host: the second is refused and the first is named.
//!
//! The real program against a lab in a process of its own, as hosts are.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by panicking")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Plays of a playbook.
const PLAYS: usize = 12;

/// A lab that serves one host, and a folder for each controller.
struct Place {
    folder: tempfile::TempDir,
    lab: Option<Child>,
    password: String,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("lab")).unwrap();
        fs::write(folder.path().join("lab/inventory.yml"), "groups:\n  web:\n    hosts: { web01: {} }\n").unwrap();
        for controller in ["ana", "ben"] {
            let of = folder.path().join(controller);
            fs::create_dir(&of).unwrap();
            // A play for each pool, so that a run takes long enough to be caught in the middle.
            let mut plays = "plays:\n".to_owned();
            for number in 0..PLAYS {
                let feature = "- windows_feature: { names: [Web-Server] }";
                let pool = format!("- iis_app_pool: {{ name: {controller}{number} }}");
                plays += &format!("  - name: {number}\n    hosts: web\n    steps:\n      {feature}\n      {pool}\n");
            }
            fs::write(of.join("site.yml"), plays).unwrap();
        }
        let mut place = Place { folder, lab: None, password: String::new() };
        place.serve();
        place
    }

    /// Starts the lab, anew where it runs, and tells the controllers where the host is.
    fn serve(&mut self) {
        self.end_lab();
        let mut lab = farmhand(&self.path("lab"), &["lab", "serve", "--port", "0", "--http-port", "0"]);
        let mut lab = lab.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(lab.stdout.take().unwrap()).lines().map(Result::unwrap);
        self.lab = Some(lab);
        let line = { lines }.find(|line| line.trim_start().starts_with("web01")).unwrap();
        let port: String = line.split("port: ").nth(1).unwrap().chars().take_while(char::is_ascii_digit).collect();
        let connection =
            format!(r#"{{ port: {port}, user: 'LAB\operator', password: "{{{{ secret('env:LAB_PASSWORD') }}}}" }}"#);
        let inventory = format!(
            "groups:\n  web:\n    hosts: {{ web01: {{ address: 127.0.0.1 }} }}\n    connection: {connection}\n"
        );
        for controller in ["ana", "ben"] {
            fs::write(self.path(controller).join("inventory.yml"), &inventory).unwrap();
        }
        self.password = fs::read_to_string(self.path("lab/.farmhand/lab/secrets/lab-operator")).unwrap();
    }

    fn end_lab(&mut self) {
        if let Some(mut lab) = self.lab.take() {
            let _ = lab.kill();
            let _ = lab.wait();
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn apply(&self, controller: &str) -> Command {
        let mut apply = farmhand(&self.path(controller), &["apply", "site.yml", "--yes"]);
        apply.env("USER", controller).env("LAB_PASSWORD", &self.password);
        apply.stdout(Stdio::piped()).stderr(Stdio::piped());
        apply
    }

    /// What the host has written down of who changes it.
    fn marker(&self) -> Option<Value> {
        let path = self.path("lab/.farmhand/lab/hosts/web01/C/farmhand/run/marker.json");
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// The server's configuration.
    fn pools(&self) -> String {
        let host = self.path("lab/.farmhand/lab/hosts/web01");
        fs::read_to_string(host.join("C/Windows/System32/inetsrv/config/applicationHost.config")).unwrap_or_default()
    }

    /// A run that has changed something on the host, with more to come, and was put to sleep then.
    fn asleep(&self, controller: &str) -> Child {
        let mut run = self.apply(controller).spawn().unwrap();
        let began = Instant::now();
        while !self.pools().contains(&format!("\"{controller}0\"")) {
            assert!(run.try_wait().unwrap().is_none(), "the run ended before it changed anything");
            assert!(began.elapsed() < Duration::from_mins(1), "the run changes nothing");
        }
        signal(&run, "-STOP");
        assert!(run.try_wait().unwrap().is_none(), "the run was over before it could be put to sleep");
        run
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.end_lab();
    }
}

fn farmhand(folder: &Path, arguments: &[&str]) -> Command {
    let mut farmhand = Command::new(env!("CARGO_BIN_EXE_farmhand"));
    farmhand.args(arguments).current_dir(folder).env_clear();
    farmhand
}

fn signal(run: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &run.id().to_string()]).status().unwrap().success());
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_second_run_on_a_host_is_refused_and_names_the_first() {
    let place = Place::new();
    let first = place.asleep("ana");
    let marker = place.marker().unwrap();
    let second = place.apply("ben").output().unwrap();
    assert_eq!(second.status.code(), Some(13), "{}", told(&second));
    let expected = format!(
        "web01  held by another run\n         {} has been changing this host since {}: farmhand apply site.yml, run {}; \
         wait for that run to end; one that was killed lets go of the host within three minutes\n",
        marker["who"].as_str().unwrap(),
        marker["since"].as_str().unwrap(),
        marker["run"].as_str().unwrap(),
    );
    assert!(told(&second).contains(&expected), "{}\n--- lacks\n{expected}", told(&second));
    assert!(told(&second).contains("\n0 ok, 0 changed, 0 failed, 1 held\n"), "{}", told(&second));
    assert!(marker["who"].as_str().unwrap().starts_with("ana@"), "{marker}");
    assert_eq!(place.marker(), Some(marker), "the first has the host still");
    assert!(place.pools().contains("\"ana0\""), "{}", place.pools());
    assert!(!place.pools().contains("\"ben"), "the second has done nothing: {}", place.pools());
    let runs = farmhand(&place.path("ben"), &["runs"]).output().unwrap();
    assert!(told(&runs).contains("(1 held)"), "{}", told(&runs));
    // Looking needs no marker.
    let audit = farmhand(&place.path("ben"), &["audit", "site.yml"]).env("LAB_PASSWORD", &place.password).output();
    assert_eq!(audit.unwrap().status.code(), Some(2));
    signal(&first, "-CONT");
    let first = first.wait_with_output().unwrap();
    assert!(told(&first).contains("0 ok, 1 changed, 0 failed"), "{}", told(&first));
    let again = place.apply("ben").output().unwrap();
    assert!(told(&again).contains("0 ok, 1 changed, 0 failed"), "{}", told(&again));
    assert!(place.marker().unwrap()["who"].as_str().unwrap().starts_with("ben@"));
}

#[test]
fn what_a_killed_run_has_left_holds_until_its_process_is_gone_but_not_its_own_controller() {
    let place = Place::new();
    let mut first = place.asleep("ana");
    first.kill().unwrap();
    first.wait().unwrap();
    let second = place.apply("ben").output().unwrap();
    assert_eq!(second.status.code(), Some(13), "{}", told(&second));
    let again = place.apply("ana").output().unwrap();
    assert!(told(&again).contains("0 ok, 1 changed, 0 failed"), "{}", told(&again));
    let second = place.apply("ben").output().unwrap();
    assert!(told(&second).contains("0 ok, 1 changed, 0 failed"), "{}", told(&second));
}

#[test]
fn a_marker_is_over_when_the_host_has_restarted() {
    let mut place = Place::new();
    let mut first = place.asleep("ana");
    first.kill().unwrap();
    first.wait().unwrap();
    place.serve();
    let second = place.apply("ben").output().unwrap();
    assert!(told(&second).contains("0 ok, 1 changed, 0 failed"), "{}", told(&second));
}
