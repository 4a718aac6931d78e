//! The talk with an agent: preamble, batches, replies, and what their absence means.

use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::{Input, SessionError, Settings, clixml};
use crate::agent;
use crate::agent::framing::{self, Resolver};
use crate::agent::lines::Lines;
use crate::hostcall::{Access, Batch, Call, HelloAnswer, Replies, Reply};
use crate::transport::{FilePiece, Traffic, Transport};

/// How much an agent may write before its hello; a profile or a policy may print a banner.
const MAX_LINES_BEFORE_HELLO: usize = 1000;

/// One agent, asked and told by one side and answering in order.
pub(super) struct Conversation {
    transport: Transport,
    access: Access,
    settings: Settings,
    input: Input,
    lines: Lines,
    last_id: u32,
    agent: Agent,
    /// Whether nothing went wrong yet. It is off while an exchange is under way, so that one given up half way counts
    /// as having gone wrong.
    sound: bool,
    /// Whether writes were sent and not answered.
    unsettled: bool,
}

/// What is known of the agent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Agent {
    /// It has not said hello.
    Unheard,
    /// It has, and has its reading part alone.
    Reads,
    /// It has its writing part too.
    Writes,
}

/// Why there is no answer.
enum Miss {
    /// The hello was late: input may not reach this agent before it ends.
    Hello,
    /// Anything else.
    Error(SessionError),
}

impl<E: Into<SessionError>> From<E> for Miss {
    fn from(error: E) -> Miss {
        Miss::Error(error.into())
    }
}

impl Conversation {
    pub(super) async fn open(
        transport: Transport,
        access: Access,
        settings: Settings,
    ) -> Result<Conversation, SessionError> {
        let input = settings.input;
        let lines = Lines::default();
        let mut conversation = Conversation {
            transport,
            access,
            settings,
            input,
            lines,
            last_id: 0,
            agent: Agent::Unheard,
            sound: true,
            unsettled: false,
        };
        if let Err(error) = conversation.transport.start().await {
            // A shell that was opened and has no process is not left behind.
            let _ = conversation.transport.close().await;
            return Err(error.into());
        }
        Ok(conversation)
    }

    pub(super) fn input(&self) -> Input {
        self.input
    }

    pub(super) fn traffic(&self) -> Traffic {
        self.transport.traffic()
    }

    /// Ends the agent, unless it may still be at work on writes: those are left to finish, and the shell ends by its
    /// idle time-out.
    pub(super) async fn close(mut self) -> (Traffic, Result<(), SessionError>) {
        if self.unsettled {
            return (self.transport.traffic(), Ok(()));
        }
        let closed = self.transport.close().await.map_err(SessionError::from);
        (self.transport.traffic(), closed)
    }

    pub(super) fn carries_files(&self) -> bool {
        self.transport.carries_files()
    }

    /// Brings pieces of files past the agent, which has nothing to do meanwhile.
    pub(super) async fn carry(&mut self, tree: &str, pieces: Vec<FilePiece>) -> Result<bool, SessionError> {
        if !self.sound {
            return Err(SessionError::Over { host: self.host() });
        }
        self.sound = false;
        let carried = self.transport.carry(tree, pieces).await?;
        self.sound = true;
        Ok(carried)
    }

    /// Makes sure that the agent answers, before anything is sent that must not be sent twice.
    pub(super) async fn greet(&mut self) -> Result<(), SessionError> {
        if self.agent != Agent::Unheard {
            return Ok(());
        }
        self.exchange(Vec::new(), &framing::no_secrets).await.map(|_| ())
    }

    /// One batch and its replies.
    pub(super) async fn exchange(
        &mut self,
        calls: Vec<Call>,
        secrets: &Resolver<'_>,
    ) -> Result<Vec<Reply>, SessionError> {
        if !self.sound {
            return Err(SessionError::Over { host: self.host() });
        }
        let batch = Batch { id: self.last_id + 1, nonce: self.settings.nonce.clone(), calls };
        let line = framing::encode(&batch, secrets)?;
        self.last_id = batch.id;
        self.sound = false;
        self.unsettled = batch.calls.iter().any(|call| matches!(call, Call::Tell(_)));
        let replies = match self.attempt(&batch, &line).await {
            Err(Miss::Hello) => {
                tracing::info!(host = self.transport.host(), "no hello: going on with one process per batch");
                self.input = Input::AtEnd;
                self.transport.stop().await?;
                self.attempt(&batch, &line).await
            }
            attempted => attempted,
        };
        self.unsettled = matches!(&replies, Err(Miss::Error(SessionError::Unknown { .. })));
        match replies {
            Ok(replies) => {
                self.sound = true;
                Ok(replies)
            }
            Err(Miss::Error(error)) => Err(error),
            Err(Miss::Hello) => unreachable!("only a streamed agent is waited for in vain"),
        }
    }

