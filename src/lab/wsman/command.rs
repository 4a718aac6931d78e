//! Which program a command line starts.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::agent::AgentProgram;
use super::child;
use super::process::{Output, Process};
use super::service::Service;
use super::shell_script;
use crate::lab::AgentProcess;

/// What a command line is.
#[derive(Debug, PartialEq, Eq)]
enum Program {
    /// A line for cmd.
    Cmd(String),
    /// A script for PowerShell.
    PowerShell(String),
}

/// Starts the program of a command line.
pub(super) fn start(service: &Service, user: &str, line: &str) -> Process {
    let host = shell_script::Host { computer: service.settings.computer.clone(), user: user.to_owned() };
    match (program(line), &service.settings.powershell) {
        (Program::PowerShell(script), Some(powershell)) if script.contains("$input") => {
            let command = (powershell.0)(&script);
            let wire = child::Wire { host: Arc::clone(&service.host), faults: Arc::clone(&service.faults) };
            Process::start(|input, output| child::run(command, wire, input, output))
        }
        (Program::PowerShell(script), None) if script.contains("$input") => {
            let agent = AgentProgram {
                host: Arc::clone(&service.host),
                process: AgentProcess::start(),
                user: user.to_owned(),
                faults: Arc::clone(&service.faults),
                input_at_end: service.settings.input_at_end,
                otherwise: Box::new(move |output: &Output| host.powershell(&script, output)),
            };
            Process::start(|input, output| agent.run(input, output))
        }
        (Program::PowerShell(script), _) => {
            Process::start(|_, output| async move { host.powershell(&script, &output) })
        }
        (Program::Cmd(line), _) => Process::start(|input, output| async move { host.cmd(&line, input, &output).await }),
    }
}

fn program(line: &str) -> Program {
    let words: Vec<&str> = line.split_whitespace().collect();
    let name = words.first().map(|word| word.trim_matches('"').to_ascii_lowercase()).unwrap_or_default();
    let name = name.rsplit('\\').next().unwrap_or_default();
    if name != "powershell" && name != "powershell.exe" {
        return Program::Cmd(line.to_owned());
    }
    let encoded = words.windows(2).find(|pair| is_encoded_switch(pair[0])).map(|pair| pair[1]);
    match encoded.and_then(decode) {
        Some(script) => Program::PowerShell(script),
        None => Program::Cmd(line.to_owned()),
    }
}

/// PowerShell takes any beginning of a switch that is no other's: `-e`, `-enc`, `-EncodedCommand`.
fn is_encoded_switch(word: &str) -> bool {
    let word = word.trim_start_matches(['-', '/']).to_ascii_lowercase();
    word == "ec" || (!word.is_empty() && "encodedcommand".starts_with(&word))
}

fn decode(text: &str) -> Option<String> {
    let bytes = BASE64.decode(text.trim_matches('"')).ok()?;
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_scripts_are_found() {
        let check = |line: &str, expected: Program| assert_eq!(program(line), expected, "{line}");
        let hostname = "aABvAHMAdABuAGEAbQBlAA==";
        check(&format!("powershell -encodedcommand {hostname}"), Program::PowerShell("hostname".to_owned()));
        check(
            &format!(
                "%SystemRoot%\\System32\\WindowsPowerShell\\v1.0\\PowerShell.exe -NoProfile -EncodedCommand {hostname}"
            ),
            Program::PowerShell("hostname".to_owned()),
        );
        check("powershell -encodedcommand %%%", Program::Cmd("powershell -encodedcommand %%%".to_owned()));
        check("echo powershell", Program::Cmd("echo powershell".to_owned()));
    }
}
