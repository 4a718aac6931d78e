//! Tickets fetched with a password or a keytab, and the sealing that follows from them (RFC 4120, RFC 4121, MS-KILE; by
//! the crate `sspi`, whose questions to domain controllers are carried here).
//!
//! Tickets are fetched for each login and kept nowhere. So the key in a host's answer is never older than the login, and
//! only the host that can open the ticket can have made it.

use std::time::SystemTime;

use sspi::generator::GeneratorState;
use sspi::{
    BufferType, ClientRequestFlags, CredentialsBuffers, DataRepresentation, ErrorKind, KerberosConfig, SecurityBuffer,
    Sspi, SspiImpl,
};

use super::binding;
use super::kdc::{Directory, Kdc};
use super::krb_error::{KrbError, PREAUTH_REQUIRED, Speaker, UNKNOWN_CLIENT};
use crate::transport::winrm::context::{self, words};
use crate::transport::winrm::seal::Sealed;

/// A conversation with a host that has begun: its token is made.
pub struct Fetched(Box<Context>);

/// The state of the crate's that goes to and fro between threads.
struct Context {
    kerberos: sspi::Kerberos,
    credentials: Option<CredentialsBuffers>,
    spn: String,
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

impl Fetched {
    /// Fetches the tickets for a service and makes the token for the host. The forms of the account are tried in order,
    /// the next one where the domain does not know the one before.
    ///
    /// # Errors
    ///
    /// Why there is no ticket. The difference of clocks that showed, in seconds, comes with either.
    pub async fn begin(
        attempts: Vec<CredentialsBuffers>,
        directory: &Directory,
        spn: &str,
        binding: Option<&[u8]>,
    ) -> (Result<(Fetched, Vec<u8>), String>, Option<i64>) {
        let (mut first, mut ahead_seconds) = (None, None);
        for credentials in attempts {
            let advanced = match Context::new(credentials, &directory.realm, spn.to_owned()) {
                Ok(context) => advance(Box::new(context), Vec::new(), directory.clone()).await,
                Err(why) => Err(why),
            };
            let (context, made, conversation) = match advanced {
                Ok(advanced) => advanced,
                Err(why) => return (Err(why), ahead_seconds),
            };
            ahead_seconds = conversation.ahead_seconds.or(ahead_seconds);
            let error = match made {
                Ok(token) => {
                    return (context.bind(token, binding).map(|token| (Fetched(context), token)), ahead_seconds);
                }
                Err(error) => error,
            };
            // The first answer is about the name that was written; the second one is about another form of it.
            first.get_or_insert_with(|| conversation.explain(&error, spn));
            if conversation.refusal.is_none_or(|refusal| refusal.code != UNKNOWN_CLIENT) {
                break;
            }
        }
        (Err(first.unwrap_or_else(|| "there is nothing to log in with".to_owned())), ahead_seconds)
    }

    /// Takes the host's AP-REP, by which it proves that it could open the ticket.
    ///
    /// # Errors
    ///
    /// What does not hold.
    pub async fn finish(self, reply: Vec<u8>) -> Result<Fetched, String> {
        let (mut context, made, _) = advance(self.0, reply, Directory::default()).await?;
        made.map_err(|error| words(&error))?;
        context.credentials = None;
        Ok(Fetched(context))
    }

    /// Seals a message. Its memory is taken and holds ciphertext afterwards.
    pub fn seal(&mut self, message: Vec<u8>) -> Result<Sealed, String> {
        context::seal(&mut self.0.kerberos, message)
    }

    /// Opens a sealed message and checks its signature.
    pub fn unseal(&mut self, sealed: Sealed) -> Result<Vec<u8>, String> {
        context::unseal(&mut self.0.kerberos, sealed)
    }
}

#[cfg(test)]
impl Fetched {
    /// One that has asked nobody for anything.
    pub fn without_tickets() -> Fetched {
        let own = sspi::AuthIdentityBuffers::from_utf8("deploy", "FARM.TEST", "x");
        let context = Context::new(CredentialsBuffers::AuthIdentity(own), "FARM.TEST", "HTTP/web01".to_owned());
        Fetched(Box::new(context.unwrap()))
    }
}

impl Context {
    fn new(credentials: CredentialsBuffers, realm: &str, spn: String) -> Result<Context, String> {
        // The crate wants one address for the realm; whom to ask indeed is for the directory to say.
        let config = KerberosConfig::new_with_kdc_url(&format!("tcp://{}:88", realm.to_lowercase()), String::new());
        let kerberos = sspi::Kerberos::new_client_from_config(config).map_err(|error| words(&error))?;
        Ok(Context { kerberos, credentials: Some(credentials), spn })
    }

    /// The first token, bound to TLS where that carries it.
    fn bind(&self, token: Vec<u8>, binding: Option<&[u8]>) -> Result<Vec<u8>, String> {
        let Some(data) = binding else { return Ok(token) };
        // Before the host has answered, the only key is the ticket's.
        let keys = self.kerberos.query_context_session_key().map_err(|error| words(&error))?;
        binding::bound(token, keys.session_key.as_ref(), data)
    }

    /// The next token in answer to one, asking domain controllers by `ask`.
    fn step(
        &mut self,
        token: Vec<u8>,
        mut ask: impl FnMut(&[u8]) -> sspi::Result<Vec<u8>>,
    ) -> Result<Vec<u8>, sspi::Error> {
        let mut input = [SecurityBuffer::new(token, BufferType::Token)];
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
