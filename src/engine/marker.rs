//! Who changes a host, told to it by each session before its first change.
//!
//! Runs that share a `.farmhand` folder are held apart by its locks, others by this: the run, the controller's identity,
//! who, why, since when. The agent keeps it in `%SystemDrive%\farmhand\run\marker.json` with its own process number and
//! start time, under the mutex that a changing batch holds. It counts as long as that process lives, so nothing has to take
//! it away: one that was killed leaves it for the three minutes that its shell lives. Meanwhile another controller's batch is
//! refused as a whole; the same controller goes on at once. Where each batch has a process of its own (a host that holds
//! input back until it ends), it counts for the length of a batch.

use super::ended::Ended;
use super::host::HostRun;
use super::words::{refused, why};
use super::{Change, Door, Status};
use crate::hostcall::{Answer, Outcome, RefusalCode, Write};

impl<D: Door> HostRun<D> {
    /// Some writes as the open session sends them: behind the marker, where the host has not been told yet by a process
    /// that lasts. Tells whether the marker is in front.
    pub(super) async fn marked(&mut self, writes: &[Write]) -> Result<(Vec<Write>, bool), Ended> {
        let session = self.session().await.map(|session| session.is_one_process());
        let lasts = session.map_err(|error| self.lost(error))?;
        if writes.is_empty() || (self.marked && lasts) {
            return Ok((writes.to_vec(), false));
        }
        let marker = self.shared.options.ledger.marker();
        let marker = marker.map_err(|error| Ended::failed(format!("{error}; nothing was sent")))?;
        Ok((std::iter::once(Write::Marker(marker)).chain(writes.iter().cloned()).collect(), true))
    }

    /// What came of the writes themselves, where the marker was in front of them.
    pub(super) fn without_marker(
        &mut self,
        (mut outcomes, answers): (Vec<Outcome>, Vec<Answer>),
    ) -> Result<(Vec<Outcome>, Vec<Answer>), Ended> {
        let marked = if outcomes.is_empty() { Outcome::Skipped {} } else { outcomes.remove(0) };
        let (status, reason) = match marked {
            Outcome::Done(_) => {
                self.marked = true;
                return Ok((outcomes, answers));
            }
            Outcome::Failed(refusal) if refusal.code == RefusalCode::Held => (Status::Held, why(&refusal)),
            Outcome::Failed(refusal) => (Status::Failed, refused("marker", &refusal)),
            Outcome::Moved { .. } | Outcome::Skipped {} => {
                (Status::Failed, "the host did not say whether it is free to be changed".to_owned())
            }
        };
        Err(Ended::new(status, reason))
    }
}
