//! The only file that writes to standard output or standard error: results to the one, news to the other.

use std::io::{self, BufRead, IsTerminal, Write};

use serde_json::Value;

use super::Failure;
use crate::diagnostic::Paint;
use crate::report::Style;

/// How farmhand speaks.
#[derive(Clone, Copy, Debug)]
pub struct Ui {
    /// Results as JSON.
    pub json: bool,
    /// How much more is told; each `-v` adds one.
    pub verbose: u8,
    /// Colours of results.
    pub style: Style,
}

impl Ui {
    /// How this terminal, these variables and these flags want it: `NO_COLOR` and a pipe take colours away.
    pub fn new(json: bool, verbose: u8) -> Ui {
        let variable = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let forced = variable("FORCE_COLOR") || variable("CLICOLOR_FORCE");
        let coloured = !variable("NO_COLOR") && (forced || io::stdout().is_terminal());
        Ui { json, verbose, style: if coloured { Style::Coloured } else { Style::Plain } }
    }

    /// How mistakes are painted: colours only where results have them.
    pub fn paint(&self) -> Paint {
        match self.style {
            Style::Plain => Paint::Plain,
            Style::Coloured => Paint::Coloured,
        }
    }

    /// A result for people. Nothing where results are JSON.
    pub fn text(&self, text: &str) {
        if !self.json {
            out(text);
        }
    }

    /// A result for programs. Nothing where results are text.
    pub fn value(&self, value: &Value) {
        if self.json {
            out(&format!("{value:#}\n"));
        }
    }

    /// A result that has one form only.
    pub fn raw(&self, text: &str) {
        out(text);
    }

    /// News.
    pub fn news(&self, text: &str) {
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Why a command failed.
    pub fn failure(&self, failure: &Failure) {
        if failure.told {
            return;
        }
        let mut text = format!("error: {}", failure.error);
        for cause in failure.error.chain().skip(1) {
            text.push_str(&format!("\n  because: {cause}"));
        }
        for hint in &failure.hints {
            text.push_str(&format!("\n  help: {hint}"));
        }
        if self.json {
            let causes: Vec<String> = failure.error.chain().map(ToString::to_string).collect();
            out(&format!(
                "{:#}\n",
                serde_json::json!({ "error": causes, "help": failure.hints, "exit": failure.exit })
            ));
        }
        self.news(&text);
    }

    /// Asks for a line; `None` where nobody can be asked.
    pub fn ask(&self, question: &str) -> Option<String> {
        if !io::stdin().is_terminal() {
            return None;
        }
        let _ = write!(io::stderr(), "{question}: ");
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).ok()?;
        Some(answer.trim().to_owned())
    }

    /// Asks whether to go on; only a typed `yes` is one. `None` where nobody can be asked.
    pub fn confirm(&self, question: &str) -> Option<bool> {
        self.ask(&format!("{question} Type `yes` to go on")).map(|answer| answer == "yes")
    }
}

/// A closed pipe is the reader's choice and no failure.
fn out(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
