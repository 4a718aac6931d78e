//! What is kept in the journal of what was found, with the proof of a stage.

use std::sync::Arc;

use super::host::HostRun;
use super::observe::Looked;
use super::send::Evidence;
use super::work::{HostWork, StepWork};
use super::{Door, Observe};
use crate::plan::{PlannedStep, Stage};
use crate::resource::{Found, Reads};

/// What the stage's resources want kept of what was found, and of what they look at for that alone.
pub(super) async fn evidence<D: Door>(
    run: &mut HostRun<D>,
    work: &(usize, HostWork),
    stage: &Stage,
    looked: &Looked,
) -> Evidence {
    let of = |step: &PlannedStep| Some((step.address.clone(), work.1.steps.get(step.index)?));
    let steps: Vec<(String, &StepWork)> = stage.steps.iter().filter_map(of).collect();
    let macs = Arc::clone(&run.shared.macs.secrets);
    let mut wanted = Reads::default();
    for (_, step) in &steps {
        step.resource.evidence_reads(&Found::new(&looked.answers, &macs), &mut wanted);
    }
    let wanted = wanted.without(&looked.answers);
    let mut answers = looked.answers.clone();
    if !wanted.is_empty() {
        let stop = run.shared.options.stop.clone();
        let asked = stop.unless(async { run.session().await?.observe(&wanted).await }).await;
        match asked {
            Some(Ok(more)) => answers.extend(wanted.into_iter().zip(more)),
            // The changes are proved all the same, and what is not to be had is left out. The session is of no more use:
            // what comes next opens another.
            Some(Err(_)) | None => run.hang_up().await,
        }
    }
    let found = Found::new(&answers, &macs);
    let kept = steps.into_iter().map(|(address, step)| (address, step.resource.evidence(&found)));
    kept.filter(|(_, kept)| !kept.is_empty()).collect()
}
