//! `farmhand audit`: desired against actual.

use super::right::Against;
use super::target::Target;
use super::{Exit, Failure, Ui};
use crate::engine::FarmKey;
use crate::plan::Trouble;
use crate::report::{Counts, Differences, differences_json, differences_text, not_compared_text};

/// Compare what is with what shall be, and change nothing
///
/// The session has no way to send a change, and the agent on the host, told so in its first message, refuses one too.
/// It needs what logs in to hosts, and no other secret: properties whose secrets cannot be opened here are not compared, and
/// counted apart; of machine keys it is told whether hosts have the same one.
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
    /// Run the queries of `sql_query` steps, which could have an effect
    #[arg(long)]
    run_opaque: bool,
}

pub fn run(ui: Ui, against: Against, args: &Args) -> Result<Exit, Failure> {
    let farm = args.target.open(ui, against, super::machine_keys::Purpose::Audit)?;
    let mut surveys = farm.survey(ui, args.run_opaque, crate::engine::Purpose::Compare)?;
    for looked in surveys.iter_mut().filter_map(|survey| survey.looked.as_mut().ok()) {
        // What may not be changed can be looked at all the same.
        looked.troubles.retain(|(_, trouble)| !matches!(trouble, Trouble::Frozen { .. }));
    }
    ui.text(&differences_text(&surveys, Differences::Audit, ui.style, |survey| farm.troubles(survey)));
    let keys = farm.keys_between_hosts(&surveys);
    ui.text(&not_compared_text(&surveys, farm.closed(), &keys, ui.style));
    let mut value = differences_json(&surveys, |survey| farm.troubles(survey));
    let closed =
        farm.closed().iter().map(|(secret, why)| serde_json::json!({ "secret": secret.to_string(), "why": why }));
    value["closed_secrets"] = closed.collect();
    value["machine_keys"] = serde_json::to_value(&keys).unwrap_or_default();
    ui.value(&value);
    let counts = Counts::of(&surveys);
    Ok(match (counts.hosts_failed, counts.nothing_differs() && keys.iter().all(FarmKey::agrees)) {
        (1.., _) => Exit::Hosts,
        (0, false) => Exit::Differs,
        (0, true) => Exit::Ok,
    })
}
