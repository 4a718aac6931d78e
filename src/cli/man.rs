//! `farmhand man`: the manual, a page a command.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::CommandFactory;
use clap_mangen::Man;
use serde_json::json;

use super::{Cli, Exit, Failure, Ui};

/// Print the manual page, or write the pages of all commands into a folder
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  farmhand man | man -l -
  farmhand man --out /usr/share/man/man1")]
pub struct Args {
    /// The folder to write into; made where it is not there
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub fn run(ui: Ui, args: &Args) -> Result<Exit, Failure> {
    let pages = pages();
    let Some(folder) = &args.out else {
        ui.raw(pages.first().map_or("", |(_, text)| text));
        return Ok(Exit::Ok);
    };
    fs::create_dir_all(folder).with_context(|| folder.display().to_string()).map_err(Failure::work)?;
    for (name, text) in &pages {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| path.display().to_string()).map_err(Failure::work)?;
    }
    ui.text(&format!("wrote {} pages into {}\n", pages.len(), folder.display()));
    ui.value(&json!({ "written": pages.iter().map(|(name, _)| folder.join(name)).collect::<Vec<_>>() }));
    Ok(Exit::Ok)
}

/// All pages, each with the name of its file; farmhand's own first.
fn pages() -> Vec<(String, String)> {
    let mut command = Cli::command();
    command.build();
    let mut pages = Vec::new();
    collect(&command, "farmhand", &mut pages);
    pages
}

/// `name` is the command as it is written in the name of its page: `farmhand-secret-set`.
fn collect(command: &clap::Command, name: &str, pages: &mut Vec<(String, String)>) {
    let mut page = Vec::new();
    let titled = command.clone().name(name.to_owned());
    let source = format!("farmhand {}", env!("CARGO_PKG_VERSION"));
    if let Err(error) = Man::new(titled).title(name.to_uppercase()).source(source).render(&mut page) {
        unreachable!("memory takes every byte: {error}");
    }
    pages.push((format!("{name}.1"), String::from_utf8_lossy(&page).into_owned()));
    for nested in command.get_subcommands().filter(|nested| nested.get_name() != "help" && !nested.is_hide_set()) {
        collect(nested, &format!("{name}-{}", nested.get_name()), pages);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_its_examples() {
        fn count(command: &clap::Command) -> usize {
            let nested = command.get_subcommands().filter(|nested| nested.get_name() != "help");
            1 + nested.map(count).sum::<usize>()
        }
        let mut command = Cli::command();
        command.build();
        let pages = pages();
        assert_eq!(pages.len(), count(&command));
        for (name, text) in &pages {
            assert!(text.contains(".SH NAME") && text.contains(".SH SYNOPSIS"), "{name}: {text}");
            assert!(text.contains("Example") || text.contains(".SH SUBCOMMANDS"), "{name}");
        }
        assert!(pages.iter().any(|(name, _)| name == "farmhand-secret-set.1"));
    }
}
