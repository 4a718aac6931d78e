//! The simulated farm of `--lab`: a lab host for each host of the inventory, reached over loopback sockets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use tokio::sync::Mutex;

use super::Failure;
use super::lab_door::{LabDoors, USER, WinrmDoor};
use super::lab_engine::LabEngine;
use crate::engine::{Dialling, Over, Password, Place, Reach, SqlWay, TdsReach, Ways};
use crate::inventory::{Host, SqlConnection, SqlVia};
use crate::lab::pwsh::Pwsh;
use crate::lab::sql::tds::{Encryption, Issued, TdsServer};
use crate::lab::sql::{Edition, SqlSpec};
use crate::lab::wsman::{Account, Accounts, AlsoIn, Settings, WsManServer};
use crate::lab::{HostSpec, Lab, LabHost};
use crate::secret::Stores;
use crate::sql::Trust;
use crate::value::{SecretRef, Store};

/// The operator's password, which the lab makes up like any other secret.
fn operator() -> SecretRef {
    SecretRef { store: Store::Age, name: "lab-operator".to_owned(), fingerprint: None }
}

/// The file of the operator's password below the lab's folder.
pub const PASSWORD: &str = "secrets/lab-operator";

/// Servers that are kept open at a time: each takes a socket, and systems count those.
const MOST_SERVERS: usize = 256;

/// Servers by host.
type Servers = IndexMap<String, Dialled>;

/// Servers of TDS by host.
type SqlServers = BTreeMap<String, TdsServer>;

/// A server, and how many processes it had started when it was last dialled.
struct Dialled {
    server: WsManServer,
    commands: u64,
}

impl Dialled {
    /// Whether the conversation that it was dialled for is over.
    fn is_over(&self) -> bool {
        let counts = self.server.counts();
        counts.commands > self.commands && counts.open_shells == 0
    }
}

/// A lab that runs in this process.
pub struct LabFarm {
    lab: Arc<Lab>,
    stores: Arc<Stores>,
    pwsh: Option<Arc<Pwsh>>,
    servers: Arc<Mutex<Servers>>,
    sql_servers: Arc<Mutex<SqlServers>>,
    /// Which doors the inventory gives the hosts.
    doors: BTreeMap<String, LabDoors>,
}

impl LabFarm {
    /// The lab beside an inventory.
    pub fn open(folder: &Path, hosts: &[Arc<Host>], engine: LabEngine) -> Result<LabFarm, Failure> {
        let specs: Vec<HostSpec> = hosts.iter().map(|host| spec(host)).collect();
        let stores = Arc::new(Stores::lab(folder));
        let pwsh = engine.pwsh()?;
        let doors = hosts.iter().map(|host| (host.name.clone(), LabDoors::of(host))).collect();
        let lab = Arc::new(Lab::open(folder, &specs));
        Ok(LabFarm { lab, stores, pwsh, servers: Arc::default(), sql_servers: Arc::default(), doors })
    }

    /// The hosts.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Starts the server of one host where it is told to listen.
    pub async fn serve(&self, host: Arc<LabHost>, name: &str, listen: SocketAddr) -> std::io::Result<WsManServer> {
        let door = self.winrm_door(name);
        serve(host, name, &self.stores, self.pwsh.as_deref(), door.server(&self.lab, name)?, listen).await
    }

    /// How a host's WinRM is reached.
    pub fn winrm_door(&self, name: &str) -> WinrmDoor {
        self.doors.get(name).map(|doors| doors.winrm).unwrap_or_default()
    }

    /// Starts the TDS server of one host where it is told to listen; `None` where the host has no SQL Server.
    /// The operator of the lab is a sysadmin there.
    pub async fn serve_sql(&self, host: &LabHost, listen: SocketAddr) -> std::io::Result<Option<TdsServer>> {
        serve_sql(&self.lab, host, &self.stores, listen).await
    }

    /// Ends all servers; they lived on the runtime that dialled them.
    pub fn close(&self) {
        self.servers.blocking_lock().clear();
        self.sql_servers.blocking_lock().clear();
    }

    /// How each host is reached: its server starts when it is first dialled.
    pub fn ways(&self) -> Result<BTreeMap<String, Ways>, Failure> {
        let ways = |name: &str| {
            let LabDoors { via, sql, instance, .. } = self.doors.get(name).cloned().unwrap_or_default();
            let sql = match sql {
                SqlVia::Host => SqlWay::Machine(instance),
                SqlVia::Tds => SqlWay::Tds(self.sql_reach(name)?),
            };
            let machine = if via.is_to_machine() { Some(self.reach(name)?) } else { None };
            Ok((name.to_owned(), Ways { machine, sql }))
        };
        self.lab.hosts().map(|(name, _)| ways(name)).collect()
    }

    fn reach(&self, name: &str) -> Result<Reach, Failure> {
        let door = self.winrm_door(name);
        let (lab, servers, stores) = (Arc::clone(&self.lab), Arc::clone(&self.servers), Arc::clone(&self.stores));
        let (host, pwsh) = (name.to_owned(), self.pwsh.clone());
        let dial = move || -> Dialling {
            let (lab, servers, stores, pwsh, host) =
                (Arc::clone(&lab), Arc::clone(&servers), Arc::clone(&stores), pwsh.clone(), host.clone());
            Box::pin(async move { dial(&lab, &servers, &stores, pwsh.as_deref(), door, &host).await })
        };
        let user = format!("{}\\{}", USER.0, USER.1);
        let over = Over::WinRm(door.client(&self.lab).map_err(Failure::work)?);
        Ok(Reach { place: Place::Dialled(Arc::new(dial)), user, password: self.password(), over })
    }

