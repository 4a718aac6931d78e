//! What a stage that was not carried out whole has left behind goes again.

use super::host::HostRun;
use super::send::send;
use super::words::{refused, tried};
use super::{Door, HostWork};
use crate::hostcall::{Outcome, Write};
use crate::plan::Stage;
use crate::resource::Writes;

/// Takes back what is of no use without the rest of the stage, such as a scratch database. Gives what stays after all.
pub(super) async fn take_back<D: Door>(
    run: &mut HostRun<D>,
    work: &(usize, HostWork),
    stage: &Stage,
    done: &[Write],
) -> Vec<String> {
    let mut wanted = Writes::default();
    for step in stage.steps.iter().filter_map(|step| work.1.steps.get(step.index)) {
        step.resource.take_back(done, &mut wanted);
    }
    let writes: Vec<Write> = wanted.calls.into_iter().map(|(_, write)| write).collect();
    if writes.is_empty() {
        return Vec::new();
    }
    let left = |write: &Write, why: &str| format!("left behind: {}: {why}", tried(write));
    match send(run, work.0, stage, &[], &writes, &[]).await.map(|sent| sent.came) {
        Ok(Ok((outcomes, _))) => {
            let told = writes.iter().zip(&outcomes).filter_map(|(write, outcome)| match outcome {
                Outcome::Failed(refusal) => Some(format!("left behind: {}", refused(tried(write), refusal))),
                _ => None,
            });
            told.collect()
        }
        Ok(Err(error)) => writes.iter().map(|write| left(write, &error.to_string())).collect(),
        Err(ended) => writes.iter().map(|write| left(write, &ended.reasons.join("; "))).collect(),
    }
}
