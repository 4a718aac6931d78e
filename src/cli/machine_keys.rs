//! Machine keys that the store lacks: made here, unless the farm already has one.

use std::collections::{BTreeMap, BTreeSet};

use super::farm::Farm;
use super::lab_farm::LabFarm;
use super::right::{Against, Right};
use super::{Failure, Ui};
use crate::engine::Survey;
use crate::hostcall::{Answer, Content, Element, Read};
use crate::plan::Action;
use crate::secret::Recipe;
use crate::value::{SecretRef, Store};

/// What a command is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Look, and change nothing.
    Look,
    /// Look, also without the secrets, or with some of them.
    Audit,
    /// Change the farm; a key that hosts have and the store has not is replaced only when that is asked for.
    Change {
        /// Whether it was asked for.
        replace_key: bool,
    },
}

/// Makes the machine keys that the playbook needs and the store lacks.
///
/// Where a host has a key of its own already nothing is made: everybody whose cookie it signed would be signed out.
pub fn ensure(
    ui: Ui,
    against: Against,
    right: &Right,
    lab: Option<&LabFarm>,
    forks: usize,
    purpose: Purpose,
) -> Result<(), Failure> {
    if purpose == Purpose::Audit && !against.is_lab() {
        return Ok(());
    }
    let lacks = |key: &SecretRef| key.store == Store::Age && !right.stores.keeps(&key.name);
    let missing: BTreeSet<SecretRef> = right.playbook.machine_keys().into_iter().filter(lacks).collect();
    let Some(first) = missing.first() else { return Ok(()) };
    if purpose != (Purpose::Change { replace_key: true }) {
        let surveys = Farm::look_for_keys(ui, right, lab, forks, &missing)?;
        let owners = owners(&surveys);
        if !owners.is_empty() {
            return Err(taken(first, &owners, against));
        }
    }
    if purpose == Purpose::Look && !against.is_lab() {
        let failure = Failure::input(format!("the store has no machine key `{first}` yet, so releases have no name"));
        return Err(
            failure.hint(format!("`apply` makes it, or now: farmhand secret generate {first} --as machine-key"))
        );
    }
    for key in &missing {
        if right.stores.ensure(&key.name, Recipe::MachineKey).map_err(Failure::work)? {
            ui.news(&format!("made the machine key `{key}`: HMACSHA256 with 64 bytes, AES with 32, for all hosts"));
        }
    }
    Ok(())
}

/// The hosts that have a key of their own, those with the same one together.
fn owners(surveys: &[Survey]) -> Vec<Vec<String>> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for survey in surveys {
        let Ok(looked) = &survey.looked else { continue };
        let mut steps = looked.plans.iter().flat_map(|(_, plan)| plan.steps());
        if steps.any(|step| step.action == Action::Update) {
            groups.entry(mac(&looked.answers)).or_default().push(survey.host.clone());
        }
    }
    groups.into_values().collect()
}

/// What tells one key from another: the MAC of the key under this run's nonce.
fn mac(answers: &[(Read, Answer)]) -> String {
    let keys = answers.iter().filter_map(|(_, answer)| match answer {
        Answer::Present(value) => serde_json::from_value::<Element>(value.clone()).ok(),
        _ => None,
    });
    let macs = keys.filter_map(|element| match &element.attributes.get("validationKey")?.content {
        Content::Mac(mac) => Some(mac.clone()),
        _ => None,
    });
    macs.collect()
}

fn taken(key: &SecretRef, owners: &[Vec<String>], against: Against) -> Failure {
    let words: Vec<String> = owners.iter().map(|hosts| hosts.join(", ")).collect();
    let agree = if owners.len() == 1 { "with one key" } else { "with keys that differ" };
    let lab = if against.is_lab() { " --lab" } else { "" };
    let host = owners.first().and_then(|hosts| hosts.first()).map(String::as_str).unwrap_or_default();
    let failure = Failure::input(format!(
        "hosts have a machine key already ({agree}: {}), and the store has no `{key}`; nothing was made",
        words.join(" | ")
    ));
    failure.hint(format!(
        "keep that one: farmhand{lab} secret adopt PLAYBOOK {host}; or make a new one and sign every user out: --replace-key"
    ))
}
