//! What differs, host by host, property by property.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use super::Style;
use super::shown::{shown, visible_text};
use crate::engine::{RecycleNeeded, Survey};
use crate::hostcall::{Edit, Write};
use crate::plan::{Action, PlannedStep, Stage};
use crate::resource::Disturbance;
use crate::value::Change;

/// How differences are told: as what will be done, or as what is not as it shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Differences {
    /// `plan` and `apply`.
    Plan,
    /// `plan --diff`: with the edits of configuration behind each stage.
    PlanWithEdits,
    /// `audit`.
    Audit,
}

/// How much differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Resources to add.
    pub add: usize,
    /// Resources to change.
    pub change: usize,
    /// Resources to remove.
    pub remove: usize,
    /// Properties that differ.
    pub properties: usize,
    /// Properties that were not compared, since their secrets cannot be had here.
    pub not_compared: usize,
    /// Hosts with differences.
    pub hosts_differing: usize,
    /// Hosts that are as desired.
    pub hosts_ok: usize,
    /// Hosts that could not be looked at, wholly or in part.
    pub hosts_failed: usize,
}

impl Counts {
    /// Counts what differs.
    pub fn of(surveys: &[Survey]) -> Counts {
        let mut counts = Counts::default();
        for survey in surveys {
            let Ok(looked) = &survey.looked else {
                counts.hosts_failed += 1;
                continue;
            };
            counts.not_compared += looked.not_compared.len();
            for step in looked.plans.iter().flat_map(|(_, plan)| plan.steps()) {
                match step.action {
                    Action::Create => counts.add += 1,
                    Action::Update => counts.change += 1,
                    Action::Delete => counts.remove += 1,
                }
                counts.properties += step.changes.0.len();
            }
            match (looked.troubles.is_empty(), looked.is_quiet()) {
                (false, _) => counts.hosts_failed += 1,
                (true, true) => counts.hosts_ok += 1,
                (true, false) => counts.hosts_differing += 1,
            }
        }
        counts
    }

    /// Whether nothing differs on any host that could be looked at.
    pub fn nothing_differs(&self) -> bool {
        self.properties == 0
    }
}

/// What differs, as text: hosts with differences, then one line that counts them.
///
/// `troubles` gives the lines that tell what stands in a host's way.
pub fn differences_text(
    surveys: &[Survey],
    how: Differences,
    style: Style,
    troubles: impl Fn(&Survey) -> Vec<String>,
) -> String {
    let mut text = String::new();
    for survey in surveys {
        let lines = troubles(survey);
        let stages = || survey.looked.iter().flat_map(|looked| &looked.plans).flat_map(|(_, plan)| &plan.stages);
        let marks = marks(survey, how);
        if stages().next().is_none() && lines.is_empty() && marks.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{}", style.bold(&survey.host));
        for line in lines {
            let _ = writeln!(text, "  {}", style.red(&format!("! {line}")));
        }
        for stage in stages() {
            stage_text(&mut text, stage, how, style);
        }
        for mark in marks {
            mark_text(&mut text, mark, how, style);
        }
        text.push('\n');
    }
    text.push_str(&summary(surveys, how));
    text.push('\n');
    text
}

fn stage_text(text: &mut String, stage: &Stage, how: Differences, style: Style) {
    if let (Some(after), Differences::Plan | Differences::PlanWithEdits) = (&stage.after, how) {
        let _ = writeln!(
            text,
            "  {}",
            style.dim(&format!("after {after} (provisional: planned from what is there before)"))
        );
    }
    for step in &stage.steps {
        step_text(text, step, how, style);
    }
    if how == Differences::PlanWithEdits {
        for line in stage.writes.iter().flat_map(write_lines) {
            let _ = writeln!(text, "      {}", style.dim(&line));
        }
    }
}

/// What is told of pools that have to recycle, besides the plan: all where none is planned, and those that the run does not do.
fn marks(survey: &Survey, how: Differences) -> Vec<&RecycleNeeded> {
    let all = survey.looked.iter().flat_map(|looked| &looked.recycle_needed);
    all.filter(|mark| how == Differences::Audit || !mark.in_this_run).collect()
}

fn mark_text(text: &mut String, mark: &RecycleNeeded, how: Differences, style: Style) {
    let (_, name) = mark.address.split_once('/').unwrap_or(("", &mark.address));
    let _ = writeln!(text, "  {}  {}", style.yellow(&format!("! {name}")), style.dim(&mark.place));
    let why = visible_text(&mark.why);
    let why = match how {
        Differences::Audit => format!("recycle needed once {} is as desired: {why}", mark.because_of),
        Differences::Plan | Differences::PlanWithEdits => {
            format!("recycle needed: {why}; recycle it after this run, in which its play does not come after that")
        }
    };
    let _ = writeln!(text, "      {}", style.yellow(&format!("! {why}")));
}

fn step_text(text: &mut String, step: &PlannedStep, how: Differences, style: Style) {
    let (_, name) = step.address.split_once('/').unwrap_or(("", &step.address));
    let disturbs = match (how, step.disturbs) {
        (Differences::Audit, _) | (_, Disturbance::None) => "",
        (_, Disturbance::Recycles) => "  (recycles)",
        (_, Disturbance::Restarts) => "  (restarts)",
        (_, Disturbance::Reboots) => "  (may reboot)",
    };
    let sign = step.action.sign();
    let head = style.signed(sign, &format!("{sign} {name}"));
    let _ = writeln!(text, "  {head}{}  {}", style.yellow(disturbs), style.dim(&step.place));
    // The name stands in the address already.
    let changes = || step.changes.0.iter().filter(|change| !is_address(step, change));
    let width = changes().map(|change| change.property.len()).max().unwrap_or(0);
    for change in changes() {
        let shown = shown(change);
        let first = shown.lines.first().map_or("", String::as_str);
        let line = format!("{} {:width$}  {first}", shown.sign, change.property);
        let _ = writeln!(text, "      {}", style.signed(shown.sign, line.trim_end()));
        for line in shown.lines.iter().skip(1) {
            let sign = line.chars().next().unwrap_or('~');
            let _ = writeln!(text, "          {}", style.signed(sign, line));
        }
    }
    for remark in step.remarks.iter().filter(|_| how != Differences::Audit) {
        let _ = writeln!(text, "      {}", style.yellow(&format!("! {}", visible_text(remark))));
    }
}

