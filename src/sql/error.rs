//! Why a session over TDS could not do what it was asked.

/// What an instance is opened by, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Finding out who logs in.
    Account,
    /// Reaching its port.
    Connection,
    /// Encryption, and its certificate.
    Tls,
    /// The login.
    Login,
}

/// Why a session over TDS could not do what it was asked. After any of these but [`SqlError::Secret`] it is of no more
/// use. What SQL Server says to a statement is no such error but an answer or an outcome.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// A batch cannot be made; nothing was sent.
    #[error("the secret `{name}` {why}")]
    Secret {
        /// The secret's name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no connection, or nobody is let in.
    #[error("cannot reach SQL Server on `{host}`: {why}")]
    Unreachable {
        /// The host.
        host: String,
        /// How far it came.
        step: Step,
        /// Why, and what to do.
        why: String,
    },
    /// The connection broke while it was looked at, or nothing came back in time.
    #[error("SQL Server on `{host}` went silent: {why}")]
    Lost {
        /// The host.
        host: String,
        /// What happened instead of an answer.
        why: String,
    },
    /// A write was sent, in part at least, and no answer came: whether it was carried out is not known. It is never sent
    /// again; looking with a new session settles it.
    #[error("SQL Server on `{host}` was told to {purpose} and did not answer, so whether it did is unknown: {why}")]
    Unknown {
        /// The host.
        host: String,
        /// What the write is for.
        purpose: String,
        /// What happened instead of an answer.
        why: String,
    },
    /// The session was used after it had failed, or after a call to it was given up half way.
    #[error("the session with SQL Server on `{host}` has ended; open a new one")]
    Over {
        /// The host.
        host: String,
    },
}
