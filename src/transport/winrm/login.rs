//! The ways to log in, and what each does for the messages after it.
//!
//! A way knows its scheme, its tokens and its seal; the channel carries them and knows none of that. Nothing here
//! decides to do without a seal: over bare HTTP every way seals or is refused.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use super::account::Account;
use super::kerberos::{self, Kerberos};
use super::seal::{Protocol, Sealed};
use super::{ntlm, spnego};

/// `Authorization` of a login by the certificate that TLS has shown (MS-WSMV 2.2.1).
const CERTIFICATE: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual";

/// A way to log in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// NTLM's own messages under `Negotiate`, as Windows' own clients without a domain send them.
    #[default]
    Ntlm,
    /// NTLM inside SPNEGO.
    Negotiate,
    /// The password itself, over TLS alone.
    Basic,
    /// The certificate that TLS has shown.
    Certificate,
    /// Kerberos' tickets, bare under `Kerberos`, or inside SPNEGO where the host offers `Negotiate` alone.
    Kerberos(Arc<Kerberos>),
}

/// What carries a login and the messages after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Bare HTTP: every message is sealed by the login.
    Clear,
    /// TLS, which seals by itself. The login is bound to it by this application data (RFC 5929 4.1), where there is any.
    Tls(Option<Vec<u8>>),
}

impl Wire {
    fn binding(&self) -> Option<&[u8]> {
        match self {
            Wire::Clear => None,
            Wire::Tls(binding) => binding.as_deref(),
        }
    }
}

/// One login on one connection.
pub struct Login {
    way: Way,
    /// How messages are sealed afterwards; `None` where TLS does it.
    sealing: Option<Protocol>,
}

enum Way {
    Ntlm(Box<ntlm::Login>),
    Spnego(Box<spnego::Login>),
    Kerberos(Box<kerberos::Login>),
    /// The header that goes with every request.
    EveryRequest(&'static str, Zeroizing<String>),
}

impl Login {
    /// A login that has not begun, on the host of an address.
    ///
    /// # Errors
    ///
    /// Why it cannot be made over this wire.
    pub fn new(auth: &Auth, account: &Account, address: &str, wire: &Wire) -> Result<Login, String> {
        let sealed = Some(Protocol::Spnego).filter(|_| *wire == Wire::Clear);
        let (way, sealing) = match auth {
            Auth::Ntlm => (Way::Ntlm(Box::new(ntlm::Login::new(account, wire.binding()))), sealed),
            Auth::Negotiate => (Way::Spnego(Box::new(spnego::Login::new(account, wire.binding())?)), sealed),
            Auth::Kerberos(settings) => {
                let login = kerberos::Login::new(settings, account, address, wire.binding())?;
                let sealed = sealed.map(|_| login.protocol());
                (Way::Kerberos(Box::new(login)), sealed)
            }
            Auth::Basic | Auth::Certificate if *wire == Wire::Clear => {
                return Err("this way to log in needs HTTPS; in the inventory: scheme: https".to_owned());
            }
            Auth::Basic => (Way::EveryRequest("Basic", basic(account)), None),
            Auth::Certificate => (Way::EveryRequest("a certificate", Zeroizing::new(CERTIFICATE.to_owned())), None),
        };
        Ok(Login { way, sealing })
    }

    /// The scheme of its tokens in `Authorization` and `WWW-Authenticate`.
    pub fn scheme(&self) -> &'static str {
        match &self.way {
            Way::Ntlm(_) | Way::Spnego(_) => "Negotiate",
            Way::Kerberos(kerberos) => kerberos.scheme(),
            Way::EveryRequest(name, _) => name,
        }
    }

    /// The value of `Authorization` that goes with every request, for ways that exchange no tokens.
    pub fn every_request(&self) -> Option<&str> {
        match &self.way {
            Way::EveryRequest(_, header) => Some(header),
            Way::Ntlm(_) | Way::Spnego(_) | Way::Kerberos(_) => None,
        }
    }