    fn sql_reach(&self, name: &str) -> Result<TdsReach, Failure> {
        let ca = self.lab.authority().and_then(|authority| std::fs::read(authority.file())).map_err(Failure::work)?;
        let (lab, servers, stores) = (Arc::clone(&self.lab), Arc::clone(&self.sql_servers), Arc::clone(&self.stores));
        let host = name.to_owned();
        let dial = move || -> Dialling {
            let (lab, servers, stores, host) =
                (Arc::clone(&lab), Arc::clone(&servers), Arc::clone(&stores), host.clone());
            Box::pin(async move { dial_sql(&lab, &servers, &stores, &host).await })
        };
        Ok(TdsReach {
            place: Place::Dialled(Arc::new(dial)),
            // Certificates of the lab are for this name besides the host's.
            certificate_name: "localhost".to_owned(),
            trust: Trust::Also(ca),
            user: USER.1.to_owned(),
            password: self.password(),
        })
    }

    fn password(&self) -> Password {
        let stores = Arc::clone(&self.stores);
        Arc::new(move || stores.value(&operator()).map_err(|error| error.to_string()))
    }
}

/// The address of a host's server, started where it does not run yet.
async fn dial(
    lab: &Lab,
    servers: &Mutex<Servers>,
    stores: &Stores,
    pwsh: Option<&Pwsh>,
    door: WinrmDoor,
    name: &str,
) -> Result<SocketAddr, String> {
    let mut servers = servers.lock().await;
    if let Some(known) = servers.get_mut(name) {
        known.commands = known.server.counts().commands;
        return Ok(known.server.address());
    }
    if servers.len() >= MOST_SERVERS {
        servers.retain(|_, known| !known.is_over());
    }
    let host = lab.host(name).ok_or_else(|| format!("the lab has no host {name}"))?;
    let failed = |error| format!("the lab cannot listen for {name}: {error}");
    let door = door.server(lab, name).map_err(failed)?;
    let server = serve(host.clone(), name, stores, pwsh, door, SocketAddr::from(([127, 0, 0, 1], 0)));
    let server = server.await.map_err(failed)?;
    let address = server.address();
    servers.insert(name.to_owned(), Dialled { server, commands: 0 });
    Ok(address)
}

/// Starts the WS-Man server of one lab host.
async fn serve(
    host: Arc<LabHost>,
    name: &str,
    stores: &Stores,
    pwsh: Option<&Pwsh>,
    (https, also): (Option<Issued>, AlsoIn),
    listen: SocketAddr,
) -> std::io::Result<WsManServer> {
    let account = |domain: &str| -> std::io::Result<Account> {
        let password = stores.value(&operator()).map_err(std::io::Error::other)?;
        Ok(Account { domain: domain.to_owned(), user: USER.1.to_owned(), password })
    };
    let powershell = pwsh.map(|pwsh| pwsh.powershell(&host));
    let settings = Settings { listen, powershell, https, also, ..Settings::new(&name.to_uppercase()) };
    WsManServer::bind(host, Arc::new(Accounts(vec![account(USER.0)?, account("")?])), settings).await
}

/// The address of a host's SQL Server, started where it does not run yet.
async fn dial_sql(lab: &Lab, servers: &Mutex<SqlServers>, stores: &Stores, name: &str) -> Result<SocketAddr, String> {
    let mut servers = servers.lock().await;
    if let Some(known) = servers.get(name) {
        return Ok(known.address());
    }
    let host = lab.host(name).ok_or_else(|| format!("the lab has no host {name}"))?;
    let server = serve_sql(lab, host, stores, SocketAddr::from(([127, 0, 0, 1], 0))).await;
    let server = server
        .map_err(|error| format!("the lab cannot listen for the SQL Server of {name}: {error}"))?
        .ok_or_else(|| {
            format!("{name} has no SQL Server in the lab; in the inventory: lab: {{ sql: {{ version: \"2019\" }} }}")
        })?;
    let address = server.address();
    servers.insert(name.to_owned(), server);
    Ok(address)
}

/// Starts the TDS server of one lab host; `None` where the host has no SQL Server. The operator is a sysadmin there.
async fn serve_sql(
    lab: &Lab,
    host: &LabHost,
    stores: &Stores,
    listen: SocketAddr,
) -> std::io::Result<Option<TdsServer>> {
    let Some(instance) = host.sql().map_err(std::io::Error::other)? else { return Ok(None) };
    let password = stores.value(&operator()).map_err(std::io::Error::other)?;
    instance.declare_operator(USER.1, &password).map_err(std::io::Error::other)?;
    TdsServer::bind(instance, &lab.authority()?, Encryption::Offered, listen).await.map(Some)
}

/// What a host of the inventory is in the lab.
fn spec(host: &Host) -> HostSpec {
    let windows = host.lab.windows.as_deref().unwrap_or("2019");
    let hinted = host.lab.sql.as_ref().map(|hint| SqlSpec {
        version: hint.version.clone(),
        edition: Edition::of(&hint.edition).unwrap_or_default(),
        instance: hint.instance.clone(),
    });
    // Of whose SQL Server the inventory says anything, that has one.
    let said = || {
        let instance = Some(host.sql.instance.clone()).filter(|name| !name.is_empty());
        (host.sql != SqlConnection::default()).then(|| SqlSpec { instance, ..SqlSpec::default() })
    };
    HostSpec {
        certificates: host.lab.certificates.clone(),
        folders: host.lab.folders.clone(),
        sql: hinted.or_else(said),
        ..HostSpec::new(&host.name, windows)
    }
}

/// The folder of the lab beside an inventory.
pub fn folder(inventory: &Path) -> PathBuf {
    inventory.parent().unwrap_or(Path::new("")).join(".farmhand").join("lab")
}
