//! The agent's side of farmhand's protocol, answered by the model of a host.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::faults::Faults;
use super::process::{Input, Output, Taken};
use crate::agent;
use crate::agent::lines::{Lines, Messages};
use crate::doctor::told::FULL_LANGUAGE;
use crate::hostcall::{Access, Batch, Call, Hello, HelloAnswer, Outcome, Refusal, RefusalCode, Replies, Reply, Write};
use crate::lab::{AgentProcess, Answers, WireFault};

/// A PowerShell that runs what it reads from standard input.
pub(super) struct AgentProgram {
    /// Who answers.
    pub host: Arc<dyn Answers>,
    /// The process that this is, on the host.
    pub process: Arc<AgentProcess>,
    /// Who started it.
    pub user: String,
    /// What the wire is to show.
    pub faults: Arc<Faults>,
    /// Whether input is held back until it ends, as on hosts where PowerShell does not stream it.
    pub input_at_end: bool,
    /// What to do with input that is no agent's, when it has ended.
    pub otherwise: Box<dyn Fn(&Output) -> i32 + Send + Sync>,
}

/// What PowerShell says to the agent where a policy gives it limits alone.
const CONSTRAINED: &str = "Cannot create type. Only core types are supported in this language mode.\r\n";

enum Stage {
    /// The agent's text is arriving.
    Text(Sha256),
    /// What the host is examined for was told, and nothing more comes.
    Told,
    /// The hello comes next.
    Hello(String),
    /// Batches come; the answer to the hello waits for the first.
    Batches(Batches),
}

/// The message that brings the writing part.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Writer {
    writer: String,
}

/// A conversation with one controller.
struct Batches {
    access: Access,
    hello: Option<HelloAnswer>,
    /// Whether the writing part has come.
    writes: bool,
    messages: Messages,
}

impl AgentProgram {
    /// Runs until input ends.
    pub async fn run(self, mut input: mpsc::UnboundedReceiver<Input>, output: Arc<Output>) -> i32 {
        let mut lines = Lines::default();
        let mut stage = Stage::Text(Sha256::new());
        let mut held = Vec::new();
        while let Some(Input { bytes, end, taken }) = input.recv().await {
            held.extend(bytes);
            let mut how = Taken::Normally;
            if end || !self.input_at_end {
                lines.push(&std::mem::take(&mut held));
                while let Some(line) = lines.next_line() {
                    stage = match self.line(stage, line, &output).await {
                        Ok((stage, Taken::Normally)) => stage,
                        Ok((stage, reset)) => {
                            how = reset;
                            stage
                        }
                        Err(complaint) => {
                            output.complain(complaint.as_bytes());
                            return 1;
                        }
                    };
                }
            }
            // Nobody waits for it but a connection that may have to be reset.
            let _ = taken.send(how);
            if end {
                return match stage {
                    Stage::Text(_) => (self.otherwise)(&output),
                    _ => 0,
                };
            }
        }
        1
    }

    async fn line(&self, stage: Stage, line: Vec<u8>, output: &Output) -> Result<(Stage, Taken), String> {
        match stage {
            Stage::Text(digest) if line == agent::END_LINE.as_bytes() => {
                let digest = agent::hexadecimal(&digest.finalize());
                if digest == agent::doctor_sha256() {
                    return self.examine(output).await;
                }
                if self.host.is_constrained() {
                    return Err(CONSTRAINED.to_owned());
                }
                if digest != agent::sha256() {
                    return Err("this lab runs no other agent than its own version's\r\n".to_owned());
                }
                Ok((Stage::Hello(digest), Taken::Normally))
            }
            Stage::Text(digest) => Ok((Stage::Text(digest.chain_update(line).chain_update(b"\n")), Taken::Normally)),
            Stage::Told => Ok((Stage::Told, Taken::Normally)),
            Stage::Hello(agent) => {
                let Hello { hello, access } = serde_json::from_slice(&line).map_err(|error| error.to_string())?;
                let answer = HelloAnswer { hello, agent, access };
                let batches = Batches { access, hello: Some(answer), writes: false, messages: Messages::default() };
                Ok((Stage::Batches(batches), Taken::Normally))
            }
            Stage::Batches(mut batches) => {
                let Some(message) = batches.messages.line(line) else {
                    return Ok((Stage::Batches(batches), Taken::Normally));
                };
                let taken = self.message(&mut batches, &message, output).await?;
                Ok((Stage::Batches(batches), taken))
            }
        }
    }

    /// Tells what the host is examined for, and no more.
    async fn examine(&self, output: &Output) -> Result<(Stage, Taken), String> {
        let (host, user) = (Arc::clone(&self.host), self.user.clone());
        let told = tokio::task::spawn_blocking(move || host.examined(&user)).await.ok().flatten();
        let told = told.ok_or("the model of the host failed\r\n")?;
        // With limits, what is told goes through PowerShell's own formatting, which ends lines as Windows does.
        let end = if told.language_mode == FULL_LANGUAGE { "\n" } else { "\r\n" };
        let text = serde_json::to_string(&told).map_err(|error| error.to_string())?;
        output.write((text + end).as_bytes());
        Ok((Stage::Told, Taken::Normally))
    }

