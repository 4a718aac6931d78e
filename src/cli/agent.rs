//! `farmhand agent`: the script that runs on hosts.

use super::{Exit, Failure, Ui};
use crate::agent;

/// Show the script that farmhand runs on hosts, for allow-lists and for reading
///
/// It is the same for every host and every run; data reaches it on its encrypted input stream. It has two parts: what
/// only reads, which every session gets, and what changes a host, which goes to a host when it is first changed. A third
/// script, which only reads too, is what `farmhand doctor` examines a host by.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  farmhand agent --sha256    the digests of all scripts\n  farmhand agent             the part that reads\n  farmhand agent --write     the part that changes"
)]
pub struct Args {
    /// Only the SHA-256 of each script
    #[arg(long)]
    sha256: bool,
    /// The part that changes a host
    #[arg(long, conflicts_with = "sha256")]
    write: bool,
    /// What `farmhand doctor` examines a host by
    #[arg(long, conflicts_with_all = ["sha256", "write"])]
    doctor: bool,
}

#[expect(clippy::unnecessary_wraps, reason = "commands have one shape")]
pub fn run(ui: Ui, args: &Args) -> Result<Exit, Failure> {
    if args.sha256 {
        let scripts = [
            (agent::sha256(), "agent.ps1"),
            (agent::writer_sha256(), "agent-write.ps1"),
            (agent::doctor_sha256(), "doctor.ps1"),
        ];
        ui.raw(&scripts.map(|(digest, name)| format!("{digest}  {name}\n")).concat());
    } else if args.doctor {
        ui.raw(agent::doctor());
    } else {
        ui.raw(if args.write { agent::writer() } else { agent::text() });
    }
    Ok(Exit::Ok)
}
