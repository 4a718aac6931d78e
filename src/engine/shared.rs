//! What a run shares between its hosts.

use std::sync::Arc;

use super::logons::Logons;
use super::{Listener, Macs, Resolve, Stop};
use crate::journal::Ledger;
use crate::plan::Agreed;
use crate::release::Release;

/// How a run is made.
#[derive(Clone)]
pub struct Apply {
    /// How many hosts are worked on at a time.
    pub forks: usize,
    /// How long a state that Windows is still bringing about may take.
    pub settle: std::time::Duration,
    /// Who is told.
    pub listener: Listener,
    /// What is about to be sent and what came of it is kept here first.
    pub ledger: Arc<dyn Ledger>,
    /// The releases that hosts may lack.
    pub releases: Vec<Arc<Release>>,
    /// Finds the secrets in them.
    pub resolve: Resolve,
    /// Asks the run to end early.
    pub stop: Stop,
    /// The plan that is carried out as it is or not at all; without one, hosts are planned anew where they moved.
    pub agreed: Option<Arc<Agreed>>,
}

/// What a run shares between its hosts.
pub(super) struct Shared<D> {
    pub door: Arc<D>,
    pub macs: Macs,
    pub options: Apply,
    pub logons: Logons,
    /// The names of the plays, in order.
    pub plays: Vec<String>,
}
