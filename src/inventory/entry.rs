//! What stands under a key of an inventory: a text, a port, a secret, a file beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Sources, Span};
use crate::template::{Scope, is_template};
use crate::value::SecretRef;
use crate::yaml::{self, Content, Node};

/// A text, rendered.
pub(super) fn text(node: &Node, what: &str, scope: &Scope, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    let value = scope.data(node, None)?;
    match value {
        Json::String(text) if !text.is_empty() => Some(text),
        // A number or a boolean is taken as it is written.
        Json::Number(_) | Json::Bool(_) => yaml::scalar_text(node).map(|scalar| scalar.text.to_string()),
        _ => {
            diagnostics.push(Diagnostic::new(node.span, format!("{what} must be a text")));
            None
        }
    }
}

pub(super) fn port(node: &Node, scope: &Scope, diagnostics: &mut Vec<Diagnostic>) -> Option<u16> {
    let value = scope.data(node, None)?;
    // In quotes a number of a port is still one: nothing else could be meant.
    let number = value.as_str().map_or_else(|| value.as_u64(), |text| text.trim().parse().ok());
    let port = number.and_then(|port| u16::try_from(port).ok()).filter(|&port| port != 0);
    if port.is_none() {
        diagnostics.push(Diagnostic::new(node.span, "`port` must be a number from 1 to 65535"));
    }
    port
}

pub(super) fn password(
    node: &Node,
    scope: &Scope,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(SecretRef, Span)> {
    secret(node, "password", scope, sources, diagnostics)
}

/// A reference to a secret, under the key `what`.
pub(super) fn secret(
    node: &Node,
    what: &str,
    scope: &Scope,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(SecretRef, Span)> {
    let template = matches!(&node.content, Content::Scalar(scalar) if is_template(&scalar.text));
    let value = if template { scope.data(node, None)? } else { Json::Null };
    let reference = value.get(SecretRef::MARK).and_then(|it| serde_json::from_value(it.clone()).ok());
    if reference.is_none() {
        // A literal is kept out of every message that shows its line.
        sources.hide(node.span);
        diagnostics.push(
            Diagnostic::new(node.span, format!("a {what} is never written here"))
                .help(format!("{what}: \"{{{{ secret('NAME') }}}}\", and type: farmhand secret set NAME")),
        );
    }
    reference.map(|reference| (reference, node.span))
}

/// A file as it is named in another: in the home folder, or from the other's folder on.
pub(super) fn beside(file: &str, written: &str) -> PathBuf {
    let home = written.strip_prefix("~/").or_else(|| written.strip_prefix("~\\"));
    match (home, std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => Path::new(file).parent().unwrap_or(Path::new("")).join(written),
    }
}

/// The certificates of a file beside the inventory.
pub(super) fn ca(
    node: &Node,
    scope: &Scope,
    sources: &Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Arc<[u8]>> {
    let written = text(node, "`ca`", scope, diagnostics)?;
    let inventory = sources.place(node.span).name;
    let path = Path::new(&inventory).parent().unwrap_or(Path::new("")).join(&written);
    let pem = sources.bytes(&path).map_err(|why| format!("cannot read {}: {why}", path.display())).and_then(|bytes| {
        let text = String::from_utf8_lossy(&bytes);
        if text.contains("-----BEGIN CERTIFICATE-----") {
            Ok(bytes)
        } else {
            Err(format!("{} holds no certificate in PEM", path.display()))
        }
    });
    let help = "the certificate of the authority that signed the server's, from -----BEGIN CERTIFICATE----- on";
    pem.map_err(|why| diagnostics.push(Diagnostic::new(node.span, why).help(help))).ok().map(Arc::from)
}
