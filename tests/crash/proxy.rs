//! A way to a host that kills the program at a message.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// When to kill, shared by the ways to all hosts. A message is all that one side says before the other side does.
#[derive(Default)]
pub struct Kill(Mutex<State>);

#[derive(Default)]
struct State {
    seen: usize,
    at: Option<(usize, u32, Passed)>,
}

/// How much of the message passes before the program is killed.
#[derive(Clone, Copy, Debug)]
pub enum Passed {
    Nothing,
    Half,
    All,
}

impl Kill {
    pub fn arm(&self, message: usize, process: u32, passed: Passed) {
        self.0.lock().unwrap().at = Some((message, process, passed));
    }

    pub fn disarm(&self) {
        *self.0.lock().unwrap() = State::default();
    }

    pub fn seen(&self) -> usize {
        self.0.lock().unwrap().seen
    }

    /// Takes note of a message that is `length` bytes long so far. Where it is the one, as much of it passes as was asked
    /// for, the program is dead when this returns, and so is the connection: `false`.
    fn message(&self, length: usize, pass: impl FnOnce(usize)) -> bool {
        let mut state = self.0.lock().unwrap();
        state.seen += 1;
        let Some((_, process, passed)) = state.at.filter(|(at, _, _)| state.seen == *at) else { return true };
        pass(match passed {
            Passed::Nothing => 0,
            Passed::Half => length / 2,
            Passed::All => length,
        });
        // After its last message the program may be gone before it can be killed; it then ends well, and is not counted.
        Command::new("kill").args(["-9", &process.to_string()]).stderr(Stdio::null()).status().unwrap();
        false
    }
}

/// The way to one host.
pub struct Proxy;

impl Proxy {
    /// Starts it, and gives its port.
    pub fn start(host: u16, kill: Arc<Kill>) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                // A lab that was started anew listens elsewhere; nobody comes here any more.
                let Ok(server) = TcpStream::connect(("127.0.0.1", host)) else { continue };
                let upwards = Arc::new(AtomicBool::new(false));
                let (to_client, to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (kill_up, kill_down, turn) = (Arc::clone(&kill), Arc::clone(&kill), Arc::clone(&upwards));
                std::thread::spawn(move || pump(client, to_server, &kill_up, &upwards, true));
                std::thread::spawn(move || pump(server, to_client, &kill_down, &turn, false));
            }
        });
        port
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, kill: &Kill, upwards: &AtomicBool, up: bool) {
    let mut bytes = vec![0; 256 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        let pass = |length| {
            let _ = to.write_all(&bytes[..length]);
        };
        if upwards.swap(up, Ordering::SeqCst) != up && !kill.message(read, pass) {
            break;
        }
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
