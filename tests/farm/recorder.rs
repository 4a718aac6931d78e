//! A TCP proxy that keeps every byte that passes.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A proxy before a server.
pub struct Recorder {
    pub address: SocketAddr,
    up: Arc<Mutex<Vec<u8>>>,
    down: Arc<Mutex<Vec<u8>>>,
}

impl Recorder {
    pub fn before(server: SocketAddr) -> Recorder {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let recorder = Recorder { address, up: Arc::default(), down: Arc::default() };
        let (all_up, all_down) = (Arc::clone(&recorder.up), Arc::clone(&recorder.down));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A server that is down resets who comes.
                let Ok(server) = TcpStream::connect(server) else { continue };
                let (up, down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (record_up, record_down) = (Arc::clone(&all_up), Arc::clone(&all_down));
                thread::spawn(move || pass(up, server, &record_up));
                thread::spawn(move || pass(down, client, &record_down));
            }
        });
        recorder
    }

    /// All bytes towards the server.
    pub fn up(&self) -> Vec<u8> {
        self.up.lock().unwrap().clone()
    }

    /// All bytes from it.
    pub fn down(&self) -> Vec<u8> {
        self.down.lock().unwrap().clone()
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, seen: &Mutex<Vec<u8>>) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        seen.lock().unwrap().extend_from_slice(&bytes[..read]);
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