    async fn message(&self, batches: &mut Batches, message: &[u8], output: &Output) -> Result<Taken, String> {
        if let Ok(Writer { writer }) = serde_json::from_slice(message) {
            if batches.access != Access::ReadWrite || writer != agent::writer() {
                return Err("this is not the writing part for this session\r\n".to_owned());
            }
            batches.writes = true;
            return Ok(Taken::Normally);
        }
        let batch: Batch = serde_json::from_slice(message).map_err(|error| error.to_string())?;
        let mutates = batch.calls.iter().any(|call| matches!(call, Call::Tell(_)));
        let fault = if mutates { self.faults.take_reset(self.host.as_ref()) } else { None };
        if fault == Some(WireFault::ResetBeforeWrite) {
            return Ok(Taken::Reset);
        }
        let host = Arc::clone(&self.host);
        let process = Arc::clone(&self.process);
        let (access, writes) = (batches.access, batches.writes);
        let replies = tokio::task::spawn_blocking(move || reply(host.as_ref(), &process, access, writes, &batch))
            .await
            .map_err(|_| "the model of the host failed".to_owned())?;
        // The agent says hello and its first replies in one write, so that one Receive brings both.
        let mut text = String::new();
        if let Some(hello) = batches.hello.take() {
            text.push_str(&serde_json::to_string(&hello).map_err(|error| error.to_string())?);
            text.push('\n');
        }
        text.push_str(&serde_json::to_string(&replies).map_err(|error| error.to_string())?);
        text.push('\n');
        output.write(text.as_bytes());
        Ok(if fault.is_some() { Taken::Reset } else { Taken::Normally })
    }
}

/// Answers a batch. Writes of a read-only session, or of one without the writing part, never reach the model.
fn reply(host: &dyn Answers, process: &Arc<AgentProcess>, access: Access, writes: bool, batch: &Batch) -> Replies {
    let may_write = access == Access::ReadWrite && writes;
    if may_write || batch.calls.iter().all(|call| matches!(call, Call::Ask(_))) {
        return host.reply_as(process, access, batch);
    }
    let asks = batch.calls.iter().filter(|call| matches!(call, Call::Ask(_))).cloned().collect();
    let mut answers = host.reply_as(process, access, &Batch { calls: asks, ..batch.clone() }).replies.into_iter();
    let mut refused = false;
    let refusal = |write: &Write| match access {
        Access::ReadOnly => Refusal {
            code: RefusalCode::ReadOnly,
            text: format!("`{}` is a write and this session is read-only", write.name()),
            hresult: None,
        },
        Access::ReadWrite => {
            Refusal { code: RefusalCode::Unsupported, text: "no such write".to_owned(), hresult: None }
        }
    };
    let replies = batch.calls.iter().filter_map(|call| match call {
        Call::Ask(_) => answers.next(),
        Call::Tell(_) if std::mem::replace(&mut refused, true) => Some(Reply::Outcome(Outcome::Skipped {})),
        Call::Tell(write) => Some(Reply::Outcome(Outcome::Failed(refusal(write)))),
    });
    Replies { id: batch.id, replies: replies.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::framing;
    use crate::hostcall::Nonce;
    use crate::lab::{HostSpec, LabHost};
    use std::time::Duration;

    /// What comes back for a session's input: the last line of output, or what is complained of.
    async fn talk(access: Access, lines: &[Vec<u8>]) -> (String, String) {
        let folder = tempfile::tempdir().unwrap();
        let host: Arc<dyn Answers> = Arc::new(LabHost::create(folder.path(), HostSpec::new("web01", "2019")).unwrap());
        let program = AgentProgram {
            host,
            process: AgentProcess::start(),
            user: "LAB\\operator".to_owned(),
            faults: Arc::new(Faults::default()),
            input_at_end: false,
            otherwise: Box::new(|_| 0),
        };
        let bytes = [framing::preamble(access).unwrap(), lines.concat()].concat();
        let process = super::super::process::Process::start(move |input, output| program.run(input, output));
        process.feed(bytes, true).unwrap().await.ok();
        let output = process.output().fetch(usize::MAX, Duration::from_secs(10)).await.unwrap();
        let last = String::from_utf8(output.stdout).unwrap().lines().last().unwrap_or_default().to_owned();
        (last, String::from_utf8(output.stderr).unwrap())
    }

    #[tokio::test]
    async fn nothing_is_changed_without_the_writing_part() {
        let write = Write::folder(r"C:\farmhand\x".to_owned());
        let batch = Batch { id: 1, nonce: Nonce("00".repeat(32)), calls: vec![Call::Tell(write)] };
        let batch = framing::encode(&batch, &framing::no_secrets).unwrap().to_vec();
        let writer = framing::writer().unwrap().to_vec();
        let altered = String::from_utf8(writer.clone()).unwrap().replacen("Done", "done", 1).into_bytes();
        let check = |(said, complaint): (String, String), part: &str, expected: &str| {
            let text = if part == "stdout" { said } else { complaint };
            assert!(text.contains(expected), "{expected}: {text}");
        };
        check(talk(Access::ReadWrite, &[writer.clone(), batch.clone()]).await, "stdout", "\"done\"");
        check(talk(Access::ReadWrite, std::slice::from_ref(&batch)).await, "stdout", "unsupported");
        check(talk(Access::ReadWrite, &[altered, batch.clone()]).await, "stderr", "not the writing part");
        check(talk(Access::ReadOnly, &[writer, batch.clone()]).await, "stderr", "not the writing part");
        check(talk(Access::ReadOnly, &[batch]).await, "stdout", "read_only");
    }
}
