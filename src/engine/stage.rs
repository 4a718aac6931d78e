//! One stage on one host: change, look again, and prove.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ended::Ended;
use super::host::HostRun;
use super::observe::{Looked, conclude, look_further};
use super::prove::{SERVICING, pause, prove, settle, symptoms};
use super::send::{Evidence, Sent, proof, send};
use super::take_back::take_back;
use super::upload::upload;
use super::words::{refused, tried};
use super::work::{HostWork, reads};
use super::{Door, DoorError, Event, Status};
use crate::hostcall::answer::Installed;
use crate::hostcall::{Answer, Outcome, Read, RefusalCode, Text, Write};
use crate::plan::{Stage, check};
use crate::value::SecretRef;

/// Carries out a stage and proves it. Gives what was found afterwards, planned anew: the stages that are left.
pub(super) async fn carry_out<D: Door>(
    run: &mut HostRun<D>,
    work: &(usize, HostWork),
    stage: Stage,
    answers: &[(Read, Answer)],
) -> Result<Looked, Ended> {
    let unsound = check(&stage, answers);
    if !unsound.is_empty() {
        let reasons =
            unsound.into_iter().map(|it| format!("this plan is not sound, which is a fault of farmhand: {it}"));
        return Err(Ended { status: Status::Failed, reasons: reasons.collect() });
    }
    let (looked, note) = match attempt(run, work, &stage).await? {
        Attempt::Looked(looked, intent) => return prove(run, work, stage, looked, intent).await,
        Attempt::Moved(at) if run.shared.options.agreed.is_some() => {
            let words = format!("moved: {at} changed on the host after it was looked at");
            return Err(Ended::new(Status::Moved, words));
        }
        Attempt::Moved(at) => {
            let looked = run.look_again(std::slice::from_ref(work)).await.map_err(|error| run.lost(error))?;
            (looked, format!("{at} changed on the host after it was looked at; the host was planned anew"))
        }
        Attempt::Restarted(looked) => (looked, "restarted first: Windows installs nothing before that".to_owned()),
    };
    // What the plan rested on has changed: the host is planned anew, once.
    run.outcome.notes.push(note);
    run.is_agreed(work.0, 0, &looked)?;
    let again = looked.plans.first().and_then(|(_, plan)| plan.stages.first()).cloned();
    let Some(stage) = again else { return Ok(looked) };
    match attempt(run, work, &stage).await? {
        Attempt::Looked(looked, intent) => prove(run, work, stage, looked, intent).await,
        Attempt::Moved(at) => Err(Ended::failed(format!("{at} keeps changing on the host; find out who changes it"))),
        Attempt::Restarted(_) => Err(Ended::failed("Windows still wants a restart after it was restarted")),
    }
}

enum Attempt {
    /// Carried out, as far as the host said, and looked at; with the number of its intent in the journal.
    Looked(Looked, u64),
    /// Nothing was changed: somebody else changed what is named here first.
    Moved(String),
    /// Nothing was installed: a restart that was due before came first.
    Restarted(Looked),
}

/// Sends the writes of a stage with the reads that verify them, and looks at the outcomes.
async fn attempt<D: Door>(run: &mut HostRun<D>, work: &(usize, HostWork), stage: &Stage) -> Result<Attempt, Ended> {
    let mut writes = Vec::new();
    for write in &stage.writes {
        if let Write::TestLogon { account, password: Text::Secret(secret) } = write {
            test_logon(run, work.0, stage, account, secret, write).await?;
        } else if matches!(write, Write::PutTree { files: Some(_), .. }) {
            upload(run, work.0, stage, write).await?;
        } else {
            writes.push(write.clone());
        }
    }
    let then = reads([&work.1]);
    let Sent { intent, came } = send(run, work.0, stage, &stage.steps, &writes, &then).await?;
    let (outcomes, answers) = match came {
        Ok(answered) => answered,
        Err(DoorError::Unreachable(reason)) => {
            return Err(Ended::new(Status::Unreachable, reason));
        }
        Err(DoorError::Unknown(reason)) => {
            let looked = settle(run, work, stage, &reason, intent).await?;
            return Ok(Attempt::Looked(looked, intent));
        }
    };
    let mut reboot = false;
    for (write, outcome) in writes.iter().zip(&outcomes) {
        match outcome {
            Outcome::Done(told) => reboot |= wants_reboot(write, told),
            Outcome::Moved { at } => return Ok(Attempt::Moved(at.clone())),
            Outcome::Failed(refusal) if refusal.code == RefusalCode::RebootPending && stage.reboot_allowed => {
                return self::reboot(run, work, stage, true).await.map(Attempt::Restarted);
            }
            Outcome::Failed(refusal) => {
                let mut ended = failed(run, work, stage, refused(tried(write), refusal), &then, answers);
                let done =
                    |(write, outcome): (&Write, &Outcome)| matches!(outcome, Outcome::Done(_)).then(|| write.clone());
                let done: Vec<Write> = writes.iter().zip(&outcomes).filter_map(done).collect();
                ended.reasons.extend(carried_out(&done));
                ended.reasons.extend(take_back(run, work, stage, &done).await);
                return Err(ended);
            }
            Outcome::Skipped {} => {}
        }
    }
    if reboot {
        let looked = self::reboot(run, work, stage, stage.reboot_allowed).await?;
        return Ok(Attempt::Looked(looked, intent));
    }
    let answers = then.into_iter().zip(answers).collect();
    let (plays, macs) = (std::slice::from_ref(work), run.shared.macs.clone());
    let answers = match run.session().await {
        Ok(session) => look_further(session, answers, plays, &macs).await,
        Err(error) => Err(error),
    };
    let answers = match answers {
        Ok(answers) => answers,
        // The change is made and answered; what a later stage rests on is not known.
        Err(error) => {
            run.hang_up().await;
            return Err(run.lost(error));
        }
    };
    let looked = conclude(&run.host, answers, std::slice::from_ref(work), &run.shared.macs);
    Ok(Attempt::Looked(looked, intent))
}

