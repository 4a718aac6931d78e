//! `farmhand runs`: what earlier runs did.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::files::InventoryArg;
use super::right::Against;
use super::target;
use super::{Exit, Failure, Ui};
use crate::journal::{self, Came, JournalError, Kept, Open, Record, Told};

/// Tell what earlier runs did, and verify their journals
///
/// Every run that changes something keeps a journal in .farmhand/runs beside the inventory: each change before it was
/// sent, and what came of it. Each line is tied to the one before, so that damage shows; a last line that a crash cut off
/// is told and is no damage. Exits 1 when a journal is damaged.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  farmhand runs -i inventory.yml              one line a run
  farmhand runs -i inventory.yml --last       what the last one did, step by step
  farmhand runs .farmhand/runs/20261121T123456.789Z-1f2e3d4c.jsonl
  farmhand --lab runs -i playbooks/inventory.yml")]
pub struct Args {
    /// Journals to tell in full
    journals: Vec<PathBuf>,
    /// Tell the last run in full
    #[arg(long, conflicts_with = "journals")]
    last: bool,
    #[command(flatten)]
    inventory: InventoryArg,
}

pub fn run(ui: Ui, against: Against, args: &Args) -> Result<Exit, Failure> {
    let all = || journal::list(&target::state(&args.inventory.path(), against).join("runs")).map_err(Failure::work);
    let (journals, full) = match (args.last, args.journals.is_empty()) {
        (true, _) => (all()?.pop().into_iter().collect(), true),
        (false, true) => (all()?, false),
        (false, false) => (args.journals.clone(), true),
    };
    let mut values = Vec::new();
    let mut damage: Option<JournalError> = None;
    for path in &journals {
        match journal::read(path) {
            Ok(kept) => {
                ui.text(&if full { story(path, &kept) } else { format!("{}\n", line(path, &kept)) });
                values.push(value(path, &kept));
            }
            Err(error) => {
                // Said as it is met, so that one damaged journal does not hide the others; the last one ends the command.
                if let Some(earlier) = damage.replace(error) {
                    ui.news(&format!("error: {earlier}"));
                }
            }
        }
    }
    if let Some(damage) = damage {
        return Err(Failure::work(damage));
    }
    if journals.is_empty() {
        ui.text("no run has changed anything yet\n");
    }
    ui.value(&json!({ "format": 1, "runs": values }));
    Ok(Exit::Ok)
}

fn records(kept: &Kept) -> impl Iterator<Item = &Record> {
    kept.records.iter().map(|(_, record)| record)
}

/// A run in one line: its journal, who ran what, and how it ended.
fn line(path: &Path, kept: &Kept) -> String {
    let start = records(kept).find_map(|record| match record {
        Record::Start(start) => Some(format!("{}@{}: farmhand {}", start.user, start.machine, start.command)),
        _ => None,
    });
    format!("{}  {}  {}", path.display(), start.unwrap_or_else(|| "nothing".to_owned()), ending(kept))
}

fn ending(kept: &Kept) -> String {
    let Some(hosts) = records(kept).find_map(|record| match record {
        Record::End { hosts } => Some(hosts),
        _ => None,
    }) else {
        let doubt = Open::of(records(kept)).words();
        let doubt = if doubt.is_empty() { "nothing".to_owned() } else { doubt.join("; ") };
        return format!("(not ended; in doubt: {doubt})");
    };
    let mut words: Vec<String> = Vec::new();
    for host in hosts {
        let status = host.status.replace('_', " ");
        match words.iter_mut().find(|word| word.ends_with(&format!(" {status}"))) {
            Some(word) => {
                let count: usize = word.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0);
                *word = format!("{} {status}", count + 1);
            }
            None => words.push(format!("1 {status}")),
        }
    }
    format!("({})", words.join(", "))
}

/// A run in full.
fn story(path: &Path, kept: &Kept) -> String {
    let mut text = format!("{}\n", line(path, kept));
    for (at, record) in &kept.records {
        for line in lines(record) {
            // What hosts said must not steer the terminal.
            let line: String = line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            text.push_str(&format!("  {at}  {line}\n"));
        }
    }
    if let Some(torn) = kept.torn {
        let (line, bytes) = (torn.line, torn.bytes);
        text.push_str(&format!("  line {line} was cut off after {bytes} bytes, as a crash does; the rest holds\n"));
    }
    text
}

fn lines(record: &Record) -> Vec<String> {
    match record {
        Record::Start(start) => vec![format!("{} begins, process {}", start.hosts.join(", "), start.pid)],
        Record::Intent(intent) => {
            let changes = intent.changes.iter().map(|it| {
                let properties: Vec<&str> = it.changes.0.iter().map(|change| change.property.as_str()).collect();
                format!("  {} {}: {}", it.action.sign(), it.address, properties.join(", "))
            });
            let head = format!("{}: sending {}", intent.host, intent.calls.join(", "));
            std::iter::once(head).chain(changes).collect()
        }
        Record::Outcome(outcome) => vec![format!("{}: {}", outcome.host, came(&outcome.came))],
        Record::Proof(proof) if proof.left.is_empty() => {
            let kept = proof.evidence.iter().map(|(address, facts)| {
                let facts: Vec<String> = facts.iter().map(|(name, fact)| format!("{name} {fact}")).collect();
                format!("  evidence of {address}: {}", facts.join(", "))
            });
            std::iter::once(format!("{}: proved", proof.host)).chain(kept).collect()
        }
        Record::Proof(proof) => vec![format!("{}: not as planned: {}", proof.host, proof.left.join(", "))],
        Record::End { hosts } => hosts
            .iter()
            .map(|it| {
                let reasons: String = it.reasons.iter().map(|reason| format!("; {reason}")).collect();
                format!("{}: {}{reasons}", it.host, it.status.replace('_', " "))
            })
            .collect(),
    }
}

fn came(came: &Came) -> String {
    let told = |told: &Told| match told {
        Told::Done => "done".to_owned(),
        Told::Moved(at) => format!("not done, {at} had moved"),
        Told::Failed(refusal) => format!("refused, {}", refusal.text),
        Told::Skipped => "not tried".to_owned(),
    };
    match came {
        Came::Answers(answers) => format!("answered {}", answers.iter().map(told).collect::<Vec<_>>().join("; ")),
        Came::NotSent(why) => format!("not sent: {why}"),
        Came::Unknown(why) => format!("unknown: {why}"),
    }
}

fn value(path: &Path, kept: &Kept) -> serde_json::Value {
    let records: Vec<_> = kept.records.iter().map(|(at, record)| json!({ "at": at, "record": record })).collect();
    json!({
        "journal": path.display().to_string(),
        "ended": kept.records.iter().any(|(_, record)| matches!(record, Record::End { .. })),
        "torn": kept.torn.is_some(),
        "records": records,
    })
}
