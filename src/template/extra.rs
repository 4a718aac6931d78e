//! Variables from the command line: `-e name=value` and `-e @file`.

use std::path::Path;

use super::Variables;
use crate::diagnostic::{Diagnostic, SourceId, Sources, Span, shown};
use crate::yaml;

/// Reads what stood behind each `-e`, later ones winning.
pub fn extra_variables(sources: &mut Sources, arguments: &[String], diagnostics: &mut Vec<Diagnostic>) -> Variables {
    let mut variables = Variables::default();
    for argument in arguments {
        if let Some(read) = one(sources, argument, diagnostics) {
            variables.lay_over(&read);
        }
    }
    variables
}

fn one(sources: &mut Sources, argument: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Variables> {
    if let Some(path) = argument.strip_prefix('@') {
        let source = sources.read(Path::new(path)).map_err(|diagnostic| diagnostics.push(diagnostic)).ok()?;
        let node = yaml::parse(sources, source, diagnostics)?;
        return Some(Variables::read(&node, diagnostics));
    }
    // Written out as YAML, so that a mistake in the value has a place and a line to show.
    let Some((name, value)) = argument.split_once('=') else {
        let source = sources.add("-e", argument);
        let diagnostic = Diagnostic::new(whole(sources, source), format!("{} sets no variable", shown(argument)));
        diagnostics.push(diagnostic.help("-e name=value, or -e @file.yml"));
        return None;
    };
    let name = name.trim();
    if !yaml::identifier(name) || super::reserved(name) {
        let source = sources.add("-e", argument);
        let diagnostic = Diagnostic::new(whole(sources, source), format!("{} cannot name a variable", shown(name)));
        diagnostics
            .push(diagnostic.help("letters, digits and `_`, no digit first, and no name with a meaning of its own"));
        return None;
    }
    let source = sources.add(format!("-e {name}"), value);
    let node = match value.trim() {
        "" => yaml::nothing(whole(sources, source)),
        _ => yaml::parse(sources, source, diagnostics)?,
    };
    Some(Variables::one(name, node))
}

fn whole(sources: &Sources, source: SourceId) -> Span {
    Span { source, start: 0, end: sources.text(source).len() }
}
