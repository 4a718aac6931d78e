//! The listening of a server of the lab, which ends for as long as its host refuses connections.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// How often a host that refuses connections is asked whether it still does.
pub(super) const REFUSAL_POLL: Duration = Duration::from_millis(50);

/// Connections are taken until this is dropped.
pub struct Listening {
    address: SocketAddr,
    task: AbortHandle,
}

impl Listening {
    /// Listens there, port 0 for one that the system chooses, and hands over each connection while nothing refuses it.
    ///
    /// # Errors
    /// When the system does not let it listen there.
    pub async fn start(
        listen: SocketAddr,
        refuses: impl Fn() -> bool + Send + 'static,
        take: impl FnMut(TcpStream) + Send + 'static,
    ) -> io::Result<Listening> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        // A host that refuses does so from the first connection on.
        let listener = Some(listener).filter(|_| !refuses());
        let task = tokio::spawn(accept(listener, address, refuses, take)).abort_handle();
        Ok(Listening { address, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    mut listening: Option<TcpListener>,
    address: SocketAddr,
    refuses: impl Fn() -> bool,
    mut take: impl FnMut(TcpStream),
) {
    loop {
        if refuses() {
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
        let Ok((stream, _)) = accepted else { continue };
        if refuses() {
            // It was asked for since the last connection: the nearest thing to a refusal is a reset.
            let _ = stream.set_zero_linger();
            continue;
        }
        // The client waits for each reply.
        let _ = stream.set_nodelay(true);
        take(stream);
    }
}
