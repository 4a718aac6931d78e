//! `farmhand schema`: the JSON Schema of playbooks.

use super::{Exit, Failure, Ui};
use crate::playbook;

/// Print the JSON Schema of playbooks, for editors and people
///
/// Every kind and every property, with what it means.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  farmhand schema > farmhand.schema.json\n\nThen, at the top of a playbook:\n  # yaml-language-server: $schema=farmhand.schema.json"
)]
pub struct Args {}

#[expect(clippy::unnecessary_wraps, reason = "commands have one shape")]
pub fn run(ui: Ui, _: &Args) -> Result<Exit, Failure> {
    ui.raw(&format!("{:#}\n", playbook::schema()));
    Ok(Exit::Ok)
}
