//! One stage on one host: change, look again, and prove.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::evidence::evidence;
use super::host::{HostRun, describe};
use super::observe::{Looked, conclude, look_further};
use super::send::{Evidence, Sent, proof, send};
use super::take_back::take_back;
use super::upload::upload;
use super::words::{refused, tried};
use super::work::{HostWork, reads};
use super::{Door, DoorError, Event, Status};
use crate::hostcall::answer::Installed;
use crate::hostcall::{Answer, Outcome, Read, RefusalCode, Text, Write};
use crate::plan::{Stage, check};
use crate::resource::Found;
use crate::value::SecretRef;

/// Logon tests of a run: each changed account is tried once, on one host, for all.
#[derive(Default)]
pub(super) struct Logons(Mutex<BTreeMap<(String, SecretRef), Result<(), String>>>);

/// How long a host may take to come back after a restart, and to finish an installation that cut the session off.
const SERVICING: Duration = Duration::from_mins(30);

/// Why a host's part of a play ended.
pub(super) struct Ended {
    pub status: Status,
    pub reasons: Vec<String>,
}

impl Ended {
    fn failed(reason: impl Into<String>) -> Ended {
        Ended { status: Status::Failed, reasons: vec![reason.into()] }
    }
}

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
            let reasons = vec![format!("moved: {at} changed on the host after it was looked at")];
            return Err(Ended { status: Status::Moved, reasons });
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
            return Err(Ended { status: Status::Unreachable, reasons: vec![reason] });
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

fn symptoms<D: Door>(
    run: &HostRun<D>,
    work: &(usize, HostWork),
    stage: &Stage,
    answers: &[(Read, Answer)],
) -> Vec<String> {
    let found = Found::new(answers, &run.shared.macs.secrets);
    let steps = stage.steps.iter().filter_map(|step| work.1.steps.get(step.index));
    // The same event logged for every attempt to start is one symptom.
    let symptoms: BTreeSet<String> = steps.flat_map(|step| step.resource.symptoms(&found)).collect();
    symptoms.into_iter().collect()
}

/// Whether what keeps a stage from being proved is not healed by waiting.
fn is_lasting<D: Door>(run: &HostRun<D>, work: &(usize, HostWork), stage: &Stage, answers: &[(Read, Answer)]) -> bool {
    let found = Found::new(answers, &run.shared.macs.secrets);
    stage.steps.iter().filter_map(|step| work.1.steps.get(step.index)).any(|step| step.resource.is_lasting(&found))
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
    let shared = std::sync::Arc::clone(&run.shared);
    let mut tried = shared.logons.0.lock().await;
    let key = (account.to_owned(), secret.clone());
    if let Some(known) = tried.get(&key) {
        return known.clone().map_err(Ended::failed);
    }
    let result = match send(run, number, stage, &[], std::slice::from_ref(write), &[]).await?.came {
        Ok((outcomes, _)) => match outcomes.first() {
            Some(Outcome::Done(_)) => Ok(()),
            Some(Outcome::Failed(refusal)) => Err(refused(
                &format!("the logon of {account} with secret `{}` was refused on {}", secret.name, run.host),
                refusal,
            )),
            _ => Err(format!("the logon of {account} was not tried on {}", run.host)),
        },
        Err(error) => Err(format!("whether {account} can log on is not known: {error}")),
    };
    tried.insert(key, result.clone());
    result.map_err(Ended::failed)
}

