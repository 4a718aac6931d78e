//! The client against the server, over a socket.

mod https;
mod proxy;
mod unfair;
mod wire;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Account, Accounts, Counts, Settings, WsManServer};
use crate::hostcall::{Access, Answer, Batch, Call, Nonce, Outcome, Read, RefusalCode, Replies, Reply, Text, Write};
use crate::lab::{AgentProcess, Answers, WireFault};
use crate::session::{Input, ReadSession, SessionError, WriteSession};
use crate::transport::winrm::{self, Target, WinRm};
use crate::transport::{Transport, TransportError};
use crate::value::{SecretRef, SecretValue, Store};

/// A host that answers each read with its name and counts writes.
#[derive(Default)]
struct Host {
    writes: Mutex<Vec<Write>>,
    fault: Mutex<Option<WireFault>>,
}

impl Answers for Host {
    fn reply_as(&self, _: &Arc<AgentProcess>, _: Access, batch: &Batch) -> Replies {
        let replies = batch.calls.iter().map(|call| match call {
            Call::Ask(read) => Reply::Answer(Answer::Present(serde_json::to_value(read).unwrap())),
            Call::Tell(write) => {
                self.writes.lock().unwrap().push(write.clone());
                Reply::Outcome(Outcome::Done(serde_json::json!({})))
            }
        });
        Replies { id: batch.id, replies: replies.collect() }
    }

    fn wire_fault(&self) -> Option<WireFault> {
        *self.fault.lock().unwrap()
    }
}

struct Rig {
    host: Arc<Host>,
    server: WsManServer,
}

impl Rig {
    async fn new(change: impl FnOnce(&mut Settings)) -> Rig {
        let host = Arc::new(Host::default());
        let password = || SecretValue::new("Pässw0rd!".to_owned());
        let accounts =
            Accounts(vec![Account { domain: "LAB".to_owned(), user: "operator".to_owned(), password: password() }]);
        let mut settings = Settings::new("web01");
        change(&mut settings);
        let server = WsManServer::bind(host.clone(), Arc::new(accounts), settings).await.unwrap();
        Rig { host, server }
    }

    fn transport(&self) -> Transport {
        self.transport_as("LAB\\operator", "Pässw0rd!")
    }

    fn transport_as(&self, user: &str, password: &str) -> Transport {
        transport(self.server.address(), user, password)
    }
}

fn transport(address: SocketAddr, user: &str, password: &str) -> Transport {
    let account = Arc::new(winrm::Account::new(user, SecretValue::new(password.to_owned())));
    let target = Target::new("web01", &address.ip().to_string(), address.port(), account);
    Transport::WinRm(Box::new(WinRm::new(target)))
}

/// The way through a proxy.
fn operator_at(address: SocketAddr) -> Transport {
    transport(address, "LAB\\operator", "Pässw0rd!")
}

fn settings() -> crate::session::Settings {
    crate::session::Settings {
        hello_patience: Duration::from_millis(400),
        ..crate::session::Settings::new(Nonce("00".repeat(32)))
    }
}

fn reads() -> Vec<Read> {
    vec![Read::HostFacts, Read::Features { names: vec!["Wäb-Server".to_owned()] }]
}

fn check_answers(answers: &[Answer]) {
    let expected: Vec<Answer> =
        reads().iter().map(|read| Answer::Present(serde_json::to_value(read).unwrap())).collect();
    assert_eq!(answers, expected);
}

#[tokio::test]
async fn looking_takes_eight_requests_and_one_process() {
    let rig = Rig::new(|_| {}).await;
    let mut session = ReadSession::open(rig.transport(), settings()).await.unwrap();
    check_answers(&session.observe(&reads()).await.unwrap());
    let (traffic, closed) = session.close().await;
    closed.unwrap();
    assert_eq!((traffic.requests, traffic.processes), (8, 1));
    assert!(traffic.bytes_up < 64 * 1024, "{} bytes up", traffic.bytes_up);
    let counts = Counts { connections: 1, requests: 8, logins: 1, commands: 1, open_shells: 0 };
    assert_eq!(rig.server.counts(), counts);
}

