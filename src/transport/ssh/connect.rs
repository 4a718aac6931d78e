//! A connection: reached, known, logged in.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use ssh2::{ErrorCode, MethodType, Session};

use super::jump;
use super::known_hosts::{self, KnownHosts, name_of};
use super::login::{LoggedIn, Means, log_in};
use super::target::Target;
use crate::transport::TransportError;

/// How long a host may take to answer the telephone, for each of its addresses.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take over each step until it is known who it is.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(20);
/// How long it may take over a login: Windows asks a domain controller, PAM waits after a wrong password.
const LOGIN_PATIENCE: Duration = Duration::from_secs(45);
/// How long a broken connection may look alive.
const SILENCE: Duration = Duration::from_mins(1);
/// How often a host that is waited for is given a sign of life.
const KEEPALIVE_SECONDS: u32 = 15;

/// Host keys in the order in which they are preferred, without those of SHA-1.
const HOST_KEYS: [&str; 6] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
];

/// Ciphers in the order in which they are preferred: AES-GCM first, which processors do themselves, where libssh2's own
/// ChaCha20 is plain C.
const CIPHERS: &str = "aes256-gcm@openssh.com,aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes192-ctr,\
                       aes128-ctr";

/// Whom a connection is with.
struct Peer<'a> {
    /// Its name in messages.
    host: &'a str,
    address: &'a str,
    port: u16,
    user: &'a str,
}

/// Opens a connection and logs in, by way of a jump host where there is one.
pub(super) fn connect(target: &Target) -> Result<(Session, LoggedIn), TransportError> {
    let known = KnownHosts::read(target.known_hosts.as_deref());
    let known = known.map_err(|why| TransportError::NoWay { host: target.name.clone(), why })?;
    let Target { name, address, port, user, password, key, agent, .. } = target;
    let key = key.as_ref();
    let peer = Peer { host: name, address, port: *port, user };
    let stream = match &target.jump {
        None => dial(&peer)?,
        Some(jump) => {
            let by_way = format!("{} (the jump host of {name})", jump.host);
            let outer = Peer { host: &by_way, address: &jump.host, port: jump.port, user: &jump.user };
            let socket = dial(&outer)?;
            let twin = socket.try_clone().map_err(|error| no_way(&outer, &error.to_string()))?;
            let means = Means { key, agent: *agent, password: None };
            let (session, _) = enter(&outer, &known, socket, &means)?;
            let channel = session.channel_direct_tcpip(address, *port, None).map_err(|error| {
                no_way(&peer, &not_passed_on(&jump.host, &format!("{address}:{port}"), error.message()))
            })?;
            jump::carry(session, channel, twin).map_err(|error| no_way(&peer, &error.to_string()))?
        }
    };
    enter(&peer, &known, stream, &Means { key, agent: *agent, password: password.as_ref() })
}

/// Makes sure who is there, and logs in.
fn enter(
    peer: &Peer,
    known: &KnownHosts,
    stream: TcpStream,
    means: &Means,
) -> Result<(Session, LoggedIn), TransportError> {
    let mut session = Session::new().map_err(|error| no_way(peer, error.message()))?;
    let name = name_of(peer.address, peer.port);
    let preferred = preferred(&known.kinds(&name));
    let methods = [(MethodType::HostKey, &*preferred), (MethodType::CryptCs, CIPHERS), (MethodType::CryptSc, CIPHERS)];
    for (method, preferred) in methods {
        session.method_pref(method, preferred).map_err(|error| no_way(peer, error.message()))?;
    }
    session.set_timeout(milliseconds(HANDSHAKE_PATIENCE));
    session.set_tcp_stream(stream);
    session.handshake().map_err(|error| no_way(peer, &no_handshake(&error)))?;
    let key = session.host_key().map(|(key, _)| key.to_owned()).unwrap_or_default();
    known_hosts::trust(known, peer.host, &name, &key)?;
    session.set_timeout(milliseconds(LOGIN_PATIENCE));
    let logged_in = log_in(&session, peer.user, means).map_err(|why| TransportError::Login {
        host: peer.host.to_owned(),
        user: peer.user.to_owned(),
        why,
    })?;
    session.set_keepalive(true, KEEPALIVE_SECONDS);
    Ok((session, logged_in))
}

/// A TCP connection to the first address that answers.
fn dial(peer: &Peer) -> Result<TcpStream, TransportError> {
    let Peer { address, port, .. } = *peer;
    let addresses = (address, port).to_socket_addrs().map_err(|error| {
        no_way(
            peer,
            &format!("the name `{address}` cannot be resolved ({error}); check it, and the DNS of this machine"),
        )
    })?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_PATIENCE) {
            Ok(stream) => {
                watch(&stream).map_err(|error| no_way(peer, &error.to_string()))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    let why = match last.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!(
                "{address}:{port} refused the connection; check the port, and that sshd runs there (Get-Service sshd)"
            )
        }
        io::ErrorKind::TimedOut => format!(
            "{address}:{port} did not answer within {} s; check that the host is up and that no firewall stands between",
            CONNECT_PATIENCE.as_secs()
        ),
        _ => format!("{address}:{port}: {last}"),
    };
    Err(no_way(peer, &why))
}

