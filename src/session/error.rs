//! Why a session could not do what it was asked.

use crate::agent::framing::EncodeError;
use crate::transport::TransportError;

/// Why a session could not do what it was asked. After any of these but [`SessionError::Encode`] the session is of no
/// more use and is closed.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The calls cannot be put on the wire; nothing was sent.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The way to the host failed, and no write was under way.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// Writes were sent, in part at least, and no answer came: whether they were carried out is not known.
    /// They are never sent again; looking at the host with a new session settles it.
    #[error("`{host}` got changes and did not answer, so whether they were made is unknown: {why}")]
    Unknown {
        /// The host.
        host: String,
        /// What happened instead of an answer.
        why: String,
    },
    /// The agent did not answer in time.
    #[error("the agent on `{host}` did not answer within {seconds} s")]
    Silent {
        /// The host.
        host: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The agent's process ended without an answer.
    #[error("the agent on `{host}` ended with code {code} and no answer{said}", said = said(stderr))]
    Ended {
        /// The host.
        host: String,
        /// The process's exit code.
        code: i32,
        /// What it said on standard error, in plain text.
        stderr: String,
    },
    /// What the agent said is no answer to what it was asked.
    #[error("the agent on `{host}` answered with something that is no answer: {what}")]
    Nonsense {
        /// The host.
        host: String,
        /// What is wrong with it.
        what: String,
    },
    /// The session was used after it had failed, or after a call to it was given up half way.
    #[error("the session with `{host}` has ended; open a new one")]
    Over {
        /// The host.
        host: String,
    },
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!("; it said: {stderr}") }
}