#[tokio::test]
async fn each_further_exchange_takes_two_requests() {
    let rig = Rig::new(|_| {}).await;
    let mut session = WriteSession::open(rig.transport(), settings()).await.unwrap();
    check_answers(&session.observe(&reads()).await.unwrap());
    let writes = [log_on(), Write::Reboot];
    let (outcomes, answers) =
        session.change(&writes, &reads(), &|_| Ok(SecretValue::new("känary".to_owned()))).await.unwrap();
    assert_eq!(outcomes, [Outcome::Done(serde_json::json!({})), Outcome::Done(serde_json::json!({}))]);
    check_answers(&answers);
    let plain = Write::TestLogon { account: "LAB\\svc".to_owned(), password: Text::Plain("känary".to_owned()) };
    assert_eq!(*rig.host.writes.lock().unwrap(), [plain, Write::Reboot]);
    let (traffic, closed) = session.close().await;
    closed.unwrap();
    assert_eq!((traffic.requests, traffic.processes), (10, 1));
}

fn log_on() -> Write {
    let password = SecretRef { store: Store::Env, name: "svc".to_owned(), fingerprint: None };
    Write::TestLogon { account: "LAB\\svc".to_owned(), password: Text::Secret(password) }
}

fn no_secrets(_: &SecretRef) -> Result<SecretValue, String> {
    Err("there is none".to_owned())
}

#[tokio::test]
async fn output_in_pieces_of_any_size_is_the_same_output() {
    for size in [1, 2, 3, 7, 64, 1000] {
        let rig = Rig::new(|settings| settings.fragment_bytes = Some(size)).await;
        let mut session = ReadSession::open(rig.transport(), settings()).await.unwrap();
        check_answers(&session.observe(&reads()).await.unwrap());
        session.close().await.1.unwrap();
    }
}

#[tokio::test]
async fn input_that_comes_only_at_its_end_is_lived_with() {
    let rig = Rig::new(|settings| settings.input_at_end = true).await;
    let mut session = WriteSession::open(rig.transport(), settings()).await.unwrap();
    check_answers(&session.observe(&reads()).await.unwrap());
    assert_eq!(session.input(), Input::AtEnd);
    let (outcomes, _) = session.change(&[Write::Reboot], &[], &no_secrets).await.unwrap();
    assert_eq!(outcomes.len(), 1);
    check_answers(&session.observe(&reads()).await.unwrap());
    session.close().await.1.unwrap();
    assert_eq!(rig.host.writes.lock().unwrap().len(), 1);
    // One that stayed silent, and one for each batch, all in one shell.
    assert_eq!((rig.server.counts().commands, rig.server.counts().open_shells), (4, 0));

    // What a host turned out to do spares the next session the silence.
    let hint = crate::session::Settings { input: Input::AtEnd, ..settings() };
    let mut session = ReadSession::open(rig.transport(), hint).await.unwrap();
    check_answers(&session.observe(&reads()).await.unwrap());
    let (traffic, _) = session.close().await;
    assert_eq!((traffic.requests, traffic.processes), (8, 1));
}

#[tokio::test]
async fn a_wrong_password_names_the_account_and_the_host() {
    let rig = Rig::new(|_| {}).await;
    for (user, password) in
        [("LAB\\operator", "wrong"), ("LAB\\nobody", "Pässw0rd!"), ("operator", "Pässw0rd!"), ("LAB\\operator", "")]
    {
        let error = ReadSession::open(rig.transport_as(user, password), settings()).await.err().unwrap();
        assert!(matches!(error, SessionError::Transport(TransportError::Login { .. })), "{user}: {error}");
        assert!(error.to_string().contains(&format!("`web01` refused the login of `{user}`")), "{error}");
    }
    assert_eq!(rig.server.counts().logins, 0);
    // A user's name has no letter case.
    ReadSession::open(rig.transport_as("LAB\\OPERATOR", "Pässw0rd!"), settings()).await.unwrap();
}

