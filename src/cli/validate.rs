//! `farmhand validate`: is the input right?

use serde_json::json;

use super::files::Files;
use super::logins::Needs;
use super::right::Against;
use super::{Exit, Failure, Ui};

/// Check playbook, inventory and variables, and contact nothing
///
/// Shows every mistake at once, each with file, line and what to type instead. Exits 3 when there is one.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  farmhand validate site.yml
  farmhand validate site.yml -i staging.yml -e app=chat")]
pub struct Args {
    #[command(flatten)]
    files: Files,
}

pub fn run(ui: Ui, against: Against, args: &Args) -> Result<Exit, Failure> {
    let loaded = args.files.load(ui, against, Needs::Stored)?;
    let (plays, hosts, steps) = loaded.counts();
    ui.text(&format!("{} is right: {plays} plays, {hosts} hosts, {steps} resources\n", args.files.playbook()));
    let asked = loaded.asked_when_needed();
    for secret in &asked {
        ui.text(&format!("{secret} is asked when needed\n"));
    }
    ui.value(&json!({ "valid": true, "plays": plays, "hosts": hosts, "resources": steps, "asked_when_needed": asked }));
    Ok(Exit::Ok)
}
