//! The TDS server of an instance: what SQL Server does on port 1433, on a loopback socket (MS-TDS 7.4).

mod authority;
mod column;
mod connection;
mod login;
mod packet;
mod prelogin;
mod reader;
mod request;
mod token;
mod wrapped;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use native_tls::Identity;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

pub use authority::{Authority, Issued};
pub use prelogin::Encryption;

use super::instance::Instance;
use super::versions::Version;
use crate::lab::faults::Fault;
use crate::lab::listening::Listening;

/// What the connections of a server have in common.
struct Service {
    instance: Instance,
    identity: Identity,
    encryption: Encryption,
    server_name: String,
    version: &'static Version,
    connections: AtomicU64,
}

impl Service {
    fn version(&self) -> &'static Version {
        self.version
    }
}

/// A server that runs until it is dropped.
pub struct TdsServer {
    listening: Listening,
    service: Arc<Service>,
}

impl TdsServer {
    /// Starts a server for an instance. Its certificate is for the host's name, `localhost` and 127.0.0.1.
    ///
    /// # Errors
    /// When the system does not let it listen there, or the instance is broken.
    pub async fn bind(
        instance: Instance,
        authority: &Authority,
        encryption: Encryption,
        listen: SocketAddr,
    ) -> io::Result<TdsServer> {
        let about = instance.about().map_err(io::Error::other)?;
        let names: Vec<&str> = about.names.iter().map(String::as_str).collect();
        let identity = authority.identity(&names)?;
        let service = Arc::new(Service {
            instance,
            identity,
            encryption,
            server_name: about.server_name,
            version: about.version,
            connections: AtomicU64::new(0),
        });
        // The connections end with the task that took them.
        let mut connections = JoinSet::new();
        let (refusing, serving) = (Arc::clone(&service), Arc::clone(&service));
        let refuses = move || refusing.instance.has(Fault::SqlRefuse);
        let listening = Listening::start(listen, refuses, move |stream| take(stream, &serving, &mut connections));
        Ok(TdsServer { listening: listening.await?, service })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// How many connections it has taken.
    pub fn connections(&self) -> u64 {
        self.service.connections.load(Ordering::Relaxed)
    }
}

fn take(stream: TcpStream, service: &Arc<Service>, connections: &mut JoinSet<()>) {
    while connections.try_join_next().is_some() {}
    service.connections.fetch_add(1, Ordering::Relaxed);
    let service = Arc::clone(service);
    connections.spawn(async move {
        if let Err(error) = connection::converse(service, stream).await {
            tracing::debug!(%error, "a connection to the lab's SQL Server ended early");
        }
    });
}

#[cfg(test)]
mod tests;
