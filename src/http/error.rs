//! What can go wrong below HTTP's status codes.

use std::time::Duration;

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The name has no address.
    #[error("the name `{host}` cannot be resolved: {why}")]
    Name {
        /// The name.
        host: String,
        /// What the resolver said.
        why: String,
    },
    /// Nobody listens on the port, or a firewall says so.
    #[error("{address} refused the connection")]
    Refused {
        /// Host and port.
        address: String,
    },
    /// Nothing came back in time.
    #[error("{address} did not answer within {} s", after.as_secs_f32())]
    TimedOut {
        /// Host and port.
        address: String,
        /// How long was waited.
        after: Duration,
        /// Whether any byte of the request had left.
        sent: bool,
    },
    /// The connection broke.
    #[error("the connection to {address} was lost: {why}")]
    Lost {
        /// Host and port.
        address: String,
        /// What the network said.
        why: String,
        /// Whether any byte of the request had left.
        sent: bool,
    },
    /// TLS could not be agreed on.
    #[error("{address} does not shake hands: {why}")]
    Handshake {
        /// Host and port.
        address: String,
        /// What TLS said.
        why: String,
    },
    /// The certificate is not trusted. Nothing was sent.
    #[error("{address} is not trusted: {why}")]
    Untrusted {
        /// Host and port.
        address: String,
        /// Why not, and what to do.
        why: String,
    },
    /// The proxy lets nothing through.
    #[error("the proxy {proxy} is no way: {why}")]
    Proxy {
        /// Its host and port.
        proxy: String,
        /// Why, and what to do.
        why: String,
    },
    /// The reply is larger than any this program asks for.
    #[error("{address} answered with more than {limit_bytes} bytes")]
    TooLarge {
        /// Host and port.
        address: String,
        /// The limit.
        limit_bytes: usize,
    },
}

impl HttpError {
    /// Whether any byte of the request may have reached the other side.
    pub fn was_sent(&self) -> bool {
        match self {
            HttpError::Name { .. }
            | HttpError::Refused { .. }
            | HttpError::Handshake { .. }
            | HttpError::Untrusted { .. }
            | HttpError::Proxy { .. } => false,
            HttpError::TimedOut { sent, .. } | HttpError::Lost { sent, .. } => *sent,
            HttpError::TooLarge { .. } => true,
        }
    }
}
