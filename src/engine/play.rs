//! One host's part of a play: stage by stage, until nothing differs.

use std::sync::Arc;

use super::ended::{Ended, not_disturbed};
use super::gate::{Gate, Pass};
use super::host::HostRun;
use super::observe::Looked;
use super::work::HostWork;
use super::{Door, Event, Status, describe, stage};
use crate::resource::Disturbance;

/// Carries out this host's part of a play.
pub(super) async fn carry_out<D: Door>(run: &mut HostRun<D>, number: usize, gate: &Arc<Gate>, mut pass: Option<Pass>) {
    let Some(work) = run.plays.iter().find(|(of, _)| *of == number).cloned() else { return };
    let ended = stages(run, &work, gate, &mut pass).await;
    let status = match ended {
        Ok(()) if run.outcome.changed.is_empty() => Status::Ok,
        Ok(()) => Status::Changed,
        Err(Ended { status, reasons }) => {
            run.outcome.reasons.extend(reasons);
            status
        }
    };
    run.outcome.status = status;
    if let Some(pass) = pass {
        pass.leave(status.is_good()).await;
    }
    run.tell(Event::Ended(status));
}

async fn stages<D: Door>(
    run: &mut HostRun<D>,
    work: &(usize, HostWork),
    gate: &Arc<Gate>,
    pass: &mut Option<Pass>,
) -> Result<(), Ended> {
    let mut looked = if run.changed {
        // An earlier play changed this host: what was planned at first may not hold any more.
        run.look_again(std::slice::from_ref(work)).await.map_err(|error| run.lost(error))?
    } else {
        let plan = run.plan(work.0).cloned();
        let answers = run.looked.as_ref().map(|looked| looked.answers.clone()).unwrap_or_default();
        Looked { answers, plans: plan.into_iter().map(|plan| (work.0, plan)).collect(), ..Looked::default() }
    };
    let mut number = 0;
    while let Some(stage) = looked.plans.first().and_then(|(_, plan)| plan.stages.first()).cloned() {
        if run.shared.options.stop.is_asked() {
            return Err(run.interrupted());
        }
        run.is_agreed(work.0, number, &looked)?;
        number += 1;
        let stages = looked.plans.first().map_or(0, |(_, plan)| plan.stages.len());
        if stage.disturbs() != Disturbance::None && pass.is_none() {
            run.tell(Event::Waiting);
            let stop = run.shared.options.stop.clone();
            let entered = stop.unless(gate.enter(&run.host)).await.ok_or_else(|| run.interrupted())?;
            let left_alone = |failed: String| Ended::new(Status::NotStarted, not_disturbed(&failed));
            *pass = Some(entered.map_err(left_alone)?);
        }
        run.tell(Event::Stage(number, number + stages - 1));
        run.changed = true;
        looked = stage::carry_out(run, work, stage, &looked.answers).await?;
        if !looked.troubles.is_empty() {
            let reasons = looked.troubles.iter().map(|(_, trouble)| describe(trouble)).collect();
            return Err(Ended { status: Status::Failed, reasons });
        }
    }
    Ok(())
}
