//! `farmhand secret export`: the one command that shows a value.

use std::io::{IsTerminal, stdout};

use serde_json::json;

use super::Folder;
use super::generate::Form;
use crate::cli::{Against, Failure, Ui};
use crate::value::SecretRef;

/// Write a secret's value to standard output: to a file or a program; on a terminal only with --show
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  farmhand secret export chat-machine-key --as machine-key > machineKey.config
  farmhand secret export svc-chat | clip.exe
  farmhand secret export svc-chat --show")]
pub struct Args {
    /// Its name, or any reference that a playbook can hold, such as env:NAME or exec:NAME
    name: String,
    /// The value in this form; refused where it is something else. machine-key: the <machineKey/> element for a
    /// developer's web.config
    #[arg(long = "as", value_name = "FORM")]
    form: Option<Form>,
    /// Write it to a terminal, too
    #[arg(long)]
    show: bool,
    #[command(flatten)]
    folder: Folder,
}

pub fn run(ui: Ui, against: Against, args: &Args) -> Result<(), Failure> {
    if stdout().is_terminal() && !args.show {
        let failure = Failure::input(format!("the value of {} would be shown on this terminal", args.name));
        return Err(failure.hint("add --show, or send it to a file or a program"));
    }
    let reference = SecretRef::parse(&args.name).map_err(Failure::input)?;
    let stores = args.folder.stores(against);
    let value = match args.form {
        None => stores.value(&reference),
        Some(Form::MachineKey) => stores.machine_key(&reference).map(|key| key.to_secret()),
    };
    let value = value.map_err(Failure::work)?;
    ui.text(&format!("{}\n", value.expose()));
    ui.value(&json!({ "name": args.name, "value": value.expose() }));
    Ok(())
}
