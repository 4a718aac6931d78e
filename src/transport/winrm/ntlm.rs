//! The client's side of an NTLM login, and the sealing that follows from it (MS-NLMP, by the crate `sspi`).

use sspi::{AuthIdentityBuffers, Ntlm};

use super::account::Account;
use super::seal::Sealed;
use super::{context, ntlmssp};

/// What the crate `sspi` takes for the beginning of a password's hash and not of a password.
const HASH_MARK: &str = "$NTLM$:";

/// One login on one connection.
pub struct Login {
    ntlm: Ntlm,
    credentials: Option<AuthIdentityBuffers>,
    unusable: Option<String>,
}

impl Login {
    /// A login that has not begun.
    ///
    /// `binding` is the application data that binds it to a TLS connection (RFC 5929).
    pub fn new(account: &Account, binding: Option<&[u8]>) -> Login {
        let credentials = AuthIdentityBuffers::from_utf8(account.user(), account.domain(), account.password().expose());
        let unusable = check_password(account).err();
        let mut ntlm = Ntlm::new();
        if let Some(binding) = binding {
            ntlm.set_channel_bindings(binding);
        }
        Login { ntlm, credentials: Some(credentials), unusable }
    }

    /// The first message: what this side can do.
    pub fn negotiate(&mut self) -> Result<Vec<u8>, String> {
        if let Some(why) = self.unusable.clone() {
            return Err(why);
        }
        self.step(Vec::new())
    }

    /// Whether a challenge would be answered: one is, once.
    pub fn awaits_challenge(&self) -> bool {
        self.credentials.is_some()
    }

    /// The third message: the proof, in answer to a challenge. A challenge without sealing is not answered.
    pub fn authenticate(&mut self, challenge: Vec<u8>) -> Result<Vec<u8>, String> {
        ntlmssp::check_strength(&challenge, ntlmssp::CHALLENGE)?;
        let proof = self.step(challenge)?;
        self.credentials = None;
        Ok(proof)
    }

    fn step(&mut self, token: Vec<u8>) -> Result<Vec<u8>, String> {
        let (_, token) = context::advance(&mut self.ntlm, &mut self.credentials, token, None)?;
        Ok(token)
    }

    /// Seals a message. Its memory is taken and holds ciphertext afterwards.
    pub fn seal(&mut self, message: Vec<u8>) -> Result<Sealed, String> {
        context::seal(&mut self.ntlm, message)
    }

    /// Opens a sealed message and checks its signature and its place in the order.
    pub fn unseal(&mut self, sealed: Sealed) -> Result<Vec<u8>, String> {
        ntlmssp::check_signature(&sealed)?;
        context::unseal(&mut self.ntlm, sealed)
    }
}

/// Whether a password can be used: the crate would take some for hashes.
pub(super) fn check_password(account: &Account) -> Result<(), String> {
    if account.password().expose().starts_with(HASH_MARK) {
        return Err(format!("a password that starts with `{HASH_MARK}` cannot be used, change it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::SecretValue;

    #[test]
    fn a_password_that_reads_as_a_hash_is_not_tried() {
        let first = |password: &str| {
            Login::new(&Account::new("LAB\\operator", SecretValue::new(password.to_owned())), None).negotiate()
        };
        assert!(first("$NTLM$").is_ok());
        let error = first("$NTLM$:a4f49c406510bdcab6824ee7c30fd852").unwrap_err();
        assert!(error.contains("change it") && !error.contains("a4f4"), "{error}");
    }
}
