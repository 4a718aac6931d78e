//! `farmhand apply`: make the farm so.

use std::sync::Arc;

use super::run::Run;
use super::target::{Against, Target};
use super::{Exit, Failure, Ui};
use crate::engine::{Approval, HostOutcome, Survey};
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
    let run = Arc::new(Run::new(args.target.state(against), format!("apply {}", args.target.words())));
    let mut refused = None;
    let mut plan = serde_json::Value::Null;
    let outcomes = farm.apply(ui, &run, |surveys| {
        ui.text(&differences_text(surveys, how, ui.style, |survey| farm.troubles(survey)));
        plan = differences_json(surveys, |survey| farm.troubles(survey));
        if Counts::of(surveys).nothing_differs() {
            return Approval::Granted;
        }
        approve(ui, args, &run, surveys).unwrap_or_else(|failure| {
            refused = Some(failure);
            Approval::Refused
        })
    })?;
    if let Some(failure) = refused {
        return Err(failure);
    }
    let journal = run.end(&outcomes);
    ui.text(&format!("\n{}", recap_text(&outcomes, ui.style, ui.verbose > 0)));
    let mut result = recap_json(&outcomes);
    result["plan"] = plan;
    let journal = journal.inspect_err(|_| ui.value(&result))?;
    result["journal"] = journal.as_ref().map(|path| path.display().to_string()).into();
    ui.value(&result);
    let exit = exit(&outcomes, run.stop.is_asked());
    if let Some(path) = journal.filter(|_| exit != Exit::Ok || ui.verbose > 0) {
        ui.news(&format!("journal: {}", path.display()));
    }
    if exit == Exit::Interrupted {
        ui.news("interrupted: run it again to go on");
    }
    Ok(exit)
}

/// Locks the hosts that are to be changed, asks, and begins the journal.
fn approve(ui: Ui, args: &Args, run: &Run, surveys: &[Survey]) -> Result<Approval, Failure> {
    let differs = |survey: &&Survey| survey.looked.as_ref().is_ok_and(|looked| looked.changes() > 0);
    let hosts: Vec<String> = surveys.iter().filter(differs).map(|survey| survey.host.clone()).collect();
    run.lock(ui, &hosts)?;
    if !args.yes {
        match run.confirm(ui) {
            Some(true) => {}
            Some(false) => return Ok(Approval::Refused),
            None => {
                let failure = Failure::input("nothing was changed: there is no terminal to ask on");
                return Err(failure.hint("--yes changes without asking; --check only shows"));
            }
        }
    }
    run.begin(&hosts)?;
    Ok(Approval::Granted)
}

fn exit(outcomes: &[HostOutcome], interrupted: bool) -> Exit {
    match outcomes.iter().all(|outcome| outcome.status.is_good()) {
        true => Exit::Ok,
        false if interrupted => Exit::Interrupted,
        false => Exit::Hosts,
    }
}
