//! `farmhand secret generate`: a secret that nobody has to know.

use serde_json::json;

use super::Folder;
use crate::cli::{Against, Failure, Ui};
use crate::secret::Recipe;

/// What a value is made as or shown as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// An ASP.NET <machineKey/> element: HMACSHA256 with 64 bytes, AES with 32
    MachineKey,
}

/// Make a secret up, where there is none of this name
///
/// Nobody sees it. A machine key is kept as one secret, the element for web.config, and serves every later deploy.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  farmhand secret generate chat-machine-key --as machine-key
  farmhand secret generate sql-master-key --letters 40
  farmhand secret generate hub-token --bytes 32")]
pub struct Args {
    /// Its name
    name: String,
    /// So many random bytes, as hexadecimal digits
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(8..=4096), conflicts_with_all = ["letters", "form"])]
    bytes: Option<u16>,
    /// So many letters, digits and signs, as Windows' password rules want them; 32 unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(8..=4096), conflicts_with = "form")]
    letters: Option<u16>,
    /// A value of a certain make
    #[arg(long = "as", value_name = "FORM")]
    form: Option<Form>,
    #[command(flatten)]
    folder: Folder,
}

pub fn run(ui: Ui, against: Against, args: &Args) -> Result<(), Failure> {
    let recipe = match (args.bytes, args.form) {
        (Some(bytes), _) => Recipe::Bytes(bytes),
        (None, Some(Form::MachineKey)) => Recipe::MachineKey,
        (None, None) => Recipe::Letters(args.letters.unwrap_or(32)),
    };
    args.folder.stores(against).generate(&args.name, recipe).map_err(Failure::work)?;
    ui.text(&format!("{} is kept: {recipe}\n", args.name));
    ui.value(&json!({ "kept": args.name, "kind": recipe.to_string() }));
    Ok(())
}
