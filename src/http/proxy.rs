//! Going by way of an HTTP proxy (`CONNECT`, RFC 9110 9.3.6).
//!
//! The proxy is a pipe from then on, so a login keeps its connection, and what passes is sealed by TLS or by the login.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

use crate::value::SecretValue;

/// More than any proxy writes in front of what it lets through.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// A proxy.
#[derive(Clone)]
pub struct Proxy {
    /// A DNS name or an IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Who logs in to it, by Basic, and the password.
    pub login: Option<(String, Arc<SecretValue>)>,
}

/// Why the proxy lets nothing through.
#[derive(Debug)]
pub enum Refusal {
    /// It said so; in words, with what to do.
    Said(String),
    /// The connection to it broke.
    Broken(std::io::Error),
}

/// Asks a proxy for a way to `target`, `host:port`.
pub async fn connect<S>(proxy: &Proxy, target: &str, stream: &mut S) -> Result<(), Refusal>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let login = proxy.login.as_ref().map(|(user, password)| {
        let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
        let pair = Zeroizing::new(BASE64.encode(pair.as_bytes()));
        Zeroizing::new(format!("Proxy-Authorization: Basic {}\r\n", *pair))
    });
    let login = login.as_ref().map_or("", |login| login.as_str());
    let request = Zeroizing::new(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{login}\r\n"));
    stream.write_all(request.as_bytes()).await.map_err(Refusal::Broken)?;
    stream.flush().await.map_err(Refusal::Broken)?;
    // Byte by byte: what follows the head is no longer the proxy's.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_HEAD_BYTES {
        head.push(stream.read_u8().await.map_err(Refusal::Broken)?);
    }
    let head = String::from_utf8_lossy(&head);
    let line = head.lines().next().unwrap_or_default();
    let mut words = line.splitn(3, ' ');
    let (version, status) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    match status.parse::<u16>() {
        Ok(200..=299) if version.starts_with("HTTP/1.") => Ok(()),
        Ok(status) if version.starts_with("HTTP/1.") => {
            let offered = head.lines().filter_map(|line| line.split_once(':'));
            let offered = offered.filter(|(name, _)| name.eq_ignore_ascii_case("proxy-authenticate"));
            let offered: Vec<&str> = offered.map(|(_, value)| value.trim()).collect();
            Err(Refusal::Said(advice(status, target, proxy.login.is_some(), &offered)))
        }
        _ => Err(Refusal::Said(format!("it does not answer as an HTTP proxy does ({line:?}); check its port"))),
    }
}

/// What a proxy's status means and what to do.
fn advice(status: u16, target: &str, logged_in: bool, offered: &[&str]) -> String {
    let basic = offered.iter().any(|offer| offer.to_ascii_lowercase().starts_with("basic"));
    let what = match (status, logged_in) {
        (407, _) if !basic && !offered.is_empty() => {
            format!(
                "it takes no Basic login, which is all that farmhand has for proxies (it offers: {})",
                offered.join(", ")
            )
        }
        (407, true) => "it refuses the login; check proxy_user and proxy_password".to_owned(),
        (407, false) => {
            "it asks who is there: proxy_user: NAME and proxy_password: \"{{ secret('NAME') }}\"".to_owned()
        }
        (403, _) => format!("it does not let anybody through to {target}; its rules must allow CONNECT to that port"),
        (405, _) => "it is no proxy that knows CONNECT; check the address".to_owned(),
        // tinyproxy says 500, squid 503.
        (500 | 502..=504, _) => {
            format!("it cannot reach {target} itself; check that name and port from where it stands")
        }
        _ => format!("it does not let through to {target}"),
    };
    format!("{what} (HTTP {status})")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(reply: &str, login: bool) -> (Result<(), String>, String) {
        let (mut ours, mut theirs) = tokio::io::duplex(4096);
        theirs.write_all(reply.as_bytes()).await.unwrap();
        let password = Arc::new(SecretValue::new("hunter2".to_owned()));
        let login = login.then(|| ("me".to_owned(), password));
        let proxy = Proxy { host: "proxy".to_owned(), port: 3128, login };
        let answer = connect(&proxy, "web01:5986", &mut ours).await.map_err(|refusal| match refusal {
            Refusal::Said(said) => said,
            Refusal::Broken(error) => error.to_string(),
        });
        let mut asked = vec![0; 4096];
        let length = theirs.read(&mut asked).await.unwrap();
        (answer, String::from_utf8(asked[..length].to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_way_is_asked_for_once_and_by_name() {
        let (answer, asked) = ask("HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n", true).await;
        assert_eq!(answer, Ok(()));
        assert_eq!(
            asked,
            "CONNECT web01:5986 HTTP/1.1\r\nHost: web01:5986\r\nProxy-Authorization: Basic bWU6aHVudGVyMg==\r\n\r\n"
        );
        assert!(!ask("HTTP/1.1 200 OK\r\n\r\n", false).await.1.contains("Authorization"));
    }

    #[tokio::test]
    async fn each_refusal_says_what_to_do() {
        for (reply, login, words) in [
            ("HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n", false, "proxy_user: NAME"),
            ("HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n", true, "check proxy_user"),
            ("HTTP/1.1 407 x\r\nProxy-Authenticate: NTLM\r\n\r\n", true, "it offers: NTLM"),
            ("HTTP/1.1 403 Filtered\r\n\r\n", false, "must allow CONNECT"),
            ("HTTP/1.1 502 Bad Gateway\r\n\r\n", false, "cannot reach web01:5986"),
            ("HTTP/1.0 500 Unable to connect\r\n\r\n", false, "cannot reach web01:5986"),
            ("SSH-2.0-OpenSSH_9.2\r\n\r\n", false, "check its port"),
            ("HTTP/1.1 400 Bad\r\n\r\n", false, "(HTTP 400)"),
        ] {
            let said = ask(reply, login).await.0.unwrap_err();
            assert!(said.contains(words) && !said.contains("hunter2"), "{said}");
        }
    }
}
