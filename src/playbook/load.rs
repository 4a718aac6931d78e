//! The one way in: from files and options to a resolved playbook, or everything that is wrong with them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexSet;

use super::resolve::Resolver;
use super::secrets::SecretUse;
use super::tags::Choice;
use super::written::{WrittenPlay, WrittenPlaybook};
use super::{Place, Play, Playbook};
use crate::diagnostic::{self, Diagnostic, Sources, Span};
use crate::inventory::{self, Host, Inventory, InventoryFiles, hosts_of};
use crate::template::{extra_variables, with_deep_stack};
use crate::yaml::{self, Node};

/// What is to be loaded.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The playbook.
    pub playbook: PathBuf,
    /// The inventory; `inventory.yml` beside the playbook where it is not given.
    pub inventory: Option<PathBuf>,
    /// What stood behind each `-e`: `name=value` or `@file`.
    pub extra_vars: Vec<String>,
    /// What stood behind `--limit`: a pattern of hosts.
    pub limit: Option<String>,
    /// What stood behind each `--tags`.
    pub tags: Vec<String>,
    /// What stood behind each `--skip-tags`.
    pub skip_tags: Vec<String>,
}

/// What loading gives.
#[derive(Debug)]
pub struct Loaded {
    /// The playbook, as far as it could be read. It is to be used only when there are no diagnostics.
    pub playbook: Option<Playbook>,
    /// Everything that is wrong, in order of place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Loads a playbook for its inventory.
pub fn load(sources: &mut Sources, request: &Request) -> Loaded {
    let mut diagnostics = Vec::new();
    let playbook = with_deep_stack(|| resolve(sources, request, &mut diagnostics));
    diagnostic::sort(&mut diagnostics);
    Loaded { playbook, diagnostics }
}

fn resolve(sources: &mut Sources, request: &Request, diagnostics: &mut Vec<Diagnostic>) -> Option<Playbook> {
    let written = read(sources, &request.playbook, diagnostics);
    let extra = extra_variables(sources, &request.extra_vars, diagnostics);
    let folder = request.playbook.parent().map(Path::to_owned).unwrap_or_default();
    let path = request.inventory.clone().unwrap_or_else(|| folder.join("inventory.yml"));
    let files = InventoryFiles { inventory: &path, playbook_folder: Some(&folder) };
    let inventory = inventory::load(sources, files, &extra, diagnostics);
    let (written, inventory) = (written?, inventory?);

    let limit = request.limit.as_ref().map(|pattern| {
        let source = sources.add("--limit", pattern.as_str());
        let span_of = |start, length| Span { source, start, end: start + length };
        hosts_of(&inventory, pattern, &span_of, diagnostics)
    });
    let known: BTreeSet<&str> = written
        .plays
        .iter()
        .flat_map(|play| &play.steps)
        .flat_map(|step| step.tags.iter())
        .map(String::as_str)
        .collect();
    let choice = Choice::new(sources, &request.tags, &request.skip_tags, &known, diagnostics);

    let mut secrets: IndexSet<SecretUse> = IndexSet::new();
    let mut plays = Vec::new();
    for play in &written.plays {
        let hosts = hosts(&inventory, play, limit.as_ref(), diagnostics);
        let place = Place::new(sources, play.span, None);
        for host in &hosts {
            let passwords = host.connection.secrets().chain(host.sql.password_used()).cloned();
            secrets.extend(passwords.map(|(reference, span)| SecretUse { reference, span }));
        }
        let resolver = Resolver {
            sources,
            inventory: &inventory,
            play,
            variables: &written.variables,
            extra: &extra,
            secrets: &mut secrets,
        };
        let mut hosts = resolver.run(&hosts, diagnostics);
        for host in &mut hosts {
            host.steps.retain(|step| choice.takes(&step.tags));
        }
        plays.push(Play { name: play.name.clone(), serial: play.serial.clone(), hosts, place });
    }
    let name = written.name.unwrap_or_else(|| file_name(&request.playbook));
    Some(Playbook { name, plays, inventory, secrets: secrets.into_iter().collect() })
}

fn read(sources: &mut Sources, path: &Path, diagnostics: &mut Vec<Diagnostic>) -> Option<WrittenPlaybook> {
    let source = sources.read(path).map_err(|diagnostic| diagnostics.push(diagnostic)).ok()?;
    let before = diagnostics.len();
    let Some(root) = yaml::parse(sources, source, diagnostics) else {
        if diagnostics.len() == before {
            let span = Span { source, start: 0, end: 0 };
            diagnostics.push(Diagnostic::new(span, "the playbook is empty").help("plays: [{hosts: all, steps: []}]"));
        }
        return None;
    };
    Some(WrittenPlaybook::read(&root, diagnostics))
}

/// The hosts of a play, in the order of its patterns.
fn hosts(
    inventory: &Inventory,
    play: &WrittenPlay,
    limit: Option<&IndexSet<String>>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Arc<Host>> {
    // A list is one pattern: what one item excludes, the others do not bring back.
    let mut pattern = String::new();
    let mut parts: Vec<(usize, &Node)> = Vec::new();
    for node in &play.hosts {
        let text = yaml::scalar_text(node).map(|scalar| &*scalar.text).unwrap_or_default();
        parts.push((pattern.len(), node));
        pattern.push_str(text);
        pattern.push(',');
    }
    if pattern.is_empty() {
        return Vec::new();
    }
    let fallback = play.span;
    let span_of = |start: usize, length: usize| {
        let part = parts.iter().rev().find(|(at, _)| *at <= start);
        let verbatim = part.and_then(|(at, node)| Some((at, node.span, yaml::scalar_text(node)?.verbatim?)));
        match (verbatim, part) {
            (Some((at, span, verbatim)), _) => {
                Span { start: verbatim + start - at, end: verbatim + start - at + length, ..span }
            }
            (None, Some((_, node))) => node.span,
            (None, None) => fallback,
        }
    };
    let names = hosts_of(inventory, &pattern, &span_of, diagnostics);
    let wanted = names.iter().filter(|name| limit.is_none_or(|limit| limit.contains(*name)));
    wanted.filter_map(|name| inventory.hosts.get(name).cloned()).collect()
}

fn file_name(path: &Path) -> String {
    path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
