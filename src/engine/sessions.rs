//! The real door: sessions over the network.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::dialler::{Dialler, tds_target};
use super::two_doors::{Reading, Writing};
use super::ways::{Resolve, SqlWay, Ways};
use super::{Door, DoorError};
use crate::hostcall::Nonce;
use crate::sql::{Patience, TdsReader};
use crate::transport::Transport;

/// Opens sessions with hosts.
#[derive(Clone)]
pub struct Sessions(Arc<Dialler>);

impl Sessions {
    /// A door to these hosts, for one run.
    pub fn new(hosts: BTreeMap<String, Ways>, nonce: Nonce, resolve: Resolve) -> Sessions {
        Sessions(Arc::new(Dialler::new(hosts, nonce, resolve)))
    }

    /// The way to a host's machine, on which nothing has been sent; `None` for one that is reached for its SQL Server alone.
    ///
    /// # Errors
    ///
    /// Nothing says how to reach it, or a password is not to be had.
    pub async fn transport(&self, host: &str) -> Result<Option<Transport>, DoorError> {
        match &self.ways(host)?.machine {
            Some(reach) => self.0.transport(host, reach).await.map(Some),
            None => Ok(None),
        }
    }

    /// A session with a host's SQL Server itself; `None` for one whose machine runs T-SQL. It connects when it is asked.
    ///
    /// # Errors
    ///
    /// Nothing says how to reach it.
    pub async fn tds(&self, host: &str) -> Result<Option<TdsReader>, DoorError> {
        match &self.ways(host)?.sql {
            SqlWay::Tds(reach) => Ok(Some(TdsReader::new(tds_target(host, reach).await?, Patience::default()))),
            SqlWay::Machine(_) => Ok(None),
        }
    }

    /// The ways to a host.
    ///
    /// # Errors
    ///
    /// Nothing says how to reach it.
    pub fn ways(&self, host: &str) -> Result<Ways, DoorError> {
        self.0.ways(host)
    }
}

impl Door for Sessions {
    type Reader = Reading;
    type Writer = Writing;

    async fn reader(&self, host: &str) -> Result<Reading, DoorError> {
        let mut reading = Reading::new(Arc::clone(&self.0), host, self.ways(host)?);
        reading.open().await?;
        Ok(reading)
    }

    async fn writer(&self, host: &str) -> Result<Writing, DoorError> {
        let mut writing = Writing::new(Arc::clone(&self.0), host, self.ways(host)?);
        writing.open().await?;
        Ok(writing)
    }
}
