//! The files that say what shall be: loaded, or everything shown that is wrong with them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexSet;

use super::logins::{self, Needs};
use super::right::{Against, Right};
use super::{Failure, Ui, lab_farm};
use crate::diagnostic::{self, Diagnostic, Sources, Span, render_all};
use crate::inventory::{self, ALL, Host, Inventory, InventoryFiles};
use crate::playbook::{Loaded, Packages, Request, load};
use crate::secret::Stores;
use crate::template::Variables;

/// The files and variables that say what shall be.
#[derive(clap::Args)]
pub struct Files {
    /// The playbook; for `apply` also a plan file
    pub playbook: PathBuf,
    #[command(flatten)]
    pub inventory: InventoryArg,
    /// Set a variable, `name=value` with the value read as YAML, or `@FILE`
    #[arg(short = 'e', long = "extra-vars", value_name = "NAME=VALUE")]
    pub extra_vars: Vec<String>,
    /// Only these hosts: a pattern such as `web:!web03`
    #[arg(short = 'l', long, value_name = "PATTERN")]
    pub limit: Option<String>,
    /// Only steps with one of these tags
    #[arg(short = 't', long, value_name = "TAG")]
    pub tags: Vec<String>,
    /// No steps with one of these tags
    #[arg(long, value_name = "TAG")]
    pub skip_tags: Vec<String>,
}

/// The inventory.
#[derive(clap::Args)]
pub struct InventoryArg {
    /// The inventory; `inventory.yml` beside the playbook unless given
    #[arg(short, long, value_name = "FILE")]
    pub inventory: Option<PathBuf>,
}

impl InventoryArg {
    /// The inventory where no playbook says where to look.
    pub fn path(&self) -> PathBuf {
        self.inventory.clone().unwrap_or_else(|| PathBuf::from("inventory.yml"))
    }
}

impl Files {
    /// The playbook's path as it was given.
    pub fn playbook(&self) -> String {
        self.playbook.display().to_string()
    }

    /// What was asked for, in words that hold no value of a variable.
    pub fn words(&self) -> String {
        let mut words = self.playbook();
        let options = [("--limit", self.limit.as_slice()), ("--tags", &self.tags), ("--skip-tags", &self.skip_tags)];
        for (name, values) in options {
            words.extend(values.iter().map(|value| format!(" {name} {value}")));
        }
        words
    }

    /// The inventory, where it is not said beside the playbook.
    pub fn inventory(&self) -> PathBuf {
        let beside = || self.playbook.parent().unwrap_or(Path::new("")).join("inventory.yml");
        self.inventory.inventory.clone().unwrap_or_else(beside)
    }

    /// Loads the playbook, or shows everything that is wrong.
    pub fn load(&self, ui: Ui, against: Against, needs: Needs) -> Result<Right, Failure> {
        let request = Request {
            playbook: self.playbook.clone(),
            inventory: self.inventory.inventory.clone(),
            extra_vars: self.extra_vars.clone(),
            limit: self.limit.clone(),
            tags: self.tags.clone(),
            skip_tags: self.skip_tags.clone(),
        };
        let mut sources = Sources::new();
        let Loaded { playbook, mut diagnostics } = load(&mut sources, &request);
        let folder = self.playbook.parent().unwrap_or(Path::new(""));
        let lab = against.is_lab();
        let stores = if lab { Stores::lab(&lab_farm::folder(&self.inventory())) } else { logins::stores(folder) };
        if let Some(playbook) = &playbook {
            let right = diagnostics.is_empty();
            // The lab makes up what it lacks, and asks nobody.
            if !lab {
                diagnostics.extend(logins::missing(playbook, &stores, needs, right)?);
            }
        }
        let packages = playbook.as_ref().map(|playbook| Packages::open(playbook, folder, &mut diagnostics));
        match playbook.zip(packages) {
            Some((playbook, packages)) if diagnostics.is_empty() => {
                note(ui, &sources, &playbook.inventory);
                let closed = BTreeMap::new();
                Ok(Right { sources, playbook, packages, releases: Vec::new(), stores: Arc::new(stores), closed })
            }
            _ => Err(show(ui, &sources, &diagnostics)),
        }
    }
}

/// The hosts of an inventory.
pub fn hosts_of(ui: Ui, path: &Path) -> Result<Vec<Arc<Host>>, Failure> {
    let (inventory, _) = inventory(ui, path, None)?;
    Ok(inventory.hosts.into_values().collect())
}

/// An inventory, and the names of the hosts in it that a pattern means.
pub fn inventory(ui: Ui, path: &Path, limit: Option<&str>) -> Result<(Inventory, IndexSet<String>), Failure> {
    let mut sources = Sources::new();
    inventory_in(ui, &mut sources, path, limit.map(|pattern| ("--limit", pattern)))
}

/// The same, with the texts that it was read from, and with what the pattern is called where it is wrong.
pub fn inventory_in(
    ui: Ui,
    sources: &mut Sources,
    path: &Path,
    limit: Option<(&str, &str)>,
) -> Result<(Inventory, IndexSet<String>), Failure> {
    let mut diagnostics = Vec::new();
    let files = InventoryFiles { inventory: path, playbook_folder: None };
    let loaded = inventory::load(sources, files, &Variables::default(), &mut diagnostics).map(|inventory| {
        let (called, pattern) = limit.unwrap_or(("--limit", ALL));
        let source = sources.add(called, pattern);
        let span_of = |start, length| Span { source, start, end: start + length };
        let meant = inventory::hosts_of(&inventory, pattern, &span_of, &mut diagnostics);
        (inventory, meant)
    });
    match loaded {
        Some(loaded) if diagnostics.is_empty() => {
            note(ui, sources, &loaded.0);
            Ok(loaded)
        }
        _ => {
            diagnostic::sort(&mut diagnostics);
            Err(show(ui, sources, &diagnostics))
        }
    }
}

/// Tells what was not understood in an inventory, a line each.
fn note(ui: Ui, sources: &Sources, inventory: &Inventory) {
    for note in &inventory.notes {
        let place = note.span.map(|span| format!("{}: ", sources.place(span))).unwrap_or_default();
        let help = note.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        ui.news(&format!("note: {place}{}{help}", note.message));
    }
}

/// Shows everything that is wrong with the input.
pub fn show(ui: Ui, sources: &Sources, diagnostics: &[Diagnostic]) -> Failure {
    ui.news(render_all(sources, diagnostics, ui.paint()).trim_end());
    let listed: Vec<serde_json::Value> = diagnostics
        .iter()
        .map(|it| {
            let place = it.span.map(|span| sources.place(span));
            serde_json::json!({
                "file": place.as_ref().map(|place| place.name.clone()),
                "line": place.as_ref().map(|place| place.line),
                "column": place.as_ref().map(|place| place.column),
                "message": it.message,
                "help": it.help,
            })
        })
        .collect();
    ui.value(&serde_json::json!({ "valid": false, "mistakes": listed }));
    Failure::shown()
}
