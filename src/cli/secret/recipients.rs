//! `farmhand secret recipients`: who can open the secrets.

use clap::Subcommand;
use serde_json::json;

use super::Folder;
use crate::cli::{Against, Failure, Ui};
use crate::secret::Recipient;

/// List, add or remove who can open the secrets
///
/// Whoever is added or removed, all secrets are sealed anew for those who are in the list then. Who has been removed may
/// still know the values, and can open what version control remembers: rotate them.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  farmhand secret recipients
  farmhand secret recipients add $(cat alice.pub)
  farmhand secret recipients add age1qd9… build-server
  farmhand secret recipients remove build-server")]
pub struct Args {
    #[command(flatten)]
    folder: Folder,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Let one more open the secrets
    #[command(after_help = "Examples:\n  farmhand secret recipients add $(cat ~/.ssh/id_ed25519.pub)")]
    Add {
        /// `age1…`, `ssh-ed25519 …` or `ssh-rsa …`, and a name behind it
        #[arg(required = true)]
        recipient: Vec<String>,
    },
    /// Let somebody open the secrets no more
    #[command(after_help = "Examples:\n  farmhand secret recipients remove alice@rock")]
    Remove {
        /// The key, or the name behind it
        #[arg(required = true)]
        recipient: Vec<String>,
    },
}

pub fn run(ui: Ui, against: Against, args: Args) -> Result<(), Failure> {
    let stores = args.folder.sealed(against)?;
    match args.command {
        None => {
            let recipients = stores.recipients().map_err(Failure::work)?;
            let line = |it: &Recipient| format!("{}\n", format!("{} {}", it.key(), it.comment).trim_end());
            ui.text(&recipients.iter().map(line).collect::<String>());
            let value = |it: &Recipient| json!({ "key": it.key(), "name": it.comment });
            ui.value(&json!({ "recipients": recipients.iter().map(value).collect::<Vec<_>>() }));
        }
        Some(Command::Add { recipient }) => {
            let recipient =
                Recipient::parse(&recipient.join(" ")).map_err(|why| Failure::input(format!("this {why}")))?;
            let names = stores.add_recipient(&recipient).map_err(Failure::work)?;
            ui.text(&format!("added {}\n{}", recipient.key(), resealed(&names)));
            ui.value(&json!({ "added": recipient.key(), "resealed": names }));
        }
        Some(Command::Remove { recipient }) => {
            let (key, names) = stores.remove_recipient(&recipient.join(" ")).map_err(Failure::work)?;
            ui.text(&format!("removed {key}\n{}", resealed(&names)));
            ui.text("next: rotate or replace them, for whoever was removed may know the values\n");
            ui.value(&json!({ "removed": key, "resealed": names }));
        }
    }
    Ok(())
}

/// What was sealed anew.
pub fn resealed(names: &[String]) -> String {
    match names {
        [] => "no secrets are kept here yet\n".to_owned(),
        [name] => format!("sealed anew: {name}\n"),
        _ => format!("sealed anew: {} secrets\n", names.len()),
    }
}
