//! `farmhand secret adopt`: the machine key that a farm already has.

use std::collections::BTreeMap;

use serde_json::json;

use crate::cli::farm::Farm;
use crate::cli::right::Right;
use crate::cli::target::Target;
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
/// nothing there, and never shows the key. Applications that shall share a secret must have the same key there. A secret
/// that the store has is left alone.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  farmhand secret adopt site.yml web01")]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// The host that has the key
    host: String,
}

/// How a message ends that keeps a key from being adopted.
const NOTHING_ADOPTED: &str = "; nothing was adopted";

/// An application that needs a machine key, and the mode that the step asks for.
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
    let reads: Vec<Read> = wanted.values().flatten().map(|it| config(&it.app)).collect();
    let mut answers = Farm::ask(&right, lab.as_ref(), &args.host, &reads)?.into_iter();
    let mut found = Vec::new();
    for (secret, apps) in &wanted {
        let keys: Vec<_> = apps
            .iter()
            .zip(answers.by_ref())
            .map(|(it, answer)| (it, key(against, &args.host, &it.app, answer)))
            .collect();
        found.push((secret, agreed(&args.host, secret, keys)?));
    }
    let mut adopted = Vec::new();
    // Nothing is kept before all is found to be right.
    for (secret, Agreed { key, wanted, without }) in found {
        right.stores.set(&secret.name, key.to_secret(), Existing::Keep).map_err(Failure::work)?;
        let fingerprint = right.stores.fingerprint(secret).map_err(Failure::work)?.0;
        ui.text(&format!("{secret} is kept: the key of {} on {}, {fingerprint}\n", shown(&wanted.app), args.host));
        for line in advice(&key, wanted.mode) {
            ui.text(&format!("  {line}\n"));
        }
        for failure in without {
            let why = failure.error.to_string();
            ui.text(&format!("  without one: {}\n", why.trim_end_matches(NOTHING_ADOPTED)));
        }
        let mode = key.compatibility_mode().map(CompatibilityMode::as_str);
        adopted.push(json!({ "kept": secret.name, "fingerprint": fingerprint, "compatibility_mode": mode }));
    }
    ui.value(&json!({ "host": args.host, "adopted": adopted }));
    Ok(())
}

/// The secrets of the host's machine keys that the store lacks.
fn wanted(right: &Right, host: &str) -> Result<BTreeMap<SecretRef, Vec<Wanted>>, Failure> {
    let steps = right.playbook.plays.iter().flat_map(|play| &play.hosts).filter(|it| it.host.name == host);
    let mut steps = steps.flat_map(|it| &it.steps).peekable();
    if steps.peek().is_none() {
        return Err(Failure::input(format!("the playbook has no steps for a host `{host}`")));
    }
    let mut known = Vec::new();
    let mut wanted: BTreeMap<SecretRef, Vec<Wanted>> = BTreeMap::new();
    for step in steps {
        let (Some(secret), Some(app)) = (step.resource.machine_key(), step.resource.app()) else { continue };
        if secret.store == Store::Age && !right.stores.keeps(&secret.name) {
            let mode = serde_json::from_value(step.resource.desired()["compatibility_mode"].clone()).ok();
            let apps = wanted.entry(secret.clone()).or_default();
            if !apps.iter().any(|it| it.app == app) {
                apps.push(Wanted { app, mode });
            }
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

/// The key that the applications of one secret have.
struct Agreed<'w> {
    key: MachineKey,
    /// The first application that has it.
    wanted: &'w Wanted,
    /// Why others have none that could be told.
    without: Vec<Failure>,
}

/// The one key that all applications have which have one.
fn agreed<'w>(
    host: &str,
    secret: &SecretRef,
    keys: Vec<(&'w Wanted, Result<MachineKey, Failure>)>,
) -> Result<Agreed<'w>, Failure> {
    let mut groups: Vec<(MachineKey, Vec<&'w Wanted>)> = Vec::new();
    let mut without = Vec::new();
    for (wanted, key) in keys {
        match key {
            Err(failure) => without.push(failure),
            Ok(key) => match groups.iter_mut().find(|(known, _)| known.is_same(&key)) {
                Some((_, apps)) => apps.push(wanted),
                None => groups.push((key, vec![wanted])),
            },
        }
    }
    if groups.len() > 1 {
        let apps = |(_, apps): &(MachineKey, Vec<&Wanted>)| {
            apps.iter().map(|it| shown(&it.app)).collect::<Vec<_>>().join(", ")
        };
        let groups: Vec<String> = groups.iter().map(apps).collect();
        let failure = Failure::hosts(format!(
            "applications on {host} that shall share `{secret}` have keys that differ: {}; nothing was adopted",
            groups.join(" | ")
        ));
        return Err(failure.hint("give each its own secret in the playbook, and adopt again"));
    }
    match groups.pop() {
        Some((key, apps)) => match apps.first().copied() {
            Some(wanted) => Ok(Agreed { key, wanted, without }),
            None => unreachable!("a group is made with its first application"),
        },
        None => Err(without.into_iter().next().unwrap_or_else(|| Failure::input("no application needs a key"))),
    }
}

/// The key in the answer about a web.config.
fn key(against: Against, host: &str, app: &AppPath, answer: Answer) -> Result<MachineKey, Failure> {
    let place = format!("web.config of {} on {host}", shown(app));
    let text = match answer {
        Answer::Present(value) => serde_json::from_value::<FileState>(value).map_err(Failure::work)?.text,
        Answer::Absent {} => None,
        Answer::Refused(refusal) => return Err(Failure::hosts(format!("{place}: {}", refusal.text))),
    };
    let Some(text) = text.map(zeroize::Zeroizing::new) else {
        return Err(Failure::hosts(format!("there is no {place}{NOTHING_ADOPTED}")));
    };
    let wrong = |why: String| {
        let failure = Failure::hosts(format!("{place}: {why}{NOTHING_ADOPTED}"));
        let lab = against.option();
        failure.hint(format!("make a new key and sign every user out: farmhand {lab}apply PLAYBOOK --replace-key"))
    };
    let element = machine_key_element(&text).map_err(|error| wrong(error.to_string()))?;
    MachineKey::parse(&element, &PublishedKeys::shipped()).map_err(|error| match error {
        // Nobody can be kept signed in by it, so that `apply` makes a key without being told to.
        MachineKeyError::AutoGenerate(_) => {
            Failure::hosts(format!("{place}: {error}{NOTHING_ADOPTED}")).hint("`apply` makes one for all hosts")
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
