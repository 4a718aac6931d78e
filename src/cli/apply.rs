//! `farmhand apply`: make the farm so.

use std::sync::Arc;

use super::farm::Farm;
use super::machine_keys::Purpose;
use super::plan_file;
use super::right::Against;
use super::run::Run;
use super::target::Target;
use super::{Exit, Failure, Ui};
use crate::engine::{Approval, HostOutcome, Status, Survey};
use crate::plan::{Agreed, PlanFile};
use crate::report::{Counts, Differences, differences_json, differences_text, recap_json, recap_text};

/// Make the farm as the playbook says
///
/// Looks at every host, shows what would change, asks, changes it in as few round trips as the network allows, and looks
/// again to prove that every change took. What is running is disturbed one host at a time (`serial` in the play), and
/// not any more after a host has failed its proof. A second run changes nothing.
///
/// Given a file of `plan --out`, it does what that plan says and nothing else: where the farm has moved since, it changes
/// nothing and exits 14.
///
/// Every change is written down in .farmhand/runs beside the inventory before it is sent. Ctrl-C begins nothing new and
/// waits for what was sent; a second one ends at once. Either exits 20; running it again goes on.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  farmhand --lab apply playbooks/signalr-farm.yml --yes
  farmhand apply site.yml --check                show what would change, as `plan` does
  farmhand apply site.yml --limit web01 -e app=chat
  farmhand apply site.yml --tags pools --yes     for CI: nobody is asked
  farmhand plan site.yml --out site.plan && farmhand apply site.plan --yes")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Change without asking
    #[arg(long, short = 'y', visible_alias = "auto-approve")]
    yes: bool,
    /// Only show what would change
    #[arg(long, visible_aliases = ["dry-run", "what-if", "noop"])]
    check: bool,
    /// Make a new machine key though hosts have one that the store has not: every user is signed out
    #[arg(long)]
    replace_key: bool,
    /// Show the edits of configuration behind each stage too
    #[arg(long, short = 'D')]
    diff: bool,
}

/// A plan file that is to be carried out.
struct Planned<'f> {
    file: &'f PlanFile,
    agreed: Arc<Agreed>,
    /// Secrets that have another value since.
    secrets: Vec<String>,
}

pub fn run(ui: Ui, against: Against, args: &Args) -> Result<Exit, Failure> {
    let given = args.target.playbook();
    let purpose = if args.check { Purpose::Look } else { Purpose::Change { replace_key: args.replace_key } };
    let Some(file) = plan_file::read(given)? else {
        let farm = args.target.open(ui, against, purpose)?;
        return carry_out(ui, against, args, &args.target, &farm, None);
    };
    let target = args.target.of_plan(&file.asked, against)?;
    let farm = target.open(ui, against, purpose)?;
    plan_file::check_sources(given, &file, &farm)?;
    let now = farm.secrets();
    let other = |then: &&crate::value::SecretRef| then.fingerprint.is_some() && !now.contains(then);
    let secrets = file.secrets.iter().filter(other).map(|it| format!("the secret `{it}` has another value now"));
    let planned = Planned { file: &file, agreed: Arc::new(file.agreed()), secrets: secrets.collect() };
    carry_out(ui, against, args, &target, &farm, Some(&planned))
}

fn carry_out(
    ui: Ui,
    against: Against,
    args: &Args,
    target: &Target,
    farm: &Farm,
    planned: Option<&Planned>,
) -> Result<Exit, Failure> {
    let how = if args.diff { Differences::PlanWithEdits } else { Differences::Plan };
    if args.check {
        let surveys = farm.survey(ui, false, crate::engine::Purpose::Plan)?;
        ui.text(&differences_text(&surveys, how, ui.style, |survey| farm.troubles(survey)));
        still_so(args, planned, &surveys)?;
        ui.value(&differences_json(&surveys, |survey| farm.troubles(survey)));
        Farm::possible(&surveys)?;
        return Ok(if Counts::of(&surveys).hosts_failed > 0 { Exit::Hosts } else { Exit::Ok });
    }
    let run = Arc::new(Run::new(target.state(against), format!("apply {}", args.target.words())));
    let mut refused = None;
    let mut plan = serde_json::Value::Null;
    let agreed = planned.map(|planned| Arc::clone(&planned.agreed));
    let outcomes = farm.apply(ui, &run, agreed, |surveys| {
        ui.text(&differences_text(surveys, how, ui.style, |survey| farm.troubles(survey)));
        plan = differences_json(surveys, |survey| farm.troubles(survey));
        let possible = Farm::possible(surveys).and_then(|()| still_so(args, planned, surveys));
        let approved = possible.and_then(|()| approve(ui, args, &run, surveys));
        approved.unwrap_or_else(|failure| {
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
    if let Some(path) = journal.filter(|_| exit == Exit::Interrupted || ui.verbose > 0) {
        ui.news(&format!("journal: {}", path.display()));
    }
    if exit == Exit::Interrupted {
        ui.news("interrupted: run it again to go on");
    }
    Ok(exit)
}

/// Whether the farm is still as it was when a plan file was made; without one there is nothing to hold to.
fn still_so(args: &Args, planned: Option<&Planned>, surveys: &[Survey]) -> Result<(), Failure> {
    let Some(planned) = planned else { return Ok(()) };
    let shifts = plan_file::shifts(&planned.agreed, surveys);
    let moved: Vec<String> = planned.secrets.iter().cloned().chain(shifts.iter().map(ToString::to_string)).collect();
    if moved.is_empty() { Ok(()) } else { Err(plan_file::moved(args.target.playbook(), planned.file, &moved)) }
}

/// Locks the hosts that are to be changed, asks, and begins the journal.
fn approve(ui: Ui, args: &Args, run: &Run, surveys: &[Survey]) -> Result<Approval, Failure> {
    if Counts::of(surveys).nothing_differs() {
        return Ok(Approval::Granted);
    }
    let differs = |survey: &&Survey| survey.looked.as_ref().is_ok_and(|looked| looked.changes() > 0);
    let hosts: Vec<String> = surveys.iter().filter(differs).map(|survey| survey.host.clone()).collect();
    run.lock(ui, &hosts)?;
    if !args.yes {
        match run.confirm(ui) {
            Some(true) => {}
            Some(false) => return Err(Failure::declined("nothing was changed: the answer was not `yes`")),
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
    let any = |status: Status| outcomes.iter().any(|outcome| outcome.status == status);
    if outcomes.iter().all(|outcome| outcome.status.is_good()) {
        Exit::Ok
    } else if interrupted {
        Exit::Interrupted
    } else if any(Status::Failed) || any(Status::Unreachable) {
        Exit::Hosts
    } else if any(Status::Held) {
        Exit::Locked
    } else if any(Status::Moved) {
        Exit::Moved
    } else {
        Exit::Hosts
    }
}
