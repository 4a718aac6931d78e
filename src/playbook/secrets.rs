//! Which secrets a playbook refers to, and which of them are not there.

use serde_json::Value as Json;

use super::place::{Segment, nearest};
use crate::diagnostic::{Diagnostic, Span};
use crate::value::{SecretRef, Store};
use crate::yaml::Node;

/// A reference to a secret, and where it is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretUse {
    /// The secret.
    pub reference: SecretRef,
    /// Where it is referred to.
    pub span: Span,
}

/// The references in rendered properties.
pub(super) fn uses(properties: &Json, written: &Node) -> Vec<SecretUse> {
    let mut found = Vec::new();
    collect(properties, &mut Vec::new(), written, &mut found);
    found
}

fn collect(value: &Json, path: &mut Vec<Segment>, written: &Node, found: &mut Vec<SecretUse>) {
    match value {
        Json::Object(map) => {
            if let Some(reference) = map.get(SecretRef::MARK) {
                if let Ok(reference) = serde_json::from_value(reference.clone()) {
                    found.push(SecretUse { reference, span: nearest(written, path).value });
                }
                return;
            }
            for (key, below) in map {
                path.push(Segment::Key(key.clone()));
                collect(below, path, written, found);
                path.pop();
            }
        }
        Json::Array(items) => {
            for (index, below) in items.iter().enumerate() {
                path.push(Segment::Index(index));
                collect(below, path, written, found);
                path.pop();
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// One diagnostic for each secret that is not there, at the first place that refers to it.
pub fn missing_secrets(uses: &[SecretUse], exists: impl Fn(&SecretRef) -> bool) -> Vec<Diagnostic> {
    let mut seen: Vec<&SecretRef> = Vec::new();
    let mut diagnostics = Vec::new();
    for SecretUse { reference, span } in uses {
        if seen.contains(&reference) {
            continue;
        }
        seen.push(reference);
        if !exists(reference) {
            let (message, help) = match reference.store {
                Store::Age => (format!("no secret `{reference}`"), format!("type: farmhand secret set {reference}")),
                Store::Env => (
                    format!("the environment variable `{}` is not set", reference.name),
                    format!("export {}=…", reference.name),
                ),
                Store::Exec => (
                    format!("no command is told that could be asked for the secret `{reference}`"),
                    "write secrets/exec.yml beside the playbook: command: [PROGRAM, ARGUMENT]".to_owned(),
                ),
                Store::File => (
                    format!("no file `{}` for the secret `{reference}`", reference.name),
                    "its path is meant from the playbook's folder".to_owned(),
                ),
            };
            diagnostics.push(Diagnostic::new(*span, message).help(help));
        }
    }
    diagnostics
}
