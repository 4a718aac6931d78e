//! The WS-Management server of a lab host: what a Windows Server's WinRM does, on a loopback socket.
//!
//! Logins are NTLM, bare or in SPNEGO; after them everything is sealed (AllowUnencrypted=false), both as Windows has
//! it out of the box. Over HTTPS, TLS seals, and Basic and certificates can be let in too. A command line that starts farmhand's agent is answered by the model of the host; any other is
//! run by a small emulation of cmd and PowerShell.

mod accounts;
mod agent;
mod binding;
mod child;
mod command;
mod connection;
mod examination;
mod faults;
mod http;
mod login;
mod message;
mod process;
mod service;
mod shell_script;
mod shells;
mod streams;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;

pub use accounts::{Account, Accounts};
pub use binding::Hardening;
pub use child::PowerShell;
pub use shells::Quotas;
pub use streams::agent;

use super::listening::Listening;
use super::sql::tds::Issued;
use super::{Answers, WireFault};
use crate::http::CertificateHash;
use connection::Connection;
use faults::Faults;
use service::{Counters, Service};
use shells::Shells;
use tls::Acceptor;

/// How a server behaves.
#[derive(Clone)]
pub struct Settings {
    /// The computer's name.
    pub computer: String,
    /// Where it listens; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Its quotas.
    pub quotas: Quotas,
    /// The most bytes of a stream that one Receive brings; `None` for as many as fit.
    pub fragment_bytes: Option<usize>,
    /// Whether input reaches a PowerShell only when it ends.
    pub input_at_end: bool,
    /// What runs PowerShell scripts that read input, farmhand's agent above all; `None` for the model of the host.
    pub powershell: Option<PowerShell>,
    /// The certificate of an HTTPS listener; `None` for one of HTTP.
    pub https: Option<Issued>,
    /// What is let in over HTTPS besides NTLM.
    pub also: AlsoIn,
    /// Whether logins over HTTPS must be bound to it (winrm/config/service/auth, CbtHardeningLevel).
    pub hardening: Hardening,
}

/// What is let in over HTTPS besides NTLM; nothing, as Windows has it out of the box.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlsoIn {
    /// Names with their passwords (winrm/config/service/auth, Basic).
    pub basic: bool,
    /// These certificates of clients, each for the account that its name says, as `LAB\\operator`.
    pub certificates: Vec<(CertificateHash, String)>,
}

impl Settings {
    /// A server on loopback that behaves as Windows does out of the box.
    pub fn new(computer: &str) -> Settings {
        Settings {
            computer: computer.to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            quotas: Quotas::default(),
            fragment_bytes: None,
            input_at_end: false,
            powershell: None,
            https: None,
            also: AlsoIn::default(),
            hardening: Hardening::default(),
        }
    }
}

/// What a server has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections taken.
    pub connections: u64,
    /// HTTP requests.
    pub requests: u64,
    /// Logins accepted.
    pub logins: u64,
    /// Processes started.
    pub commands: u64,
    /// Shells open now.
    pub open_shells: usize,
}

/// A server that runs until it is dropped.
pub struct WsManServer {
    listening: Listening,
    service: Arc<Service>,
}

impl WsManServer {
    /// Starts a server for a host.
    ///
    /// # Errors
    ///
    /// The system does not let it listen there.
    pub async fn bind(
        host: Arc<dyn Answers>,
        accounts: Arc<Accounts>,
        settings: Settings,
    ) -> std::io::Result<WsManServer> {
        let listen = settings.listen;
        let shells = Shells::new(settings.quotas);
        let faults = Arc::new(Faults::default());
        let counters = Counters::default();
        let asks = !settings.also.certificates.is_empty();
        let tls = settings.https.as_ref().map(|certificate| Acceptor::new(certificate, asks)).transpose()?;
        let service = Arc::new(Service { host, accounts, settings, shells, faults, counters, tls });
        let (refusing, serving) = (Arc::clone(&service), Arc::clone(&service));
        let refuses = move || refusing.host.wire_fault() == Some(WireFault::Refuse);
        let listening = Listening::start(listen, refuses, move |stream| take(stream, &serving)).await?;
        Ok(WsManServer { listening, service })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// What it has seen.
    pub fn counts(&self) -> Counts {
        self.service.counts()
    }
}

/// Serves a connection in a task of its own: a token that makes a parser panic ends that connection alone.
fn take(stream: TcpStream, service: &Arc<Service>) {
    Counters::add(&service.counters.connections);
    let service = Arc::clone(service);
    tokio::spawn(async move {
        let Some(tls) = service.tls.clone() else { return Connection::new(service, None).run(stream).await };
        match tls.accept(stream).await {
            Ok((stream, secured)) => Connection::new(service, Some(secured)).run(stream).await,
            Err(error) => tracing::debug!(%error, "a handshake came to nothing"),
        }
    });
}

#[cfg(test)]
mod tests;
