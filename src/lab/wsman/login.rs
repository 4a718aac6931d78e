//! The server's side of an NTLM login, bare or inside SPNEGO, and the sealing that follows from it.
//!
//! `sspi` accepts more than Windows does; each check here answers to one thing it lets pass.

use sspi::ntlm::NtlmConfig;
use sspi::{
    AuthIdentity, BufferType, DataRepresentation, Negotiate, NegotiateConfig, Ntlm, SecurityBuffer, SecurityStatus,
    ServerRequestFlags, Sspi, SspiEx, SspiImpl, Username,
};

use super::accounts::{Account, Accounts};
use super::binding::Hardening;
use super::tls::Secured;
use crate::transport::winrm::seal::Sealed;
use crate::transport::winrm::{self, context, ntlmssp};

/// A login under way on one connection.
pub(super) enum Login {
    /// Nothing has come yet.
    Fresh,
    /// Bare NTLM, challenged.
    Ntlm(Box<Ntlm>),
    /// NTLM inside SPNEGO.
    Spnego(Box<Negotiate>),
}

/// Who is let in, and by which connection.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    /// Who may log in.
    pub accounts: &'a Accounts,
    /// What TLS has shown, where there is TLS.
    pub secured: Option<&'a Secured>,
    /// Whether a login must be bound to it.
    pub hardening: Hardening,
}

/// What a token led to.
pub(super) enum Step {
    /// The client has to answer this.
    Challenge(Vec<u8>, Login),
    /// The client is who it says; the last token for it, where there is one.
    Accepted(Vec<u8>, Sealer),
    /// It is not.
    Denied(String),
}

impl Login {
    /// Takes the client's next token. A first message starts over.
    pub fn step(self, token: Vec<u8>, terms: &Terms<'_>) -> Step {
        let first = token.starts_with(b"NTLMSSP\0\x01\0\0\0");
        let stepped = match self {
            _ if first => challenge(Box::new(Ntlm::new()), token),
            Login::Ntlm(ntlm) => prove(ntlm, token, terms),
            // An application tag: the first token of SPNEGO (RFC 4178 4.2.1).
            Login::Fresh | Login::Spnego(_) if token.first() == Some(&0x60) => {
                spnego(terms.accounts).and_then(|negotiate| negotiation(negotiate, token, terms))
            }
            Login::Spnego(negotiate) => negotiation(negotiate, token, terms),
            Login::Fresh => Err("the login does not begin at its beginning".to_owned()),
        };
        stepped.unwrap_or_else(Step::Denied)
    }
}

fn challenge(mut ntlm: Box<Ntlm>, token: Vec<u8>) -> Result<Step, String> {
    let (_, challenge) = accept(ntlm.as_mut(), token, None)?;
    Ok(Step::Challenge(challenge, Login::Ntlm(ntlm)))
}

fn prove(mut ntlm: Box<Ntlm>, token: Vec<u8>, terms: &Terms<'_>) -> Result<Step, String> {
    let account = claimed(&token, terms.accounts)?;
    if let Some(expected) = terms.hardening.expected(terms.secured, &token)? {
        ntlm.set_channel_bindings(expected);
    }
    let user = account.name();
    let identity = identity(account)?;
    let (status, _) = accept(ntlm.as_mut(), token, None)?;
    if status != SecurityStatus::CompleteNeeded {
        return Err(format!("the login stopped at {status:?}"));
    }
    // Only now is anything verified: until here the proof was merely parsed.
    ntlm.custom_set_auth_identity(identity).map_err(|error| error.to_string())?;
    ntlm.complete_auth_token(&mut []).map_err(|error| error.to_string())?;
    Ok(Step::Accepted(Vec::new(), Sealer { user, context: Context::Ntlm(ntlm) }))
}

fn spnego(accounts: &Accounts) -> Result<Box<Negotiate>, String> {
    let identities = accounts.0.iter().map(identity).collect::<Result<Vec<_>, _>>()?;
    let packages = Some("ntlm,!kerberos,!pku2u".to_owned());
    let config = NegotiateConfig::new(Box::new(NtlmConfig::default()), packages, String::new());
    Negotiate::new_server(config, identities).map(Box::new).map_err(|error| error.to_string())
}

