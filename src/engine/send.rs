//! The one way by which a batch that changes a host is sent: announced in the journal before, answered there after.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ended::Ended;
use super::host::HostRun;
use super::{Change, Door, DoorError};
use crate::hostcall::{Answer, Outcome, Read, Write};
use crate::journal::{self, Came, Intent, JournalError, Proof, Record, Told};
use crate::plan::{PlannedStep, Stage};

/// What is to be kept of what was found, by the address of the resource.
pub(super) type Evidence = BTreeMap<String, BTreeMap<String, String>>;

/// What was sent, and what came of it.
pub(super) struct Sent {
    /// The number of its intent in the journal.
    pub intent: u64,
    /// The outcomes and the answers.
    pub came: Result<(Vec<Outcome>, Vec<Answer>), DoorError>,
}

/// Sends writes of a stage, which change `steps` of it, and the reads that verify them, unless the run is to end.
///
/// The session is ended where no answer came.
pub(super) async fn send<D: Door>(
    run: &mut HostRun<D>,
    number: usize,
    stage: &Stage,
    steps: &[PlannedStep],
    writes: &[Write],
    then: &[Read],
) -> Result<Sent, Ended> {
    // A session that cannot be opened changes nothing, so its failure needs no record.
    let stop = run.shared.options.stop.clone();
    let opened = stop.unless(run.session()).await.map(|opened| opened.map(|_| ()));
    opened.ok_or_else(|| run.interrupted())?.map_err(|error| run.lost(error))?;
    let (writes, marked) = run.marked(writes).await?;
    let play = run.shared.plays.get(number).map_or("", String::as_str);
    let intent = Record::Intent(Intent::new(&run.host, play, stage, steps, &writes));
    let intent = keep(run, intent).await.map_err(|error| unkept(&error, "nothing was sent"))?;
    run.sent = true;
    let session = match run.session().await {
        Ok(session) => session,
        Err(error) => return Err(run.lost(error)),
    };
    let came = session.change(&writes, then).await;
    if came.is_err() {
        run.hang_up().await;
    }
    let told = match &came {
        Ok((outcomes, _)) => Came::Answers(outcomes.iter().map(Told::from).collect()),
        Err(DoorError::Unreachable(why)) => Came::NotSent(why.clone()),
        Err(DoorError::Unknown(why)) => Came::Unknown(why.clone()),
    };
    let outcome = Record::Outcome(journal::Outcome { of: intent, host: run.host.clone(), came: told });
    keep(run, outcome).await.map_err(|error| unkept(&error, "a change was sent, and is not proved"))?;
    let came = match came {
        Ok(answered) if marked => Ok(run.without_marker(answered)?),
        came => came,
    };
    Ok(Sent { intent, came })
}

/// Records what looking at the host has shown of a batch.
pub(super) async fn proof<D: Door>(
    run: &mut HostRun<D>,
    intent: u64,
    left: &[String],
    evidence: Evidence,
) -> Result<(), Ended> {
    let proof = Record::Proof(Proof { of: intent, host: run.host.clone(), left: left.to_vec(), evidence });
    keep(run, proof).await.map(|_| ()).map_err(|error| unkept(&error, "nothing more is changed"))
}

async fn keep<D: Door>(run: &mut HostRun<D>, record: Record) -> Result<u64, JournalError> {
    let ledger = Arc::clone(&run.shared.options.ledger);
    // Waiting for the disk must not keep other hosts waiting for theirs.
    let written = tokio::task::spawn_blocking(move || ledger.write(&record)).await;
    written.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

fn unkept(error: &JournalError, so: &str) -> Ended {
    Ended::failed(format!("{error}; {so}"))
}
