//! SQL Server over TDS, straight from this machine: the way for servers that have no other door.
//!
//! One connection a session, opened when it is first needed, always encrypted, with the server's certificate verified. A
//! server that will not encrypt is left before anything secret is sent.

mod change;
mod connect;
mod counted;
mod error;
mod link;
mod observe;
mod value;

use std::sync::Arc;
use std::time::Duration;

pub use error::{SqlError, Step};

pub use crate::http::Authorities as Trust;

use crate::agent::framing::Resolver;
use crate::hostcall::{Answer, Outcome, Read, Write};
use crate::transport::Traffic;
use crate::value::SecretValue;
use link::Link;
use observe::Questions;

/// SQL Server's TCP port where nothing else is said.
pub const PORT: u16 = 1433;

/// Where an instance is, and who logs in there.
#[derive(Clone)]
pub struct TdsTarget {
    /// What messages call the host.
    pub name: String,
    /// Its DNS name or IP address.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// The name that the server's certificate must be for.
    pub certificate_name: String,
    /// Whose certificates are trusted.
    pub trust: Trust,
    /// Who logs in: a login of SQL Server, or a Windows account as `CORP\deploy`.
    pub user: String,
    /// Finds the password when a connection is opened; the error says why there is none.
    pub password: Arc<dyn Fn() -> Result<SecretValue, String> + Send + Sync>,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Opening the TCP connection.
    pub connect: Duration,
    /// The handshakes and the login.
    pub login: Duration,
    /// A batch of questions.
    pub observe: Duration,
    /// One write; rolling back what other sessions do, or a backup, takes minutes.
    pub change: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            connect: Duration::from_secs(15),
            login: Duration::from_secs(30),
            observe: Duration::from_mins(2),
            change: Duration::from_mins(30),
        }
    }
}

/// A session that can only look: it asks the questions that farmhand ships and has no way to send anything else.
pub struct TdsReader(Link);

impl TdsReader {
    /// A session that connects when it is first asked.
    pub fn new(target: TdsTarget, patience: Patience) -> TdsReader {
        TdsReader(Link::new(target, patience))
    }

    /// Asks everything at once; one answer a read, in order.
    ///
    /// # Errors
    ///
    /// Those of [`SqlError`] but `Unknown`: looking changes nothing.
    pub async fn observe(&mut self, reads: &[Read]) -> Result<Vec<Answer>, SqlError> {
        observe::observe(&mut self.0, reads, Questions::Shipped).await
    }

    /// What has passed so far.
    pub fn traffic(&self) -> Traffic {
        self.0.traffic()
    }

    /// Ends the session. The traffic counts this too.
    pub async fn close(mut self) -> Traffic {
        self.0.close().await
    }
}

/// A session that can look and change.
pub struct TdsWriter(Link);

impl TdsWriter {
    /// A session that connects when it is first used.
    pub fn new(target: TdsTarget, patience: Patience) -> TdsWriter {
        TdsWriter(Link::new(target, patience))
    }

    /// Asks everything at once; one answer a read, in order.
    ///
    /// # Errors
    ///
    /// Those of [`SqlError`] but `Unknown`: looking changes nothing.
    pub async fn observe(&mut self, reads: &[Read]) -> Result<Vec<Answer>, SqlError> {
        observe::observe(&mut self.0, reads, Questions::Any).await
    }

    /// Carries out writes in order, a batch each, until one is not done, then asks the reads.
    ///
    /// Secrets are looked up while the batches are made, and nowhere else. [`SqlError::Unknown`] says that writes may
    /// have been carried out; every other error says that they were not. What a server says besides an error is not in
    /// the outcomes: the library keeps it to itself.
    ///
    /// # Errors
    ///
    /// Those of [`SqlError`].
    pub async fn change(
        &mut self,
        writes: &[Write],
        then: &[Read],
        secrets: &Resolver<'_>,
    ) -> Result<(Vec<Outcome>, Vec<Answer>), SqlError> {
        change::change(&mut self.0, writes, then, secrets).await
    }

    /// What has passed so far.
    pub fn traffic(&self) -> Traffic {
        self.0.traffic()
    }

    /// Ends the session. The traffic counts this too.
    pub async fn close(mut self) -> Traffic {
        self.0.close().await
    }
}

#[cfg(test)]
mod tests;