fn wants_reboot(write: &Write, told: &serde_json::Value) -> bool {
    matches!(write, Write::InstallFeatures { .. })
        && serde_json::from_value::<Installed>(told.clone()).is_ok_and(|installed| installed.reboot_needed)
}

/// A write was refused: what the host says besides, and what was done before it.
fn failed<D: Door>(
    run: &HostRun<D>,
    work: &(usize, HostWork),
    stage: &Stage,
    reason: String,
    then: &[Read],
    answers: Vec<Answer>,
) -> Ended {
    let answers: Vec<(Read, Answer)> = then.iter().cloned().zip(answers).collect();
    let mut reasons = vec![reason];
    reasons.extend(symptoms(run, work, stage, &answers));
    Ended { status: Status::Failed, reasons }
}

/// Which statements were carried out before one was refused; nobody else takes them back.
fn carried_out(done: &[Write]) -> Option<String> {
    let statements: Vec<&str> = done.iter().filter(|write| matches!(write, Write::Sql { .. })).map(tried).collect();
    (!statements.is_empty()).then(|| format!("carried out before that: {}", statements.join("; ")))
}

/// Tries an account's new password, unless another host of this run did.
async fn test_logon<D: Door>(
    run: &mut HostRun<D>,
    number: usize,
    stage: &Stage,
    account: &str,
    secret: &SecretRef,
    write: &Write,
) -> Result<(), Ended> {
    let shared = Arc::clone(&run.shared);
    let test = async {
        let came = send(run, number, stage, &[], std::slice::from_ref(write), &[]).await?.came;
        Ok(match came {
            Ok((outcomes, _)) => match outcomes.first() {
                Some(Outcome::Done(_)) => Ok(()),
                Some(Outcome::Failed(refusal)) => Err(refused(
                    &format!("the logon of {account} with secret `{}` was refused on {}", secret.name, run.host),
                    refusal,
                )),
                _ => Err(format!("the logon of {account} was not tried on {}", run.host)),
            },
            Err(error) => Err(format!("whether {account} can log on is not known: {error}")),
        })
    };
    shared.logons.once(account, secret, test).await
}

/// Restarts the host where that is allowed, and waits until it answers again.
async fn reboot<D: Door>(
    run: &mut HostRun<D>,
    work: &(usize, HostWork),
    stage: &Stage,
    allowed: bool,
) -> Result<Looked, Ended> {
    if !allowed {
        return Err(Ended::failed(
            "Windows needs a restart to finish the installation; restart the host, or allow it: reboot: if_needed",
        ));
    }
    run.tell(Event::Rebooting);
    // The session may well end before the answer comes; that the host went down and came back is what counts.
    let Sent { intent, came } = send(run, work.0, stage, &[], &[Write::Reboot], &[]).await?;
    run.hang_up().await;
    if let Ok((outcomes, _)) = came
        && let Some(Outcome::Failed(refusal)) = outcomes.first()
    {
        return Err(Ended::failed(refused("reboot", refusal)));
    }
    let deadline = Instant::now() + SERVICING;
    loop {
        match run.look_again(std::slice::from_ref(work)).await {
            Ok(looked) => {
                proof(run, intent, &[], Evidence::new()).await?;
                return Ok(looked);
            }
            Err(_) if run.shared.options.stop.is_asked() => {
                let words = "interrupted while the host restarts; it was not looked at again".to_owned();
                return Err(Ended::new(Status::Interrupted, words));
            }
            Err(error) if Instant::now() > deadline => {
                return Err(Ended::failed(format!(
                    "the host did not come back from its restart within 30 minutes: {error}"
                )));
            }
            Err(_) => pause(run, Duration::from_secs(2)).await,
        }
    }
}
