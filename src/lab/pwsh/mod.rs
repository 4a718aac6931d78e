//! The lab's second engine: a PowerShell 7 that runs the agent itself for the lab's hosts.
//!
//! The agent's bytes and the bootstrap that starts it are those that go to Windows. Before them `standins.ps1` is
//! loaded: functions in the place of cmdlets, and types, compiled by PowerShell from the C# beside this file, entered
//! under the names of the .NET types that know Windows alone (files by Windows paths, accounts, certificates,
//! Microsoft.Web.Administration …). All of them ask the lab's model of the host through the [`door`], so both engines
//! work over the same files, and what differs is who carries out host calls: the lab in Rust, or the agent.
//!
//! **It has never been run with a PowerShell**: none was at hand where it was written. Tests compile the C# with mono's
//! compiler and drive it as the agent does, hold the list of stand-ins against what PowerShell 7.0 on Linux lacks, and
//! start a program of their own by the name `pwsh`; whether PowerShell takes `standins.ps1` they cannot tell.
//!
//! Known to differ from Windows: an attribute inherited by an element that is written at a location too reads as `set`
//! (Microsoft.Web.Administration does not tell them apart); web.config files are not read or committed. Of the calls only writes are counted, and where they reach the model, not as host calls.

mod door;
mod markup;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::process::Command;

use super::LabHost;
use super::wsman::PowerShell;
use door::Door;

/// What is loaded before the agent: the script, and what PowerShell compiles for it.
const STANDINS: &[(&str, &str)] = &[
    ("standins.ps1", include_str!("standins.ps1")),
    ("Door.cs", include_str!("Door.cs")),
    ("Files.cs", include_str!("Files.cs")),
    ("Folders.cs", include_str!("Folders.cs")),
    ("Net.cs", include_str!("Net.cs")),
    ("Security.cs", include_str!("Security.cs")),
    ("Web.cs", include_str!("Web.cs")),
    ("WebAttribute.cs", include_str!("WebAttribute.cs")),
    ("WebServer.cs", include_str!("WebServer.cs")),
];

/// Environment variables of the simulated computer, spelt as the agent spells them.
const VARIABLES: &[(&str, &str)] = &[("windir", r"C:\Windows"), ("SystemRoot", r"C:\Windows"), ("SystemDrive", "C:")];

/// Why there is no such engine.
#[derive(Debug, thiserror::Error)]
pub enum PwshError {
    /// No folder of PATH has it.
    #[error("no PowerShell 7 (`pwsh`) is on PATH")]
    Missing,
    /// The stand-ins cannot be laid out, or nothing can listen for them.
    #[error("the stand-ins for Windows cannot be set up: {0}")]
    SetUp(#[from] std::io::Error),
}

/// A PowerShell 7 with the stand-ins laid out for it. They are removed when it is dropped; nothing may run any more.
pub struct Pwsh {
    program: PathBuf,
    folder: tempfile::TempDir,
    door: Door,
}

impl Pwsh {
    /// The PowerShell that PATH leads to.
    ///
    /// # Errors
    /// When there is none, or the system does not let the stand-ins be set up.
    pub fn find() -> Result<Pwsh, PwshError> {
        Pwsh::on(&std::env::var_os("PATH").unwrap_or_default())
    }

    /// The PowerShell that a list of folders, written as PATH is, leads to.
    ///
    /// # Errors
    /// Those of [`Pwsh::find`].
    pub fn on(path: &OsString) -> Result<Pwsh, PwshError> {
        let names = std::env::split_paths(path).flat_map(|folder| [folder.join("pwsh"), folder.join("pwsh.exe")]);
        let program = { names }.find(|program| program.is_file()).ok_or(PwshError::Missing)?;
        let folder = tempfile::tempdir()?;
        for (name, text) in STANDINS {
            fs::write(folder.path().join(name), text)?;
        }
        Ok(Pwsh { program: std::path::absolute(program)?, folder, door: Door::open()? })
    }

    /// What runs PowerShell scripts on a host. It holds only as long as this does.
    pub fn powershell(&self, host: &Arc<LabHost>) -> PowerShell {
        let key = self.door.admit(Arc::clone(host));
        let address = self.door.address().to_string();
        let (program, standins) = (self.program.clone(), self.folder.path().join("standins.ps1"));
        let host = Arc::clone(host);
        PowerShell(Arc::new(move |script| {
            let mut command = Command::new(&program);
            command.args(["-NoLogo", "-NoProfile", "-NonInteractive", "-EncodedCommand"]);
            command.arg(encoded(&format!(". {}\n{script}", quoted(&standins))));
            command.envs(VARIABLES.iter().copied());
            command.env("COMPUTERNAME", host.computer_name());
            command.env("FARMHAND_LAB_DOOR", &address).env("FARMHAND_LAB_KEY", &key);
            command.env("FARMHAND_LAB_HOST", host.folder().root());
            command.env("POWERSHELL_TELEMETRY_OPTOUT", "1").env("POWERSHELL_UPDATECHECK", "Off");
            command
        }))
    }
}

/// A script as `-EncodedCommand` takes it: UTF-16LE in base64.
fn encoded(script: &str) -> String {
    let bytes: Vec<u8> = script.encode_utf16().flat_map(u16::to_le_bytes).collect();
    BASE64.encode(bytes)
}

/// A path as a literal of PowerShell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', "''"))
}

#[cfg(test)]
mod tests;
