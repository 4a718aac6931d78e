//! The simulated farm of `--lab`: a lab host for each host of the inventory, reached over loopback sockets.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use indexmap::IndexMap;
use tokio::sync::Mutex;

use super::Failure;
use crate::engine::{Dialling, Place, Reach};
use crate::inventory::Host;
use crate::lab::pwsh::{Pwsh, PwshError};
use crate::lab::wsman::{Account, Accounts, Settings, WsManServer};
use crate::lab::{HostSpec, Lab, LabHost};
use crate::value::SecretValue;

/// Who logs in to lab hosts.
pub const USER: (&str, &str) = ("LAB", "operator");

/// Servers that are kept open at a time: each takes a socket, and systems count those.
const MOST_SERVERS: usize = 256;

/// What answers for the lab's hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LabEngine {
    /// The lab's own model of Windows
    #[default]
    Lab,
    /// The agent itself, run by the PowerShell 7 on PATH over the same model
    Pwsh,
}

impl LabEngine {
    /// The PowerShell that the engine needs.
    fn pwsh(self) -> Result<Option<Arc<Pwsh>>, Failure> {
        if self == LabEngine::Lab {
            return Ok(None);
        }
        Pwsh::find().map(|pwsh| Some(Arc::new(pwsh))).map_err(|error| match error {
            PwshError::Missing => Failure::input(error.to_string())
                .hint("install PowerShell 7 (https://aka.ms/powershell), or add its folder to PATH")
                .hint("leave out `--lab-engine`: the lab's own engine needs no PowerShell"),
            PwshError::SetUp(_) => Failure::work(error),
        })
    }
}

/// A lab that runs in this process.
pub struct LabFarm {
    lab: Arc<Lab>,
    pwsh: Option<Arc<Pwsh>>,
    password: Arc<str>,
    servers: Arc<Mutex<IndexMap<String, WsManServer>>>,
}

impl LabFarm {
    /// The lab beside an inventory.
    pub fn open(folder: &Path, hosts: &[Arc<Host>], engine: LabEngine) -> Result<LabFarm, Failure> {
        let specs: Vec<HostSpec> = hosts.iter().map(|host| spec(host)).collect();
        let pwsh = engine.pwsh()?;
        let password = password(folder).map_err(Failure::work)?.into();
        Ok(LabFarm { lab: Arc::new(Lab::open(folder, &specs)), pwsh, password, servers: Arc::default() })
    }

    /// The hosts.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Starts the server of one host where it is told to listen.
    pub async fn serve(&self, host: Arc<LabHost>, name: &str, listen: SocketAddr) -> std::io::Result<WsManServer> {
        serve(host, name, &self.password, self.pwsh.as_deref(), listen).await
    }

    /// How each host is reached: its server starts when it is first dialled.
    pub fn reaches(&self) -> BTreeMap<String, Reach> {
        let reach = |name: &str| {
            let (lab, servers, password, pwsh) =
                (Arc::clone(&self.lab), Arc::clone(&self.servers), Arc::clone(&self.password), self.pwsh.clone());
            let (host, secret) = (name.to_owned(), Arc::clone(&password));
            let dial = move || -> Dialling {
                let (lab, servers, password, pwsh, host) =
                    (Arc::clone(&lab), Arc::clone(&servers), Arc::clone(&password), pwsh.clone(), host.clone());
                Box::pin(async move { dial(&lab, &servers, &password, pwsh.as_deref(), &host).await })
            };
            let password = move || Ok(SecretValue::new(secret.as_ref().to_owned()));
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
    servers: &Mutex<IndexMap<String, WsManServer>>,
    password: &str,
    pwsh: Option<&Pwsh>,
    name: &str,
) -> Result<SocketAddr, String> {
    let mut servers = servers.lock().await;
    if let Some(server) = servers.get(name) {
        return Ok(server.address());
    }
    if servers.len() >= MOST_SERVERS {
        servers.retain(|_, server| server.counts().open_shells > 0);
    }
    let host = lab.host(name).ok_or_else(|| format!("the lab has no host {name}"))?;
    let server = serve(host.clone(), name, password, pwsh, SocketAddr::from(([127, 0, 0, 1], 0)));
    let server = server.await.map_err(|error| format!("the lab cannot listen for {name}: {error}"))?;
    let address = server.address();
    servers.insert(name.to_owned(), server);
    Ok(address)
}

/// Starts the WS-Man server of one lab host.
async fn serve(
    host: Arc<LabHost>,
    name: &str,
    password: &str,
    pwsh: Option<&Pwsh>,
    listen: SocketAddr,
) -> std::io::Result<WsManServer> {
    let account = |domain: &str| Account {
        domain: domain.to_owned(),
        user: USER.1.to_owned(),
        password: SecretValue::new(password.to_owned()),
    };
    let powershell = pwsh.map(|pwsh| pwsh.powershell(&host));
    let settings = Settings { listen, powershell, ..Settings::new(&name.to_uppercase()) };
    WsManServer::bind(host, Arc::new(Accounts(vec![account(USER.0), account("")])), settings).await
}

/// What a host of the inventory is in the lab.
fn spec(host: &Host) -> HostSpec {
    HostSpec::new(&host.name, host.lab_windows.as_deref().unwrap_or("2019"))
}

/// The folder of the lab beside an inventory.
pub fn folder(inventory: &Path) -> PathBuf {
    inventory.parent().unwrap_or(Path::new("")).join(".farmhand").join("lab")
}

/// The password of the lab's operator, made once.
fn password(folder: &Path) -> anyhow::Result<String> {
    let path = folder.join("operator.password");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let password = crate::engine::nonce().context("the system has no randomness to give")?.0;
            fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
            fs::write(&path, &password).with_context(|| format!("{} cannot be written", path.display()))?;
            Ok(password)
        }
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}
