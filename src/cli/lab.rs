//! `farmhand lab`: the simulated farm by hand.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;

use super::files::{self, InventoryArg};
use super::lab_door::USER;
use super::lab_engine::LabEngine;
use super::lab_farm::{self, LabFarm};
use super::runtime::runtime;
use super::{Exit, Failure, Ui};
use crate::lab::sql::SqlCounts;
use crate::lab::{Fault, Front, Lab};

/// Serve, break, mend and reset the simulated farm
///
/// The lab is a simulated copy of an inventory's hosts: folders of ordinary files under `.farmhand/lab` beside the
/// inventory, reached by the real protocols over loopback sockets. `--lab` runs any other command against it.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

impl Args {
    /// Whether hosts are run.
    pub fn serves(&self) -> bool {
        matches!(self.command, Command::Serve { .. })
    }
}

#[derive(Subcommand)]
enum Command {
    /// Run the lab standing alone, and print an inventory that reaches it
    #[command(
        after_help = "Examples:\n  farmhand lab serve -i inventory.yml > lab.yml\n  farmhand plan site.yml -i lab.yml"
    )]
    Serve {
        #[command(flatten)]
        inventory: InventoryArg,
        #[command(flatten)]
        ports: Ports,
    },
    /// Forget everything about the lab's hosts
    #[command(after_help = "Examples:\n  farmhand lab reset -i playbooks/inventory.yml")]
    Reset {
        #[command(flatten)]
        inventory: InventoryArg,
    },
    /// Make something go wrong with a host of the lab
    #[command(after_help = fault_help())]
    Break {
        /// The host
        host: String,
        /// What goes wrong
        fault: Fault,
        #[command(flatten)]
        inventory: InventoryArg,
    },
    /// Put a host of the lab right again
    #[command(after_help = "Examples:\n  farmhand lab mend web01 -i playbooks/inventory.yml")]
    Mend {
        /// The host
        host: String,
        /// The fault to take away; all of them unless named
        fault: Option<Fault>,
        #[command(flatten)]
        inventory: InventoryArg,
    },
    /// Tell what the lab's hosts were asked so far
    #[command(after_help = "Examples:\n  farmhand lab calls -i playbooks/inventory.yml")]
    Calls {
        #[command(flatten)]
        inventory: InventoryArg,
    },
}

fn fault_help() -> String {
    let width = Fault::ALL.iter().map(|fault| fault.word().len()).max().unwrap_or(0);
    let lines = Fault::ALL.iter().map(|fault| format!("  {:width$}  {}", fault.word(), fault.help()));
    let lines = lines.collect::<Vec<_>>().join("\n");
    format!("Faults:\n{lines}\n\nExamples:\n  farmhand lab break web02 reset_after_write -i playbooks/inventory.yml")
}

pub fn run(ui: Ui, args: Args, engine: LabEngine) -> Result<Exit, Failure> {
    match args.command {
        Command::Serve { inventory, ports } => serve(ui, &inventory, ports, engine),
        Command::Reset { inventory } => {
            let folder = lab_farm::folder(&inventory.path());
            Lab::reset(&folder).map_err(Failure::work)?;
            ui.text(&format!("{} is empty\n", folder.display()));
            Ok(Exit::Ok)
        }
        Command::Break { host, fault, inventory } => {
            let farm = open(ui, &inventory, LabEngine::Lab)?;
            named(&farm, &host)?.break_(fault).map_err(Failure::work)?;
            ui.text(&format!("{host}: {}\n", fault.help()));
            Ok(Exit::Ok)
        }
        Command::Mend { host, fault, inventory } => {
            let farm = open(ui, &inventory, LabEngine::Lab)?;
            named(&farm, &host)?.mend(fault).map_err(Failure::work)?;
            ui.text(&format!("{host} is put right\n"));
            Ok(Exit::Ok)
        }
        Command::Calls { inventory } => calls(ui, &inventory),
    }
}

fn open(ui: Ui, inventory: &InventoryArg, engine: LabEngine) -> Result<LabFarm, Failure> {
    let path = inventory.path();
    let hosts = files::hosts_of(ui, &path)?;
    LabFarm::open(&lab_farm::folder(&path), &hosts, engine)
}

fn named<'f>(farm: &'f LabFarm, host: &str) -> Result<&'f crate::lab::LabHost, Failure> {
    let unknown = || {
        let known: Vec<&str> = farm.lab().hosts().map(|(name, _)| name).collect();
        Failure::input(format!("the inventory has no host `{host}`")).hint(format!("one of {}", known.join(", ")))
    };
    farm.lab().host(host).map(AsRef::as_ref).ok_or_else(unknown)
}

