//! The real door: sessions over the network.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use super::two_doors::{Reading, Writing};
use super::{Door, DoorError};
use crate::hostcall::Nonce;
use crate::http::{self, Identity, Proxy, Tls};
use crate::session::{Input, ReadSession, SessionError, Settings, WriteSession};
use crate::sql::{Patience, SqlError, TdsReader, TdsTarget, Trust};
use crate::transport::ssh::{self, Jump, Kept, Ssh};
use crate::transport::winrm::kerberos::Proof;
use crate::transport::winrm::{Account, Auth, Target, WinRm};
use crate::transport::{Local, Transport};
use crate::value::{SecretRef, SecretValue};

/// Finds a secret's value; the error says why there is none.
pub type Resolve = Arc<dyn Fn(&SecretRef) -> Result<SecretValue, String> + Send + Sync>;

/// Where a host is.
#[derive(Clone)]
pub enum Place {
    /// At a name or address and a TCP port.
    At(String, u16),
    /// Where it turns out to be when it is dialled.
    Dialled(Arc<dyn Fn() -> Dialling + Send + Sync>),
}

/// An address that is being found out.
pub type Dialling = Pin<Box<dyn Future<Output = Result<SocketAddr, String>> + Send>>;

/// Where a host's machine is reached and who logs in there.
#[derive(Clone)]
pub struct Reach {
    /// Where it is.
    pub place: Place,
    /// Who logs in, such as `CORP\deploy`.
    pub user: String,
    /// Finds the password when a connection is opened.
    pub password: Password,
    /// By which protocol.
    pub over: Over,
}

/// How a machine is spoken to.
#[derive(Clone)]
pub enum Over {
    /// WinRM.
    WinRm(WinrmReach),
    /// SSH.
    Ssh(SshReach),
    /// It is the machine that farmhand runs on; place and account mean nothing.
    Local,
}

/// What WinRM needs besides an account; bare HTTP and NTLM unless it is told otherwise.
#[derive(Clone, Default)]
pub struct WinrmReach {
    /// By which way the account logs in.
    pub auth: Auth,
    /// How the connection is secured, over HTTPS.
    pub tls: Option<WinrmTls>,
    /// The proxy that it goes by.
    pub proxy: Option<ProxyReach>,
}

/// How WinRM over HTTPS is secured.
#[derive(Clone)]
pub struct WinrmTls {
    /// The name that the host's certificate must be for.
    pub name: String,
    /// Which certificates are trusted.
    pub trust: http::Trust,
    /// Finds the certificate that logs in when a connection is opened.
    pub certificate: Option<FindIdentity>,
}

/// Finds a certificate and its key; the error says why there is none.
pub type FindIdentity = Arc<dyn Fn() -> Result<Identity, String> + Send + Sync>;

/// An HTTP proxy, and who logs in there.
#[derive(Clone)]
pub struct ProxyReach {
    /// A DNS name or an IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Who logs in, and what finds the password.
    pub login: Option<(String, Password)>,
}

/// What SSH needs besides an account.
#[derive(Clone)]
pub struct SshReach {
    /// Whether the account's password may be given.
    pub password: bool,
    /// A private key's file, and what finds the passphrase that opens it.
    pub key: Option<(PathBuf, Option<Password>)>,
    /// Whether the keys of a running SSH agent are tried.
    pub agent: bool,
    /// The file of known host keys, where it is not the user's own.
    pub known_hosts: Option<PathBuf>,
    /// The host by way of which this one is reached.
    pub jump: Option<Jump>,
}

/// Finds a password when a connection is opened; the error says why there is none.
pub type Password = Arc<dyn Fn() -> Result<SecretValue, String> + Send + Sync>;

/// Where a host's SQL Server is and who logs in there.
#[derive(Clone)]
pub struct TdsReach {
    /// Where it is.
    pub place: Place,
    /// The name that its certificate must be for.
    pub certificate_name: String,
    /// Whose certificates are trusted.
    pub trust: Trust,
    /// Who logs in, such as the login `farmhand`.
    pub user: String,
    /// Finds the password when a connection is opened.
    pub password: Password,
}

