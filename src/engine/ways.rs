//! The ways to a host: where its machine and its SQL Server are, who logs in there, and by which protocol.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use super::DoorError;
use crate::http::{self, Identity};
use crate::sql::Trust;
use crate::transport::ssh::Jump;
use crate::transport::winrm::Auth;
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
