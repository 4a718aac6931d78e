//! `farmhand secret rotate`: the next value, and back to the one before.

use serde_json::json;

use super::Folder;
use crate::cli::{Against, Failure, Ui};
use crate::secret::{Recipe, Stores};
use crate::value::SecretRef;

/// Give a secret that was made up another value of the same kind; the one before is kept beside it
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  farmhand secret rotate chat-machine-key
  farmhand secret rotate chat-machine-key --back")]
pub struct Args {
    /// Its name
    name: String,
    /// Take the previous value again, and keep the present one as the previous
    #[arg(long)]
    back: bool,
    #[command(flatten)]
    folder: Folder,
}

pub fn run(ui: Ui, against: Against, args: &Args) -> Result<(), Failure> {
    let stores = args.folder.stores(against);
    let name = &args.name;
    let lab = against.option();
    let recipe = if args.back {
        stores.rotate_back(name).map_err(Failure::work)?;
        ui.text(&format!("{name} has its previous value again\n"));
        kind(&stores, name)
    } else {
        let recipe = stores.rotate(name).map_err(Failure::work)?;
        let folder = args.folder.option();
        ui.text(&format!("{name} is rotated: {recipe}\nback: farmhand {lab}secret rotate {name}{folder} --back\n"));
        Some(recipe)
    };
    let next = match recipe {
        Some(Recipe::MachineKey) => {
            format!(
                "farmhand {lab}apply PLAYBOOK, which makes a release with it; whoever is signed in has to sign in again"
            )
        }
        _ => format!(
            "make it known where it is checked, for farmhand changes no account's password; then: farmhand {lab}apply PLAYBOOK"
        ),
    };
    ui.text(&format!("next: {next}\n"));
    ui.value(&json!({ "rotated": name, "back": args.back }));
    Ok(())
}

fn kind(stores: &Stores, name: &str) -> Option<Recipe> {
    let machine_key = SecretRef::parse(name).is_ok_and(|it| stores.machine_key(&it).is_ok());
    machine_key.then_some(Recipe::MachineKey)
}
