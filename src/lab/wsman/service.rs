//! What a lab host does for each request, once it is opened.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::accounts::Accounts;
use super::command::start;
use super::faults::Faults;
use super::message::{Refusal, Request, duration};
use super::process::{Output, Pending, Taken};
use super::shells::Shells;
use super::tls::Acceptor;
use super::{Counts, Settings};
use crate::lab::Answers;
use crate::transport::winrm::uri::{self, action};

/// Everything that the connections of one host share.
pub(super) struct Service {
    pub host: Arc<dyn Answers>,
    pub accounts: Arc<Accounts>,
    pub settings: Settings,
    pub shells: Shells,
    pub faults: Arc<Faults>,
    pub counters: Counters,
    /// What shakes hands, on a listener of HTTPS.
    pub tls: Option<Acceptor>,
}

/// Counts of what has happened.
#[derive(Default)]
pub(super) struct Counters {
    pub connections: AtomicU64,
    pub requests: AtomicU64,
    pub logins: AtomicU64,
    pub commands: AtomicU64,
}

impl Counters {
    pub fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a request leads to.
pub(super) enum Reaction {
    /// A reply; if it cannot be delivered, the output in it goes back.
    Reply { success: bool, text: String, undelivered: Option<(Arc<Output>, Pending)> },
    /// A reset of the connection.
    Reset,
}

impl Service {
    /// What has happened so far.
    pub fn counts(&self) -> Counts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            connections: get(&self.counters.connections),
            requests: get(&self.counters.requests),
            logins: get(&self.counters.logins),
            commands: get(&self.counters.commands),
            open_shells: self.shells.count(),
        }
    }

    /// Carries out a request of a user who has logged in.
    pub async fn serve(&self, user: &str, bytes: usize, envelope: &str) -> Reaction {
        let request = match Request::parse(envelope) {
            Ok(request) => request,
            Err(why) => {
                let text = Request::default().refused(&Refusal::malformed(&why));
                return Reaction::Reply { success: false, text, undelivered: None };
            }
        };
        let limit = self.settings.quotas.envelope_bytes;
        let done = if bytes > limit { Err(Refusal::too_large(limit)) } else { self.carry_out(user, &request).await };
        done.unwrap_or_else(|refusal| Reaction::Reply {
            success: false,
            text: request.refused(&refusal),
            undelivered: None,
        })
    }

    async fn carry_out(&self, user: &str, request: &Request) -> Result<Reaction, Refusal> {
        let reply = |text| Ok(Reaction::Reply { success: true, text, undelivered: None });
        if !request.resource.eq_ignore_ascii_case(uri::SHELL_CMD) {
            return Err(Refusal::no_such_resource(&request.resource));
        }
        match request.action.as_str() {
            action::CREATE => {
                let idle = request.body.at(&["Shell", "IdleTimeOut"]).and_then(|idle| duration(idle.text.trim()));
                let (shell, idle) = self.shells.create(user, idle)?;
                reply(request.created(&shell, user, idle))
            }
            action::COMMAND => reply(self.command(user, request)?),
            action::SEND => self.send(user, request).await,
            action::RECEIVE => self.receive(user, request).await,
            action::SIGNAL => {
                self.shells.terminate(user, &request.shell, request.command("Signal"))?;
                reply(request.reply("<rsp:SignalResponse/>"))
            }
            action::DELETE => {
                self.shells.delete(user, &request.shell)?;
                reply(request.reply(""))
            }
            other => Err(Refusal::unsupported(other)),
        }
    }

    fn command(&self, user: &str, request: &Request) -> Result<String, Refusal> {
        let line = request.body.child("CommandLine").ok_or_else(|| Refusal::malformed("there is no CommandLine"))?;
        let command = line.child("Command").map(|command| command.text.trim()).unwrap_or_default();
        let arguments = line.children_named("Arguments").map(|argument| argument.text.trim());
        let text = std::iter::once(command).chain(arguments).collect::<Vec<_>>().join(" ");
        let id = line.attribute("CommandId");
        let id = self.shells.start(user, &request.shell, id, || {
            Counters::add(&self.counters.commands);
            start(self, user, &text)
        })?;
        Ok(request.reply(&format!("<rsp:CommandResponse><rsp:CommandId>{id}</rsp:CommandId></rsp:CommandResponse>")))
    }

    async fn send(&self, user: &str, request: &Request) -> Result<Reaction, Refusal> {
        let send = request.body.child("Send").ok_or_else(|| Refusal::malformed("there is no Send"))?;
        for stream in send.children_named("Stream") {
            let command = stream.attribute("CommandId").unwrap_or_default();
            let process = self.shells.process(user, &request.shell, command)?;
            let text: String = stream.text.split_ascii_whitespace().collect();
            let bytes = BASE64.decode(text).map_err(|_| Refusal::malformed("the stream is not base64"))?;
            let end = stream.attribute("End").is_some_and(|end| end.eq_ignore_ascii_case("true") || end == "1");
            let due = self.faults.reset_is_due(self.host.as_ref());
            let taken = process.feed(bytes, end).ok_or_else(Refusal::broken_pipe)?;
            // Input is taken in as it comes; only a fault makes the reply to it wait for what it leads to.
            if due && taken.await == Ok(Taken::Reset) {
                return Ok(Reaction::Reset);
            }
        }
        let text = request.reply("<rsp:SendResponse/>");
        Ok(Reaction::Reply { success: true, text, undelivered: None })
    }

    async fn receive(&self, user: &str, request: &Request) -> Result<Reaction, Refusal> {
        let command = request.command("DesiredStream");
        let output = self.shells.process(user, &request.shell, command)?.output();
        // Each stream gets its part of the client's envelope; base64 makes four bytes of three.
        let limit = (request.max_envelope_bytes - 4096) / 2 / 4 * 3;
        let limit = self.settings.fragment_bytes.map_or(limit, |size| size.max(1));
        let Some(fetched) = output.fetch(limit, request.timeout).await else {
            self.shells.touch(user, &request.shell);
            return Err(Refusal::timed_out());
        };
        self.shells.touch(user, &request.shell);
        let pieces = [("stdout", &fetched.stdout), ("stderr", &fetched.stderr)]
            .into_iter()
            .filter(|(_, bytes)| !bytes.is_empty())
            .map(|(name, bytes)| (name, bytes.clone()))
            .collect::<Vec<_>>();
        let text = request.received(command, &pieces, fetched.exit_code);
        Ok(Reaction::Reply { success: true, text, undelivered: Some((output, fetched)) })
    }
}

/// How long a connection that is to hang is kept.
pub(super) const HANG: Duration = Duration::from_hours(24);