    async fn attempt(&mut self, batch: &Batch, line: &Zeroizing<Vec<u8>>) -> Result<Vec<Reply>, Miss> {
        let mutates = batch.calls.iter().any(|call| matches!(call, Call::Tell(_)));
        let at_end = self.input == Input::AtEnd;
        if at_end {
            if self.transport_is_used() {
                self.transport.stop().await?;
                self.transport.start().await?;
            }
            self.lines = Lines::default();
        }
        let opens = at_end || self.agent == Agent::Unheard;
        let preamble = if opens { framing::preamble(self.access)? } else { Vec::new() };
        let brings_writer = mutates && self.access == Access::ReadWrite && (at_end || self.agent != Agent::Writes);
        let writer = if brings_writer { framing::writer()? } else { Zeroizing::default() };
        let mut payload = Zeroizing::new(Vec::with_capacity(preamble.len() + writer.len() + line.len()));
        for part in [&preamble, &*writer, &**line] {
            payload.extend_from_slice(part);
        }
        if brings_writer {
            self.agent = Agent::Writes;
        }
        if let Err(failure) = self.transport.send(&payload, at_end).await {
            return Err(Miss::Error(if mutates && failure.arrived {
                self.unknown(&failure.error)
            } else {
                SessionError::Transport(failure.error)
            }));
        }
        match self.answer(batch, opens).await {
            Err(Miss::Error(error)) if mutates => Err(Miss::Error(self.unknown(&error))),
            answered => answered,
        }
    }

    /// Whether the process that runs is not a fresh one.
    fn transport_is_used(&self) -> bool {
        self.last_id > 1 || self.input != self.settings.input
    }

    /// Waits for the replies to a batch, and before them for the hello where the agent is new.
    async fn answer(&mut self, batch: &Batch, opens: bool) -> Result<Vec<Reply>, Miss> {
        let mutates = batch.calls.iter().any(|call| matches!(call, Call::Tell(_)));
        let patience = if mutates { self.settings.change_patience } else { self.settings.observe_patience };
        let began = Instant::now();
        let mut hello = !opens;
        let mut before_hello = 0;
        loop {
            while let Some(line) = self.lines.next_line() {
                if hello {
                    return Ok(self.replies(batch, &line)?);
                }
                hello = self.hello(&line)?;
                before_hello += 1;
                if before_hello > MAX_LINES_BEFORE_HELLO {
                    return Err(self.nonsense("it writes and writes and says no hello").into());
                }
            }
            if self.lines.is_flooded() {
                return Err(self.nonsense("its line has no end").into());
            }
            let waited = began.elapsed();
            let streamed_hello = !hello && self.agent == Agent::Unheard && self.input == Input::Streamed;
            let limit = if streamed_hello { self.settings.hello_patience } else { patience };
            let Some(left) = limit.checked_sub(waited).filter(|left| !left.is_zero()) else {
                // Only reads are ever in a first batch, so asking them again is safe.
                return Err(if streamed_hello && !mutates { Miss::Hello } else { self.silent(limit).into() });
            };
            let received = self.transport.receive(left).await?;
            self.lines.push(&received.stdout);
            if let Some(code) = received.exit_code {
                return self.last_words(batch, hello, code);
            }
        }
    }

    /// What a process that has ended has still left behind.
    fn last_words(&mut self, batch: &Batch, mut hello: bool, code: i32) -> Result<Vec<Reply>, Miss> {
        while let Some(line) = self.lines.next_line() {
            if hello {
                return Ok(self.replies(batch, &line)?);
            }
            hello = self.hello(&line)?;
        }
        Err(SessionError::Ended { host: self.host(), code, stderr: clixml::plain(self.transport.stderr()) }.into())
    }

    /// Whether a line is the agent's hello. What comes before it is discarded.
    fn hello(&mut self, line: &[u8]) -> Result<bool, SessionError> {
        let Ok(hello) = serde_json::from_slice::<HelloAnswer>(line) else { return Ok(false) };
        if hello.hello != agent::PROTOCOL {
            return Err(self.nonsense(&format!("it speaks version {} of the protocol", hello.hello)));
        }
        if hello.agent != agent::sha256() {
            return Err(self.nonsense("its text was altered on the way"));
        }
        if hello.access != self.access {
            return Err(self.nonsense("it took the session for one of the other kind"));
        }
        if self.agent == Agent::Unheard {
            self.agent = Agent::Reads;
        }
        self.transport.agent_answered();
        Ok(true)
    }

    fn replies(&self, batch: &Batch, line: &[u8]) -> Result<Vec<Reply>, SessionError> {
        let replies: Replies = serde_json::from_slice(line).map_err(|error| self.nonsense(&error.to_string()))?;
        if replies.id != batch.id {
            return Err(self.nonsense(&format!("it answered batch {} when asked batch {}", replies.id, batch.id)));
        }
        let matches = |call: &Call, reply: &Reply| {
            matches!((call, reply), (Call::Ask(_), Reply::Answer(_)) | (Call::Tell(_), Reply::Outcome(_)))
        };
        if replies.replies.len() != batch.calls.len()
            || !batch.calls.iter().zip(&replies.replies).all(|(call, reply)| matches(call, reply))
        {
            return Err(self.nonsense("its replies do not match the calls one by one"));
        }
        Ok(replies.replies)
    }

    fn host(&self) -> String {
        self.transport.host().to_owned()
    }

    fn unknown(&self, why: &dyn std::error::Error) -> SessionError {
        SessionError::Unknown { host: self.host(), why: why.to_string() }
    }

    fn silent(&self, waited: Duration) -> SessionError {
        SessionError::Silent { host: self.host(), seconds: waited.as_secs() }
    }

    fn nonsense(&self, what: &str) -> SessionError {
        SessionError::Nonsense { host: self.host(), what: what.to_owned() }
    }
}
