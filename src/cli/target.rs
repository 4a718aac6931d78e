//! What most commands are about: a playbook, its inventory, and the hosts meant.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::farm::Farm;
use super::files::{Files, InventoryArg, show};
use super::lab_farm::{self, LabFarm};
use super::logins::Needs;
use super::machine_keys::{self, Purpose};
use super::right::{Against, Right};
use super::{Failure, Ui};
use crate::engine::Work;
use crate::plan::Asked;
use crate::playbook::deliver;
use crate::value::{Fingerprint, SecretRef};

/// A playbook and the hosts that it is to be made true on.
#[derive(clap::Args)]
pub struct Target {
    #[command(flatten)]
    files: Files,
    /// Hosts worked on at a time
    #[arg(short, long, default_value_t = 10, value_name = "N")]
    forks: usize,
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
