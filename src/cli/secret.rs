//! `farmhand secret`: the sealed store beside a playbook.

mod adopt;
mod export;
mod generate;
mod list;
mod recipients;
mod rotate;
mod set;

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

pub use set::asked;

use super::{Against, Exit, Failure, Ui, lab_farm};
use crate::secret::Stores;

/// Keep secrets in sealed files beside the playbook
///
/// Each secret is one `age` file under `secrets/`, sealed for everybody in `secrets/recipients.txt`; both belong into
/// version control. What opens them, the identity, does not: it is the file that FARMHAND_IDENTITY names (an age identity
/// or an OpenSSH private key), or `farmhand/identity` in your configuration folder.
///
/// A playbook refers to one as "{{ secret('NAME') }}". Other places: 'env:VARIABLE', 'file:PATH', and 'exec:NAME', which
/// asks the command in `secrets/exec.yml` (command: [PROGRAM, ARGUMENT], timeout: 10s): it reads {"name": "NAME"} and
/// writes {"value": "…"} or {"error": "…"}.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Args)]
struct Folder {
    /// The playbook's folder; this one unless given
    #[arg(short = 'C', long = "folder", value_name = "FOLDER", global = true)]
    folder: Option<PathBuf>,
}

impl Folder {
    /// The option that names it, with a blank before it; nothing where it was not given.
    fn option(&self) -> String {
        self.folder.as_ref().map(|folder| format!(" -C {}", folder.display())).unwrap_or_default()
    }

    /// The stores there; with `--lab` the lab's own.
    fn stores(&self, against: Against) -> Stores {
        let folder = self.folder.clone().unwrap_or_default();
        match against {
            Against::Farm => Stores::open(&folder),
            Against::Lab(_) => Stores::lab(&lab_farm::folder(&folder.join("inventory.yml"))),
        }
    }

    /// The sealed stores there; the lab has none.
    fn sealed(&self, against: Against) -> Result<Stores, Failure> {
        match against {
            Against::Farm => Ok(self.stores(against)),
            Against::Lab(_) => Err(Failure::input("the lab's secrets are sealed for nobody: they are plain files")),
        }
    }
}

#[derive(Subcommand)]
enum Command {
    /// Make an identity, a list of recipients and the farm key, where there are none
    #[command(after_help = "Examples:\n  farmhand secret init")]
    Init {
        #[command(flatten)]
        folder: Folder,
    },
    Set(set::Args),
    Generate(generate::Args),
    List(list::Args),
    Export(export::Args),
    Rotate(rotate::Args),
    Adopt(adopt::Args),
    Recipients(recipients::Args),
    /// Seal all secrets anew for everybody who is in the list of recipients now
    #[command(after_help = "Examples:\n  farmhand secret reseal")]
    Reseal {
        #[command(flatten)]
        folder: Folder,
    },
}

pub fn run(ui: Ui, against: Against, args: Args) -> Result<Exit, Failure> {
    match args.command {
        Command::Init { folder } => {
            let (path, recipient) = folder.sealed(against)?.init().map_err(Failure::work)?;
            ui.text(&format!("identity   {}\nrecipient  {recipient}\n", path.display()));
            ui.value(&json!({ "identity": path, "recipient": recipient }));
        }
        Command::Set(args) => set::run(ui, against, &args)?,
        Command::Generate(args) => generate::run(ui, against, &args)?,
        Command::List(args) => list::run(ui, against, &args)?,
        Command::Export(args) => export::run(ui, against, &args)?,
        Command::Rotate(args) => rotate::run(ui, against, &args)?,
        Command::Adopt(args) => adopt::run(ui, against, &args)?,
        Command::Recipients(args) => recipients::run(ui, against, args)?,
        Command::Reseal { folder } => {
            let names = folder.sealed(against)?.reseal().map_err(Failure::work)?;
            ui.text(&recipients::resealed(&names));
            ui.value(&json!({ "resealed": names }));
        }
    }
    Ok(Exit::Ok)
}
