//! Mistakes in the user's files: what is wrong, where, and what to type instead.
//!
//! Loading never stops at the first mistake: it gives what could be read and all diagnostics.

mod render;
mod source;
mod suggest;

pub use render::{Paint, render, render_all};
pub use source::{MAX_FILE_BYTES, Place, SourceId, Sources, Span};
pub use suggest::{did_you_mean, shown};

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
