//! `farmhand secret`: the sealed store beside a playbook.

use std::io::{IsTerminal, Read, stdin};
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::{Exit, Failure, Ui};
use crate::secret::{Existing, Stores};
use crate::value::SecretValue;

/// Keep secrets in sealed files beside the playbook
///
/// Each secret is one `age` file under `secrets/`, sealed for everybody in `secrets/recipients.txt`; both belong into
/// version control. What opens them, the identity, does not.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Args)]
struct Folder {
    /// The playbook's folder
    #[arg(short = 'C', long = "folder", default_value = ".", value_name = "FOLDER")]
    folder: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Make an identity, a list of recipients and the farm key, where there are none
    #[command(after_help = "Examples:\n  farmhand secret init")]
    Init {
        #[command(flatten)]
        folder: Folder,
    },
    /// Keep a secret: asked for on a terminal, else read from standard input
    #[command(
        after_help = "Examples:\n  farmhand secret set svc-chat\n  pass show chat | farmhand secret set svc-chat --replace"
    )]
    Set {
        /// Its name
        name: String,
        /// Replace the one that is there
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        folder: Folder,
    },
    /// List the names of the secrets that are kept
    #[command(after_help = "Examples:\n  farmhand secret list")]
    List {
        #[command(flatten)]
        folder: Folder,
    },
}

pub fn run(ui: Ui, args: Args) -> Result<Exit, Failure> {
    match args.command {
        Command::Init { folder } => {
            let (path, recipient) = Stores::open(&folder.folder).init().map_err(Failure::work)?;
            ui.text(&format!("identity   {}\nrecipient  {recipient}\n", path.display()));
            ui.value(&json!({ "identity": path, "recipient": recipient }));
        }
        Command::Set { name, replace, folder } => {
            let existing = if replace { Existing::Replace } else { Existing::Keep };
            let value = value(&name)?;
            Stores::open(&folder.folder).set(&name, value, existing).map_err(Failure::work)?;
            ui.text(&format!("{name} is kept\n"));
            ui.value(&json!({ "kept": name }));
        }
        Command::List { folder } => {
            let names = Stores::open(&folder.folder).list().map_err(Failure::work)?;
            ui.text(&names.iter().map(|name| format!("{name}\n")).collect::<String>());
            ui.value(&json!({ "secrets": names }));
        }
    }
    Ok(Exit::Ok)
}

/// The secret's value; never an argument, which every process of the machine can see.
fn value(name: &str) -> Result<SecretValue, Failure> {
    let mut text = String::new();
    if stdin().is_terminal() {
        let terminal = console::Term::stderr();
        let asked =
            terminal.write_str(&format!("value of {name} (not shown): ")).and_then(|()| terminal.read_secure_line());
        text = asked.map_err(Failure::work)?;
    } else {
        stdin().lock().read_to_string(&mut text).map_err(Failure::work)?;
        // The line break that `echo` adds is no part of a password.
        if text.ends_with('\n') {
            text.truncate(text.trim_end_matches(['\n', '\r']).len());
        }
    }
    if text.is_empty() {
        return Err(Failure::input(format!("no value was given for {name}")));
    }
    Ok(SecretValue::new(text))
}
