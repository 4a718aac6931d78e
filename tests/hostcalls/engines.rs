//! What carries out host calls on a folder of files.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use base64::Engine as _;
use farmhand::agent::{self, framing};
use farmhand::hostcall::write::ConfigFile;
use farmhand::hostcall::{Access, Batch, Call, FileWant, HttpAt, Read, Replies, Write};
use farmhand::lab::pwsh::{Pwsh, PwshError};
use farmhand::lab::{Answers, LabHost};

/// Whatever carries out host calls on a folder of files.
pub trait Engine {
    /// What it is called.
    fn name(&self) -> &'static str;
    /// Whether it can do what a batch asks for.
    fn can(&self, access: Access, batch: &Batch) -> bool;
    /// Carries a batch out.
    fn replies(&self, host: &Path, access: Access, batch: &Batch) -> Replies;
}

/// The engines that can run here. What is missing is said aloud, or is a failure where it is required.
pub fn engines() -> Vec<Box<dyn Engine>> {
    let mut engines: Vec<Box<dyn Engine>> = vec![Box::new(Lab)];
    match Pwsh::find() {
        Ok(pwsh) => engines.push(Box::new(Agent(pwsh))),
        Err(PwshError::Missing) => missing(
            "FARMHAND_REQUIRE_PWSH",
            "no pwsh on PATH, so the agent itself answered nothing; install PowerShell 7 to have it run",
        ),
        Err(error) => panic!("{error}"),
    }
    match StandIns::build() {
        Some(standins) => engines.push(Box::new(standins)),
        None => {
            missing("FARMHAND_REQUIRE_MONO", "no mcs and mono on PATH: the stand-ins for Windows were not compiled");
        }
    }
    engines
}

fn missing(required: &str, what: &str) {
    assert!(std::env::var_os(required).is_none_or(|value| value != "1"), "{what}, and {required} is set");
    // Not by a macro: what those print of a test that passes is kept quiet.
    let line = format!("SKIPPED: {what}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// The lab's own answers.
struct Lab;

impl Engine for Lab {
    fn name(&self) -> &'static str {
        "lab"
    }

    fn can(&self, _: Access, _: &Batch) -> bool {
        true
    }

    fn replies(&self, host: &Path, access: Access, batch: &Batch) -> Replies {
        LabHost::open(host).reply(access, batch)
    }
}

/// The agent, run by PowerShell 7.
struct Agent(Pwsh);

impl Engine for Agent {
    fn name(&self) -> &'static str {
        "pwsh"
    }

    fn can(&self, _: Access, _: &Batch) -> bool {
        true
    }

    fn replies(&self, host: &Path, access: Access, batch: &Batch) -> Replies {
        let encoded = agent::command_line().rsplit(' ').next().unwrap().to_owned();
        let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap();
        let units: Vec<u16> = bytes.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        let command = command(&self.0, host, &String::from_utf16(&units).unwrap());
        let mut input = framing::preamble(access).unwrap();
        // A secret that is sent by its name is what no controller does, and what some fixtures are about.
        if access == Access::ReadWrite && batch.calls.iter().any(|call| matches!(call, Call::Tell(_))) {
            input.extend_from_slice(&framing::writer().unwrap());
        }
        let plainly = || format!("{}\n", serde_json::to_string(batch).unwrap()).into_bytes().into();
        input.extend_from_slice(&framing::encode(batch, &framing::no_secrets).unwrap_or_else(|_| plainly()));
        let lines = talk(command, &input, 2);
        assert!(lines[0].contains(agent::sha256()), "{}", lines[0]);
        serde_json::from_str(&lines[1]).unwrap()
    }
}

/// What stands in for Windows, driven by a program that does what the agent does.
struct StandIns {
    pwsh: Pwsh,
    codes: String,
    _folder: tempfile::TempDir,
}

