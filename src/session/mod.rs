//! An opened agent on one host: one kind of session that can only look, and one that can also change.

mod clixml;
mod conversation;
mod error;

use std::time::Duration;

pub use clixml::plain as plain_stderr;
pub use error::SessionError;

use crate::agent::framing::{Resolver, no_secrets};
use crate::hostcall::{Access, Answer, Call, Nonce, Outcome, Read, Reply, Write};
use crate::transport::{FilePiece, Traffic, Transport};
use conversation::Conversation;

/// How a session behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The run's random value, the same for all sessions of a run.
    pub nonce: Nonce,
    /// How input reaches the agent, where an earlier session with the host has found out.
    pub input: Input,
    /// How long a new agent may be silent before its input is taken to be held back until it ends. Feature queries take
    /// real servers up to a minute.
    pub hello_patience: Duration,
    /// How long reads may take.
    pub observe_patience: Duration,
    /// How long writes may take; installing features takes real servers many minutes.
    pub change_patience: Duration,
}

impl Settings {
    /// The usual behaviour.
    pub fn new(nonce: Nonce) -> Settings {
        Settings {
            nonce,
            input: Input::Streamed,
            hello_patience: Duration::from_mins(1),
            observe_patience: Duration::from_mins(10),
            change_patience: Duration::from_mins(45),
        }
    }
}

/// How input reaches the agent on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// As it is sent: one process serves all batches.
    Streamed,
    /// Only when it ends: each batch has a process of its own.
    AtEnd,
}

/// A session that can only look. It has no way to change anything, and the agent is told so.
pub struct ReadSession(Conversation);

impl ReadSession {
    /// Starts an agent. It hears its first word with the first [`ReadSession::observe`].
    ///
    /// # Errors
    ///
    /// Those of [`SessionError`] that concern the way to the host.
    pub async fn open(transport: Transport, settings: Settings) -> Result<ReadSession, SessionError> {
        Ok(ReadSession(Conversation::open(transport, Access::ReadOnly, settings).await?))
    }

    /// Asks everything at once; one answer a read, in order.
    ///
    /// # Errors
    ///
    /// Those of [`SessionError`] but `Unknown`: looking changes nothing.
    pub async fn observe(&mut self, reads: &[Read]) -> Result<Vec<Answer>, SessionError> {
        observe(&mut self.0, reads).await
    }

    /// How input turned out to reach the agent; worth remembering for the next session with the host.
    pub fn input(&self) -> Input {
        self.0.input()
    }

    /// What has passed so far.
    pub fn traffic(&self) -> Traffic {
        self.0.traffic()
    }

    /// Ends the agent and leaves nothing behind. The traffic counts this too.
    pub async fn close(self) -> (Traffic, Result<(), SessionError>) {
        self.0.close().await
    }
}

/// A session that can look and change.
pub struct WriteSession(Conversation);

impl WriteSession {
    /// Starts an agent. It hears its first word with the first [`WriteSession::observe`].
    ///
    /// # Errors
    ///
    /// Those of [`SessionError`] that concern the way to the host.
    pub async fn open(transport: Transport, settings: Settings) -> Result<WriteSession, SessionError> {
        Ok(WriteSession(Conversation::open(transport, Access::ReadWrite, settings).await?))
    }

    /// Asks everything at once; one answer a read, in order.
    ///
    /// # Errors
    ///
    /// Those of [`SessionError`] but `Unknown`: looking changes nothing.
    pub async fn observe(&mut self, reads: &[Read]) -> Result<Vec<Answer>, SessionError> {
        observe(&mut self.0, reads).await
    }

    /// Carries out writes in order until one is not done, then asks the reads, in the same exchange.
    ///
    /// Secrets are looked up while the bytes are made, and nowhere else. [`SessionError::Unknown`] says that the writes
    /// may have been carried out; every other error says that they were not.
    ///
    /// # Errors
    ///
    /// Those of [`SessionError`].
    pub async fn change(
        &mut self,
        writes: &[Write],
        then: &[Read],
        secrets: &Resolver<'_>,
    ) -> Result<(Vec<Outcome>, Vec<Answer>), SessionError> {
        self.0.greet().await?;
        let tells = writes.iter().cloned().map(Call::Tell);
        let calls: Vec<Call> = tells.chain(then.iter().cloned().map(Call::Ask)).collect();
        let mut outcomes = Vec::with_capacity(writes.len());
        let mut answers = Vec::with_capacity(then.len());
        for reply in self.0.exchange(calls, secrets).await? {
            match reply {
                Reply::Outcome(outcome) => outcomes.push(outcome),
                Reply::Answer(answer) => answers.push(answer),
            }
        }
        Ok((outcomes, answers))
    }

    /// Whether there is a faster way for files than through the agent.
    pub fn carries_files(&self) -> bool {
        self.0.carries_files()
    }

    /// Brings pieces of the files of a folder that `put_tree` has begun, past the agent. `false` says that there turned out
    /// to be no such way. The next `put_tree` tells what arrived.
    ///
    /// # Errors
    ///
    /// Those of [`SessionError`] but `Unknown`: what arrived in part is never used.
    pub async fn carry(&mut self, tree: &str, pieces: Vec<FilePiece>) -> Result<bool, SessionError> {
        self.0.carry(tree, pieces).await
    }

    /// How input turned out to reach the agent; worth remembering for the next session with the host.
    pub fn input(&self) -> Input {
        self.0.input()
    }

    /// What has passed so far.
    pub fn traffic(&self) -> Traffic {
        self.0.traffic()
    }

    /// Ends the agent and leaves nothing behind. The traffic counts this too. After [`SessionError::Unknown`] nothing
    /// is ended: the writes may be under way, and killing them half way would be worse than not knowing.
    pub async fn close(self) -> (Traffic, Result<(), SessionError>) {
        self.0.close().await
    }
}

async fn observe(conversation: &mut Conversation, reads: &[Read]) -> Result<Vec<Answer>, SessionError> {
    let calls = reads.iter().cloned().map(Call::Ask).collect();
    let replies = conversation.exchange(calls, &no_secrets).await?;
    Ok(replies
        .into_iter()
        .filter_map(|reply| match reply {
            Reply::Answer(answer) => Some(answer),
            Reply::Outcome(_) => None,
        })
        .collect())
}

#[cfg(test)]
mod tests;