    /// The first token; none for ways that exchange none.
    ///
    /// # Errors
    ///
    /// Why it cannot be made, in words for an operator.
    pub async fn first(&mut self) -> Result<Option<Vec<u8>>, String> {
        match &mut self.way {
            Way::Ntlm(ntlm) => ntlm.negotiate().map(Some),
            Way::Spnego(spnego) => spnego.step(Vec::new()).map(Some),
            Way::Kerberos(kerberos) => kerberos.first().await.map(Some),
            Way::EveryRequest(..) => Ok(None),
        }
    }

    /// Whether a token of the host's in a 401 would be answered; if not, a 401 is a refusal.
    pub fn awaits_challenge(&self) -> bool {
        match &self.way {
            Way::Ntlm(ntlm) => ntlm.awaits_challenge(),
            Way::Spnego(spnego) => spnego.awaits_challenge(),
            Way::Kerberos(_) | Way::EveryRequest(..) => false,
        }
    }

    /// The next token, in answer to the host's.
    ///
    /// # Errors
    ///
    /// What is wrong with the host's token.
    pub fn next(&mut self, challenge: Vec<u8>) -> Result<Vec<u8>, String> {
        match &mut self.way {
            Way::Ntlm(ntlm) => ntlm.authenticate(challenge),
            Way::Spnego(spnego) => spnego.step(challenge),
            Way::Kerberos(_) | Way::EveryRequest(..) => Err("it asks for more than was agreed on".to_owned()),
        }
    }

    /// The same token in another frame, where the host refused and offers no other; once.
    pub fn reframed(&mut self, offers: &[&str]) -> Option<Vec<u8>> {
        match &mut self.way {
            Way::Kerberos(kerberos) => {
                let token = kerberos.reframed(offers)?;
                self.sealing = self.sealing.map(|_| kerberos.protocol());
                Some(token)
            }
            Way::Ntlm(_) | Way::Spnego(_) | Way::EveryRequest(..) => None,
        }
    }

    /// Whether the host offers the login's scheme, as far as the login can go on elsewise.
    pub fn is_offered(&self, offers: &[&str]) -> bool {
        match &self.way {
            Way::Kerberos(kerberos) => kerberos.is_offered(offers),
            Way::Ntlm(_) | Way::Spnego(_) | Way::EveryRequest(..) => true,
        }
    }

    /// Takes in that the host has accepted, and the token that came with it.
    ///
    /// # Errors
    ///
    /// Why it is not the host that was meant, or the login is of no use.
    pub async fn accepted(&mut self, token: Option<Vec<u8>>) -> Result<(), String> {
        match &mut self.way {
            // Who accepts without a challenge has verified nothing, and there is no key to seal with.
            Way::Ntlm(ntlm) if ntlm.awaits_challenge() => Err("it accepted a login that was not made".to_owned()),
            Way::Spnego(spnego) => spnego.finish(token),
            Way::Kerberos(kerberos) => kerberos.accepted(token).await,
            Way::Ntlm(_) | Way::EveryRequest(..) => Ok(()),
        }
    }

    /// How messages are sealed after the login; `None` where TLS does it.
    pub fn sealing(&self) -> Option<Protocol> {
        self.sealing
    }

    /// Seals a message. Its memory is taken and holds ciphertext afterwards.
    ///
    /// # Errors
    ///
    /// Why it cannot.
    pub fn seal(&mut self, message: Vec<u8>) -> Result<Sealed, String> {
        match &mut self.way {
            Way::Ntlm(ntlm) => ntlm.seal(message),
            Way::Spnego(spnego) => spnego.seal(message),
            Way::Kerberos(kerberos) => kerberos.seal(message),
            Way::EveryRequest(..) => Err("this way to log in does not seal".to_owned()),
        }
    }

    /// Opens a sealed message and checks its signature and its place in the order.
    ///
    /// # Errors
    ///
    /// What does not hold.
    pub fn unseal(&mut self, sealed: Sealed) -> Result<Vec<u8>, String> {
        match &mut self.way {
            Way::Ntlm(ntlm) => ntlm.unseal(sealed),
            Way::Spnego(spnego) => spnego.unseal(sealed),
            Way::Kerberos(kerberos) => kerberos.unseal(sealed),
            Way::EveryRequest(..) => Err("this way to log in does not seal".to_owned()),
        }
    }