#[tokio::test]
async fn a_change_that_meets_a_reset_is_unknown_and_not_sent_again() {
    for (fault, carried_out) in [(WireFault::ResetBeforeWrite, 0), (WireFault::ResetAfterWrite, 1)] {
        let rig = Rig::new(|_| {}).await;
        let mut session = WriteSession::open(rig.transport(), settings()).await.unwrap();
        session.observe(&reads()).await.unwrap();
        *rig.host.fault.lock().unwrap() = Some(fault);
        let error = session.change(&[Write::Reboot], &[], &no_secrets).await.unwrap_err();
        assert!(matches!(error, SessionError::Unknown { .. }), "{error}");
        let again = session.change(&[Write::Reboot], &[], &no_secrets).await.unwrap_err();
        assert!(matches!(again, SessionError::Over { .. }), "{again}");
        session.close().await.1.unwrap();
        assert_eq!(rig.host.writes.lock().unwrap().len(), carried_out, "{fault:?}");

        // The fault shows once.
        let mut session = WriteSession::open(rig.transport(), settings()).await.unwrap();
        session.change(&[Write::Reboot], &[], &no_secrets).await.unwrap();
        session.close().await.1.unwrap();
        // What may be under way is not killed; its shell ends by the idle time-out.
        assert_eq!(rig.server.counts().open_shells, 1);
    }
}

#[tokio::test]
async fn reads_go_on_while_a_reset_waits_for_a_write() {
    let rig = Rig::new(|_| {}).await;
    *rig.host.fault.lock().unwrap() = Some(WireFault::ResetAfterWrite);
    let mut session = ReadSession::open(rig.transport(), settings()).await.unwrap();
    check_answers(&session.observe(&reads()).await.unwrap());
}

