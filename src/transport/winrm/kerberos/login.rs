//! The client's side of Kerberos, and the sealing that follows from it (RFC 4120, RFC 4121, MS-KILE; by the crate
//! `sspi`, whose questions to domain controllers are carried here).
//!
//! Tickets are fetched for each login and kept nowhere. So the key in a host's answer is never older than the login, and
//! only the host that can open the ticket can have made it.

use std::time::SystemTime;

use sspi::generator::GeneratorState;
use sspi::{
    BufferType, ClientRequestFlags, CredentialsBuffers, DataRepresentation, EncryptionFlags, ErrorKind, KerberosConfig,
    SecurityBuffer, SecurityBufferRef, Sspi, SspiImpl,
};

use super::credentials::{self, Credentials};
use super::kdc::{Directory, Kdc};
use super::krb_error::{self, KrbError, PREAUTH_REQUIRED, Speaker, UNKNOWN_CLIENT};
use super::settings::{Kerberos, machine_conf};
use super::{frames, token};
use crate::transport::winrm::account::Account;
use crate::transport::winrm::seal::{Protocol, Sealed};
use crate::transport::winrm::spnego::channel_bindings;

/// How far the domain's clock may be from this machine's before a refusal mentions it, in seconds.
const NOTABLE_SKEW_SECONDS: u64 = 120;

/// One login on one connection.
pub struct Login {
    /// What is needed to begin; nothing once begun.
    start: Option<Start>,
    spn: String,
    /// The token that was sent, to be framed anew where the host takes no bare one.
    sent: Vec<u8>,
    protocol: Protocol,
    context: Option<Box<Context>>,
    /// How far the domain's clock was ahead of this machine's, in seconds.
    domain_ahead_seconds: Option<i64>,
}

struct Start {
    credentials: Credentials,
    directory: Directory,
    binding: Option<Vec<u8>>,
}

/// The state of the crate's that goes to and fro between threads.
struct Context {
    kerberos: sspi::Kerberos,
    credentials: Option<CredentialsBuffers>,
    spn: String,
    bindings: Option<Vec<u8>>,
}

/// What a conversation with domain controllers has shown.
#[derive(Default)]
struct Conversation {
    refusal: Option<KrbError>,
    /// Whether to go on would only cost a try.
    hopeless: bool,
    silence: Option<String>,
    ahead_seconds: Option<i64>,
    preferred: Option<Kdc>,
}

