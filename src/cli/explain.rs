//! `farmhand explain`: what an error code means, and what to do.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Exit, Failure, Ui};
use crate::codes::{Area, Asked, Entry, Found, entries, look_up};

/// Say what an error code means, and what to do; asks nobody
///
/// Codes of WinRM, Kerberos, SSPI, Windows, IIS, WAS and SQL Server, and farmhand's exit codes, in whatever spelling they
/// were met. A word before a code says whose it is: `was 5021`, `kerberos 37`, `exit 14`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  farmhand explain 0x80090322
  farmhand explain -2146893022
  farmhand explain 18456 state 11
  farmhand explain KRB_AP_ERR_SKEW
  farmhand explain 500.19
  farmhand explain exit 14
  farmhand explain --list")]
pub struct Args {
    /// The code, as it was shown
    #[arg(required_unless_present = "list", allow_hyphen_values = true)]
    code: Vec<String>,
    /// List all codes that are known
    #[arg(long, conflicts_with = "code")]
    list: bool,
}

pub fn run(ui: Ui, args: &Args) -> Result<Exit, Failure> {
    if args.list {
        ui.text(&list());
        ui.value(&json!({ "codes": entries().iter().map(value).collect::<Vec<_>>() }));
        return Ok(Exit::Ok);
    }
    let asked = args.code.join(" ");
    match look_up(&asked) {
        Asked::Known(found) => {
            ui.text(&found.iter().map(told).collect::<Vec<_>>().join("\n"));
            ui.value(&json!({ "asked": asked, "found": found.iter().map(|it| value(it.entry)).collect::<Vec<_>>() }));
            Ok(Exit::Ok)
        }
        Asked::Unknown { near, hint } => {
            let mut failure = Failure::input(format!("nothing is known of `{asked}`"));
            for entry in near {
                failure = failure.hint(format!("close to it: {}", line(entry)));
            }
            if let Some(hint) = hint {
                failure = failure.hint(hint);
            }
            Err(failure.hint("all that is known: farmhand explain --list"))
        }
    }
}

/// An entry for people.
fn told(found: &Found) -> String {
    let entry = found.entry;
    let mut text = format!("{}  {}\n", entry.codes.join(", "), entry.name);
    let _ = writeln!(text, "  of:     {}", entry.area.title());
    let _ = writeln!(text, "  means:  {}", entry.means);
    let _ = writeln!(text, "  do:     {}", entry.todo);
    for command in &entry.commands {
        let _ = writeln!(text, "  type:   {command}");
    }
    for entry in &found.closer {
        let _ = writeln!(text, "  see:    {}", line(entry));
    }
    let others: Vec<String> = entry.codes.iter().filter_map(|code| other_spellings(code)).collect();
    if !others.is_empty() {
        let _ = writeln!(text, "  also:   {}", others.join(", "));
    }
    let _ = writeln!(text, "  source: {}", entry.source);
    text
}

/// How else a code of 32 bits is written.
fn other_spellings(code: &str) -> Option<String> {
    let number = u32::from_str_radix(code.strip_prefix("0x")?, 16).ok()?;
    Some(format!("{number}, {}", number.cast_signed()))
}

fn line(entry: &Entry) -> String {
    format!("{} {}  {}", entry.area.word(), entry.codes.join(", "), entry.name)
}

fn list() -> String {
    let mut text = String::new();
    for area in Area::ALL {
        let _ = writeln!(text, "{}", area.title());
        for entry in entries().iter().filter(|entry| entry.area == area) {
            let _ = writeln!(text, "  {:24} {}", entry.codes.join(", "), entry.name);
        }
    }
    text
}

fn value(entry: &Entry) -> Value {
    json!({
        "area": entry.area.word(),
        "codes": entry.codes,
        "name": entry.name,
        "means": entry.means,
        "do": entry.todo,
        "type": entry.commands,
        "source": entry.source,
    })
}
