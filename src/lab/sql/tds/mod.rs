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
use std::time::Duration;

use native_tls::Identity;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

pub use authority::{Authority, Issued};
pub use prelogin::Encryption;

use super::instance::Instance;
use super::versions::Version;
use crate::lab::faults::Fault;

/// How often a server that refuses connections looks whether it still does.
const REFUSAL_POLL: Duration = Duration::from_millis(50);

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
    address: SocketAddr,
    service: Arc<Service>,
    task: AbortHandle,
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
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let service = Arc::new(Service {
            instance,
            identity,
            encryption,
            server_name: about.server_name,
            version: about.version,
            connections: AtomicU64::new(0),
        });
        let task = tokio::spawn(accept(listener, address, Arc::clone(&service))).abort_handle();
        Ok(TdsServer { address, service, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections it has taken.
    pub fn connections(&self) -> u64 {
        self.service.connections.load(Ordering::Relaxed)
    }
}

impl Drop for TdsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, address: SocketAddr, service: Arc<Service>) {
    let mut listening = Some(listener);
    // The connections end with the task that took them.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if service.instance.has(Fault::SqlRefuse) {
            // Without a listener the system itself refuses.
            listening = None;
            tokio::time::sleep(REFUSAL_POLL).await;
            continue;
        }
        let listener = match listening.take() {
            Some(listener) => listener,
            None => match TcpListener::bind(address).await {
                Ok(listener) => listener,
                Err(error) => {
                    tracing::warn!(%address, %error, "cannot listen again");
                    tokio::time::sleep(REFUSAL_POLL).await;
                    continue;
                }
            },
        };
        let accepted = listener.accept().await;
        listening = Some(listener);
        if let Ok((stream, _)) = accepted {
            take(stream, &service, &mut connections);
        }
    }
}

fn take(stream: TcpStream, service: &Arc<Service>, connections: &mut JoinSet<()>) {
    if service.instance.has(Fault::SqlRefuse) {
        // It was asked for since the last connection: the nearest thing to a refusal is a reset.
        let _ = stream.set_zero_linger();
        return;
    }
    service.connections.fetch_add(1, Ordering::Relaxed);
    // The client waits for each reply.
    let _ = stream.set_nodelay(true);
    let service = Arc::clone(service);
    connections.spawn(async move {
        if let Err(error) = connection::converse(service, stream).await {
            tracing::debug!(%error, "a connection to the lab's SQL Server ended early");
        }
    });
}

#[cfg(test)]
mod tests;
