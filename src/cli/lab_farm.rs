//! The simulated farm of `--lab`: a lab host for each host of the inventory, reached over loopback sockets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use tokio::sync::Mutex;

use super::Failure;
use super::lab_engine::LabEngine;
use crate::engine::{Dialling, Place, Reach};
use crate::inventory::Host;
use crate::lab::pwsh::Pwsh;
use crate::lab::sql::tds::{Encryption, TdsServer};
use crate::lab::sql::{Edition, SqlSpec};
use crate::lab::wsman::{Account, Accounts, Settings, WsManServer};
use crate::lab::{HostSpec, Lab, LabHost};
use crate::secret::Stores;
use crate::value::{SecretRef, Store};

/// Who logs in to lab hosts.
pub const USER: (&str, &str) = ("LAB", "operator");

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
}

impl LabFarm {
    /// The lab beside an inventory.
    pub fn open(folder: &Path, hosts: &[Arc<Host>], engine: LabEngine) -> Result<LabFarm, Failure> {
        let specs: Vec<HostSpec> = hosts.iter().map(|host| spec(host)).collect();
        let stores = Arc::new(Stores::lab(folder));
        let pwsh = engine.pwsh()?;
        Ok(LabFarm { lab: Arc::new(Lab::open(folder, &specs)), stores, pwsh, servers: Arc::default() })
    }

    /// The hosts.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Starts the server of one host where it is told to listen.
    pub async fn serve(&self, host: Arc<LabHost>, name: &str, listen: SocketAddr) -> std::io::Result<WsManServer> {
        serve(host, name, &self.stores, self.pwsh.as_deref(), listen).await
    }

    /// Starts the TDS server of one host where it is told to listen; `None` where the host has no SQL Server.
    /// The operator of the lab is a sysadmin there.
    pub async fn serve_sql(&self, host: &LabHost, listen: SocketAddr) -> std::io::Result<Option<TdsServer>> {
        let Some(instance) = host.sql().map_err(std::io::Error::other)? else { return Ok(None) };
        let password = self.stores.value(&operator()).map_err(std::io::Error::other)?;
        instance.declare_operator(USER.1, &password).map_err(std::io::Error::other)?;
        TdsServer::bind(instance, &self.lab.authority()?, Encryption::Offered, listen).await.map(Some)
    }

    /// Ends all servers; they lived on the runtime that dialled them.
    pub fn close(&self) {
        self.servers.blocking_lock().clear();
    }

    /// How each host is reached: its server starts when it is first dialled.
    pub fn reaches(&self) -> BTreeMap<String, Reach> {
        let reach = |name: &str| {
            let (lab, servers, stores) = (Arc::clone(&self.lab), Arc::clone(&self.servers), Arc::clone(&self.stores));
            let (host, own, pwsh) = (name.to_owned(), Arc::clone(&stores), self.pwsh.clone());
            let dial = move || -> Dialling {
                let (lab, servers, stores, pwsh, host) =
                    (Arc::clone(&lab), Arc::clone(&servers), Arc::clone(&stores), pwsh.clone(), host.clone());
                Box::pin(async move { dial(&lab, &servers, &stores, pwsh.as_deref(), &host).await })
            };
            let password = move || own.value(&operator()).map_err(|error| error.to_string());
            Reach {
                place: Place::Dialled(Arc::new(dial)),
                user: format!("{}\\{}", USER.0, USER.1),
                password: Arc::new(password),
            }
        };
        self.lab.hosts().map(|(name, _)| (name.to_owned(), reach(name))).collect()
    }
}

/// The address of a host's server, started where it does not run yet.
async fn dial(
    lab: &Lab,
    servers: &Mutex<Servers>,
    stores: &Stores,
    pwsh: Option<&Pwsh>,
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
    let server = serve(host.clone(), name, stores, pwsh, SocketAddr::from(([127, 0, 0, 1], 0)));
    let server = server.await.map_err(|error| format!("the lab cannot listen for {name}: {error}"))?;
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
    listen: SocketAddr,
) -> std::io::Result<WsManServer> {
    let account = |domain: &str| -> std::io::Result<Account> {
        let password = stores.value(&operator()).map_err(std::io::Error::other)?;
        Ok(Account { domain: domain.to_owned(), user: USER.1.to_owned(), password })
    };
    let powershell = pwsh.map(|pwsh| pwsh.powershell(&host));
    let settings = Settings { listen, powershell, ..Settings::new(&name.to_uppercase()) };
    WsManServer::bind(host, Arc::new(Accounts(vec![account(USER.0)?, account("")?])), settings).await
}

/// What a host of the inventory is in the lab.
fn spec(host: &Host) -> HostSpec {
    let windows = host.lab.windows.as_deref().unwrap_or("2019");
    let sql = host.lab.sql.as_ref().map(|hint| SqlSpec {
        version: hint.version.clone(),
        edition: Edition::of(&hint.edition).unwrap_or_default(),
        instance: hint.instance.clone(),
    });
    HostSpec { certificates: host.lab.certificates.clone(), sql, ..HostSpec::new(&host.name, windows) }
}

/// The folder of the lab beside an inventory.
pub fn folder(inventory: &Path) -> PathBuf {
    inventory.parent().unwrap_or(Path::new("")).join(".farmhand").join("lab")
}
