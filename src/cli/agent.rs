//! `farmhand agent`: the script that runs on hosts.

use super::{Exit, Failure, Ui};
use crate::agent;

/// Show the script that farmhand runs on hosts, for allow-lists and for reading
///
/// It is the same for every host and every run; data reaches it on its encrypted input stream. It has two parts: what
/// only reads, which every session gets, and what changes a host, which goes to a host when it is first changed.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  farmhand agent --sha256    the digests of both parts\n  farmhand agent             the part that reads\n  farmhand agent --write     the part that changes"
)]
pub struct Args {
    /// Only the SHA-256 of each part
    #[arg(long)]
    sha256: bool,
    /// The part that changes a host
    #[arg(long, conflicts_with = "sha256")]
    write: bool,
}

#[expect(clippy::unnecessary_wraps, reason = "commands have one shape")]
pub fn run(ui: Ui, args: &Args) -> Result<Exit, Failure> {
    if args.sha256 {
        ui.raw(&format!("{}  agent.ps1\n{}  agent-write.ps1\n", agent::sha256(), agent::writer_sha256()));
    } else {
        ui.raw(if args.write { agent::writer() } else { agent::text() });
    }
    Ok(Exit::Ok)
}