/// A change was sent and not answered: never sent again, settled by looking.
async fn settle<D: Door>(
    run: &mut HostRun<D>,
    work: &(usize, HostWork),
    stage: &Stage,
    reason: &str,
    intent: u64,
) -> Result<Looked, Ended> {
    let left_behind = take_back(run, work, stage, &stage.writes).await;
    run.outcome.notes.extend(left_behind);
    let servicing = stage.writes.iter().any(|write| matches!(write, Write::InstallFeatures { .. }));
    let deadline = Instant::now() + if servicing { SERVICING } else { run.shared.options.settle };
    let looked = loop {
        match run.look_again(std::slice::from_ref(work)).await {
            Ok(looked) if looked.troubles.is_empty() || Instant::now() > deadline => break looked,
            _ if run.shared.options.stop.is_asked() => {
                let words = format!("unknown: {reason}; interrupted before the host could be looked at again");
                return Err(Ended { status: Status::Interrupted, reasons: vec![words] });
            }
            Err(error) if Instant::now() > deadline => {
                let words = format!("unknown: {reason}; the host could not be looked at again: {error}");
                return Err(Ended { status: Status::Unreachable, reasons: vec![words] });
            }
            Ok(_) | Err(_) => pause(run, Duration::from_secs(1)).await,
        }
    };
    let left = unproved(stage, &looked);
    let kept = evidence(run, work, stage, &looked).await;
    proof(run, intent, &left, kept).await?;
    if left.is_empty() {
        run.outcome.notes.push(format!(
            "unknown, settled: {reason}; the host was looked at again, and the change had been carried out"
        ));
        return Ok(looked);
    }
    let words = format!(
        "unknown, settled: {reason}; the host was looked at again, and these are not as planned: {}; run again",
        left.join(", ")
    );
    Err(Ended::failed(words))
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
                return Err(Ended { status: Status::Interrupted, reasons: vec![words] });
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

/// Proves a stage: its resources differ in nothing. What Windows is still bringing about is given time.
async fn prove<D: Door>(
    run: &mut HostRun<D>,
    work: &(usize, HostWork),
    stage: Stage,
    mut looked: Looked,
    intent: u64,
) -> Result<Looked, Ended> {
    run.tell(Event::Proving);
    let deadline = Instant::now() + run.shared.options.settle;
    loop {
        let left = unproved(&stage, &looked);
        if left.is_empty() {
            let kept = evidence(run, work, &stage, &looked).await;
            proof(run, intent, &left, kept).await?;
            run.outcome.changed.extend(stage.steps);
            return Ok(looked);
        }
        let settling = left
            .iter()
            .all(|property| property.rsplit('.').next().is_some_and(|it| ["state", "answer", "recycle"].contains(&it)));
        if settling && run.shared.options.stop.is_asked() {
            proof(run, intent, &left, Evidence::new()).await?;
            let words = format!("carried out, and interrupted before it was proved: {}", left.join(", "));
            return Err(Ended { status: Status::Interrupted, reasons: vec![words] });
        }
        if !settling || Instant::now() > deadline || is_lasting(run, work, &stage, &looked.answers) {
            proof(run, intent, &left, Evidence::new()).await?;
            let mut reasons = vec![format!("carried out, and yet not as desired: {}", left.join(", "))];
            reasons.extend(symptoms(run, work, &stage, &looked.answers));
            return Err(Ended { status: Status::Failed, reasons });
        }
        pause(run, Duration::from_millis(500)).await;
        if !run.shared.options.stop.is_asked() {
            looked = run.look_again(std::slice::from_ref(work)).await.map_err(|error| run.lost(error))?;
        }
    }
}

/// Waits, unless the run is to end.
async fn pause<D: Door>(run: &mut HostRun<D>, time: Duration) {
    let _ = run.shared.options.stop.unless(tokio::time::sleep(time)).await;
}

/// The properties of a stage's resources that still differ, or the resources that could not be read.
fn unproved(stage: &Stage, looked: &Looked) -> Vec<String> {
    let ours = |index: usize| stage.steps.iter().any(|step| step.index == index);
    let steps = looked.plans.iter().flat_map(|(_, plan)| plan.steps()).filter(|step| ours(step.index));
    let mut left: Vec<String> = steps
        .flat_map(|step| step.changes.0.iter().map(|change| format!("{}.{}", step.address, change.property)))
        .collect();
    left.extend(looked.troubles.iter().filter_map(|(_, trouble)| match trouble {
        crate::plan::Trouble::Refused { index, .. } if ours(*index) => Some(describe(trouble)),
        _ => None,
    }));
    left
}
