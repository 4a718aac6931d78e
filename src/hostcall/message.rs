//! What travels between farmhand and an agent: a hello each way, then batches and replies, one JSON object a line.
//!
//! Lines are ASCII (everything else escaped), ended by LF, at most 256 KiB towards the host; a longer message goes as
//! several lines. Before its first batch that changes something a session brings the agent its writing part, as
//! `{"writer":TEXT}`, which is not answered.

use serde::{Deserialize, Serialize};

use super::answer::{Answer, Outcome};
use super::read::Read;
use super::write::Write;

/// What a session may do. The agent is told once and refuses every write in a read-only session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Reads only.
    ReadOnly,
    /// Reads and writes.
    ReadWrite,
}

/// The first line to an agent: `{"hello":1,"access":"read_only"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// Version of this protocol.
    pub hello: u32,
    /// What the session may do.
    pub access: Access,
}

/// The agent's first line, sent in one write with the reply to the first batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HelloAnswer {
    /// Version of this protocol.
    pub hello: u32,
    /// SHA-256 of the agent's text as it arrived, in lower-case hexadecimal.
    pub agent: String,
    /// What the session may do.
    pub access: Access,
}

/// A random value of one run, 32 bytes as 64 hexadecimal digits: the key under which secrets on hosts are told by MAC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nonce(pub String);

/// Calls that travel together and are answered together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Number of the batch in its session, from 1.
    pub id: u32,
    /// Key for MACs.
    pub nonce: Nonce,
    /// The calls, in order: reads are all made; writes stop at the first that is not done.
    pub calls: Vec<Call>,
}

/// A read or a write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// A question.
    Ask(Read),
    /// A change.
    Tell(Write),
}

/// The line that answers a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replies {
    /// The batch's number.
    pub id: u32,
    /// One reply a call, in order.
    pub replies: Vec<Reply>,
}

/// The reply to one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// To a read.
    Answer(Answer),
    /// To a write.
    Outcome(Outcome),
}