/// The ways to a host.
#[derive(Clone)]
pub struct Ways {
    /// To the machine itself; `None` for one that is reached for its SQL Server alone.
    pub machine: Option<Reach>,
    /// To its SQL Server.
    pub sql: SqlWay,
}

/// A way to SQL Server.
#[derive(Clone)]
pub enum SqlWay {
    /// The agent on the machine runs T-SQL in this instance; an empty name is that of the default one.
    Machine(String),
    /// T-SQL is sent to SQL Server itself.
    Tds(TdsReach),
}

/// Opens sessions with hosts.
#[derive(Clone)]
pub struct Sessions(Arc<Inner>);

pub(super) struct Inner {
    hosts: BTreeMap<String, Ways>,
    nonce: Nonce,
    resolve: Resolve,
    /// What hosts turned out to do with input that stays open.
    hints: Mutex<BTreeMap<String, Input>>,
    /// SSH connections between two sessions with a host.
    kept: Kept,
}

impl Sessions {
    /// A door to these hosts, for one run.
    pub fn new(hosts: BTreeMap<String, Ways>, nonce: Nonce, resolve: Resolve) -> Sessions {
        Sessions(Arc::new(Inner { hosts, nonce, resolve, hints: Mutex::default(), kept: Kept::default() }))
    }

    /// The way to a host's machine, on which nothing has been sent; `None` for one that is reached for its SQL Server alone.
    ///
    /// # Errors
    ///
    /// Nothing says how to reach it, or a password is not to be had.
    pub async fn transport(&self, host: &str) -> Result<Option<Transport>, DoorError> {
        match &self.ways(host)?.machine {
            Some(reach) => self.0.transport(host, reach).await.map(Some),
            None => Ok(None),
        }
    }

    /// A session with a host's SQL Server itself; `None` for one whose machine runs T-SQL. It connects when it is asked.
    ///
    /// # Errors
    ///
    /// Nothing says how to reach it.
    pub async fn tds(&self, host: &str) -> Result<Option<TdsReader>, DoorError> {
        match &self.ways(host)?.sql {
            SqlWay::Tds(reach) => Ok(Some(TdsReader::new(tds_target(host, reach).await?, Patience::default()))),
            SqlWay::Machine(_) => Ok(None),
        }
    }

    /// The ways to a host.
    ///
    /// # Errors
    ///
    /// Nothing says how to reach it.
    pub fn ways(&self, host: &str) -> Result<Ways, DoorError> {
        let ways = self.0.hosts.get(host).cloned();
        ways.ok_or_else(|| DoorError::Unreachable(format!("nothing says how to reach {host}")))
    }
}

impl Inner {
    /// Starts an agent that can only look.
    pub(super) async fn read(&self, host: &str, reach: &Reach) -> Result<ReadSession, DoorError> {
        ReadSession::open(self.transport(host, reach).await?, self.settings(host)).await.map_err(DoorError::from)
    }

    /// Starts an agent that can look and change.
    pub(super) async fn write(&self, host: &str, reach: &Reach) -> Result<WriteSession, DoorError> {
        WriteSession::open(self.transport(host, reach).await?, self.settings(host)).await.map_err(DoorError::from)
    }

    async fn transport(&self, host: &str, reach: &Reach) -> Result<Transport, DoorError> {
        match &reach.over {
            Over::Local => Ok(Transport::Local(Box::new(Local::new(host)))),
            Over::Ssh(over) => {
                let target = ssh_target(host, reach, over, &self.kept).await?;
                Ok(Transport::Ssh(Box::new(Ssh::new(target))))
            }
            Over::WinRm(over) => Ok(Transport::WinRm(Box::new(WinRm::new(winrm_target(host, reach, over).await?)))),
        }
    }

    /// What gives secrets their values.
    pub(super) fn resolve(&self) -> &Resolve {
        &self.resolve
    }

    fn settings(&self, host: &str) -> Settings {
        let mut settings = Settings::new(self.nonce.clone());
        let hints = self.hints.lock().unwrap_or_else(PoisonError::into_inner);
        settings.input = hints.get(host).copied().unwrap_or(settings.input);
        settings
    }
}

