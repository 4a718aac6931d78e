//! `farmhand doctor`: why a host cannot be reached, and whether it is as it should be.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::{Value, json};

use super::files::{self, InventoryArg};
use super::lab_farm::{self, LabFarm};
use super::right::Logins;
use super::runtime::runtime;
use super::ways::to_look_at;
use super::{Against, Exit, Failure, Ui, logins};
use crate::diagnostic::Sources;
use crate::doctor::{Lacking, Line, Outcome, Section, examine};
use crate::engine::{Sessions, Ways, nonce};
use crate::inventory::Host;
use crate::secret::Stores;

/// Columns that a list is broken at.
const TEXT_COLUMNS: usize = 100;

/// Say why a host cannot be reached, or what is wrong with it; changes nothing
///
/// From the name to the host itself, step by step: name, TCP, TLS, WinRM or SSH or SQL Server, the login in its parts,
/// then PowerShell, rights, quotas, disks, clock, pending restart, and how its door is set up. Each line is passed,
/// failed, not reached because one before it failed, or a note; with what was found, and what to do.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  farmhand doctor web01
  farmhand doctor 'web:!web03' -i hosts.yml
  farmhand --lab doctor all
  farmhand --json doctor web01

Ends with 0 where nothing failed, and with 4 where something did.")]
pub struct Args {
    /// The hosts: a name or a pattern such as `web:!web03`
    #[arg(value_name = "HOST")]
    hosts: String,
    #[command(flatten)]
    inventory: InventoryArg,
    /// Hosts looked at at a time
    #[arg(short, long, default_value_t = 10, value_name = "N")]
    forks: usize,
    /// Show only what did not pass
    #[arg(short, long)]
    quiet: bool,
}

/// By hosts' names.
type AllWays = BTreeMap<String, Ways>;
type AllLacking = BTreeMap<String, Lacking>;

/// What came of a host.
struct Examined {
    host: String,
    sections: Vec<Section>,
}

pub fn run(ui: Ui, against: Against, args: &Args) -> Result<Exit, Failure> {
    let path = args.inventory.path();
    let mut sources = Sources::new();
    let (inventory, meant) = files::inventory_in(ui, &mut sources, &path, Some(("HOST", &args.hosts)))?;
    let hosts: Vec<Arc<Host>> = meant.iter().filter_map(|name| inventory.hosts.get(name)).map(Arc::clone).collect();
    if hosts.is_empty() {
        let failure = Failure::input(format!("`{}` means no host in {}", args.hosts, path.display()));
        return Err(failure.hint("which there are: farmhand inventory --graph"));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let (lab, stores) = match against {
        Against::Farm => (None, logins::stores(folder)),
        Against::Lab(engine) => {
            let folder = lab_farm::folder(&path);
            let all: Vec<Arc<Host>> = inventory.hosts.values().map(Arc::clone).collect();
            (Some(LabFarm::open(&folder, &all, engine)?), Stores::lab(&folder))
        }
    };
    if lab.is_none() {
        logins::ask(&logins::all(&hosts), &stores)?;
    }
    let logins = Logins { sources: &sources, stores: Arc::new(stores) };
    let (ways, lacking) = ways_to(&logins, &hosts, lab.as_ref())?;
    let nonce = nonce().context("the system has no randomness to give").map_err(Failure::work)?;
    let sessions = Sessions::new(ways, nonce, Arc::new(|_| Err("nothing here needs a secret".to_owned())));
    let examined: Vec<Examined> = runtime()?.block_on(async {
        let none = Lacking::default();
        let look = async |host: &str| {
            let lacking = lacking.get(host).unwrap_or(&none);
            Examined { host: host.to_owned(), sections: examine(&sessions, host, lacking).await }
        };
        let looked = hosts.iter().map(|host| look(&host.name));
        stream::iter(looked).buffered(args.forks.max(1)).collect().await
    });
    if let Some(lab) = &lab {
        lab.close();
    }
    ui.text(&told(&examined, args.quiet));
    ui.value(&json!({ "hosts": examined.iter().map(value).collect::<Vec<_>>() }));
    let failed = examined.iter().flat_map(|it| &it.sections).any(Section::has_failed);
    Ok(if failed { Exit::Hosts } else { Exit::Ok })
}

/// The ways to hosts, and what each lacks for going in.
fn ways_to(logins: &Logins, hosts: &[Arc<Host>], lab: Option<&LabFarm>) -> Result<(AllWays, AllLacking), Failure> {
    if let Some(lab) = lab {
        return Ok((lab.ways()?, AllLacking::new()));
    }
    let (mut ways, mut lacking) = (AllWays::new(), AllLacking::new());
    for host in hosts {
        let (way, lack) = to_look_at(logins, host)?;
        ways.insert(host.name.clone(), way);
        lacking.insert(host.name.clone(), lack);
    }
    Ok((ways, lacking))
}

/// What came of all hosts, for people.
fn told(examined: &[Examined], quiet: bool) -> String {
    let mut text = String::new();
    for Examined { host, sections } in examined {
        for Section { door, lines } in sections {
            let _ = writeln!(text, "{host} over {door}");
            let shown: Vec<&Line> = lines.iter().filter(|line| !quiet || line.outcome != Outcome::Passed).collect();
            // What was not reached for one and the same reason is one piece of news.
            for same in shown.chunk_by(|one, next| {
                one.outcome == Outcome::NotReached && next.outcome == one.outcome && next.found == one.found
            }) {
                match same {
                    [line] => tell(&mut text, line),
                    lines => tell_not_reached(&mut text, lines),
                }
            }
        }
        text.push('\n');
    }
    let count = |outcome: Outcome| {
        let lines = examined.iter().flat_map(|it| &it.sections).flat_map(|section| &section.lines);
        lines.filter(|line| line.outcome == outcome).count()
    };
    let (passed, failed) = (count(Outcome::Passed), count(Outcome::Failed));
    let (not_reached, notes) = (count(Outcome::NotReached), count(Outcome::Note));
    let notes = format!("{notes} {}", if notes == 1 { "note" } else { "notes" });
    let _ = writeln!(text, "{passed} passed, {failed} failed, {not_reached} not reached, {notes}");
    text
}

fn tell(text: &mut String, line: &Line) {
    let mut found = line.found.lines();
    let first = found.next().unwrap_or_default();
    let _ = writeln!(text, "  {:11}  {:16}  {first}", line.outcome.words(), line.check.word());
    for more in found {
        let _ = writeln!(text, "  {:11}  {:16}  {more}", "", "");
    }
    for advice in line.advice.iter().flat_map(|advice| advice.lines()) {
        let _ = writeln!(text, "  {:11}  {:16}  do: {}", "", "", advice.trim());
    }
}

/// Checks that were not reached for one reason, as many on a line as fit.
fn tell_not_reached(text: &mut String, lines: &[&Line]) {
    let mut row = format!("  {:11}  ", Outcome::NotReached.words());
    for (number, line) in lines.iter().enumerate() {
        let last = number + 1 == lines.len();
        let word =
            if last { format!("{}: {}", line.check.word(), line.found) } else { format!("{}, ", line.check.word()) };
        if row.len() + word.trim_end().len() > TEXT_COLUMNS {
            let _ = writeln!(text, "{}", row.trim_end());
            row = format!("  {:11}  ", "");
        }
        row.push_str(&word);
    }
    let _ = writeln!(text, "{row}");
}

/// What came of a host, for programs.
fn value(Examined { host, sections }: &Examined) -> Value {
    json!({ "host": host, "failed": sections.iter().any(Section::has_failed), "doors": sections })
}
