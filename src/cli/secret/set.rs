//! `farmhand secret set`: a secret that somebody knows.

use std::io::{IsTerminal, Read, stdin};

use serde_json::json;
use zeroize::Zeroizing;

use super::Folder;
use crate::cli::hidden_line::hidden_line;
use crate::cli::{Against, Failure, Ui};
use crate::secret::Existing;
use crate::value::SecretValue;

/// Keep a secret: asked for on a terminal, else read from standard input
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  farmhand secret set svc-chat\n  pass show chat | farmhand secret set svc-chat --replace"
)]
pub struct Args {
    /// Its name
    name: String,
    /// Replace the one that is there, which is kept as the previous one
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    folder: Folder,
}

pub fn run(ui: Ui, against: Against, args: &Args) -> Result<(), Failure> {
    let existing = if args.replace { Existing::Replace } else { Existing::Keep };
    let value = asked(&format!("value of {}", args.name))?;
    args.folder.stores(against).set(&args.name, value, existing).map_err(Failure::work)?;
    ui.text(&format!("{} is kept\n", args.name));
    ui.value(&json!({ "kept": args.name }));
    Ok(())
}

/// A secret from the terminal or from standard input; never an argument, which every process of the machine can see.
pub fn asked(what: &str) -> Result<SecretValue, Failure> {
    let mut text = Zeroizing::new(String::new());
    if stdin().is_terminal() {
        text = hidden_line(&format!("{what} (not shown): "))?;
    } else {
        stdin().lock().read_to_string(&mut text).map_err(Failure::work)?;
        // The line break that `echo` adds is no part of a password.
        if text.ends_with('\n') {
            let length = text.trim_end_matches(['\n', '\r']).len();
            text.truncate(length);
        }
    }
    if text.is_empty() {
        return Err(Failure::input(format!(
            "no {what} was given; type it on a terminal, or write it to standard input"
        )));
    }
    Ok(SecretValue::new(std::mem::take(&mut *text)))
}
