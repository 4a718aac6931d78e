//! `farmhand apply`: make the farm so.

use super::target::{Against, Target};
use super::{Exit, Failure, Ui};
use crate::engine::Approval;
use crate::report::{Counts, Differences, differences_json, differences_text, recap_json, recap_text};

/// Make the farm as the playbook says
///
/// Looks at every host, shows what would change, asks, changes it in as few round trips as the network allows, and looks
/// again to prove that every change took. What is running is disturbed one host at a time (`serial` in the play), and
/// not any more after a host has failed its proof. A second run changes nothing.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  farmhand --lab apply playbooks/signalr-farm.yml --yes
  farmhand apply site.yml --check                show what would change, as `plan` does
  farmhand apply site.yml --limit web01 -e app=chat
  farmhand apply site.yml --tags pools --yes     for CI: nobody is asked")]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Change without asking
    #[arg(long, short = 'y', visible_alias = "auto-approve")]
    yes: bool,
    /// Only show what would change
    #[arg(long, visible_aliases = ["dry-run", "what-if", "noop"])]
    check: bool,
    /// Show the edits of configuration behind each stage too
    #[arg(long, short = 'D')]
    diff: bool,
}

pub fn run(ui: Ui, against: Against, args: &Args) -> Result<Exit, Failure> {
    let farm = args.target.open(ui, against)?;
    let how = if args.diff { Differences::PlanWithEdits } else { Differences::Plan };
    if args.check {
        let surveys = farm.survey(ui)?;
        ui.text(&differences_text(&surveys, how, ui.style, |survey| farm.troubles(survey)));
        ui.value(&differences_json(&surveys, |survey| farm.troubles(survey)));
        return Ok(if Counts::of(&surveys).hosts_failed > 0 { Exit::Hosts } else { Exit::Ok });
    }
    let mut nobody_to_ask = false;
    let mut plan = serde_json::Value::Null;
    let outcomes = farm.apply(ui, |surveys| {
        ui.text(&differences_text(surveys, how, ui.style, |survey| farm.troubles(survey)));
        plan = differences_json(surveys, |survey| farm.troubles(survey));
        if args.yes || Counts::of(surveys).nothing_differs() {
            return Approval::Granted;
        }
        match ui.confirm("\nMake these changes?") {
            Some(true) => Approval::Granted,
            Some(false) => Approval::Refused,
            None => {
                nobody_to_ask = true;
                Approval::Refused
            }
        }
    })?;
    if nobody_to_ask {
        let failure = Failure::input("nothing was changed: there is no terminal to ask on");
        return Err(failure.hint("--yes changes without asking; --check only shows"));
    }
    ui.text(&format!("\n{}", recap_text(&outcomes, ui.style, ui.verbose > 0)));
    let mut result = recap_json(&outcomes);
    result["plan"] = plan;
    ui.value(&result);
    Ok(if outcomes.iter().all(|outcome| outcome.status.is_good()) { Exit::Ok } else { Exit::Hosts })
}
