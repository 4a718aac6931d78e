//! Mistakes in the user's files: what is wrong, where, and what to type instead.
//!
//! Loading never stops at the first mistake: it gives what could be read and all diagnostics.

mod render;
mod source;
mod suggest;

pub use render::{Paint, render, render_all};
pub use source::{MAX_FILE_BYTES, Place, SourceId, Sources, Span};
pub use suggest::{did_you_mean, shown};

use std::collections::BTreeSet;

/// Puts mistakes in order of place, each once: what a group says is read for every host in it.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by_key(|diagnostic| (diagnostic.span.is_some(), diagnostic.span.map(|it| (it.source, it.start))));
    let mut seen = BTreeSet::new();
    diagnostics.retain(|it| seen.insert((it.span, it.message.clone(), it.help.clone(), it.notes.clone())));
}

/// A mistake in the user's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong: one lower-case sentence without a full stop.
    pub message: String,
    /// Where; `None` only where there is no text to point at, such as a file that is not there.
    pub span: Option<Span>,
    /// What to type instead.
    pub help: Option<String>,
    /// Other places that have to do with it, each with what it is.
    pub notes: Vec<(Span, String)>,
}

impl Diagnostic {
    /// A mistake at a place.
    pub fn new(span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { message: message.into(), span: Some(span), help: None, notes: Vec::new() }
    }

    /// A mistake that no place in a text shows.
    pub fn nowhere(message: impl Into<String>) -> Diagnostic {
        Diagnostic { message: message.into(), span: None, help: None, notes: Vec::new() }
    }

    /// The same with what to type instead; an empty text is none.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        let help = help.into();
        self.help = if help.is_empty() { None } else { Some(help) };
        self
    }

    /// The same with another place.
    #[must_use]
    pub fn note(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.notes.push((span, text.into()));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_told_once_wherever_it_was_met() {
        let source = Sources::new().add("inventory.yml", "ab");
        let at = |start, message: &str| Diagnostic::new(Span { source, start, end: start + 1 }, message);
        // Two things are wrong at one place, met for one host after the other.
        let mut met = vec![at(1, "b"), at(0, "x"), at(0, "y"), at(0, "x"), at(0, "y"), Diagnostic::nowhere("n")];
        sort(&mut met);
        assert_eq!(met, [Diagnostic::nowhere("n"), at(0, "x"), at(0, "y"), at(1, "b")]);
    }
}