impl Login {
    /// A login that has not begun, to the host of an address.
    ///
    /// # Errors
    ///
    /// What is lacking for one.
    pub fn new(settings: &Kerberos, account: &Account, address: &str, binding: Option<&[u8]>) -> Result<Login, String> {
        let conf = machine_conf();
        let (name, credentials) = credentials::find(settings, account, address, &conf)?;
        let directory = Directory { realm: name.realm, named: settings.kdcs.clone(), conf };
        Ok(Login {
            start: Some(Start { credentials, directory, binding: binding.map(<[u8]>::to_vec) }),
            spn: settings.spn(address),
            sent: Vec::new(),
            protocol: Protocol::Kerberos,
            context: None,
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

    /// Fetches the tickets and makes the token for the host.
    pub async fn first(&mut self) -> Result<Vec<u8>, String> {
        let start = self.start.take().ok_or("the login has begun already")?;
        let Start { credentials, directory, binding } = start;
        let mut last = None;
        for credentials in credentials.attempts {
            let context = Context::new(credentials, &directory.realm, self.spn.clone(), binding.as_deref())?;
            let (context, made, conversation) = advance(Box::new(context), Vec::new(), directory.clone()).await?;
            self.domain_ahead_seconds = conversation.ahead_seconds.or(self.domain_ahead_seconds);
            match made {
                Ok(token) => {
                    self.context = Some(context);
                    self.sent.clone_from(&token);
                    return Ok(token);
                }
                Err(error) => {
                    let unknown = conversation.refusal.as_ref().is_some_and(|it| it.code == UNKNOWN_CLIENT);
                    // The first answer is about the name that was written; the second one is about another form of it.
                    last.get_or_insert_with(|| conversation.explain(&error, &self.spn));
                    if !unknown {
                        break;
                    }
                }
            }
        }
        Err(last.unwrap_or_else(|| "there is nothing to log in with".to_owned()))
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
        let bytes = token.ok_or(unproven)?;
        let reply = match self.protocol {
            Protocol::Kerberos => bytes.clone(),
            Protocol::Spnego => frames::answer(&bytes)?.token.ok_or(unproven)?.to_vec(),
        };
        if let Some(error) = frames::error_inside(&bytes).and_then(KrbError::parse) {
            return Err(error.explain(Speaker::Host, &self.spn, SystemTime::now()));
        }
        let context = self.context.take().ok_or("it accepted a login that was not made")?;
        let (mut context, made, _) = advance(context, reply, Directory::default()).await?;
        made.map_err(|error| format!("its proof that it is the host does not hold: {}", words(&error)))?;
        context.credentials = None;
        self.context = Some(context);
        Ok(())
    }

    /// Why the host said no, from the token that came with it.
    pub fn refusal(&self, token: Option<&[u8]>) -> String {
        let now = SystemTime::now();
        if let Some(error) = token.and_then(frames::error_inside).and_then(KrbError::parse) {
            return error.explain(Speaker::Host, &self.spn, now);
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

    /// Seals a message. Its memory is taken and holds ciphertext afterwards.
    pub fn seal(&mut self, mut message: Vec<u8>) -> Result<Sealed, String> {
        let kerberos = self.established()?;
        let sizes = kerberos.query_context_sizes().map_err(|error| words(&error))?;
        let mut header = vec![0; usize::try_from(sizes.security_trailer).unwrap_or_default()];
        let mut buffers = [SecurityBufferRef::token_buf(&mut header), SecurityBufferRef::data_buf(&mut message)];
        kerberos.encrypt_message(EncryptionFlags::empty(), &mut buffers).map_err(|error| words(&error))?;
        Ok(Sealed { header, data: message })
    }

    /// Opens a sealed message and checks its signature. That it answers the latest request is for its reader to check,
    /// by the message's identifier.
    pub fn unseal(&mut self, sealed: Sealed) -> Result<Vec<u8>, String> {
        let Sealed { mut header, mut data } = sealed;
        token::check(&[header.as_slice(), data.as_slice()].concat())?;
        let kerberos = self.established()?;
        let mut buffers = [SecurityBufferRef::token_buf(&mut header), SecurityBufferRef::data_buf(&mut data)];
        kerberos.decrypt_message(&mut buffers).map_err(|error| words(&error))?;
        let [_, plain] = &buffers;
        Ok(plain.data().to_vec())
    }

    fn established(&mut self) -> Result<&mut sspi::Kerberos, String> {
        let context = self.context.as_mut().filter(|context| context.credentials.is_none());
        context.map(|context| &mut context.kerberos).ok_or_else(|| "nobody is logged in".to_owned())
    }
}

impl Context {
    fn new(
        credentials: CredentialsBuffers,
        realm: &str,
        spn: String,
        binding: Option<&[u8]>,
    ) -> Result<Context, String> {
        // The crate wants one address for the realm; whom to ask indeed is for the directory to say.
        let config = KerberosConfig::new_with_kdc_url(&format!("tcp://{}:88", realm.to_lowercase()), String::new());
        let kerberos = sspi::Kerberos::new_client_from_config(config).map_err(|error| words(&error))?;
        Ok(Context { kerberos, credentials: Some(credentials), spn, bindings: binding.map(channel_bindings) })
    }

    /// The next token in answer to one, asking domain controllers by `ask`.
    fn step(
        &mut self,
        token: Vec<u8>,
        mut ask: impl FnMut(&[u8]) -> sspi::Result<Vec<u8>>,
    ) -> Result<Vec<u8>, sspi::Error> {
        let mut input = vec![SecurityBuffer::new(token, BufferType::Token)];
        input.extend(self.bindings.clone().map(|bytes| SecurityBuffer::new(bytes, BufferType::ChannelBindings)));
        let mut output = [SecurityBuffer::new(Vec::new(), BufferType::Token)];
        let flags = ClientRequestFlags::CONFIDENTIALITY
            | ClientRequestFlags::INTEGRITY
            | ClientRequestFlags::MUTUAL_AUTH
            | ClientRequestFlags::REPLAY_DETECT
            | ClientRequestFlags::SEQUENCE_DETECT
            | ClientRequestFlags::EXTENDED_ERROR;
        let mut builder = self
            .kerberos
            .initialize_security_context()
            .with_credentials_handle(&mut self.credentials)
            .with_context_requirements(flags)
            .with_target_data_representation(DataRepresentation::Native)
            .with_target_name(&self.spn)
            .with_input(&mut input)
            .with_output(&mut output);
        let mut generator = self.kerberos.initialize_security_context_impl(&mut builder)?;
        let mut state = generator.start();
        loop {
            state = match state {
                GeneratorState::Suspended(request) => generator.resume(ask(&request.data)),
                GeneratorState::Completed(result) => {
                    result?;
                    break;
                }
            };
        }
        drop(generator);
        let [token] = output;
        Ok(token.buffer)
    }
}

type Advanced = (Box<Context>, Result<Vec<u8>, sspi::Error>, Conversation);

/// Makes the next token on a thread of its own: a key is made of a password by thousands of rounds, and what a stranger
/// sent may make the parser panic.
async fn advance(mut context: Box<Context>, token: Vec<u8>, directory: Directory) -> Result<Advanced, String> {
    let runtime = tokio::runtime::Handle::current();
    let work = move || {
        let mut conversation = Conversation::default();
        let ask = |message: &[u8]| {
            let answer = runtime.block_on(directory.ask(message, &mut conversation.preferred));
            let failed = |why: &str| sspi::Error::new(ErrorKind::NoAuthenticatingAuthority, why);
            match answer {
                Ok(answer) => {
                    conversation.note(&answer);
                    if conversation.hopeless { Err(failed("the account has no key to try")) } else { Ok(answer) }
                }
                Err(why) => {
                    conversation.silence = Some(why.clone());
                    Err(failed(&why))
                }
            }
        };
        let made = context.step(token, ask);
        (context, made, conversation)
    };
    let worked = tokio::task::spawn_blocking(work).await;
    worked.map_err(|_| "what came back cannot be understood as Kerberos".to_owned())
}

impl Conversation {
    /// Takes in an answer of a domain controller, its length before it.
    fn note(&mut self, answer: &[u8]) {
        let Some(error) = answer.get(4..).and_then(KrbError::parse) else { return };
        self.ahead_seconds = error.ahead_seconds(SystemTime::now()).or(self.ahead_seconds);
        match error.lacks_key() {
            Some(lack) => {
                self.refusal = Some(lack);
                self.hopeless = true;
            }
            None if error.code == PREAUTH_REQUIRED => {}
            None => self.refusal = Some(error),
        }
    }

    /// Why there is no ticket.
    fn explain(&self, error: &sspi::Error, spn: &str) -> String {
        if let Some(silence) = &self.silence {
            return silence.clone();
        }
        if let Some(refusal) = &self.refusal {
            return refusal.explain(Speaker::Kdc, spn, SystemTime::now());
        }
        if error.description.contains("without the pa-pac data") {
            return "the domain asks the account for no proof before it hands out tickets, which lets anybody guess its \
                    password; make it ask (Set-ADAccountControl -DoesNotRequirePreAuth $false; MIT: +requires_preauth)"
                .to_owned();
        }
        if let Some(at) = error.description.find("No KDC server found for realm") {
            let realm = error.description[at..].split('`').nth(1).unwrap_or_default();
            return format!(
                "the host is in the realm `{realm}`, and nothing says where that is; add it with its `kdc` to [realms] of \
                 krb5.conf"
            );
        }
        format!("no ticket could be made: {}", words(error))
    }
}

/// An error of the crate's in one line.
fn words(error: &sspi::Error) -> String {
    error.description.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_of_scheme(offer: &str, scheme: &str) -> bool {
    offer.split([' ', ',']).next().is_some_and(|word| word.eq_ignore_ascii_case(scheme))
}