impl StandIns {
    fn build() -> Option<StandIns> {
        let folder = tempfile::tempdir().unwrap();
        let driver = folder.path().join("driver.exe");
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut sources: Vec<_> =
            fs::read_dir(here.join("src/lab/pwsh")).unwrap().map(|it| it.unwrap().path()).collect();
        sources.retain(|path| path.extension().is_some_and(|extension| extension == "cs"));
        // Both compilers know C# 6: mono's here, and the one that PowerShell brings.
        let built = Command::new("mcs")
            .args(["-langversion:6", "-warnaserror", "-r:System.Web.Extensions"])
            .arg(format!("-out:{}", driver.display()))
            .args(
                ["driver.cs", "driver_commit.cs", "driver_files.cs"]
                    .map(|name| here.join("tests/hostcalls").join(name)),
            )
            .args(sources)
            .output();
        let Ok(built) = built else { return None };
        assert!(built.status.success(), "the stand-ins do not compile:\n{}", String::from_utf8_lossy(&built.stderr));
        Command::new("mono").arg("--version").output().ok()?;
        let program = folder.path().join("pwsh");
        fs::write(&program, format!("#!/bin/sh\nexec mono '{}'\n", driver.display())).unwrap();
        Command::new("chmod").arg("+x").arg(&program).status().unwrap();
        let pwsh = Pwsh::on(&OsString::from(folder.path())).unwrap();
        Some(StandIns { pwsh, codes: codes(), _folder: folder })
    }
}

impl Engine for StandIns {
    fn name(&self) -> &'static str {
        "stand-ins"
    }

    fn can(&self, access: Access, batch: &Batch) -> bool {
        // The others are answered by functions of PowerShell, which nothing here can run.
        let dotnet = ["iis_config", "iis_runtime", "files", "certificates", "accounts", "http"];
        let changing = ["iis_commit", "iis_control", "put_tree", "test_logon"];
        access == Access::ReadWrite
            && batch.calls.iter().all(|call| match call {
                Call::Ask(read) => dotnet.contains(&read.name()) && !beyond_stand_ins(call),
                Call::Tell(write) => changing.contains(&write.name()) && !beyond_stand_ins(call),
            })
    }

    fn replies(&self, host: &Path, _: Access, batch: &Batch) -> Replies {
        let mut command = command(&self.pwsh, host, "");
        command.env("AGENT_CODES", &self.codes);
        let lines = talk(command, format!("{}\n", serde_json::to_string(batch).unwrap()).as_bytes(), 1);
        serde_json::from_str(&lines[0]).unwrap_or_else(|error| panic!("{error}: {}", lines[0]))
    }
}

/// What the driver of the stand-ins does not do: web.config files, whole folders, a site asked over HTTP.
fn beyond_stand_ins(call: &Call) -> bool {
    match call {
        Call::Ask(Read::IisConfig { at, .. }) => at.app.is_some(),
        Call::Ask(Read::Http { at, .. }) => matches!(at, HttpAt::Site(_)),
        Call::Ask(Read::Files { want, .. }) => {
            matches!(want, FileWant::Tree { .. } | FileWant::Names | FileWant::Listing { .. })
        }
        Call::Tell(Write::PutTree { files, .. }) => files.is_some(),
        Call::Tell(Write::IisCommit { file, .. }) => matches!(file, ConfigFile::WebConfig { .. }),
        _ => false,
    }
}

fn command(pwsh: &Pwsh, host: &Path, script: &str) -> Command {
    (pwsh.powershell(&Arc::new(LabHost::open(host))).0)(script).into_std()
}

/// Gives a program its input and takes the lines of its answer, while its input stays open.
fn talk(mut command: Command, input: &[u8], lines: usize) -> Vec<String> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input).unwrap();
    let answer = BufReader::new(child.stdout.take().unwrap()).lines().take(lines);
    let answer: Vec<String> = answer.map(Result::unwrap).collect();
    drop(stdin);
    child.wait().unwrap();
    assert_eq!(answer.len(), lines, "the program ended before it had answered");
    answer
}

/// The agent's table of codes, a pattern and a code a line.
pub fn codes() -> String {
    let text = agent::text();
    let table = text.split("function Get-Code").nth(1).and_then(|rest| rest.split("default {").next()).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix('\'')?.strip_suffix("' }"));
    let rows: Vec<String> = rows.map(|row| row.replace("' { return '", "\t")).collect();
    assert!(rows.len() > 5 && rows.iter().all(|row| row.contains('\t')), "{rows:?}");
    rows.join("\n")
}
