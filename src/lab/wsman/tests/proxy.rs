//! A proxy that keeps everything that passes, and can cut a connection in the middle of an exchange.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A proxy before a server.
pub(super) struct Proxy {
    pub address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    up: Vec<u8>,
    down: Vec<u8>,
    replies: usize,
    /// The reply at which the connection is cut instead of passing it on, counted from 1.
    cut_at: Option<usize>,
}

impl Proxy {
    pub async fn new(server: SocketAddr, cut_at: Option<usize>) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen { cut_at, ..Seen::default() }));
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(server).await.unwrap();
                tokio::spawn(pump(client, server, Arc::clone(&shared)));
            }
        });
        Proxy { address, seen }
    }

    /// All bytes towards the host.
    pub fn up(&self) -> Vec<u8> {
        self.seen.lock().unwrap().up.clone()
    }

    /// All bytes from it.
    pub fn down(&self) -> Vec<u8> {
        self.seen.lock().unwrap().down.clone()
    }

    /// How many replies have come from the host.
    pub fn replies(&self) -> usize {
        self.seen.lock().unwrap().replies
    }

    /// Cuts at a reply to come.
    pub fn cut_at(&self, reply: usize) {
        self.seen.lock().unwrap().cut_at = Some(reply);
    }
}

async fn pump(mut client: TcpStream, mut server: TcpStream, seen: Arc<Mutex<Seen>>) {
    let (mut from_client, mut from_server) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(read @ 1..) = read else { return };
                seen.lock().unwrap().up.extend_from_slice(&from_client[..read]);
                if server.write_all(&from_client[..read]).await.is_err() { return }
            }
            read = server.read(&mut from_server) => {
                let Ok(read @ 1..) = read else { return };
                let bytes = &from_server[..read];
                let cut = {
                    let mut seen = seen.lock().unwrap();
                    seen.down.extend_from_slice(bytes);
                    seen.replies += bytes.windows(9).filter(|window| *window == b"HTTP/1.1 ").count();
                    seen.cut_at.is_some_and(|at| seen.replies >= at) && seen.cut_at.take().is_some()
                };
                if cut || client.write_all(bytes).await.is_err() { return }
            }
        }
    }
}
