//! The client's side of an NTLM login, and the sealing that follows from it (MS-NLMP, by the crate `sspi`).

use sspi::{
    AuthIdentityBuffers, BufferType, ClientRequestFlags, DataRepresentation, EncryptionFlags, Ntlm, SecurityBuffer,
    SecurityBufferRef, Sspi, SspiImpl,
};

use super::account::Account;
use super::ntlmssp;
use super::seal::Sealed;

/// NTLM's signature of a message, in bytes.
pub(super) const SIGNATURE_BYTES: usize = 16;

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
        let mut input = [SecurityBuffer::new(token, BufferType::Token)];
        let mut output = [SecurityBuffer::new(Vec::new(), BufferType::Token)];
        let mut builder = self
            .ntlm
            .initialize_security_context()
            .with_credentials_handle(&mut self.credentials)
            .with_context_requirements(ClientRequestFlags::CONFIDENTIALITY | ClientRequestFlags::INTEGRITY)
            .with_target_data_representation(DataRepresentation::Native)
            .with_input(&mut input)
            .with_output(&mut output);
        self.ntlm
            .initialize_security_context_impl(&mut builder)
            .and_then(|mut generator| generator.resolve_to_result())
            .map_err(|error| error.to_string())?;
        let [token] = output;
        Ok(token.buffer)
    }

    /// Seals a message. Its memory is taken and holds ciphertext afterwards.
    pub fn seal(&mut self, mut message: Vec<u8>) -> Result<Sealed, String> {
        let mut header = vec![0; SIGNATURE_BYTES];
        let mut buffers = [SecurityBufferRef::token_buf(&mut header), SecurityBufferRef::data_buf(&mut message)];
        self.ntlm.encrypt_message(EncryptionFlags::empty(), &mut buffers).map_err(|error| error.to_string())?;
        Ok(Sealed { header, data: message })
    }

    /// Opens a sealed message and checks its signature and its place in the order.
    pub fn unseal(&mut self, sealed: Sealed) -> Result<Vec<u8>, String> {
        let Sealed { mut header, mut data } = sealed;
        check_signature(&header)?;
        let mut buffers = [SecurityBufferRef::token_buf(&mut header), SecurityBufferRef::data_buf(&mut data)];
        self.ntlm.decrypt_message(&mut buffers).map_err(|error| error.to_string())?;
        Ok(data)
    }
}

/// Whether a password can be used: the crate would take some for hashes.
pub(super) fn check_password(account: &Account) -> Result<(), String> {
    if account.password().expose().starts_with(HASH_MARK) {
        return Err(format!("a password that starts with `{HASH_MARK}` cannot be used, change it"));
    }
    Ok(())
}

/// Whether a signature is as long as NTLM's are.
pub(super) fn check_signature(header: &[u8]) -> Result<(), String> {
    if header.len() == SIGNATURE_BYTES {
        return Ok(());
    }
    Err(format!("the signature has {} bytes and not {SIGNATURE_BYTES}", header.len()))
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
