//! The command line: one file a command. The only place that prints or exits.

mod agent;
mod apply;
mod audit;
mod bootstrap;
mod completions;
mod doctor;
mod explain;
mod failure;
mod farm;
mod files;
mod hidden_line;
mod init;
mod interrupt;
mod inventory;
mod lab;
mod lab_door;
mod lab_engine;
mod lab_farm;
mod logins;
mod machine_keys;
mod man;
mod plan;
mod plan_file;
mod progress;
mod right;
mod run;
mod runs;
mod runtime;
mod schema;
mod secret;
mod target;
mod typed;
mod ui;
mod validate;
mod ways;
mod winrm_way;

use clap::{Parser, Subcommand};

pub use failure::{Exit, Failure};
use lab_engine::LabEngine;
pub use right::Against;
pub use ui::Ui;

/// Infrastructure as code for Windows/IIS farms
///
/// farmhand reads a playbook that says what a farm shall be, looks at every server, shows the difference property by
/// property, makes it so, and proves it.
#[derive(Parser)]
#[command(name = "farmhand", version, propagate_version = true, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    /// Tell more; twice for the conversation with hosts (never its content)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Give results as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Against the simulated farm: a copy of the inventory's hosts, beside it in .farmhand/lab
    #[arg(long, global = true)]
    lab: bool,
    /// What answers for the simulated hosts; only with --lab or `lab serve`
    #[arg(long, global = true, value_enum, value_name = "ENGINE")]
    lab_engine: Option<LabEngine>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  farmhand --lab apply playbooks/signalr-farm.yml --yes   try it, against a simulated farm
  farmhand init farm                                      a first real farm: inventory, secrets, playbook
  farmhand validate site.yml                              is it right? nothing is contacted
  farmhand plan site.yml                                  what would change
  farmhand apply site.yml --limit web01                   change it, on one server first
  farmhand plan site.yml --out site.plan                  keep the plan; `apply site.plan` does just that
  farmhand audit site.yml                                 has it drifted? changes nothing

Exit codes: 0 as desired, 1 farmhand failed or was told no, 2 differences, 3 the input is wrong, 4 some host failed,
  13 another run is changing a host, 14 the farm moved since the plan, 20 interrupted";

#[derive(Subcommand)]
enum Command {
    Init(init::Args),
    Validate(validate::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Audit(audit::Args),
    Runs(runs::Args),
    Secret(secret::Args),
    Lab(lab::Args),
    Schema(schema::Args),
    Agent(agent::Args),
    Explain(explain::Args),
    Doctor(doctor::Args),
    Bootstrap(bootstrap::Args),
    Inventory(inventory::Args),
    Completions(completions::Args),
    Man(man::Args),
}

impl Command {
    /// Whether it runs the lab's hosts without `--lab`.
    fn serves_lab(&self) -> bool {
        matches!(self, Command::Lab(args) if args.serves())
    }
}

/// Parses the command line, runs the command, tells of a failure, and gives the exit code.
pub fn main() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers; anything else is wrong input.
            let code = if error.use_stderr() { Exit::Input.code() } else { Exit::Ok.code() };
            let _ = error.print();
            return code;
        }
    };
    let ui = Ui::new(cli.json, cli.verbose);
    let engine = cli.lab_engine.unwrap_or_default();
    let against = if cli.lab { Against::Lab(engine) } else { Against::Farm };
    log_to_stderr(cli.verbose);
    let ended = match cli.command {
        Command::Init(args) => init::run(ui, &args),
        _ if cli.lab_engine.is_some() && !cli.lab && !cli.command.serves_lab() => {
            let failure =
                Failure::input("`--lab-engine` says what answers for the simulated farm, and this is not run there");
            Err(failure.hint("add `--lab`, or leave out `--lab-engine`"))
        }
        Command::Validate(args) => validate::run(ui, against, &args),
        Command::Plan(args) => plan::run(ui, against, &args),
        Command::Apply(args) => apply::run(ui, against, &args),
        Command::Audit(args) => audit::run(ui, against, &args),
        Command::Runs(args) => runs::run(ui, against, &args),
        Command::Secret(args) => secret::run(ui, against, args),
        Command::Lab(args) => lab::run(ui, args, engine),
        Command::Schema(args) => schema::run(ui, &args),
        Command::Agent(args) => agent::run(ui, &args),
        Command::Explain(args) => explain::run(ui, &args),
        Command::Doctor(args) => doctor::run(ui, against, &args),
        Command::Bootstrap(args) => bootstrap::run(ui, &args),
        Command::Inventory(args) => inventory::run(ui, &args),
        Command::Completions(args) => completions::run(ui, &args),
        Command::Man(args) => man::run(ui, &args),
    };
    match ended {
        Ok(exit) => exit.code(),
        Err(failure) => {
            ui.failure(&failure);
            failure.exit
        }
    }
}

fn log_to_stderr(verbose: u8) {
    let filter = crate::transport::log_filter(verbose);
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time();
    // A second subscriber can only be there in tests that run commands in one process.
    let _ = log.try_init();
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed_and_every_command_has_examples() {
        let mut command = Cli::command();
        command.build();
        command.clone().debug_assert();
        for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
            let nested = command.get_subcommands().any(|nested| nested.get_name() != "help");
            let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(nested || text.contains("Example"), "`{}` has no examples", command.get_name());
        }
    }
}
