//! A folder of files sent to a host over WinRM: what it costs, and what a host with small quotas makes of it.
//!
//! `FARMHAND_UPLOAD_FILES=2000 FARMHAND_UPLOAD_BYTES=200000000` sends as much as a large release has.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on has failed; figures are printed"
)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use farmhand::agent::framing::no_secrets;
use farmhand::hostcall::FileDigest;
use farmhand::hostcall::answer::{Lacking, TreePut};
use farmhand::hostcall::{FileData, Nonce, Outcome, TreeFile, Write};
use farmhand::lab::wsman::{Account, Accounts, Settings, WsManServer};
use farmhand::lab::{HostSpec, LabHost};
use farmhand::session::{self, WriteSession};
use farmhand::transport::Transport;
use farmhand::transport::winrm::{Account as Login, Target, WinRm};
use farmhand::value::SecretValue;
use sha2::{Digest, Sha256};

const PASSWORD: &str = "Pass-1-for-the-lab";
/// How much of the files one batch takes.
const BATCH_BYTES: u64 = 2 * 1024 * 1024;

/// Bytes that no compression makes smaller, the same every time.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Files of an app: many small ones and a few large ones.
fn app(files: usize, bytes: usize) -> Vec<(String, Vec<u8>)> {
    let large = files / 20;
    let sizes =
        (0..files).map(|index| if index < large { bytes * 7 / 10 / large } else { bytes * 3 / 10 / (files - large) });
    sizes
        .enumerate()
        .map(|(index, size)| (format!("bin\\part{}\\File{index}.dll", index % 40), noise(index as u64 + 1, size)))
        .collect()
}

struct Rig {
    _server: WsManServer,
    _folder: tempfile::TempDir,
    session: WriteSession,
}

impl Rig {
    async fn new(envelope_bytes: Option<usize>) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let host = LabHost::create(folder.path(), HostSpec::new("web01", "2019")).unwrap();
        let mut settings = Settings::new("web01");
        settings.quotas.envelope_bytes = envelope_bytes.unwrap_or(settings.quotas.envelope_bytes);
        let password = || SecretValue::new(PASSWORD.to_owned());
        let account = Account { domain: "LAB".to_owned(), user: "operator".to_owned(), password: password() };
        let server = WsManServer::bind(Arc::new(host), Arc::new(Accounts(vec![account])), settings).await.unwrap();
        let account = Arc::new(Login::new(r"LAB\operator", password()));
        let (ip, port) = (server.address().ip().to_string(), server.address().port());
        let target = Target::new("web01", &ip, port, account);
        let transport = Transport::WinRm(Box::new(WinRm::new(target)));
        let settings = session::Settings::new(Nonce("5a".repeat(32)));
        Rig { _server: server, _folder: folder, session: WriteSession::open(transport, settings).await.unwrap() }
    }

    /// Requests and bytes up so far.
    fn traffic(&self) -> (u64, u64) {
        (self.session.traffic().requests, self.session.traffic().bytes_up)
    }

    async fn tell(&mut self, writes: &[Write]) -> Vec<serde_json::Value> {
        let (outcomes, _) = self.session.change(writes, &[], &no_secrets).await.unwrap();
        let done = |outcome| match outcome {
            Outcome::Done(told) => told,
            other => panic!("{other:?}"),
        };
        outcomes.into_iter().map(done).collect()
    }

    async fn lacking(&mut self, put: &Write) -> Vec<Lacking> {
        let told = self.tell(std::slice::from_ref(put)).await.remove(0);
        serde_json::from_value::<TreePut>(told).unwrap().lacking
    }

    /// Brings a folder to its end state; gives how many files travelled.
    async fn put(&mut self, path: &str, files: &[(String, Vec<u8>)], from: &[&str]) -> usize {
        let tree = |(path, bytes): &(String, Vec<u8>)| {
            let sha256 = FileDigest::Known(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect());
            TreeFile { path: path.clone(), bytes: bytes.len() as u64, sha256 }
        };
        let put = Write::PutTree {
            path: path.to_owned(),
            files: Some(files.iter().map(tree).collect()),
            from: from.iter().map(|&folder| folder.to_owned()).collect(),
            except: Vec::new(),
            pull: None,
        };
        let lacking = self.lacking(&put).await;
        let (mut batch, mut room) = (Vec::new(), BATCH_BYTES);
        for &Lacking { file, have_bytes } in &lacking {
            let (name, bytes) = &files[file];
            let mut at = usize::try_from(have_bytes).unwrap();
            while at < bytes.len() {
                let piece = &bytes[at..bytes.len().min(at + usize::try_from(room).unwrap())];
                let data = FileData::Base64(BASE64.encode(piece));
                batch.push(Write::PutFile { tree: path.to_owned(), file: name.clone(), at_bytes: at as u64, data });
                at += piece.len();
                room -= piece.len() as u64;
                if room == 0 {
                    self.tell(&std::mem::take(&mut batch)).await;
                    room = BATCH_BYTES;
                }
            }
        }
        if !lacking.is_empty() {
            batch.push(put);
            let last = self.tell(&batch).await.pop().unwrap();
            assert_eq!(last, serde_json::json!({ "lacking": [] }));
        }
        lacking.len()
    }
}

fn figure(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_lacking_travels() {
    let (count, bytes) = (figure("FARMHAND_UPLOAD_FILES", 400), figure("FARMHAND_UPLOAD_BYTES", 20_000_000));
    let mut files = app(count, bytes);
    let payload: u64 = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    let mut rig = Rig::new(None).await;
    rig.session.observe(&[]).await.unwrap();
    let mut figures = HashMap::new();
    let changed = files.len() / 2;
    for (step, from) in [("first", None), ("again", None), ("second", Some(r"C:\farmhand\Chat\first"))] {
        if step == "second" {
            files[changed].1 = noise(7_777, 50_000);
        }
        let (began, before) = (Instant::now(), rig.traffic());
        let path = format!(r"C:\farmhand\Chat\{}", if step == "second" { "second" } else { "first" });
        let sent = rig.put(&path, &files, from.as_slice()).await;
        let (requests, up) = (rig.traffic().0 - before.0, rig.traffic().1 - before.1);
        eprintln!(
            "{step}: {sent} of {count} files travelled, {requests} requests, {up} bytes up, {} per mille of the payload, {:.1} s",
            up * 1000 / payload,
            began.elapsed().as_secs_f64()
        );
        figures.insert(step, (sent, requests, up));
    }
    let (sent, requests, up) = figures["first"];
    assert_eq!(sent, count);
    // Base64 in the line, and Base64 again by Send.
    assert!(up * 100 < payload * 190, "{up} bytes for {payload}");
    // A Send carries about 275 KB of a file, and each batch has one Receive.
    assert!(requests < payload / 200_000 + 20, "{requests} requests");
    assert_eq!(figures["again"].0, 0);
    let (sent, requests, up) = figures["second"];
    assert_eq!(sent, 1);
    assert!(requests <= 2 * (2 + count as u64 / 2_000 * 2) && up < payload / 50, "{requests} requests, {up} bytes");
    rig.session.close().await.1.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_with_small_envelopes_gets_smaller_ones() {
    let files = app(40, 3_000_000);
    let mut rig = Rig::new(Some(150 * 1024)).await;
    assert_eq!(rig.put(r"C:\farmhand\x", &files, &[]).await, files.len());
    assert_eq!(rig.put(r"C:\farmhand\x", &files, &[]).await, 0);
    rig.session.close().await.1.unwrap();
}
