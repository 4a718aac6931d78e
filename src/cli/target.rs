//! What most commands are about: a playbook, its inventory, and the hosts meant.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexSet;

use super::farm::Farm;
use super::lab_engine::LabEngine;
use super::lab_farm::{self, LabFarm};
use super::machine_keys::{self, Purpose};
use super::{Failure, Ui};
use crate::diagnostic::{Diagnostic, Sources, Span, render_all};
use crate::engine::Work;
use crate::inventory::{self, ALL, Host, Inventory, InventoryFiles};
use crate::plan::Asked;
use crate::playbook::{Loaded, Packages, Playbook, Request, deliver, load, missing_secrets};
use crate::release::Release;
use crate::secret::Stores;
use crate::template::Variables;
use crate::value::{Fingerprint, SecretRef, Store};

/// The files and variables that say what shall be.
#[derive(clap::Args)]
pub struct Files {
    /// The playbook; for `apply` also a plan file
    playbook: PathBuf,
    #[command(flatten)]
    inventory: InventoryArg,
    /// Set a variable, `name=value` with the value read as YAML, or `@FILE`
    #[arg(short = 'e', long = "extra-vars", value_name = "NAME=VALUE")]
    extra_vars: Vec<String>,
    /// Only these hosts: a pattern such as `web:!web03`
    #[arg(short = 'l', long, value_name = "PATTERN")]
    limit: Option<String>,
    /// Only steps with one of these tags
    #[arg(short = 't', long, value_name = "TAG")]
    tags: Vec<String>,
    /// No steps with one of these tags
    #[arg(long, value_name = "TAG")]
    skip_tags: Vec<String>,
}

/// Which farm a command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// The inventory's hosts themselves.
    Farm,
    /// Their simulated copies, beside the inventory in `.farmhand/lab`.
    Lab(LabEngine),
}

impl Against {
    /// The option that says so, with a blank behind it, for commands that a reader can type.
    pub fn option(self) -> &'static str {
        if self.is_lab() { "--lab " } else { "" }
    }

    /// Whether it is the simulated one.
    pub fn is_lab(self) -> bool {
        matches!(self, Against::Lab(_))
    }
}

/// The inventory.
#[derive(clap::Args)]
pub struct InventoryArg {
    /// The inventory; `inventory.yml` beside the playbook unless given
    #[arg(short, long, value_name = "FILE")]
    inventory: Option<PathBuf>,
}

impl InventoryArg {
    /// The inventory where no playbook says where to look.
    pub fn path(&self) -> PathBuf {
        self.inventory.clone().unwrap_or_else(|| PathBuf::from("inventory.yml"))
    }
}

/// A playbook and the hosts that it is to be made true on.
#[derive(clap::Args)]
pub struct Target {
    #[command(flatten)]
    files: Files,
    /// Hosts worked on at a time
    #[arg(short, long, default_value_t = 10, value_name = "N")]
    forks: usize,
}

/// A right playbook.
pub struct Right {
    /// The texts it was read from.
    pub sources: Sources,
    /// The playbook.
    pub playbook: Playbook,
    /// The packages that it names.
    pub packages: Packages,
    /// What it delivers, once its secrets are there.
    pub releases: Vec<Arc<Release>>,
    /// Where its secrets are.
    pub stores: Arc<Stores>,
    /// The secrets of properties that cannot be had, each with the reason; none where all are needed.
    pub closed: BTreeMap<SecretRef, String>,
}

/// What logs in to hosts.
pub struct Logins<'a> {
    /// The texts that say how.
    pub sources: &'a Sources,
    /// Where their secrets are.
    pub stores: Arc<Stores>,
}

impl Right {
    /// What logs in to its hosts.
    pub fn logins(&self) -> Logins<'_> {
        Logins { sources: &self.sources, stores: Arc::clone(&self.stores) }
    }

    /// Plays, hosts and resources.
    pub fn counts(&self) -> (usize, usize, usize) {
        let hosts: BTreeSet<&str> =
            self.playbook.plays.iter().flat_map(|it| &it.hosts).map(|it| it.host.name.as_str()).collect();
        let steps = self.playbook.plays.iter().flat_map(|play| &play.hosts).map(|host| host.steps.len()).sum();
        (self.playbook.plays.len(), hosts.len(), steps)
    }

    /// The secrets of which nobody knows before they are needed whether they are there.
    pub fn asked_when_needed(&self) -> BTreeSet<String> {
        let uses = self.playbook.secrets.iter().filter(|it| self.stores.asked_when_needed(&it.reference));
        uses.map(|it| it.reference.to_string()).collect()
    }

    /// The hosts of all plays, each once.
    pub fn hosts(&self) -> Vec<Arc<Host>> {
        let hosts = self.playbook.plays.iter().flat_map(|play| &play.hosts).map(|it| Arc::clone(&it.host));
        let mut seen = BTreeSet::new();
        hosts.filter(|host| seen.insert(host.name.clone())).collect()
    }
}

