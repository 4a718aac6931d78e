//! `farmhand audit`: desired against actual.

use super::target::{Against, Target};
use super::{Exit, Failure, Ui};
use crate::plan::Trouble;
use crate::report::{Counts, Differences, differences_json, differences_text};

/// Compare what is with what shall be, and change nothing
///
/// The session has no way to send a change, and the agent on the host, told so in its first message, refuses one too.
/// Exits 0 when all hosts are as desired, 2 when something differs, 4 when a host could not be compared.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  farmhand audit site.yml
  farmhand audit site.yml --json > audit.json
  farmhand --lab audit playbooks/signalr-farm.yml")]
pub struct Args {
    #[command(flatten)]
    target: Target,
}

pub fn run(ui: Ui, against: Against, args: &Args) -> Result<Exit, Failure> {
    let farm = args.target.open(ui, against, super::machine_keys::Purpose::Look)?;
    let mut surveys = farm.survey(ui)?;
    for looked in surveys.iter_mut().filter_map(|survey| survey.looked.as_mut().ok()) {
        // What may not be changed can be looked at all the same.
        looked.troubles.retain(|(_, trouble)| !matches!(trouble, Trouble::Frozen { .. }));
    }
    ui.text(&differences_text(&surveys, Differences::Audit, ui.style, |survey| farm.troubles(survey)));
    ui.value(&differences_json(&surveys, |survey| farm.troubles(survey)));
    let counts = Counts::of(&surveys);
    Ok(match (counts.hosts_failed, counts.nothing_differs()) {
        (1.., _) => Exit::Hosts,
        (0, false) => Exit::Differs,
        (0, true) => Exit::Ok,
    })
}
