//! What became of each host, in a line each.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Style;
use crate::engine::{HostOutcome, Status};

/// The recap of a run: a line a host, why it did not go well where it did not, and a line that counts.
pub fn recap_text(outcomes: &[HostOutcome], style: Style, figures: bool) -> String {
    let mut text = String::new();
    let width = outcomes.iter().map(|outcome| outcome.host.len()).max().unwrap_or(0);
    for outcome in outcomes {
        let words = match outcome.status {
            Status::Ok => style.green("ok, nothing changed"),
            Status::Changed => {
                let n = outcome.changed.len();
                style.yellow(&format!("changed and proved: {n} {}", if n == 1 { "resource" } else { "resources" }))
            }
            Status::Unreachable => style.red("not reached"),
            Status::Failed => style.red("failed"),
            Status::Moved => style.red("moved since the plan"),
            Status::Held => style.red("held by another run"),
            Status::NotStarted => style.red("not started"),
            Status::Interrupted => style.red("interrupted"),
        };
        let _ = writeln!(text, "{:width$}  {words}", outcome.host);
        if !outcome.status.is_good() && !outcome.changed.is_empty() {
            let done: Vec<&str> = outcome.changed.iter().map(|step| step.address.as_str()).collect();
            let _ = writeln!(text, "{:width$}    changed and proved before that: {}", "", done.join(", "));
        }
        for reason in &outcome.reasons {
            let _ = writeln!(text, "{:width$}    {reason}", "");
        }
        for note in &outcome.notes {
            let _ = writeln!(text, "{:width$}    note: {note}", "");
        }
        if figures {
            let traffic = outcome.traffic;
            let batches = match traffic.sql_batches {
                0 => String::new(),
                n => format!(", {n} batches of T-SQL"),
            };
            let _ = writeln!(
                text,
                "{:width$}    {} requests, {} bytes up, {} bytes down, {} processes{batches}",
                "", traffic.requests, traffic.bytes_up, traffic.bytes_down, traffic.processes
            );
        }
    }
    let count = |status: Status| outcomes.iter().filter(|outcome| outcome.status == status).count();
    let bad = count(Status::Failed) + count(Status::Unreachable);
    let mut waiting = String::new();
    for (status, words) in [
        (Status::Moved, "moved"),
        (Status::Held, "held"),
        (Status::Interrupted, "interrupted"),
        (Status::NotStarted, "not started"),
    ] {
        if count(status) > 0 {
            let _ = write!(waiting, ", {} {words}", count(status));
        }
    }
    let _ = writeln!(text, "\n{} ok, {} changed, {bad} failed{waiting}", count(Status::Ok), count(Status::Changed));
    text
}

/// The recap of a run, as JSON.
pub fn recap_json(outcomes: &[HostOutcome]) -> Value {
    let count = |status: Status| outcomes.iter().filter(|outcome| outcome.status == status).count();
    let summary = json!({
        "hosts": outcomes.len(),
        "changed": count(Status::Changed),
        "failed": count(Status::Failed) + count(Status::Unreachable),
        "moved": count(Status::Moved),
        "held": count(Status::Held),
        "interrupted": count(Status::Interrupted),
        "not_started": count(Status::NotStarted),
    });
    json!({ "format": 1, "hosts": outcomes, "summary": summary })
}
