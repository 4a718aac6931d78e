//! The server's side of an NTLM login, bare or inside SPNEGO, and the sealing that follows from it.
//!
//! `sspi` accepts more than Windows does; each check here answers to one thing it lets pass.

use sspi::ntlm::NtlmConfig;
use sspi::{
    AuthIdentity, BufferType, DataRepresentation, EncryptionFlags, Negotiate, NegotiateConfig, Ntlm, SecurityBuffer,
    SecurityBufferRef, SecurityStatus, ServerRequestFlags, Sspi, SspiEx, SspiImpl, Username,
};

use super::accounts::{Account, Accounts};
use super::binding::Hardening;
use super::tls::Secured;
use crate::transport::winrm::seal::Sealed;
use crate::transport::winrm::{self, ntlmssp};

const SIGNATURE_BYTES: usize = 16;

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
        let Sealed { mut header, mut data } = sealed;
        if header.len() != SIGNATURE_BYTES {
            return Err("the signature has not 16 bytes".to_owned());
        }
        let mut buffers = [SecurityBufferRef::token_buf(&mut header), SecurityBufferRef::data_buf(&mut data)];
        let opened = match &mut self.context {
            Context::Ntlm(ntlm) => ntlm.decrypt_message(&mut buffers),
            Context::Spnego(negotiate) => negotiate.decrypt_message(&mut buffers),
        };
        opened.map_err(|error| error.to_string())?;
        Ok(data)
    }

    /// Seals a reply.
    pub fn seal(&mut self, mut data: Vec<u8>) -> Result<Sealed, String> {
        let mut header = vec![0; SIGNATURE_BYTES];
        let mut buffers = [SecurityBufferRef::token_buf(&mut header), SecurityBufferRef::data_buf(&mut data)];
        let sealed = match &mut self.context {
            Context::Ntlm(ntlm) => ntlm.encrypt_message(EncryptionFlags::empty(), &mut buffers),
            Context::Spnego(negotiate) => negotiate.encrypt_message(EncryptionFlags::empty(), &mut buffers),
        };
        sealed.map_err(|error| error.to_string())?;
        Ok(Sealed { header, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::winrm::{Account as ClientAccount, ClientLogin, SpnegoClient};
    use crate::value::SecretValue;

    fn account(domain: &str, user: &str, password: &str) -> Account {
        Account { domain: domain.to_owned(), user: user.to_owned(), password: SecretValue::new(password.to_owned()) }
    }

    fn accounts() -> Accounts {
        Accounts(vec![
            account("LAB", "operator", "right"),
            account("LAB", "other", "theirs"),
            account("", "/guest", "x"),
        ])
    }

    fn terms(accounts: &Accounts) -> Terms<'_> {
        Terms { accounts, secured: None, hardening: Hardening::default() }
    }

    /// The proof of a client, and the login that waits for it.
    fn proof(user: &str, password: &str) -> (Vec<u8>, Login) {
        let mut client = ClientLogin::new(&ClientAccount::new(user, SecretValue::new(password.to_owned())), None);
        let Step::Challenge(challenge, login) = Login::Fresh.step(client.negotiate().unwrap(), &terms(&accounts()))
        else {
            panic!("no challenge");
        };
        (client.authenticate(challenge).unwrap(), login)
    }

    fn check_denied(step: Step, why: &str) {
        match step {
            Step::Denied(said) => assert!(said.contains(why), "{said}"),
            Step::Challenge(..) | Step::Accepted(..) => panic!("not denied"),
        }
    }

    #[test]
    fn the_right_password_passes_whatever_the_users_letter_case() {
        for user in ["LAB\\operator", "LAB\\OPERATOR"] {
            let (proof, login) = proof(user, "right");
            let Step::Accepted(_, sealer) = login.step(proof, &terms(&accounts())) else {
                panic!("{user} was not accepted")
            };
            assert_eq!(sealer.user(), "LAB\\operator");
        }
    }

    #[test]
    fn a_password_is_good_for_its_own_account_alone() {
        for (user, password, why) in [
            ("LAB\\operator", "wrong", "credential"),
            ("LAB\\operator", "theirs", "credential"),
            ("LAB\\nobody", "right", "no account"),
            ("lab\\operator", "right", "no account"),
            ("operator", "right", "no account"),
        ] {
            let (proof, login) = proof(user, password);
            check_denied(login.step(proof, &terms(&accounts())), why);
        }
    }

    #[test]
    fn a_proof_without_integrity_code_is_not_looked_at() {
        let (mut proof, login) = proof("LAB\\operator", "wrong");
        // MsvAvFlags, four bytes long, with the bit that promises a code.
        let at = proof.windows(8).position(|window| window == [6, 0, 4, 0, 2, 0, 0, 0]).unwrap();
        proof[at + 4] = 0;
        let Login::Ntlm(mut ntlm) = login else { panic!("not bare NTLM") };
        let copy = Login::Ntlm(ntlm.clone());
        check_denied(copy.step(proof.clone(), &terms(&accounts())), "integrity code");

        // The library by itself takes it, with a wrong password: this is why the check is there.
        accept(ntlm.as_mut(), proof, None).unwrap();
        ntlm.custom_set_auth_identity(identity(&accounts().0[0]).unwrap()).unwrap();
        assert!(ntlm.complete_auth_token(&mut []).is_ok());
    }

    #[test]
    fn weak_promises_are_refused_at_the_login() {
        for (bit, name) in [(5, "sealing"), (19, "extended session security"), (29, "128-bit keys")] {
            let (mut proof, login) = proof("LAB\\operator", "right");
            proof[60 + bit / 8] &= !(1 << (bit % 8));
            check_denied(login.step(proof, &terms(&accounts())), name);
        }
    }

    #[test]
    fn tokens_out_of_order_are_refused() {
        let (proof, _) = proof("LAB\\operator", "right");
        check_denied(Login::Fresh.step(proof, &terms(&accounts())), "beginning");
        check_denied(Login::Fresh.step(Vec::new(), &terms(&accounts())), "beginning");
        check_denied(Login::Fresh.step(b"NTLMSSP\0\x01\0\0\0".to_vec(), &terms(&accounts())), "");
    }

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82, length[0], length[1]], content].concat()
    }

    fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
        der(0x30, &parts.concat())
    }

    /// NegTokenInit with NTLM as the only mechanism.
    fn spnego_first(token: &[u8]) -> Vec<u8> {
        let ntlm = [0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a];
        let parts = [der(0xa0, &sequence(&[ntlm.to_vec()])), der(0xa2, &der(0x04, token))];
        let spnego = vec![0x06, 0x06, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02];
        // Lengths below 128 take one byte in DER, and the reader insists.
        shorten(&der(0x60, &[spnego, der(0xa0, &sequence(&parts))].concat()))
    }

    /// NegTokenResp that says "complete" and holds no mechListMIC.
    fn spnego_last(token: &[u8]) -> Vec<u8> {
        let parts = [der(0xa0, &[0x0a, 0x01, 0x00]), der(0xa2, &der(0x04, token))];
        shorten(&der(0xa1, &sequence(&parts)))
    }

    /// The same DER with each length in its shortest form.
    fn shorten(bytes: &[u8]) -> Vec<u8> {
        let [tag, form, rest @ ..] = bytes else { return bytes.to_vec() };
        let (content, after) = match form {
            0x82 => {
                let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
                rest[2..].split_at(length)
            }
            length => rest.split_at(usize::from(*length)),
        };
        let content = if tag & 0x20 == 0 { content.to_vec() } else { shorten(content) };
        let length = content.len();
        let head = match u8::try_from(length) {
            Ok(short) if short < 0x80 => vec![*tag, short],
            Ok(byte) => vec![*tag, 0x81, byte],
            Err(_) => [&[*tag, 0x82][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
        };
        let after = if after.is_empty() { Vec::new() } else { shorten(after) };
        [head, content, after].concat()
    }

    #[test]
    fn a_guest_does_not_pass_with_any_password() {
        for password in ["x", "wrong"] {
            let mut client =
                ClientLogin::new(&ClientAccount::new("/guest", SecretValue::new(password.to_owned())), None);
            let first = spnego_first(&client.negotiate().unwrap());
            let Step::Challenge(answer, login) = Login::Fresh.step(first, &terms(&accounts())) else {
                panic!("no challenge");
            };
            let at = answer.windows(8).position(|window| window == b"NTLMSSP\0").unwrap();
            let proof = client.authenticate(answer[at..].to_vec()).unwrap();
            // The library by itself says that this login is complete.
            let Login::Spnego(negotiate) = &login else { panic!("not SPNEGO") };
            let (status, _) = accept(&mut negotiate.as_ref().clone(), spnego_last(&proof), None).unwrap();
            assert_eq!(status, SecurityStatus::Ok);
            check_denied(login.step(spnego_last(&proof), &terms(&accounts())), "");
        }
    }

    /// The client's side of SPNEGO, challenged, and the challenge.
    fn challenged(binding: Option<&[u8]>) -> (SpnegoClient, Vec<u8>, Login) {
        let account = ClientAccount::new("LAB\\operator", SecretValue::new("right".to_owned()));
        let mut client = SpnegoClient::new(&account, binding).unwrap();
        let first = client.step(Vec::new()).unwrap();
        let Step::Challenge(challenge, login) = Login::Fresh.step(first, &terms(&accounts())) else {
            panic!("no challenge");
        };
        (client, challenge, login)
    }

    #[test]
    fn a_login_is_bound_to_its_connection_as_the_host_asks() {
        let secured = Secured { end_point: b"tls-server-end-point:here".to_vec(), client: None };
        let (here, there) = (b"tls-server-end-point:here".as_slice(), b"tls-server-end-point:there".as_slice());
        for (hardening, binding, passes) in [
            (Hardening::Off, None, true),
            (Hardening::Off, Some(there), true),
            (Hardening::Relaxed, None, true),
            (Hardening::Relaxed, Some(here), true),
            (Hardening::Relaxed, Some(there), false),
            (Hardening::Strict, None, false),
            (Hardening::Strict, Some(here), true),
            (Hardening::Strict, Some(there), false),
        ] {
            let accounts = accounts();
            let terms = Terms { accounts: &accounts, secured: Some(&secured), hardening };
            let accepted = |step: Step| matches!(step, Step::Accepted(..));
            let account = ClientAccount::new("LAB\\operator", SecretValue::new("right".to_owned()));
            let mut client = ClientLogin::new(&account, binding);
            let Step::Challenge(challenge, login) = Login::Fresh.step(client.negotiate().unwrap(), &terms) else {
                panic!("no challenge");
            };
            let proof = client.authenticate(challenge).unwrap();
            assert_eq!(accepted(login.step(proof, &terms)), passes, "NTLM, {hardening:?}, {binding:?}");

            let (mut client, challenge, login) = challenged(binding);
            let proof = client.step(challenge).unwrap();
            assert_eq!(accepted(login.step(proof, &terms)), passes, "SPNEGO, {hardening:?}, {binding:?}");
        }
    }

    #[test]
    fn an_acceptance_that_does_not_vouch_for_the_agreement_is_not_taken() {
        let (mut client, challenge, login) = challenged(None);
        let proof = client.step(challenge).unwrap();
        let Step::Accepted(mut last, _) = login.step(proof, &terms(&accounts())) else { panic!("not accepted") };
        assert!(client.finish(None).is_err());

        let end = last.len() - 1;
        last[end] ^= 1;
        let (mut client, challenge, _) = challenged(None);
        client.step(challenge).unwrap();
        assert!(client.finish(Some(last)).is_err());

        let (mut client, ..) = challenged(None);
        assert!(client.finish(None).is_err(), "before any challenge");
    }

    proptest::proptest! {
        /// A host may send anything.
        #[test]
        fn the_client_takes_any_token_without_panic(
            at in proptest::prelude::any::<proptest::sample::Index>(),
            byte: u8,
            cut in proptest::prelude::any::<proptest::sample::Index>(),
            noise in proptest::prelude::any::<Vec<u8>>(),
        ) {
            let (_, challenge, _) = challenged(None);
            let mut changed = challenge.clone();
            let place = at.index(changed.len());
            changed[place] = byte;
            for token in [changed, challenge[..cut.index(challenge.len())].to_vec(), noise.clone()] {
                let (mut client, ..) = challenged(None);
                let _ = client.step(token.clone());
                let _ = client.finish(Some(token));
                let (mut client, challenge, _) = challenged(None);
                client.step(challenge).unwrap();
                let _ = client.finish(Some(noise.clone()));
            }
        }
    }
}
