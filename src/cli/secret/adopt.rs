//! `farmhand secret adopt`: the machine key that a farm already has.

use std::collections::BTreeMap;

use serde_json::json;

use crate::cli::farm::Farm;
use crate::cli::target::{Right, Target};
use crate::cli::{Against, Failure, Ui};
use crate::hostcall::answer::FileState;
use crate::hostcall::config::AppPath;
use crate::hostcall::{Answer, FileAt, FileWant, Read};
use crate::release::machine_key_element;
use crate::secret::Existing;
use crate::value::{CompatibilityMode, MachineKey, MachineKeyError, PublishedKeys, SecretRef, Store};

/// Keep the machine key that an application has on a host, for all hosts and all later deploys
///
/// For a farm that had a key before farmhand came: nobody is signed out. It is the one command that takes a secret off a
/// host. It reads the web.config of each application with a machine_key step whose secret the store lacks, changes
/// nothing there, and never shows the key. A secret that the store has is left alone.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  farmhand secret adopt site.yml web01")]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// The host that has the key
    host: String,
}

/// A machine key that a playbook needs, with an application that has it, and the mode that the step asks for.
struct Wanted {
    app: AppPath,
    mode: Option<CompatibilityMode>,
}

pub fn run(ui: Ui, against: Against, args: &Args) -> Result<(), Failure> {
    let (right, lab) = args.target.right(ui, against)?;
    let wanted = wanted(&right, &args.host)?;
    let config = |app: &AppPath| Read::Files {
        at: FileAt::App { site: app.site.clone(), path: app.path.clone(), file: "web.config".to_owned() },
        want: FileWant::Text,
    };
    let reads: Vec<Read> = wanted.values().map(|it| config(&it.app)).collect();
    let answers = Farm::ask(&right, lab.as_ref(), &args.host, &reads)?;
    let mut adopted = Vec::new();
    for ((secret, wanted), answer) in wanted.iter().zip(answers) {
        let key = key(&args.host, &wanted.app, answer)?;
        right.stores.set(&secret.name, key.to_secret(), Existing::Keep).map_err(Failure::work)?;
        let fingerprint = right.stores.fingerprint(secret).map_err(Failure::work)?.0;
        ui.text(&format!("{secret} is kept: the key of {} on {}, {fingerprint}\n", shown(&wanted.app), args.host));
        for line in advice(&key, wanted.mode) {
            ui.text(&format!("  {line}\n"));
        }
        let mode = key.compatibility_mode().map(CompatibilityMode::as_str);
        adopted.push(json!({ "kept": secret.name, "fingerprint": fingerprint, "compatibility_mode": mode }));
    }
    ui.value(&json!({ "host": args.host, "adopted": adopted }));
    Ok(())
}

/// The secrets of the host's machine keys that the store lacks.
fn wanted(right: &Right, host: &str) -> Result<BTreeMap<SecretRef, Wanted>, Failure> {
    let steps = right.playbook.plays.iter().flat_map(|play| &play.hosts).filter(|it| it.host.name == host);
    let mut steps = steps.flat_map(|it| &it.steps).peekable();
    if steps.peek().is_none() {
        return Err(Failure::input(format!("the playbook has no steps for a host `{host}`")));
    }
    let mut known = Vec::new();
    let mut wanted = BTreeMap::new();
    for step in steps {
        let (Some(secret), Some(app)) = (step.resource.machine_key(), step.resource.app()) else { continue };
        if secret.store == Store::Age && !right.stores.keeps(&secret.name) {
            let mode = serde_json::from_value(step.resource.desired()["compatibility_mode"].clone()).ok();
            wanted.entry(secret.clone()).or_insert(Wanted { app, mode });
        } else {
            known.push(secret.to_string());
        }
    }
    if !wanted.is_empty() {
        return Ok(wanted);
    }
    known.dedup();
    match known.first() {
        None => Err(Failure::input(format!("the playbook has no machine_key step for {host}"))),
        Some(first) => {
            let failure = Failure::input(format!("the store has `{first}` already; nothing was adopted"));
            Err(failure.hint("`plan` shows whether the host has that key"))
        }
    }
}

/// The key in the answer about a web.config.
fn key(host: &str, app: &AppPath, answer: Answer) -> Result<MachineKey, Failure> {
    let place = format!("web.config of {} on {host}", shown(app));
    let text = match answer {
        Answer::Present(value) => serde_json::from_value::<FileState>(value).map_err(Failure::work)?.text,
        Answer::Absent {} => None,
        Answer::Refused(refusal) => return Err(Failure::hosts(format!("{place}: {}", refusal.text))),
    };
    let Some(text) = text.map(zeroize::Zeroizing::new) else {
        return Err(Failure::hosts(format!("there is no {place}; nothing was adopted")));
    };
    let wrong = |why: String| {
        let failure = Failure::hosts(format!("{place}: {why}; nothing was adopted"));
        failure.hint("make a new key and sign every user out: farmhand apply PLAYBOOK --replace-key")
    };
    let element = machine_key_element(&text).map_err(|error| wrong(error.to_string()))?;
    MachineKey::parse(&element, &PublishedKeys::shipped()).map_err(|error| match error {
        // Nobody can be kept signed in by it, so that `apply` makes a key without being told to.
        MachineKeyError::AutoGenerate(_) => {
            Failure::hosts(format!("{place}: {error}; nothing was adopted")).hint("`apply` makes one for all hosts")
        }
        error => wrong(error.to_string()),
    })
}

/// What there is to know of a key besides: how it was used there, and what is weak about it.
fn advice(key: &MachineKey, asked: Option<CompatibilityMode>) -> Vec<String> {
    let word = |mode: CompatibilityMode| serde_json::to_value(mode).ok().and_then(|it| it.as_str().map(str::to_owned));
    let mode = match (key.compatibility_mode(), asked) {
        (found, asked) if found == asked => None,
        (Some(found), _) => Some(format!(
            "it stands there with compatibilityMode=\"{}\"; write it into the step: compatibility_mode: {}",
            found.as_str(),
            word(found).unwrap_or_default()
        )),
        (None, _) => Some(
            "it stands there without compatibilityMode, and the step sets one: cookies that were signed before may \
             not be accepted"
                .to_owned(),
        ),
    };
    mode.into_iter().chain(key.weaknesses().iter().map(ToString::to_string)).collect()
}

fn shown(app: &AppPath) -> String {
    format!("{}{}", app.site, app.path)
}