impl Place {
    /// The name or address, and the port.
    ///
    /// # Errors
    ///
    /// It is not to be found out.
    pub async fn find(&self) -> Result<(String, u16), DoorError> {
        match self {
            Place::At(address, port) => Ok((address.clone(), *port)),
            Place::Dialled(dial) => {
                let address = dial().await.map_err(DoorError::Unreachable)?;
                Ok((address.ip().to_string(), address.port()))
            }
        }
    }
}

async fn winrm_target(host: &str, reach: &Reach, over: &WinrmReach) -> Result<Target, DoorError> {
    let (address, port) = reach.place.find().await?;
    let find = |password: &Password| password().map_err(DoorError::Unreachable);
    let password = match &over.auth {
        Auth::Certificate => SecretValue::new(String::new()),
        Auth::Kerberos(kerberos) if kerberos.proof != Proof::Password => SecretValue::new(String::new()),
        Auth::Ntlm | Auth::Negotiate | Auth::Basic | Auth::Kerberos(_) => find(&reach.password)?,
    };
    let mut target = Target::new(host, &address, port, Arc::new(Account::new(&reach.user, password)));
    target.auth = over.auth.clone();
    if let Some(tls) = &over.tls {
        let identity = tls.certificate.as_ref().map(|find| find()).transpose();
        let identity = identity.map_err(DoorError::Unreachable)?;
        target.tls = Some(Tls { name: tls.name.clone(), trust: tls.trust.clone(), identity });
    }
    if let Some(proxy) = &over.proxy {
        let login = match &proxy.login {
            Some((user, password)) => Some((user.clone(), Arc::new(find(password)?))),
            None => None,
        };
        target.proxy = Some(Proxy { host: proxy.host.clone(), port: proxy.port, login });
    }
    Ok(target)
}

async fn ssh_target(host: &str, reach: &Reach, over: &SshReach, kept: &Kept) -> Result<ssh::Target, DoorError> {
    let (address, port) = reach.place.find().await?;
    let find = |password: &Password| password().map_err(DoorError::Unreachable);
    let key = match &over.key {
        Some((path, passphrase)) => {
            Some(ssh::Key { path: path.clone(), passphrase: passphrase.as_ref().map(find).transpose()? })
        }
        None => None,
    };
    Ok(ssh::Target {
        name: host.to_owned(),
        address,
        port,
        user: reach.user.clone(),
        password: over.password.then(|| find(&reach.password)).transpose()?,
        key,
        agent: over.agent,
        known_hosts: over.known_hosts.clone(),
        jump: over.jump.clone(),
        kept: kept.clone(),
    })
}

/// Where an instance turns out to be.
pub(super) async fn tds_target(host: &str, reach: &TdsReach) -> Result<TdsTarget, DoorError> {
    let (address, port) = reach.place.find().await?;
    Ok(TdsTarget {
        name: host.to_owned(),
        address,
        port,
        certificate_name: reach.certificate_name.clone(),
        trust: reach.trust.clone(),
        user: reach.user.clone(),
        password: Arc::clone(&reach.password),
    })
}

impl Door for Sessions {
    type Reader = Reading;
    type Writer = Writing;

    async fn reader(&self, host: &str) -> Result<Reading, DoorError> {
        let mut reading = Reading::new(Arc::clone(&self.0), host, self.ways(host)?);
        reading.open().await?;
        Ok(reading)
    }

    async fn writer(&self, host: &str) -> Result<Writing, DoorError> {
        let mut writing = Writing::new(Arc::clone(&self.0), host, self.ways(host)?);
        writing.open().await?;
        Ok(writing)
    }
}

impl From<SessionError> for DoorError {
    fn from(error: SessionError) -> DoorError {
        match error {
            SessionError::Unknown { .. } => DoorError::Unknown(error.to_string()),
            other => DoorError::Unreachable(other.to_string()),
        }
    }
}

impl From<SqlError> for DoorError {
    fn from(error: SqlError) -> DoorError {
        match error {
            SqlError::Unknown { .. } => DoorError::Unknown(error.to_string()),
            other => DoorError::Unreachable(other.to_string()),
        }
    }
}