    /// Why the host says no, from the token that came with it, and what to check.
    pub fn refusal(&self, token: Option<&[u8]>) -> String {
        match &self.way {
            Way::Kerberos(kerberos) => kerberos.refusal(token),
            Way::Ntlm(_) | Way::Spnego(_) | Way::EveryRequest(..) => self.advice().to_owned(),
        }
    }

    /// What to check when the host says no.
    pub fn advice(&self) -> &'static str {
        match &self.way {
            Way::Ntlm(_) | Way::Spnego(_) if self.sealing.is_none() => {
                "check the name and the password, that the account is not locked or expired, and that it may log on over \
                 the network; the login is bound to the certificate that was shown, so where TLS ends at something in \
                 between it is refused too (farmhand explain 401.cbt)"
            }
            Way::Ntlm(_) | Way::Spnego(_) => {
                "check the name and the password, that the account is not locked or expired, and that it may log on over \
                 the network"
            }
            Way::Kerberos(_) => "check that the account may log on over the network",
            Way::EveryRequest("Basic", _) => {
                "check the name and the password; Basic is for accounts of the host itself and must be on there \
                 (winrm set winrm/config/service/auth @{Basic=\"true\"}); accounts of a domain take auth: ntlm or kerberos"
            }
            Way::EveryRequest(..) => {
                "the host must take certificates (winrm set winrm/config/service/auth @{Certificate=\"true\"}), know the \
                 authority of this one for clients, and map it to an account (New-Item WSMan:\\localhost\\ClientCertificate)"
            }
        }
    }

    /// That the host has not taken the login up, by what it offers instead, and what to do.
    pub fn not_offered(&self, offers: &[&str]) -> String {
        let scheme = self.scheme();
        let is_scheme = |offer: &&str| offer.split(' ').next().is_some_and(|it| it.eq_ignore_ascii_case(scheme));
        let advice = match &self.way {
            Way::Ntlm(_) | Way::Spnego(_) if offers.iter().any(is_scheme) => {
                return format!(
                    "it offers {scheme} and sent no challenge, as a host does that takes no NTLM; log in by Kerberos (auth: \
                     kerberos), or see its policy `Network security: Restrict NTLM` and its event log of NTLM"
                );
            }
            Way::Kerberos(_) => "enable Kerberos in its winrm/config/service/auth",
            Way::Ntlm(_) | Way::Spnego(_) => "enable Negotiate in its winrm/config/service/auth",
            Way::EveryRequest(..) => self.advice(),
        };
        let offered = if offers.is_empty() { "nothing".to_owned() } else { offers.join(", ") };
        format!("it offers no {scheme} (it offers: {offered}); {advice}")
    }
}

/// `Basic` with name and password (RFC 7617).
fn basic(account: &Account) -> Zeroizing<String> {
    let pair = Zeroizing::new(format!("{}:{}", account.name(), account.password().expose()));
    Zeroizing::new(format!("Basic {}", *Zeroizing::new(BASE64.encode(pair.as_bytes()))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::SecretValue;

    #[test]
    fn a_host_without_the_scheme_is_told_from_one_that_sends_no_challenge() {
        let account = Account::new("CORP\\ops", SecretValue::new("x".to_owned()));
        let check = |offers: &[&str], says: &str| {
            let login = Login::new(&Auth::Ntlm, &account, "web01", &Wire::Clear).map_err(drop);
            let told = login.map(|login| login.not_offered(offers)).unwrap_or_default();
            assert!(told.starts_with(says), "{told}");
        };
        check(&["Negotiate", "Kerberos"], "it offers Negotiate and sent no challenge");
        check(&["Basic realm=\"WSMAN\""], "it offers no Negotiate (it offers: Basic");
        check(&[], "it offers no Negotiate (it offers: nothing); enable Negotiate");
    }
}