/// Has the system notice when the other side is gone without a word.
fn watch(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(SILENCE / 2).with_interval(SILENCE / 6))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(SILENCE))?;
    Ok(())
}

/// The kinds of host keys to ask for: first those that the host is known by, as else a host with several keys would
/// show one that nobody knows.
fn preferred(known: &[String]) -> String {
    let of_known =
        |kind: &&str| known.iter().any(|known| known == kind || (known == "ssh-rsa" && kind.starts_with("rsa-")));
    let (first, rest): (Vec<&str>, Vec<&str>) = HOST_KEYS.iter().partition(|kind| of_known(kind));
    [first, rest].concat().join(",")
}

/// Why a jump host opens no way to another, and what to do (RFC 4254, 5.1, has the reasons).
fn not_passed_on(jump: &str, place: &str, said: &str) -> String {
    let advice = if said.contains("prohibited") {
        format!("sshd on {jump} forbids it: AllowTcpForwarding, PermitOpen and DisableForwarding in its sshd_config")
    } else if said.contains("connect failed") {
        format!(
            "seen from {jump} nobody answers there: check the address and the port, and the firewall between the two"
        )
    } else {
        format!("look at the log of sshd on {jump}")
    };
    format!("{jump} does not reach {place} ({said}); {advice}")
}

fn no_handshake(error: &ssh2::Error) -> String {
    match error.code() {
        // LIBSSH2_ERROR_TIMEOUT, also what a banner of anything else comes to.
        ErrorCode::Session(-9) => format!(
            "what listens there said nothing of SSH within {} s; check the port, and that sshd there is not overloaded",
            HANDSHAKE_PATIENCE.as_secs()
        ),
        // LIBSSH2_ERROR_KEX_FAILURE, LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE, LIBSSH2_ERROR_METHOD_NONE.
        ErrorCode::Session(-5 | -8 | -17) => format!(
            "the two have no algorithm in common ({}); farmhand takes none with SHA-1, so an old SSH server must be renewed",
            error.message()
        ),
        // LIBSSH2_ERROR_BANNER_RECV, LIBSSH2_ERROR_SOCKET_DISCONNECT.
        ErrorCode::Session(-2 | -13 | -43) => {
            format!("what listens there does not talk SSH, or hung up ({}); check the port", error.message())
        }
        _ => format!("it broke off before it said who it is ({})", error.message()),
    }
}

fn no_way(peer: &Peer, why: &str) -> TransportError {
    TransportError::NoWay { host: peer.host.to_owned(), why: why.to_owned() }
}

/// A time as libssh2 takes it.
pub(super) fn milliseconds(patience: Duration) -> u32 {
    u32::try_from(patience.as_millis()).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_host_that_refuses_is_told_from_one_that_finds_nobody() {
        let check = |said: &str, says: &str| {
            let told = not_passed_on("jump01", "web01:22", said);
            assert!(told.starts_with("jump01 does not reach web01:22") && told.contains(says), "{told}");
        };
        check("Channel open failure (administratively prohibited)", "; sshd on jump01 forbids it: AllowTcpForwarding");
        check("Channel open failure (connect failed)", "; seen from jump01 nobody answers there");
        check("Channel open failure", "; look at the log");
    }

    #[test]
    fn silence_and_another_language_each_have_their_words() {
        let check = |code: i32, says: &str| {
            let told = no_handshake(&ssh2::Error::new(ErrorCode::Session(code), "x"));
            assert!(told.contains(says) && told.contains("; "), "{told}");
        };
        check(-9, "said nothing of SSH within 20 s; check the port");
        check(-13, "does not talk SSH");
        check(-5, "no algorithm in common");
    }

    #[test]
    fn a_host_is_asked_first_for_the_key_that_it_is_known_by() {
        let check = |known: &[&str], first: &str| {
            let known: Vec<String> = known.iter().map(|kind| (*kind).to_owned()).collect();
            let preferred = preferred(&known);
            assert!(preferred.starts_with(first) && preferred.split(',').count() == HOST_KEYS.len(), "{preferred}");
        };
        check(&[], "ssh-ed25519,ecdsa");
        check(&["ssh-rsa"], "rsa-sha2-512,rsa-sha2-256,ssh-ed25519");
        check(&["ecdsa-sha2-nistp384"], "ecdsa-sha2-nistp384,ssh-ed25519");
    }
}
