//! `farmhand completions`: what a shell needs to complete commands and options.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Exit, Failure, Ui};

/// Print the script that has a shell complete farmhand's commands and options
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  farmhand completions bash > /etc/bash_completion.d/farmhand
  farmhand completions zsh > /usr/share/zsh/site-functions/_farmhand
  farmhand completions fish > ~/.config/fish/completions/farmhand.fish
  farmhand completions powershell >> $PROFILE")]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[expect(clippy::unnecessary_wraps, reason = "commands have one shape")]
pub fn run(ui: Ui, args: &Args) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "farmhand", &mut script);
    ui.raw(&String::from_utf8_lossy(&script));
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_shell_has_every_command() {
        let mut command = Cli::command();
        command.build();
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "farmhand", &mut script);
            let script = String::from_utf8(script).unwrap();
            for nested in command.get_subcommands() {
                assert!(script.contains(nested.get_name()), "{shell}: {}", nested.get_name());
            }
        }
    }
}
