//! The real door: sessions over the network.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Change, Door, DoorError, Observe};
use crate::hostcall::{Answer, Nonce, Outcome, Read, Write};
use crate::session::{Input, ReadSession, SessionError, Settings, WriteSession};
use crate::transport::winrm::{Account, Target, WinRm};
use crate::transport::{Traffic, Transport};
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

/// Where a host is and who logs in there.
#[derive(Clone)]
pub struct Reach {
    /// Where it is.
    pub place: Place,
    /// Who logs in, such as `CORP\deploy`.
    pub user: String,
    /// Finds the password when a connection is opened.
    pub password: Arc<dyn Fn() -> Result<SecretValue, String> + Send + Sync>,
}

/// Opens sessions over WinRM.
pub struct Sessions {
    hosts: BTreeMap<String, Reach>,
    nonce: Nonce,
    resolve: Resolve,
    /// What hosts turned out to do with input that stays open.
    hints: Mutex<BTreeMap<String, Input>>,
}

impl Sessions {
    /// A door to these hosts, for one run.
    pub fn new(hosts: BTreeMap<String, Reach>, nonce: Nonce, resolve: Resolve) -> Sessions {
        Sessions { hosts, nonce, resolve, hints: Mutex::default() }
    }

    async fn transport(&self, host: &str) -> Result<Transport, DoorError> {
        let unreachable = |why: String| DoorError::Unreachable(why);
        let reach = self.hosts.get(host).ok_or_else(|| unreachable(format!("nothing says how to reach {host}")))?;
        let (address, port) = match &reach.place {
            Place::At(address, port) => (address.clone(), *port),
            Place::Dialled(dial) => {
                let address = dial().await.map_err(unreachable)?;
                (address.ip().to_string(), address.port())
            }
        };
        let password = (reach.password)().map_err(unreachable)?;
        let account = Arc::new(Account::new(&reach.user, password));
        let target = Target { name: host.to_owned(), address, port, account };
        Ok(Transport::WinRm(Box::new(WinRm::new(target))))
    }

    fn settings(&self, host: &str) -> Settings {
        let mut settings = Settings::new(self.nonce.clone());
        let hints = self.hints.lock().unwrap_or_else(PoisonError::into_inner);
        settings.input = hints.get(host).copied().unwrap_or(settings.input);
        settings
    }
}

impl Door for Sessions {
    type Reader = ReadSession;
    type Writer = Writing;

    async fn reader(&self, host: &str) -> Result<ReadSession, DoorError> {
        ReadSession::open(self.transport(host).await?, self.settings(host)).await.map_err(DoorError::from)
    }

    async fn writer(&self, host: &str) -> Result<Writing, DoorError> {
        let session = WriteSession::open(self.transport(host).await?, self.settings(host)).await?;
        Ok(Writing { session, resolve: Arc::clone(&self.resolve) })
    }
}

impl Observe for ReadSession {
    async fn observe(&mut self, reads: &[Read]) -> Result<Vec<Answer>, DoorError> {
        ReadSession::observe(self, reads).await.map_err(DoorError::from)
    }

    async fn close(self) -> Traffic {
        // The work is done; a host that does not say goodbye has lost nothing.
        ReadSession::close(self).await.0
    }
}

/// A writing session with the means to fill in secrets.
pub struct Writing {
    session: WriteSession,
    resolve: Resolve,
}

impl Observe for Writing {
    async fn observe(&mut self, reads: &[Read]) -> Result<Vec<Answer>, DoorError> {
        self.session.observe(reads).await.map_err(DoorError::from)
    }

    async fn close(self) -> Traffic {
        self.session.close().await.0
    }
}

impl Change for Writing {
    async fn change(&mut self, writes: &[Write], then: &[Read]) -> Result<(Vec<Outcome>, Vec<Answer>), DoorError> {
        self.session.change(writes, then, &*self.resolve).await.map_err(DoorError::from)
    }

    fn is_one_process(&self) -> bool {
        self.session.input() == Input::Streamed
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
