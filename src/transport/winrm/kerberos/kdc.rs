//! Key distribution centres: domain controllers, asked over TCP (RFC 4120 7.2.2).

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::der;
use super::krb_error::{KrbError, UNAVAILABLE};
use super::krb5_conf::Krb5Conf;

/// Where KDCs listen.
const PORT: u16 = 88;
/// How long a connection to one may take before the next is tried.
const CONNECT_PATIENCE: Duration = Duration::from_secs(4);
/// How long its answer may take.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
/// The largest answer that is read: tickets of accounts in a thousand groups have 64 KiB.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// One centre.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kdc {
    /// Its DNS name or IP address.
    pub host: String,
    /// Its TCP port.
    pub port: u16,
}

impl Kdc {
    /// A centre as people write one: `dc01.corp.example`, `dc01:1088`, `[2001:db8::1]:88`. `None` for what is none,
    /// such as the address of a proxy.
    pub fn parse(text: &str) -> Option<Kdc> {
        let text = text.trim();
        let text = text.strip_prefix("tcp/").unwrap_or(text);
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            // Two colons and no brackets: an address without a port.
            None if text.matches(':').count() > 1 => (text, None),
            None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Some(PORT), |port| port.parse().ok().filter(|port| *port != 0))?;
        let named = !host.is_empty() && !host.contains(['/', ' ', '@', '\\', ',']);
        named.then(|| Kdc { host: host.to_owned(), port })
    }
}

impl fmt::Display for Kdc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Kdc { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Which centres serve which realm.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// The account's realm.
    pub realm: String,
    /// The centres that the inventory names for it.
    pub named: Vec<Kdc>,
    /// What this machine's configuration knows.
    pub conf: Krb5Conf,
}

impl Directory {
    /// The centres of a realm, in the order in which they are tried.
    pub fn of(&self, realm: &str) -> Vec<Kdc> {
        let own = realm.eq_ignore_ascii_case(&self.realm);
        if own && !self.named.is_empty() {
            return self.named.clone();
        }
        match self.conf.kdcs(realm) {
            // A domain's name leads to its controllers in every Active Directory.
            [] => vec![Kdc { host: realm.to_lowercase(), port: PORT }],
            known => known.to_vec(),
        }
    }

    /// Sends a message, its length before it, to a centre of the realm it is for, and gives the answer in the same
    /// form. The centre that answered is asked first the next time.
    ///
    /// # Errors
    ///
    /// Why none of them answered, and what to do.
    pub async fn ask(&self, message: &[u8], preferred: &mut Option<Kdc>) -> Result<Vec<u8>, String> {
        let realm = realm_of_request(message).unwrap_or_else(|| self.realm.clone());
        let mut kdcs = self.of(&realm);
        if let Some(at) = preferred.as_ref().and_then(|preferred| kdcs.iter().position(|kdc| kdc == preferred)) {
            kdcs[..=at].rotate_right(1);
        }
        let mut failures = Vec::new();
        for kdc in kdcs {
            match exchange(&kdc, message).await {
                Ok(answer) if is_unavailable(&answer) => failures.push(format!("{kdc} cannot serve just now")),
                Ok(answer) => {
                    *preferred = Some(kdc);
                    return Ok(answer);
                }
                Err(why) => failures.push(format!("{kdc} {why}")),
            }
        }
        Err(format!(
            "no domain controller of the realm `{realm}` answers ({}); check that this is the realm, and name its \
             controllers as `kdc:` in the connection or in krb5.conf; TCP port 88 must be open from here",
            failures.join("; ")
        ))
    }
}

async fn exchange(kdc: &Kdc, message: &[u8]) -> Result<Vec<u8>, String> {
    let connect = TcpStream::connect((kdc.host.as_str(), kdc.port));
    let connected = timeout(CONNECT_PATIENCE, connect).await;
    let mut stream = match connected {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(format!("cannot be reached: {}", in_words(&error))),
        Err(_) => return Err(format!("does not answer within {} s", CONNECT_PATIENCE.as_secs())),
    };
    match timeout(ANSWER_PATIENCE, converse(&mut stream, message)).await {
        Ok(Ok(answer)) => Ok(answer),
        // MIT's centre hangs up on realms that it does not serve.
        Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err("hung up without an answer, as one does that does not serve the realm".to_owned())
        }
        Ok(Err(error)) => Err(format!("broke off: {}", in_words(&error))),
        Err(_) => Err(format!("took the request and does not answer within {} s", ANSWER_PATIENCE.as_secs())),
    }
}

