//! `farmhand inventory`: which hosts and groups there are, and with which variables.

use std::path::PathBuf;

use indexmap::IndexSet;
use serde_json::{Map, Value, json};

use super::files::{self, InventoryArg};
use super::{Exit, Failure, Ui};
use crate::inventory::{ALL, Inventory};

/// Show which hosts and groups there are, and with which variables; contacts nobody
///
/// In the shape that Ansible's users know. Variables are shown as they are written; of a secret there is the reference
/// alone, and a password that is written in the open is not shown.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  farmhand inventory --graph
  farmhand inventory --list -i hosts.ini
  farmhand inventory --list --limit '~web\\d+:!web03'
  farmhand inventory --host web01")]
#[command(group(clap::ArgGroup::new("what").required(true).args(["list", "host", "graph"])))]
pub struct Args {
    /// All hosts, groups and variables, as JSON
    #[arg(long)]
    list: bool,
    /// The variables of one host, as JSON
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// The groups as a tree
    #[arg(long)]
    graph: bool,
    #[command(flatten)]
    inventory: InventoryArg,
    /// Only these hosts: a pattern such as `web:!web03`
    #[arg(short = 'l', long, value_name = "PATTERN")]
    limit: Option<String>,
}

pub fn run(ui: Ui, args: &Args) -> Result<Exit, Failure> {
    let path: PathBuf = args.inventory.path();
    let (inventory, meant) = files::inventory(ui, &path, args.limit.as_deref())?;
    if let Some(name) = &args.host {
        let Some(host) = inventory.hosts.get(name).filter(|host| meant.contains(&host.name)) else {
            let failure = Failure::input(format!("there is no host `{name}` in {}", path.display()));
            return Err(failure.hint("which there are: farmhand inventory --graph"));
        };
        ui.raw(&format!("{:#}\n", Value::Object(host.shown())));
    } else if args.list || ui.json {
        ui.raw(&format!("{:#}\n", list(&inventory, &meant)));
    } else {
        let mut lines = Vec::new();
        graph(&inventory, &meant, ALL, 0, &mut lines);
        ui.text(&(lines.join("\n") + "\n"));
    }
    Ok(Exit::Ok)
}

/// Groups with their own hosts and the groups in them, and the variables of each host under `_meta`.
fn list(inventory: &Inventory, meant: &IndexSet<String>) -> Value {
    let mut listed = Map::new();
    let variables = inventory.hosts.values().filter(|host| meant.contains(&host.name));
    let variables = variables.map(|host| (host.name.clone(), host.shown())).filter(|(_, shown)| !shown.is_empty());
    let variables: Map<String, Value> = variables.map(|(name, shown)| (name, Value::Object(shown))).collect();
    listed.insert("_meta".to_owned(), json!({ "hostvars": variables }));
    for (name, branch) in &inventory.tree {
        let mut group = Map::new();
        let hosts: Vec<&String> = branch.hosts.iter().filter(|host| meant.contains(*host)).collect();
        if !hosts.is_empty() {
            group.insert("hosts".to_owned(), json!(hosts));
        }
        if !branch.children.is_empty() {
            group.insert("children".to_owned(), json!(branch.children));
        }
        if !group.is_empty() {
            listed.insert(name.clone(), Value::Object(group));
        }
    }
    Value::Object(listed)
}

fn graph(inventory: &Inventory, meant: &IndexSet<String>, name: &str, depth: usize, lines: &mut Vec<String>) {
    let line = |depth: usize, text: String| if depth == 0 { text } else { format!("{}--{text}", "  |".repeat(depth)) };
    lines.push(line(depth, format!("@{name}:")));
    let Some(branch) = inventory.tree.get(name) else { return };
    for child in &branch.children {
        graph(inventory, meant, child, depth + 1, lines);
    }
    for host in branch.hosts.iter().filter(|host| meant.contains(*host)) {
        lines.push(line(depth + 1, host.clone()));
    }
}
