//! `farmhand agent`: the script that runs on hosts.

use super::{Exit, Failure, Ui};
use crate::agent;

/// Show the script that farmhand runs on hosts, for allow-lists and for reading
///
/// It is the same for every host and every run; data reaches it on its encrypted input stream.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  farmhand agent --sha256    the digest of what is sent\n  farmhand agent             what is sent"
)]
pub struct Args {
    /// Only its SHA-256
    #[arg(long)]
    sha256: bool,
}

#[expect(clippy::unnecessary_wraps, reason = "commands have one shape")]
pub fn run(ui: Ui, args: &Args) -> Result<Exit, Failure> {
    if args.sha256 {
        ui.raw(&format!("{}\n", agent::sha256()));
    } else {
        ui.raw(agent::text());
    }
    Ok(Exit::Ok)
}