async fn converse(stream: &mut TcpStream, message: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(message).await?;
    let mut answer = vec![0; 4];
    stream.read_exact(&mut answer).await?;
    let length = answer.first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > MAX_ANSWER_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its answer is no Kerberos"));
    }
    answer.resize(4 + length, 0);
    stream.read_exact(&mut answer[4..]).await?;
    Ok(answer)
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
        _ => error.to_string(),
    }
}

fn is_unavailable(answer: &[u8]) -> bool {
    answer.get(4..).and_then(KrbError::parse).is_some_and(|error| error.code == UNAVAILABLE)
}

/// The realm that an AS-REQ or a TGS-REQ is for (RFC 4120 5.4.1), its length before it.
fn realm_of_request(message: &[u8]) -> Option<String> {
    let (request, _) = der::take(message.get(4..)?)?;
    let fields = der::inside(request.content, 0x30)?;
    let body = der::inside(der::field(fields, 4)?, 0x30)?;
    let (realm, _) = der::take(der::field(body, 2)?)?;
    String::from_utf8(realm.content.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::super::krb_error::tests::message;
    use super::*;

    #[test]
    fn centres_are_read_as_people_write_them() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(Kdc::parse(text).map(|kdc| kdc.to_string()).as_deref(), expected, "{text}");
        };
        check("dc01.corp.example", Some("dc01.corp.example:88"));
        check(" dc01:1088 ", Some("dc01:1088"));
        check("10.0.0.1", Some("10.0.0.1:88"));
        check("[2001:db8::1]:1088", Some("[2001:db8::1]:1088"));
        check("2001:db8::1", Some("[2001:db8::1]:88"));
        check("tcp/dc01", Some("dc01:88"));
        check("https://proxy/KdcProxy", None);
        check("dc01:port", None);
        check("dc01:0", None);
        check("", None);
    }

    fn with_length(message: &[u8]) -> Vec<u8> {
        [&u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
    }

    fn request(realm: &str) -> Vec<u8> {
        let body = der::wrap(0x30, &[&der::wrap(0xA2, &[&der::wrap(0x1B, &[realm.as_bytes()])])]);
        with_length(&der::wrap(0x6A, &[&der::wrap(0x30, &[&der::wrap(0xA4, &[&body])])]))
    }

    /// A centre that answers every request with the same, or hangs up.
    async fn centre(answer: Option<Vec<u8>>) -> Kdc {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut length = [0; 4];
                stream.read_exact(&mut length).await.unwrap();
                let mut body = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
                stream.read_exact(&mut body).await.unwrap();
                if let Some(answer) = &answer {
                    stream.write_all(answer).await.unwrap();
                }
            }
        });
        Kdc { host: "127.0.0.1".to_owned(), port }
    }

    #[test]
    fn the_realm_of_a_request_decides_whom_to_ask() {
        assert_eq!(realm_of_request(&request("CORP.EXAMPLE")).as_deref(), Some("CORP.EXAMPLE"));
        let mut conf = Krb5Conf::default();
        conf.add("[realms]\nA.EXAMPLE = {\n kdc = a\n}\nB.EXAMPLE = {\n kdc = b\n}\n", &mut |_| Vec::new());
        let named = vec![Kdc::parse("inventory").unwrap()];
        let directory = Directory { realm: "A.EXAMPLE".to_owned(), named, conf };
        let of = |realm: &str| directory.of(realm)[0].to_string();
        assert_eq!(of("A.EXAMPLE"), "inventory:88");
        assert_eq!(of("B.EXAMPLE"), "b:88");
        assert_eq!(of("C.EXAMPLE"), "c.example:88");
    }

    #[tokio::test]
    async fn the_first_centre_that_can_answers_and_is_asked_again() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = Kdc { host: "127.0.0.1".to_owned(), port: free.local_addr().unwrap().port() };
        drop(free);
        let ill = with_length(&message(29, "20261121124956Z", None));
        let well = with_length(&message(25, "20261121124956Z", None));
        let named = vec![closed, centre(None).await, centre(Some(ill)).await, centre(Some(well.clone())).await];
        let directory = Directory { realm: "A.EXAMPLE".to_owned(), named: named.clone(), conf: Krb5Conf::default() };
        let mut preferred = None;
        assert_eq!(directory.ask(&request("A.EXAMPLE"), &mut preferred).await, Ok(well));
        assert_eq!(preferred.as_ref(), named.last());

        let none = Directory { named: named[..3].to_vec(), ..directory };
        let why = none.ask(&request("A.EXAMPLE"), &mut preferred).await.unwrap_err();
        for part in ["realm `A.EXAMPLE`", "nothing listens there", "hung up", "cannot serve just now", "`kdc:`"] {
            assert!(why.contains(part), "{why:?} lacks {part:?}");
        }
    }
}
