//! Why a transport failed.

use crate::http::HttpError;

use super::ssh::HostKeyError;
use super::winrm::Fault;

/// Why a transport failed. Each text names the host and says what to do where that is known.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The host was not reached.
    #[error("cannot reach `{host}`: {error}{advice}", advice = reach_advice(error))]
    Unreachable {
        /// The host.
        host: String,
        /// Why.
        error: HttpError,
    },
    /// The host was not reached, or nothing there speaks as it should.
    #[error("cannot reach `{host}`: {why}")]
    NoWay {
        /// The host.
        host: String,
        /// Why, and what to do.
        why: String,
    },
    /// Whatever answered has not shown that it is the host.
    #[error(transparent)]
    HostKey(#[from] Box<HostKeyError>),
    /// The host would not let the account in.
    #[error("`{host}` refused the login of `{user}`: {why}")]
    Login {
        /// The host.
        host: String,
        /// The account.
        user: String,
        /// Why, and what to do.
        why: String,
    },
    /// The connection broke, or nothing came back in time.
    #[error("`{host}` went silent during {doing}: {why}")]
    Lost {
        /// The host.
        host: String,
        /// What was being done.
        doing: &'static str,
        /// What the network said.
        why: String,
        /// Whether any byte of the request may have reached the host.
        sent: bool,
    },
    /// The host said that it cannot or will not.
    #[error("`{host}` refused {doing}: {fault}")]
    Fault {
        /// The host.
        host: String,
        /// What was being done.
        doing: &'static str,
        /// What it said.
        fault: Fault,
    },
    /// What came back cannot be understood or cannot be trusted.
    #[error("`{host}` answered {doing} with something that is no answer: {what}")]
    Nonsense {
        /// The host.
        host: String,
        /// What was being done.
        doing: &'static str,
        /// What is wrong with it.
        what: String,
    },
}

impl TransportError {
    /// Whether the request may have been carried out all the same.
    pub fn may_have_arrived(&self) -> bool {
        match self {
            TransportError::Unreachable { .. }
            | TransportError::NoWay { .. }
            | TransportError::HostKey(_)
            | TransportError::Login { .. } => false,
            TransportError::Lost { sent, .. } => *sent,
            TransportError::Fault { fault, .. } => !fault.is_refusal(),
            TransportError::Nonsense { .. } => true,
        }
    }
}

fn reach_advice(error: &HttpError) -> &'static str {
    match error {
        HttpError::Name { .. } => "; check the name and the DNS servers of this machine",
        HttpError::Refused { .. } => "; check the port, and that WinRM listens there (winrm quickconfig)",
        HttpError::Handshake { .. } => {
            "; check that the port is that of an HTTPS listener (winrm enumerate winrm/config/listener) and that it takes \
             TLS 1.2"
        }
        // They say themselves what to do.
        HttpError::Untrusted { .. } | HttpError::Proxy { .. } => "",
        _ => "; check that the host is up and that no firewall stands between",
    }
}
