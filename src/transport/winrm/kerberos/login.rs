//! The client's side of Kerberos on one connection: the token and its frame, the host's proof, and the seal.

use std::time::SystemTime;

#[cfg(feature = "kinit")]
use super::cached::Cached;
use super::credentials::{self, Credentials};
use super::fetched::Fetched;
use super::krb_error::{self, GENERIC, KrbError, Speaker};
use super::settings::{Kerberos, machine_conf};
use super::{frames, token};
use crate::transport::winrm::account::Account;
use crate::transport::winrm::seal::{Protocol, Sealed};

/// How far the domain's clock may be from this machine's before a refusal mentions it, in seconds.
const NOTABLE_SKEW_SECONDS: u64 = 120;

/// One login on one connection.
pub struct Login {
    state: State,
    spn: String,
    binding: Option<Vec<u8>>,
    /// The token that was sent, to be framed anew where the host takes no bare one.
    sent: Vec<u8>,
    protocol: Protocol,
    /// How far the domain's clock was ahead of this machine's, in seconds.
    domain_ahead_seconds: Option<i64>,
}

enum State {
    /// Nothing has been asked of anybody.
    Ready(Credentials),
    /// The token is made, and the host has not proved itself.
    Begun(Tickets),
    /// Both sides have proved who they are.
    Done(Tickets),
    /// It failed on the way.
    Over,
}

/// Where the tickets came from.
enum Tickets {
    Fetched(Fetched),
    #[cfg(feature = "kinit")]
    Cached(Cached),
}

impl Login {
    /// A login that has not begun, to the host of an address.
    ///
    /// # Errors
    ///
    /// What is lacking for one.
    pub fn new(settings: &Kerberos, account: &Account, address: &str, binding: Option<&[u8]>) -> Result<Login, String> {
        Ok(Login {
            state: State::Ready(credentials::find(settings, account, address, machine_conf())?),
            spn: settings.spn(address),
            binding: binding.map(<[u8]>::to_vec),
            sent: Vec::new(),
            protocol: Protocol::Kerberos,
            domain_ahead_seconds: None,
        })
    }

    /// The scheme of its tokens.
    pub fn scheme(&self) -> &'static str {
        match self.protocol {
            Protocol::Kerberos => "Kerberos",
            Protocol::Spnego => "Negotiate",
        }
    }

    /// How messages are sealed afterwards.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Gets the tickets and makes the token for the host.
    pub async fn first(&mut self) -> Result<Vec<u8>, String> {
        let binding = self.binding.as_deref();
        let (tickets, token) = match std::mem::replace(&mut self.state, State::Over) {
            State::Ready(Credentials::Own(attempts, directory)) => {
                let (begun, ahead_seconds) = Fetched::begin(attempts, &directory, &self.spn, binding).await;
                self.domain_ahead_seconds = ahead_seconds;
                let (fetched, token) = begun?;
                (Tickets::Fetched(fetched), token)
            }
            #[cfg(feature = "kinit")]
            State::Ready(Credentials::Cache(client, realm)) => {
                let (cached, token) = Cached::begin(client, realm, &self.spn, binding).await?;
                (Tickets::Cached(cached), token)
            }
            State::Begun(_) | State::Done(_) | State::Over => return Err("the login has begun already".to_owned()),
        };
        self.state = State::Begun(tickets);
        self.sent.clone_from(&token);
        Ok(token)
    }

    /// The token once more, in SPNEGO's frame, for a host that offers `Negotiate` and no `Kerberos`; once.
    pub fn reframed(&mut self, offers: &[&str]) -> Option<Vec<u8>> {
        let has = |scheme: &str| offers.iter().any(|offer| is_of_scheme(offer, scheme));
        if self.protocol == Protocol::Spnego || has("Kerberos") || !has("Negotiate") {
            return None;
        }
        self.protocol = Protocol::Spnego;
        Some(frames::offer(&std::mem::take(&mut self.sent)))
    }

    /// Whether a host offers the login's scheme.
    pub fn is_offered(&self, offers: &[&str]) -> bool {
        offers.iter().any(|offer| is_of_scheme(offer, self.scheme()))
    }

    /// Takes the host's answer to the token, which shows that it is the host.
    pub async fn accepted(&mut self, token: Option<Vec<u8>>) -> Result<(), String> {
        let unproven = "it accepted the ticket without proving that it is the host itself (no AP-REP); do not go on \
                        before it is known who answers there";
        let token = token.ok_or(unproven)?;
        if let Some(error) = frames::error_inside(&token).and_then(KrbError::parse) {
            return Err(self.explain(&error));
        }
        let reply = match self.protocol {
            Protocol::Kerberos => token,
            Protocol::Spnego => frames::answer(&token)?.ok_or(unproven)?.to_vec(),
        };
        let State::Begun(tickets) = std::mem::replace(&mut self.state, State::Over) else {
            return Err("it accepted a login that was not made".to_owned());
        };
        let finished = match tickets {
            Tickets::Fetched(fetched) => fetched.finish(reply).await.map(Tickets::Fetched),
            #[cfg(feature = "kinit")]
            Tickets::Cached(cached) => cached.finish(reply).await.map(Tickets::Cached),
        };
        let tickets = finished.map_err(|why| format!("its proof that it is the host does not hold: {why}"))?;
        self.state = State::Done(tickets);
        Ok(())
    }

    /// Why the host said no, from the token that came with it.
    pub fn refusal(&self, token: Option<&[u8]>) -> String {
        if let Some(error) = token.and_then(frames::error_inside).and_then(KrbError::parse) {
            return self.explain(&error);
        }
        let clock = self.domain_ahead_seconds.filter(|ahead| ahead.unsigned_abs() > NOTABLE_SKEW_SECONDS);
        let clock = clock
            .map_or(String::new(), |ahead| format!("; the domain's clock is {}", krb_error::ahead_in_words(ahead)));
        format!(
            "the domain gave a ticket for `{spn}` and the host did not take it: the account may lack the right to log on \
             there, the host's clock may be wrong, or the service's name be another account's (setspn -Q {spn}; farmhand \
             explain 'kerberos 41'){clock}",
            spn = self.spn,
        )
    }

    /// What a host's refusal means.
    fn explain(&self, error: &KrbError) -> String {
        let told = error.explain(Speaker::Host, &self.spn, SystemTime::now());
        // Hosts have no code for a login that was bound to another connection than theirs.
        if self.binding.is_some() && error.code == GENERIC {
            return format!(
                "{told}; over HTTPS it is also what a host says when something in between opens the TLS, such as a proxy \
                 that inspects it: go around it"
            );
        }
        told
    }

    /// Seals a message. Its memory is taken and holds ciphertext afterwards.
    pub fn seal(&mut self, message: Vec<u8>) -> Result<Sealed, String> {
        match self.established()? {
            Tickets::Fetched(fetched) => fetched.seal(message),
            #[cfg(feature = "kinit")]
            Tickets::Cached(cached) => cached.seal(&message),
        }
    }

    /// Opens a sealed message and checks its signature. That it answers the latest request is for its reader to check,
    /// by the message's identifier.
    pub fn unseal(&mut self, sealed: Sealed) -> Result<Vec<u8>, String> {
        token::check(&[sealed.header.as_slice(), &sealed.data].concat())?;
        match self.established()? {
            Tickets::Fetched(fetched) => fetched.unseal(sealed),
            #[cfg(feature = "kinit")]
            Tickets::Cached(cached) => cached.unseal(sealed),
        }
    }

    fn established(&mut self) -> Result<&mut Tickets, String> {
        match &mut self.state {
            State::Done(tickets) => Ok(tickets),
            State::Ready(_) | State::Begun(_) | State::Over => Err("nobody is logged in".to_owned()),
        }
    }
}