/// Which secrets must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// All.
    All,
    /// Those that log in to hosts.
    Logins,
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

    fn inventory(&self) -> PathBuf {
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
        let stores = if lab { Stores::lab(&lab_farm::folder(&self.inventory())) } else { Stores::open(folder) };
        if let Some(playbook) = &playbook {
            // A machine key that is not there yet is made by `apply`.
            let made = playbook.machine_keys();
            let hosts = playbook.plays.iter().flat_map(|play| &play.hosts);
            let logins: BTreeSet<&SecretRef> =
                hosts.flat_map(|it| it.host.connection.secrets()).map(|(secret, _)| secret).collect();
            let needed = |reference: &SecretRef| needs == Needs::All || logins.contains(reference);
            let exists = |reference: &SecretRef| {
                lab || !needed(reference) || stores.exists(reference) || made.contains(reference)
            };
            diagnostics.extend(missing_secrets(&playbook.secrets, exists));
            if let Some(used) = playbook.secrets.iter().find(|it| it.reference.store == Store::Exec) {
                diagnostics.extend(stores.exec_trouble().map(|it| Diagnostic::new(used.span, it.to_string())));
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

impl Target {
    /// What was asked for, in words that hold no value of a variable.
    pub fn words(&self) -> String {
        self.files.words()
    }

    /// The playbook's path, or the plan file's, as it was given.
    pub fn playbook(&self) -> &Path {
        &self.files.playbook
    }

    /// What is asked for, as a plan file keeps it.
    pub fn asked(&self, against: Against) -> Asked {
        let Files { playbook, inventory, extra_vars, limit, tags, skip_tags } = &self.files;
        Asked {
            playbook: playbook.display().to_string(),
            inventory: inventory.inventory.as_ref().map(|path| path.display().to_string()),
            lab: against.is_lab(),
            extra_vars: extra_vars.clone(),
            limit: limit.clone(),
            tags: tags.clone(),
            skip_tags: skip_tags.clone(),
        }
    }

    /// What a plan was asked for. What else stands on the command line must not say it again.
    pub fn of_plan(&self, asked: &Asked, against: Against) -> Result<Target, Failure> {
        let own = self.asked(against);
        let said = [
            ("--inventory", own.inventory.is_some()),
            ("--extra-vars", !own.extra_vars.is_empty()),
            ("--limit", own.limit.is_some()),
            ("--tags", !own.tags.is_empty()),
            ("--skip-tags", !own.skip_tags.is_empty()),
        ];
        let plan = self.playbook().display();
        if let Some((option, _)) = said.iter().find(|(_, said)| *said) {
            return Err(Failure::input(format!("{plan} is a plan file and says what is meant; leave out {option}")));
        }
        match (asked.lab, own.lab) {
            (true, false) => {
                let failure = Failure::input(format!("{plan} was made against the lab"));
                return Err(failure.hint(format!("farmhand --lab apply {plan}")));
            }
            (false, true) => {
                return Err(Failure::input(format!("{plan} was made against the farm itself; leave out --lab")));
            }
            _ => {}
        }
        let files = Files {
            playbook: PathBuf::from(&asked.playbook),
            inventory: InventoryArg { inventory: asked.inventory.as_ref().map(PathBuf::from) },
            extra_vars: asked.extra_vars.clone(),
            limit: asked.limit.clone(),
            tags: asked.tags.clone(),
            skip_tags: asked.skip_tags.clone(),
        };
        Ok(Target { files, forks: self.forks })
    }

    /// The folder beside the inventory in which farmhand keeps its own files; the lab has its own.
    pub fn state(&self, against: Against) -> PathBuf {
        state(&self.files.inventory(), against)
    }

    /// Loads the playbook and makes ready to reach its hosts.
    pub fn open(&self, ui: Ui, against: Against, purpose: Purpose) -> Result<Farm, Failure> {
        let needs = if purpose == Purpose::Audit { Needs::Logins } else { Needs::All };
        let mut right = self.files.load(ui, against, needs)?;
        let lab = self.lab(&right, against)?;
        machine_keys::ensure(ui, against, &right, lab.as_ref(), self.forks, purpose)?;
        let mut diagnostics = Vec::new();
        let stores = Arc::clone(&right.stores);
        let fingerprint = |secret: &SecretRef| match stores.fingerprint(secret) {
            Err(_) if purpose == Purpose::Audit => Ok(Fingerprint::unknown()),
            other => other.map_err(|error| error.to_string()),
        };
        if purpose == Purpose::Audit {
            let secrets = Work::of(&right.playbook, Vec::new()).secrets();
            let why = |secret: &SecretRef| stores.value(secret).err().map(|error| error.to_string());
            right.closed = secrets.into_iter().filter_map(|secret| Some((secret.clone(), why(&secret)?))).collect();
        }
        right.releases = deliver(&mut right.playbook, &right.packages, fingerprint, &mut diagnostics);
        if !diagnostics.is_empty() {
            return Err(show(ui, &right.sources, &diagnostics));
        }
        Farm::new(right, lab, self.forks)
    }

    /// Loads the playbook and says what answers for its hosts, without a look at its machine keys.
    pub fn right(&self, ui: Ui, against: Against) -> Result<(Right, Option<LabFarm>), Failure> {
        let right = self.files.load(ui, against, Needs::All)?;
        let lab = self.lab(&right, against)?;
        Ok((right, lab))
    }

    fn lab(&self, right: &Right, against: Against) -> Result<Option<LabFarm>, Failure> {
        let Against::Lab(engine) = against else { return Ok(None) };
        LabFarm::open(&lab_farm::folder(&self.files.inventory()), &right.hosts(), engine).map(Some)
    }
}

/// The folder beside an inventory in which farmhand keeps its own files.
pub fn state(inventory: &Path, against: Against) -> PathBuf {
    let lab = lab_farm::folder(inventory);
    match against {
        Against::Lab(_) => lab,
        Against::Farm => lab.parent().unwrap_or(Path::new("")).to_owned(),
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
        _ => Err(show(ui, sources, &diagnostics)),
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
fn show(ui: Ui, sources: &Sources, diagnostics: &[Diagnostic]) -> Failure {
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

/// The runtime that everything with a network runs on.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::work)
}
