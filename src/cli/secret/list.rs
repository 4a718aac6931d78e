//! `farmhand secret list`: what is kept, without its values.

use serde_json::json;

use super::Folder;
use crate::cli::{Against, Failure, Ui};

/// List the secrets that are kept: their kinds and fingerprints, and the fingerprints of their previous values
///
/// A fingerprint tells two values apart, and tells neither. Without the identity there are names only.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  farmhand secret list")]
pub struct Args {
    #[command(flatten)]
    folder: Folder,
}

pub fn run(ui: Ui, against: Against, args: &Args) -> Result<(), Failure> {
    let stores = args.folder.stores(against);
    let names = stores.list().map_err(Failure::work)?;
    let mut rows = vec![["NAME", "KIND", "FINGERPRINT", "PREVIOUS"].map(str::to_owned)];
    let (mut values, mut troubles) = (Vec::new(), Vec::new());
    for name in names {
        match stores.kept(&name) {
            Ok(kept) => {
                let kind = kept.recipe.map_or("set by hand".to_owned(), |it| it.to_string());
                let previous = kept.previous.map(|it| it.0);
                let shown = previous.clone().unwrap_or("-".to_owned());
                values.push(json!({
                    "name": name, "kind": kind, "fingerprint": kept.fingerprint.0.clone(), "previous": previous,
                }));
                rows.push([name, kind, kept.fingerprint.0, shown]);
            }
            Err(error) => {
                troubles.push(error.to_string());
                values.push(json!({ "name": name, "error": error.to_string() }));
                rows.push([name, "?".to_owned(), "?".to_owned(), "?".to_owned()]);
            }
        }
    }
    if rows.len() == 1 {
        ui.text("no secrets are kept here\n");
    } else {
        ui.text(&table(&rows));
    }
    ui.value(&json!({ "secrets": values }));
    troubles.dedup();
    for trouble in troubles {
        ui.news(&trouble);
    }
    Ok(())
}

/// Columns as wide as their widest cell.
fn table(rows: &[[String; 4]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    rows.iter()
        .map(|[name, kind, fingerprint, previous]| {
            format!("{name:0$}  {kind:1$}  {fingerprint:2$}  {previous}\n", widths[0], widths[1], widths[2])
        })
        .collect()
}
