//! Where what stands in for Windows asks the lab: a socket on loopback, one request a connection.
//!
//! A request is a line with the key of a host, 64 hexadecimal digits known to that host's processes alone, and a line
//! with a [`WindowsCall`] as JSON; the reply is XML, see [`super::markup`]. It carries the passwords of lab accounts in
//! clear, so a key that is not known gets no answer at all.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::markup;
use crate::hostcall::{Refusal, RefusalCode};
use crate::lab::LabHost;
use crate::lab::windows::WindowsCall;

/// The longest request that is read.
const MAX_REQUEST_BYTES: u64 = 64 * 1024 * 1024;
/// How long a connection may say nothing.
const PATIENCE: Duration = Duration::from_secs(30);

type Hosts = Arc<Mutex<HashMap<String, Arc<LabHost>>>>;

/// The open door. It shuts when it is dropped.
pub struct Door {
    address: SocketAddr,
    hosts: Hosts,
    shut: Arc<AtomicBool>,
}

impl Door {
    /// Opens a door for no host yet.
    ///
    /// # Errors
    /// When the system does not let it listen.
    pub fn open() -> std::io::Result<Door> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let door = Door { address: listener.local_addr()?, hosts: Hosts::default(), shut: Arc::default() };
        let (hosts, shut) = (Arc::clone(&door.hosts), Arc::clone(&door.shut));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shut.load(Ordering::Relaxed) {
                    break;
                }
                let hosts = Arc::clone(&hosts);
                if let Ok(stream) = stream {
                    // A host's own lock lets one call at a time through.
                    thread::spawn(move || serve(&stream, &hosts));
                }
            }
        });
        Ok(door)
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets a host's processes in; gives the key that they bring.
    pub fn admit(&self, host: Arc<LabHost>) -> String {
        let mut bytes = [0; 32];
        if getrandom::fill(&mut bytes).is_err() {
            // Without randomness nothing here is safe to open; a host without a key is refused everything.
            return String::new();
        }
        let key = crate::agent::hexadecimal(&bytes);
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), host);
        key
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.shut.store(true, Ordering::Relaxed);
        // Whoever waits for a connection gets one, and sees that it was the last.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(mut stream: &TcpStream, hosts: &Hosts) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let mut reader = BufReader::new(stream.take(MAX_REQUEST_BYTES));
    let (mut key, mut request) = (String::new(), String::new());
    if reader.read_line(&mut key).is_err() {
        return;
    }
    let host = hosts.lock().unwrap_or_else(PoisonError::into_inner).get(key.trim_end()).cloned();
    let Some(host) = host else { return };
    if reader.read_line(&mut request).is_err() {
        return;
    }
    let answer = match serde_json::from_str::<WindowsCall>(&request) {
        Ok(call) => host.windows(&call).unwrap_or_else(|error| json!({ "refused": Refusal::from(error) })),
        Err(error) => {
            // The request may hold a password, and the parser's words may quote it.
            let text = format!("a stand-in for Windows asked what the lab does not know (column {})", error.column());
            json!({ "refused": Refusal { code: RefusalCode::Failed, text, hresult: None } })
        }
    };
    let _ = stream.write_all(markup::of(&answer).as_bytes());
}