fn is_of_scheme(offer: &str, scheme: &str) -> bool {
    offer.split([' ', ',']).next().is_some_and(|word| word.eq_ignore_ascii_case(scheme))
}

#[cfg(test)]
mod tests {
    use super::frames::tests::completed;
    use super::*;
    use crate::value::SecretValue;

    /// A login whose token is made, by tickets that nobody gave.
    fn begun() -> Login {
        let settings = Kerberos { realm: Some("FARM.TEST".to_owned()), ..Kerberos::default() };
        let account = Account::new("deploy", SecretValue::new("x".to_owned()));
        let login = Login::new(&settings, &account, "web01.farm.test", None).unwrap();
        Login { state: State::Begun(Tickets::Fetched(Fetched::without_tickets())), sent: b"TICKET".to_vec(), ..login }
    }

    async fn check(token: Option<&[u8]>, spnego: bool, expected: &str) {
        let mut login = begun();
        if spnego {
            login.reframed(&["Negotiate"]).unwrap();
        }
        let why = login.accepted(token.map(<[u8]>::to_vec)).await.unwrap_err();
        assert!(why.contains(expected), "{why:?} lacks {expected:?}");
        assert!(login.seal(b"message".to_vec()).is_err_and(|why| why.contains("nobody is logged in")));
    }

    #[tokio::test]
    async fn a_host_is_believed_for_its_proof_alone() {
        check(None, false, "no AP-REP").await;
        check(None, true, "no AP-REP").await;
        check(Some(&completed(None)), true, "no AP-REP").await;
        for token in [b"AP-REP".as_slice(), &[0x6F, 2, 0x30, 0]] {
            check(Some(token), false, "does not hold").await;
            check(Some(&completed(Some(token))), true, "does not hold").await;
        }
    }

    #[test]
    fn the_token_is_framed_anew_once_and_only_where_it_must_be() {
        for (offers, expected) in [
            (&["Negotiate"][..], true),
            (&["Basic realm=\"x\"", "negotiate"], true),
            (&["Kerberos", "Negotiate"], false),
            (&["Basic realm=\"x\""], false),
            (&[], false),
        ] {
            let mut login = begun();
            let framed = login.reframed(offers);
            assert_eq!(framed, expected.then(|| frames::offer(b"TICKET")), "{offers:?}");
            assert_eq!(login.protocol() == Protocol::Spnego, expected, "{offers:?}");
            assert_eq!(login.reframed(&["Negotiate"]).is_some(), !expected, "{offers:?}");
        }
    }

    /// The library opens what is signed alone, too.
    #[test]
    fn what_is_not_encrypted_is_not_opened() {
        let header = [&[5, 4, 5, 0xFF, 0, 0, 0, 28][..], &[0; 52]].concat();
        let why = begun().unseal(Sealed { header, data: b"<s:Envelope/>".to_vec() }).unwrap_err();
        assert!(why.contains("not encrypted"), "{why}");
    }
}