fn negotiation(mut negotiate: Box<Negotiate>, token: Vec<u8>, terms: &Terms<'_>) -> Result<Step, String> {
    let authenticate = inner_authenticate(&token);
    let proof = authenticate.map(|proof| claimed(proof, terms.accounts).map(Account::name)).transpose()?;
    let expected = authenticate.map(|proof| terms.hardening.expected(terms.secured, proof)).transpose()?.flatten();
    let (status, answer) = accept(negotiate.as_mut(), token, expected)?;
    if status != SecurityStatus::Ok {
        return Ok(Step::Challenge(answer, Login::Spnego(negotiate)));
    }
    // Without a mechListMIC a guest would pass with any password, unless the proof is verified once more.
    negotiate.complete_auth_token(&mut []).map_err(|error| error.to_string())?;
    let user = proof.ok_or("the login ended without a proof")?;
    Ok(Step::Accepted(answer, Sealer { user, context: Context::Spnego(negotiate) }))
}

/// The NTLM authentication that a SPNEGO token carries.
fn inner_authenticate(token: &[u8]) -> Option<&[u8]> {
    let mark = b"NTLMSSP\0\x03\0\0\0";
    let at = token.windows(mark.len()).position(|window| window == mark)?;
    token.get(at..)
}

/// The account that an authentication claims, if what it promises is good enough to be looked at.
fn claimed<'a>(authenticate: &[u8], accounts: &'a Accounts) -> Result<&'a Account, String> {
    ntlmssp::check_strength(authenticate, ntlmssp::AUTHENTICATE)?;
    if !ntlmssp::has_integrity_code(authenticate) {
        // The proof is verified through this code alone; without it any password would do.
        return Err("the authentication has no integrity code".to_owned());
    }
    let (user, domain) = ntlmssp::names(authenticate).ok_or("the authentication names nobody")?;
    accounts.find(&domain, &user).ok_or_else(|| format!("there is no account `{domain}\\{user}`"))
}

fn identity(account: &Account) -> Result<AuthIdentity, String> {
    let domain = Some(account.domain.as_str()).filter(|domain| !domain.is_empty());
    let username = Username::new(&account.user, domain).map_err(|error| error.to_string())?;
    Ok(AuthIdentity { username, password: account.password.expose().to_owned().into() })
}

fn accept<C>(context: &mut C, token: Vec<u8>, bound_to: Option<&[u8]>) -> Result<(SecurityStatus, Vec<u8>), String>
where
    C: Sspi + SspiImpl,
    C::CredentialsHandle: Default,
{
    let mut credentials = C::CredentialsHandle::default();
    let mut input = vec![SecurityBuffer::new(token, BufferType::Token)];
    input.extend(bound_to.map(|data| SecurityBuffer::new(winrm::channel_bindings(data), BufferType::ChannelBindings)));
    let mut output = [SecurityBuffer::new(Vec::new(), BufferType::Token)];
    let builder = context
        .accept_security_context()
        .with_credentials_handle(&mut credentials)
        .with_context_requirements(ServerRequestFlags::empty())
        .with_target_data_representation(DataRepresentation::Native)
        .with_input(&mut input)
        .with_output(&mut output);
    let result = context
        .accept_security_context_impl(builder)
        .and_then(|mut generator| generator.resolve_to_result())
        .map_err(|error| error.to_string())?;
    let [token] = output;
    Ok((result.status, token.buffer))
}

/// An accepted login: opens requests and seals replies, in order.
pub(super) struct Sealer {
    user: String,
    context: Context,
}

enum Context {
    Ntlm(Box<Ntlm>),
    Spnego(Box<Negotiate>),
}

impl Sealer {
    /// Who logged in, as `DOMAIN\user`.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Opens a sealed request.
    pub fn unseal(&mut self, sealed: Sealed) -> Result<Vec<u8>, String> {
        ntlmssp::check_signature(&sealed)?;
        match &mut self.context {
            Context::Ntlm(ntlm) => context::unseal(ntlm.as_mut(), sealed),
            Context::Spnego(negotiate) => context::unseal(negotiate.as_mut(), sealed),
        }
    }

    /// Seals a reply.
    pub fn seal(&mut self, data: Vec<u8>) -> Result<Sealed, String> {
        match &mut self.context {
            Context::Ntlm(ntlm) => context::seal(ntlm.as_mut(), data),
            Context::Spnego(negotiate) => context::seal(negotiate.as_mut(), data),
        }
    }
}

#[cfg(test)]
mod tests;
