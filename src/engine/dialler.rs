//! Dials a host: finds out where it is, has the passwords found, and opens what is spoken there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::DoorError;
use super::ways::{Over, Password, Reach, Resolve, SshReach, TdsReach, Ways, WinrmReach};
use crate::hostcall::Nonce;
use crate::http::{Proxy, Tls};
use crate::session::{Input, ReadSession, Settings, WriteSession};
use crate::sql::TdsTarget;
use crate::transport::ssh::{self, Kept, Ssh};
use crate::transport::winrm::kerberos::Proof;
use crate::transport::winrm::{Account, Auth, Target, WinRm};
use crate::transport::{Local, Transport};
use crate::value::SecretValue;

/// Dials the hosts of one run.
pub(super) struct Dialler {
    hosts: BTreeMap<String, Ways>,
    nonce: Nonce,
    resolve: Resolve,
    /// What hosts turned out to do with input that stays open.
    hints: Mutex<BTreeMap<String, Input>>,
    /// SSH connections between two sessions with a host.
    kept: Kept,
}

impl Dialler {
    /// For these hosts.
    pub(super) fn new(hosts: BTreeMap<String, Ways>, nonce: Nonce, resolve: Resolve) -> Dialler {
        Dialler { hosts, nonce, resolve, hints: Mutex::default(), kept: Kept::default() }
    }

    /// The ways to a host; the error says that nothing tells how to reach it.
    pub(super) fn ways(&self, host: &str) -> Result<Ways, DoorError> {
        let ways = self.hosts.get(host).cloned();
        ways.ok_or_else(|| DoorError::Unreachable(format!("nothing says how to reach {host}")))
    }

    /// Starts an agent that can only look.
    pub(super) async fn read(&self, host: &str, reach: &Reach) -> Result<ReadSession, DoorError> {
        ReadSession::open(self.transport(host, reach).await?, self.settings(host)).await.map_err(DoorError::from)
    }

    /// Starts an agent that can look and change.
    pub(super) async fn write(&self, host: &str, reach: &Reach) -> Result<WriteSession, DoorError> {
        WriteSession::open(self.transport(host, reach).await?, self.settings(host)).await.map_err(DoorError::from)
    }

    /// The way to a host's machine, on which nothing has been sent.
    pub(super) async fn transport(&self, host: &str, reach: &Reach) -> Result<Transport, DoorError> {
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