fn calls(ui: Ui, inventory: &InventoryArg) -> Result<Exit, Failure> {
    let farm = open(ui, inventory, LabEngine::Lab)?;
    let mut rows = Vec::new();
    for (name, host) in farm.lab().hosts() {
        let counts = host.counts().map_err(Failure::work)?;
        let crate::lab::Counts { batches, reads, writes, done } = counts;
        ui.text(&format!("{name}: {batches} batches, {reads} reads, {writes} mutating calls, {done} of them done\n"));
        let sql = host.sql().map_err(Failure::work)?.map(|instance| instance.counts());
        let sql = sql.transpose().map_err(Failure::work)?;
        if let Some(SqlCounts { logins, batches, mutating, done }) = sql {
            ui.text(&format!(
                "SQL Server of {name}: {logins} log-ins, {batches} batches, {mutating} mutating statements, {done} of them done\n"
            ));
        }
        let mut row = serde_json::to_value(counts).map_err(Failure::work)?;
        if let Some(sql) = sql {
            row["sql"] = serde_json::to_value(sql).map_err(Failure::work)?;
        }
        rows.push((name.to_owned(), row));
    }
    ui.value(&serde_json::json!(rows.into_iter().collect::<std::collections::BTreeMap<_, _>>()));
    Ok(Exit::Ok)
}

fn serve(ui: Ui, inventory: &InventoryArg, ports: Ports, engine: LabEngine) -> Result<Exit, Failure> {
    let farm = open(ui, inventory, engine)?;
    runtime()?.block_on(async {
        let mut running = Vec::new();
        let mut text = String::from("groups:\n  lab:\n    hosts:\n");
        let mut fronts = Vec::new();
        for (index, (name, host)) in (0..).zip(farm.lab().hosts()) {
            let listen = ports.winrm.at(index)?;
            let server = farm.serve(host.clone(), name, listen).await.map_err(|error| taken(error, name, listen))?;
            let door = farm.winrm_door(name).keys(farm.lab()).map_err(|error| taken(error, name, listen))?;
            let mut way = format!("address: 127.0.0.1, connection: {{ port: {}{door} }}", server.address().port());
            let listen = ports.http.at(index)?;
            let front = Front::new(Arc::clone(host));
            let address = front.serve_at(listen).await.map_err(|error| taken(error, name, listen))?;
            fronts.push(format!("sites of {name}: curl --connect-to ::{address} http://HOST-NAME/"));
            let listen = ports.sql.at(index)?;
            let sql = farm.serve_sql(host, listen).await.map_err(|error| taken(error, name, listen))?;
            if let Some(sql) = &sql {
                let ca = farm.lab().authority().map_err(|error| taken(error, name, listen))?;
                let (address, ca) = (sql.address(), std::path::absolute(ca.file()).map_err(Failure::work)?);
                let (user, ca) = (USER.1, ca.display().to_string());
                fronts.push(format!("SQL Server of {name}: {address}, log-in {user}, CA file {ca}"));
                way.push_str(&format!(
                    ", sql: {{ via: tds, port: {}, user: {user}, ca: '{ca}', \
                     password: \"{{{{ secret('env:FARMHAND_LAB_PASSWORD') }}}}\" }}",
                    address.port()
                ));
            }
            text.push_str(&format!("      {name}: {{ {way} }}\n"));
            running.push((server, front, sql));
        }
        let user = format!("{}\\{}", USER.0, USER.1);
        text.push_str(&format!(
            "    connection: {{ via: winrm, user: '{user}', password: \"{{{{ secret('env:FARMHAND_LAB_PASSWORD') }}}}\" }}\n"
        ));
        ui.raw(&text);
        let password: PathBuf = farm.lab().folder().join(lab_farm::PASSWORD);
        ui.news(&fronts.join("\n"));
        ui.news(&format!("export FARMHAND_LAB_PASSWORD=\"$(cat '{}')\"", password.display()));
        ui.news(&format!("serving {} hosts; Ctrl-C ends it", running.len()));
        let _ = tokio::signal::ctrl_c().await;
        Ok(Exit::Ok)
    })
}

fn taken(error: std::io::Error, host: &str, listen: SocketAddr) -> Failure {
    let failure = Failure::work(anyhow::Error::new(error).context(format!("{host} cannot listen at {listen}")));
    failure.hint("other first ports: --port 56985 --http-port 59080 --sql-port 52433")
}

/// The first TCP ports of the lab's servers; each further host takes the next one.
#[derive(clap::Args, Clone, Copy)]
struct Ports {
    /// TCP port of the first host's WinRM; each further host takes the next one
    #[arg(long = "port", default_value = "55985")]
    winrm: FirstPort,
    /// TCP port of the first host's sites; each further host takes the next one
    #[arg(long = "http-port", default_value = "58080")]
    http: FirstPort,
    /// TCP port of the first host's SQL Server; each further host takes the next one
    #[arg(long = "sql-port", default_value = "51433")]
    sql: FirstPort,
}

/// The first of a run of TCP ports; 0 lets the system choose each.
#[derive(Clone, Copy)]
struct FirstPort(u16);

impl std::str::FromStr for FirstPort {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<FirstPort, Self::Err> {
        text.parse().map(FirstPort)
    }
}

impl FirstPort {
    fn at(self, index: u16) -> Result<SocketAddr, Failure> {
        let port = if self.0 == 0 { Some(0) } else { self.0.checked_add(index) };
        let port = port.ok_or_else(|| Failure::input("there are not enough ports above the first for all hosts"))?;
        Ok(SocketAddr::from(([127, 0, 0, 1], port)))
    }
}
