//! `farmhand plan`: what would change.

use std::path::PathBuf;

use super::farm::Farm;
use super::plan_file;
use super::right::Against;
use super::target::Target;
use super::{Exit, Failure, Ui};
use crate::report::{Counts, Differences, differences_json, differences_text, not_compared_text};

/// Show what would change, and change nothing
///
/// Looks at every host over a session that cannot change anything, and shows the difference property by property:
/// `+` what will be added, `~` what will change, `-` what will be removed, and what that disturbs.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  farmhand plan site.yml
  farmhand plan site.yml --limit web01 --diff
  farmhand plan site.yml --out site.plan       to be carried out: farmhand apply site.plan
  farmhand plan site.yml --detailed-exitcode   exits 2 when there are differences
  farmhand --lab plan site.yml                 against the simulated farm")]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Write the plan to a file, which `apply` carries out as it is or not at all; it holds no secret
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Exit 2 when there are differences
    #[arg(long)]
    detailed_exitcode: bool,
    /// Run the queries of `sql_query` steps, which could have an effect
    #[arg(long)]
    run_opaque: bool,
    /// Show the edits of configuration behind each stage too
    #[arg(long, short = 'D')]
    diff: bool,
}

pub fn run(ui: Ui, against: Against, args: &Args) -> Result<Exit, Failure> {
    let farm = args.target.open(ui, against, super::machine_keys::Purpose::Look)?;
    if args.out.is_some() && farm.has_opaque() && !args.run_opaque {
        let failure = Failure::input("a plan file holds what was looked at, and sql_query steps were not");
        return Err(failure.hint("add --run-opaque, which runs their queries"));
    }
    let surveys = farm.survey(ui, args.run_opaque, crate::engine::Purpose::Plan)?;
    let how = if args.diff { Differences::PlanWithEdits } else { Differences::Plan };
    ui.text(&differences_text(&surveys, how, ui.style, |survey| farm.troubles(survey)));
    ui.text(&not_compared_text(&surveys, farm.closed(), &[], ui.style));
    if let Some(path) = &args.out {
        plan_file::write(ui, path, against, &args.target, &farm, &surveys)?;
    }
    ui.value(&differences_json(&surveys, |survey| farm.troubles(survey)));
    Farm::possible(&surveys)?;
    let counts = Counts::of(&surveys);
    Ok(match (counts.hosts_failed, counts.nothing_differs()) {
        (1.., _) => Exit::Hosts,
        (0, false) if args.detailed_exitcode => Exit::Differs,
        _ => Exit::Ok,
    })
}
