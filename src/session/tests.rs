//! Sessions with agents that do not behave, through a pipe.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};

use super::{ReadSession, SessionError, Settings, WriteSession};
use crate::agent;
use crate::agent::framing::no_secrets;
use crate::hostcall::{Answer, Nonce, Read, Write};
use crate::transport::{Pipe, Transport};

/// The agent's ends of the pipes.
struct Agent {
    input: BufReader<DuplexStream>,
    output: DuplexStream,
}

impl Agent {
    fn new() -> (Agent, Transport) {
        let (ours, input) = tokio::io::duplex(1 << 20);
        let (theirs, output) = tokio::io::duplex(1 << 20);
        (Agent { input: BufReader::new(input), output }, Transport::Pipe(Pipe::new("web01", theirs, ours)))
    }

    /// Reads until the line that ends the preamble, the hello and the first batch; gives the batch.
    async fn first_batch(&mut self) -> String {
        let mut line = String::new();
        while line.trim_end() != agent::END_LINE {
            line.clear();
            self.input.read_line(&mut line).await.unwrap();
        }
        self.next_line().await;
        self.next_line().await
    }

    async fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.input.read_line(&mut line).await.unwrap();
        line
    }

    async fn say(&mut self, text: &str) {
        self.output.write_all(text.as_bytes()).await.unwrap();
    }
}

fn settings() -> Settings {
    Settings {
        hello_patience: Duration::from_millis(200),
        observe_patience: Duration::from_millis(200),
        change_patience: Duration::from_millis(200),
        ..Settings::new(Nonce("00".to_owned()))
    }
}

fn hello(access: &str) -> String {
    format!("{{\"hello\":1,\"agent\":\"{}\",\"access\":\"{access}\"}}\n", agent::sha256())
}

const ABSENT: &str = "{\"id\":1,\"replies\":[{\"answer\":{\"absent\":{}}}]}\n";

/// What comes of one read when the agent says this and then ends.
async fn observe(said: &str) -> Result<Vec<Answer>, SessionError> {
    let (mut agent, transport) = Agent::new();
    let mut session = ReadSession::open(transport, settings()).await.unwrap();
    let talk = async {
        agent.first_batch().await;
        agent.say(said).await;
        drop(agent);
    };
    tokio::join!(session.observe(&[Read::HostFacts]), talk).0
}

#[tokio::test]
async fn what_comes_before_the_hello_is_discarded() {
    let said = format!("Welcome to WEB01\r\n{{\"odd\":1}}\n\n{}{ABSENT}", hello("read_only"));
    assert_eq!(observe(&said).await.unwrap(), [Answer::Absent {}]);
}

#[tokio::test]
async fn an_agent_that_talks_nonsense_is_not_believed() {
    let ok = hello("read_only");
    for (said, expected) in [
        (format!("{}{ABSENT}", ok.replace(agent::sha256(), "00")), "altered on the way"),
        (format!("{}{ABSENT}", hello("read_write")), "for one of the other kind"),
        (format!("{}{ABSENT}", ok.replace(":1", ":2")), "speaks version 2"),
        (format!("{ok}what\n"), "no answer"),
        (format!("{ok}{}", ABSENT.replace(":1", ":7")), "answered batch 7 when asked batch 1"),
        (format!("{ok}{{\"id\":1,\"replies\":[]}}\n"), "do not match"),
        (format!("{ok}{}", ABSENT.replace("answer", "outcome").replace("absent", "skipped")), "do not match"),
        ("noise\n".repeat(2000), "says no hello"),
    ] {
        let error = observe(&said).await.unwrap_err();
        assert!(matches!(error, SessionError::Nonsense { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn an_agent_that_ends_is_told_from_one_that_is_silent() {
    let error = observe(&hello("read_only")).await.unwrap_err();
    assert!(matches!(error, SessionError::Ended { .. }), "{error}");

    let (mut agent, transport) = Agent::new();
    let mut session = ReadSession::open(transport, settings()).await.unwrap();
    let talk = async {
        agent.first_batch().await;
        agent.say(&hello("read_only")).await;
    };
    let error = tokio::join!(session.observe(&[Read::HostFacts]), talk).0.unwrap_err();
    assert!(matches!(error, SessionError::Silent { .. }), "{error}");
}

#[tokio::test]
async fn a_change_without_an_answer_is_unknown_whatever_came_instead() {
    for said in ["", "nonsense\n", "{\"id\":3,\"replies\":[]}\n"] {
        for end in [true, false] {
            let (mut agent, transport) = Agent::new();
            let mut session = WriteSession::open(transport, settings()).await.unwrap();
            let talk = async {
                // A session that has not looked yet says hello with an empty batch before it sends a write.
                assert!(agent.first_batch().await.contains("\"calls\":[]"));
                agent.say(&format!("{}{{\"id\":1,\"replies\":[]}}\n", hello("read_write"))).await;
                assert!(agent.next_line().await.starts_with("{\"writer\":"));
                assert!(agent.next_line().await.contains("reboot"));
                agent.say(said).await;
                (!end).then_some(agent)
            };
            let (error, agent) = tokio::join!(session.change(&[Write::Reboot], &[], &no_secrets), talk);
            let error = error.unwrap_err();
            assert!(matches!(error, SessionError::Unknown { .. }), "{said:?}: {error}");
            let again = session.change(&[Write::Reboot], &[], &no_secrets).await.unwrap_err();
            assert!(matches!(again, SessionError::Over { .. }), "{again}");
            drop(session);
            // Nothing more was sent.
            let mut rest = String::new();
            if let Some(mut agent) = agent {
                agent.input.read_to_string(&mut rest).await.unwrap();
            }
            assert_eq!(rest, "");
        }
    }
}

#[tokio::test]
async fn a_change_given_up_half_way_ends_the_session() {
    let (mut agent, transport) = Agent::new();
    let mut session = WriteSession::open(transport, settings()).await.unwrap();
    let talk = async {
        agent.first_batch().await;
        agent.say(&format!("{}{{\"id\":1,\"replies\":[]}}\n", hello("read_write"))).await;
        agent.next_line().await;
    };
    let given_up = async {
        let change = session.change(&[Write::Reboot], &[], &no_secrets);
        tokio::time::timeout(Duration::from_millis(50), change).await.unwrap_err();
    };
    tokio::join!(given_up, talk);
    let again = session.observe(&[]).await.unwrap_err();
    assert!(matches!(again, SessionError::Over { .. }), "{again}");
}

#[tokio::test]
async fn the_writing_part_is_sent_once_and_only_for_a_change() {
    let (mut agent, transport) = Agent::new();
    let mut session = WriteSession::open(transport, settings()).await.unwrap();
    let done = |id: u32| format!("{{\"id\":{id},\"replies\":[{{\"outcome\":{{\"done\":null}}}}]}}\n");
    let talk = async {
        assert!(agent.first_batch().await.contains("\"calls\":[]"));
        agent.say(&format!("{}{{\"id\":1,\"replies\":[]}}\n", hello("read_write"))).await;
        let writer: serde_json::Value = serde_json::from_str(&agent.next_line().await).unwrap();
        assert_eq!(writer["writer"], agent::writer());
        assert!(agent.next_line().await.contains("reboot"));
        agent.say(&done(2)).await;
        assert!(agent.next_line().await.contains("reboot"));
        agent.say(&done(3)).await;
    };
    let twice = async {
        session.change(&[Write::Reboot], &[], &no_secrets).await.unwrap();
        session.change(&[Write::Reboot], &[], &no_secrets).await.unwrap();
    };
    tokio::join!(twice, talk);
}
