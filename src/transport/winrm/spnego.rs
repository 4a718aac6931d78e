//! NTLM inside SPNEGO (RFC 4178, MS-SPNG, by the crate `sspi`), for hosts and proxies that take nothing bare.

use sspi::ntlm::NtlmConfig;
use sspi::{AuthIdentityBuffers, CredentialsBuffers, Negotiate, NegotiateConfig, SecurityStatus};

use super::account::Account;
use super::seal::Sealed;
use super::{context, ntlm, ntlmssp};

/// Length of the head of SEC_CHANNEL_BINDINGS: four numbers for each party's address, then those of the data.
const BINDINGS_HEAD_BYTES: u32 = 32;

/// One login on one connection.
pub struct Login {
    negotiate: Negotiate,
    credentials: Option<CredentialsBuffers>,
    /// SEC_CHANNEL_BINDINGS, where there is TLS to be bound to.
    bindings: Option<Vec<u8>>,
    /// Tokens of the host's that were answered.
    answered: u32,
    done: bool,
}

impl Login {
    /// A login that has not begun.
    pub fn new(account: &Account, binding: Option<&[u8]>) -> Result<Login, String> {
        ntlm::check_password(account)?;
        let credentials = AuthIdentityBuffers::from_utf8(account.user(), account.domain(), account.password().expose());
        // Kerberos has a door of its own; here it would go looking for a KDC by itself.
        let packages = Some("ntlm,!kerberos,!pku2u".to_owned());
        let config = NegotiateConfig::new(Box::new(NtlmConfig::default()), packages, String::new());
        let negotiate = Negotiate::new_client(config).map_err(|error| error.to_string())?;
        let credentials = Some(CredentialsBuffers::AuthIdentity(credentials));
        Ok(Login { negotiate, credentials, bindings: binding.map(channel_bindings), answered: 0, done: false })
    }

    /// Whether a challenge would be answered: one is, once.
    pub fn awaits_challenge(&self) -> bool {
        self.answered == 0
    }

    /// The next token, in answer to the host's; the first one answers nothing. A challenge without sealing is not
    /// answered.
    pub fn step(&mut self, token: Vec<u8>) -> Result<Vec<u8>, String> {
        if !token.is_empty() {
            let mark = b"NTLMSSP\0";
            let at = token.windows(mark.len()).position(|window| window == mark);
            let challenge = at.and_then(|at| token.get(at..)).ok_or("it did not choose NTLM")?;
            ntlmssp::check_strength(challenge, ntlmssp::CHALLENGE)?;
            self.answered += 1;
        }
        self.advance(token)
    }

    /// Takes the token that came when the host accepted: it shows that nobody changed what was offered and chosen.
    pub fn finish(&mut self, token: Option<Vec<u8>>) -> Result<(), String> {
        if self.awaits_challenge() {
            return Err("it accepted a login that was not made".to_owned());
        }
        if !self.done {
            let token = token.ok_or("its acceptance does not vouch for what was agreed on")?;
            self.advance(token)?;
        }
        self.credentials = None;
        if self.done { Ok(()) } else { Err("its acceptance leaves the login unfinished".to_owned()) }
    }

    fn advance(&mut self, token: Vec<u8>) -> Result<Vec<u8>, String> {
        let bindings = self.bindings.as_deref();
        let (status, token) = context::advance(&mut self.negotiate, &mut self.credentials, token, bindings)?;
        self.done = status == SecurityStatus::Ok;
        Ok(token)
    }

    /// Seals a message. Its memory is taken and holds ciphertext afterwards.
    pub fn seal(&mut self, message: Vec<u8>) -> Result<Sealed, String> {
        context::seal(&mut self.negotiate, message)
    }

    /// Opens a sealed message and checks its signature and its place in the order.
    pub fn unseal(&mut self, sealed: Sealed) -> Result<Vec<u8>, String> {
        ntlmssp::check_signature(&sealed)?;
        context::unseal(&mut self.negotiate, sealed)
    }
}

/// SEC_CHANNEL_BINDINGS around application data: no addresses, and where the data is.
pub fn channel_bindings(data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let head = [0, 0, 0, 0, 0, 0, length, BINDINGS_HEAD_BYTES].map(u32::to_le_bytes);
    [head.as_flattened(), data].concat()
}