#[tokio::test]
async fn a_host_that_refuses_or_is_not_there_is_unreachable() {
    let rig = Rig::new(|_| {}).await;
    *rig.host.fault.lock().unwrap() = Some(WireFault::Refuse);
    // The first connection may be reset, because the system took it before the server could refuse.
    for _ in 0..3 {
        let error = ReadSession::open(rig.transport(), settings()).await.err().unwrap();
        assert!(matches!(error, SessionError::Transport(TransportError::Unreachable { .. })), "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let error = ReadSession::open(rig.transport(), settings()).await.err().unwrap();
    assert!(error.to_string().contains("refused the connection"), "{error}");
    *rig.host.fault.lock().unwrap() = None;
    tokio::time::sleep(Duration::from_millis(250)).await;
    ReadSession::open(rig.transport(), settings()).await.unwrap();

    let account = Arc::new(winrm::Account::new("a", SecretValue::new("b".to_owned())));
    let target = Target::new("web02", "no-such-host.invalid", 5985, account);
    let nowhere = Transport::WinRm(Box::new(WinRm::new(target)));
    let error = ReadSession::open(nowhere, settings()).await.err().unwrap();
    assert!(error.to_string().contains("cannot be resolved"), "{error}");
}

#[tokio::test]
async fn a_read_only_session_is_refused_writes_by_the_host_too() {
    let rig = Rig::new(|_| {}).await;
    // The session's type has no way to do this, so the agent is spoken to below it.
    let mut transport = rig.transport();
    transport.start().await.unwrap();
    let calls = vec![Call::Ask(Read::HostFacts), Call::Tell(Write::Reboot), Call::Tell(Write::Reboot)];
    let batch = Batch { id: 1, nonce: Nonce(String::new()), calls };
    let mut bytes = crate::agent::framing::preamble(Access::ReadOnly).unwrap();
    bytes.extend_from_slice(&crate::agent::framing::encode(&batch, &no_secrets).unwrap());
    transport.send(&bytes, false).await.unwrap();
    let received = transport.receive(Duration::from_secs(5)).await.unwrap();
    let text = String::from_utf8(received.stdout).unwrap();
    let replies: Replies = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    let Reply::Outcome(Outcome::Failed(refusal)) = &replies.replies[1] else { panic!("{replies:?}") };
    assert_eq!(refusal.code, RefusalCode::ReadOnly);
    assert_eq!(replies.replies[2], Reply::Outcome(Outcome::Skipped {}));
    assert!(rig.host.writes.lock().unwrap().is_empty());
    transport.close().await.unwrap();
}

#[tokio::test]
async fn a_shell_dies_when_nobody_speaks_to_it() {
    let rig = Rig::new(|settings| settings.quotas.idle = Duration::from_millis(200)).await;
    let mut session = WriteSession::open(rig.transport(), settings()).await.unwrap();
    session.observe(&reads()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(rig.server.counts().open_shells, 0);
    // The host says that the shell is gone: the writes were certainly not carried out.
    let error = session.change(&[Write::Reboot], &[], &no_secrets).await.unwrap_err();
    assert!(matches!(error, SessionError::Transport(TransportError::Fault { .. })), "{error}");
    assert!(error.to_string().contains("idle time-out"), "{error}");
}

#[tokio::test]
async fn a_quota_says_which_and_what_to_do() {
    let rig = Rig::new(|settings| settings.quotas.shells_per_user = 1).await;
    let first = ReadSession::open(rig.transport(), settings()).await.unwrap();
    let error = ReadSession::open(rig.transport(), settings()).await.err().unwrap();
    assert!(error.to_string().contains("raise MaxShellsPerUser on the host"), "{error}");
    first.close().await.1.unwrap();
    ReadSession::open(rig.transport(), settings()).await.unwrap();
}

#[tokio::test]
async fn a_batch_larger_than_an_envelope_is_sent_in_pieces() {
    let rig = Rig::new(|settings| settings.quotas.envelope_bytes = 150 * 1024).await;
    let names: Vec<String> = (0..18_000).map(|index| format!("F{index:06}")).collect();
    let reads = [Read::Features { names }];
    let mut session = ReadSession::open(rig.transport(), settings()).await.unwrap();
    let answers = session.observe(&reads).await.unwrap();
    assert_eq!(answers, [Answer::Present(serde_json::to_value(&reads[0]).unwrap())]);
    // About 200 KB each way: two Sends and two Receives, of which the second may be large.
    assert_eq!(session.traffic().requests, 8);
    session.close().await.1.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_real_process_can_run_the_agent() {
    let rig = Rig::new(|settings| {
        settings.powershell = Some(super::PowerShell(Arc::new(|script| {
            let mut command = tokio::process::Command::new("sh");
            let body = "read line; echo \"got $line\"; cat >&2; exit 5";
            command.args(["-c", body]).env("SCRIPT", script);
            command
        })));
    })
    .await;
    let mut transport = rig.transport();
    transport.start().await.unwrap();
    transport.send(b"one\n", false).await.unwrap();
    let received = transport.receive(Duration::from_secs(5)).await.unwrap();
    assert_eq!((received.stdout.as_slice(), received.exit_code), (&b"got one\n"[..], None));
    transport.send(b"two\n", true).await.unwrap();
    let mut received = crate::transport::Received::default();
    while received.exit_code.is_none() {
        received = transport.receive(Duration::from_secs(5)).await.unwrap();
    }
    assert_eq!((received.exit_code, transport.stderr()), (Some(5), &b"two\n"[..]));
    transport.close().await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_change_for_a_real_process_meets_a_reset_too() {
    let batch = Batch { id: 1, nonce: Nonce("00".repeat(32)), calls: vec![Call::Tell(Write::Reboot)] };
    let change = serde_json::to_string(&batch).unwrap() + "\n";
    for (fault, carried_out) in [(WireFault::ResetBeforeWrite, ""), (WireFault::ResetAfterWrite, change.as_str())] {
        let folder = tempfile::tempdir().unwrap();
        let given = folder.path().join("given");
        let place = given.clone();
        let rig = Rig::new(|settings| {
            settings.powershell = Some(super::PowerShell(Arc::new(move |_| {
                let mut command = tokio::process::Command::new("sh");
                let body = r#"while IFS= read -r line; do printf '%s\n' "$line" >> "$GIVEN"; echo done; done"#;
                command.args(["-c", body]).env("GIVEN", &place);
                command
            })));
        })
        .await;
        let mut transport = rig.transport();
        transport.start().await.unwrap();
        transport.send(b"first\n", false).await.unwrap();
        assert_eq!(transport.receive(Duration::from_secs(5)).await.unwrap().stdout, b"done\n");
        *rig.host.fault.lock().unwrap() = Some(fault);
        let error = transport.send(change.as_bytes(), false).await;
        assert!(error.is_err(), "{fault:?}");
        assert_eq!(std::fs::read_to_string(&given).unwrap(), format!("first\n{carried_out}"), "{fault:?}");
    }
}