/// Whether a property does no more than name the object, as the address does.
fn is_address(step: &PlannedStep, change: &Change) -> bool {
    let object = step.address.splitn(3, '/').nth(2).unwrap_or_default();
    let names = ["name", "site", "path"].contains(&change.property.as_str());
    names && change.desired.as_str().is_some_and(|text| object.starts_with(text) || object.ends_with(text))
}

/// A write as lines, for those who want to see the edits themselves. Secrets are references here.
fn write_lines(write: &Write) -> Vec<String> {
    let edits = match write {
        Write::IisCommit { edits, .. } => edits,
        Write::Sql { database, purpose, text, .. } => return statement_lines(database, purpose, &text.shown()),
        Write::SetRegistry { key, name, text, .. } => {
            let text = text.as_ref().map_or_else(|| "nothing".to_owned(), |text| format!("{text:?}"));
            return vec![format!("set_registry, {key}\\{name} = {text}")];
        }
        other => return vec![other.name().to_owned()],
    };
    let mut lines = vec![format!("iis_commit, {} edits in one commit:", edits.len())];
    lines.extend(edits.iter().map(|edit| {
        let value = serde_json::to_value(edit).unwrap_or_default();
        let name = value.get("edit").and_then(Value::as_str).unwrap_or_default();
        let steps = serde_json::to_string(&edit.at().steps).unwrap_or_default();
        let what = match edit {
            Edit::Set { attribute, value: crate::hostcall::Text::Plain(text), .. } => format!("{attribute} = {text}"),
            Edit::Set { attribute, .. } => format!("{attribute} = (sensitive)"),
            Edit::Clear { attribute, .. } => attribute.clone(),
            Edit::Add { element, .. } => element.clone(),
            Edit::Remove { .. } => String::new(),
            Edit::Certificate { thumbprint, .. } => thumbprint.clone(),
        };
        format!("  {name} {}{steps} {what}", edit.at().section)
    }));
    lines
}

/// A batch of T-SQL as lines, without what only readers of its source need.
fn statement_lines(database: &str, purpose: &str, text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("--"));
    [format!("sql in {database}, to {purpose}:")].into_iter().chain(code.map(|line| format!("  {line}"))).collect()
}

fn summary(surveys: &[Survey], how: Differences) -> String {
    let counts = Counts::of(surveys);
    let hosts = |n: usize| if n == 1 { "1 host".to_owned() } else { format!("{n} hosts") };
    let mut unsure = match counts.hosts_failed {
        0 => String::new(),
        n => format!(" {} could not be compared.", hosts(n)),
    };
    match counts.not_compared {
        0 => {}
        1 => unsure.push_str(" 1 property was not compared."),
        n => unsure.push_str(&format!(" {n} properties were not compared.")),
    }
    if counts.nothing_differs() {
        return match counts.hosts_ok {
            0 => format!("Nothing was compared.{unsure}"),
            n => format!(
                "No differences: {} as desired.{unsure}",
                if n == 1 { "1 host is".to_owned() } else { format!("{n} hosts are") }
            ),
        };
    }
    match how {
        Differences::Audit => {
            let properties = if counts.properties == 1 {
                "1 property differs".to_owned()
            } else {
                format!("{} properties differ", counts.properties)
            };
            format!(
                "Audit: {properties} on {}; {} as desired.{unsure}",
                hosts(counts.hosts_differing),
                hosts(counts.hosts_ok)
            )
        }
        Differences::Plan | Differences::PlanWithEdits => format!(
            "Plan: {} to add, {} to change, {} to remove on {}; {} as desired.{unsure}",
            counts.add,
            counts.change,
            counts.remove,
            hosts(counts.hosts_differing),
            hosts(counts.hosts_ok),
        ),
    }
}

/// What differs, as JSON.
pub fn differences_json(surveys: &[Survey], troubles: impl Fn(&Survey) -> Vec<String>) -> Value {
    let host = |survey: &Survey| {
        let plans: Vec<_> = survey.looked.iter().flat_map(|looked| &looked.plans).collect();
        let stages: Vec<Value> = plans
            .iter()
            .flat_map(|(play, plan)| plan.stages.iter().map(move |stage| (*play, stage)))
            .map(|(play, stage)| json!({ "play": play, "after": stage.after, "steps": stage.steps }))
            .collect();
        json!({
            "host": survey.host,
            "reached": survey.looked.is_ok(),
            "troubles": troubles(survey),
            "stages": stages,
            "recycle_needed": survey.looked.iter().flat_map(|looked| &looked.recycle_needed).collect::<Vec<_>>(),
            "not_compared": survey.looked.iter().flat_map(|looked| &looked.not_compared).collect::<Vec<_>>(),
            "traffic": survey.traffic,
        })
    };
    json!({ "format": 1, "hosts": surveys.iter().map(host).collect::<Vec<_>>(), "summary": Counts::of(surveys) })
}
