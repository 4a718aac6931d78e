//! `farmhand lab serve` as a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

/// The program under test, without anything of this process's surroundings.
pub fn farmhand(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_farmhand"));
    command.args(line.split_whitespace()).current_dir(folder).env_clear().env("HOME", folder);
    command.env("FARMHAND_IDENTITY", folder.join("identity"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A lab that serves until it is dropped.
pub struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = (self.0.kill(), self.0.wait());
    }
}

/// Serves the one host of the inventory in a folder, at a port that the system chooses.
pub fn serve(folder: &Path) -> (Serving, SocketAddr) {
    let mut child = farmhand(folder, "lab serve --port 0 --http-port 0").spawn().unwrap();
    let (mut news, results) = (BufReader::new(child.stderr.take().unwrap()), child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("serving") {
        line.clear();
        assert!(news.read_line(&mut line).unwrap() > 0, "the lab does not serve");
    }
    // Nobody reads what it says later, and a full pipe would stop it.
    thread::spawn(move || news.read_to_end(&mut Vec::new()));
    let port = BufReader::new(results).lines().map_while(Result::ok).find_map(|line| {
        let (_, port) = line.split_once("port: ")?;
        port.split(' ').next()?.parse::<u16>().ok()
    });
    (Serving(child), SocketAddr::from(([127, 0, 0, 1], port.unwrap())))
}

/// An inventory of one host behind a port of this machine.
pub fn inventory(host: &str, port: u16) -> String {
    let connection = "{ via: winrm, user: 'LAB\\operator', password: \"{{ secret('connection') }}\" }";
    let host = format!("{host}: {{ address: 127.0.0.1, connection: {{ port: {port} }} }}");
    format!("groups:\n  web:\n    hosts:\n      {host}\n    connection: {connection}\n")
}

/// The shipped playbook without its first play, for a farm that has no SQL Server.
pub fn web_play() -> String {
    let text = std::fs::read_to_string("playbooks/signalr-farm.yml").unwrap();
    let (before, rest) = text.split_once("  - name: Backplane\n").unwrap();
    let (_, web) = rest.split_once("  - name: Web servers\n").unwrap();
    format!("{before}  - name: Web servers\n{web}")
}
