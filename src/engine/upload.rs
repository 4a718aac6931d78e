//! A release on its way to a host: what lacks, in pieces, until nothing lacks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::ended::Ended;
use super::host::HostRun;
use super::send::{Sent, send};
use super::words::refused;
use super::{Change, Door, DoorError, Event, Status};
use crate::hostcall::answer::{Lacking, TreePut};
use crate::hostcall::{FileData, FileDigest, Outcome, Pull, SecretFile, TreeFile, Write};
use crate::plan::Stage;
use crate::release::{FileContent, Release};
use crate::transport::FilePiece;

/// Bytes of files that go in one exchange.
const EXCHANGE_BYTES: u64 = 2 << 20;

/// Bytes of files that are read before they are carried past the agent, on several connections at once.
const CARRIED_BYTES: u64 = 16 << 20;

/// Calls that go in one exchange.
const EXCHANGE_CALLS: usize = 256;

/// A package is fetched by a host that lacks at least this part of its length; less is sent sooner.
const WORTH_FETCHING: u64 = 4;

/// How often an upload may break off without a byte more on the host.
const MOST_FAILURES: usize = 3;

/// Brings a folder to the state that a `put_tree` call names. The host says what lacks, also after a connection that
/// broke off: what arrived is not sent again.
pub(super) async fn upload<D: Door>(
    run: &mut HostRun<D>,
    number: usize,
    stage: &Stage,
    write: &Write,
) -> Result<(), Ended> {
    let Write::PutTree { path, files: Some(files), .. } = write else { return Ok(()) };
    let name = path.rsplit('\\').next().unwrap_or_default();
    let releases = &run.shared.options.releases;
    let Some(release) = releases.iter().find(|release| release.digest().as_str() == name).cloned() else {
        return Err(Ended::failed(format!("there is no release {name} to send, which is a fault of farmhand")));
    };
    let put = with_lengths(write, files, &release, run).map_err(Ended::failed)?;
    // The host is told where it may fetch the package once it has said that it lacks much of it.
    let mut pull = pull(write, &release).map_err(Ended::failed)?;
    let mut fetching = None;
    let mut failures = 0;
    let mut before: Option<u64> = None;
    loop {
        let call = fetching.take();
        let call = call.as_ref().unwrap_or(&put);
        let Sent { came, .. } = send(run, number, stage, &stage.steps, std::slice::from_ref(call), &[]).await?;
        let lacking = match came {
            Ok((outcomes, _)) => {
                let TreePut { lacking, not_pulled } = told(&outcomes)?;
                if let Some(why) = not_pulled {
                    run.tell(Event::NotFetched(why));
                }
                lacking
            }
            Err(error) => {
                failures += 1;
                give_up(failures, &error)?;
                continue;
            }
        };
        if lacking.is_empty() {
            return Ok(());
        }
        let left = left(&lacking, files_of(&put));
        if let Some((pull, _)) = pull.take_if(|(_, bytes)| left.saturating_mul(WORTH_FETCHING) >= *bytes) {
            run.tell(Event::Fetching(pull.url.clone()));
            fetching = Some(with_pull(&put, pull));
            continue;
        }
        if before.is_some_and(|before| left >= before) {
            failures += 1;
            give_up(failures, &DoorError::Unreachable(format!("{path} still lacks files that were sent")))?;
        } else {
            failures = 0;
        }
        before = Some(left);
        if let Err(error) = pieces(run, path, files_of(&put), &lacking, &release).await? {
            run.hang_up().await;
            failures += 1;
            give_up(failures, &error)?;
        }
    }
}

/// A piece of a file that is about to be sent.
enum Piece {
    /// Its bytes.
    Plain(FilePiece),
    /// A file whose bytes are known only with its secrets; it is small and goes as a whole.
    Secret(String, u64, SecretFile),
}

/// Sends what lacks. `Err` inside is a connection that broke off; what arrived is found out by asking.
async fn pieces<D: Door>(
    run: &mut HostRun<D>,
    tree: &str,
    files: &[TreeFile],
    lacking: &[Lacking],
    release: &Release,
) -> Result<Result<(), DoorError>, Ended> {
    let total = left(lacking, files);
    let mut sent = 0;
    let mut waiting: Vec<Piece> = Vec::new();
    let mut bytes = 0;
    let most_bytes = match run.session().await {
        Ok(session) if session.carries_files() => CARRIED_BYTES,
        Ok(_) => EXCHANGE_BYTES,
        Err(error) => return Ok(Err(error)),
    };
    for lack in lacking {
        let Some(file) = files.get(lack.file) else {
            return Err(Ended::failed(format!(
                "the host lacks file {} of {}, which there is not",
                lack.file,
                files.len()
            )));
        };
        let mut at_bytes = lack.have_bytes;
        loop {
            let piece = match &file.sha256 {
                FileDigest::Secret(text) => (Piece::Secret(file.path.clone(), at_bytes, text.clone()), file.bytes),
                FileDigest::Known(_) => {
                    let length = EXCHANGE_BYTES.min(file.bytes.saturating_sub(at_bytes));
                    let length = usize::try_from(length).unwrap_or(usize::MAX);
                    let read = release.read(&file.path, at_bytes, length, |_| Err("no secret is here".to_owned()));
                    let read = read.map_err(|error| Ended::failed(error.to_string()))?;
                    let length = read.len() as u64;
                    let file = file.path.clone();
                    (Piece::Plain(FilePiece { file, at_bytes, bytes: Bytes::from(read.to_vec()) }), length)
                }
            };
            let (piece, length) = piece;
            waiting.push(piece);
            at_bytes += length;
            bytes += length;
            if bytes >= most_bytes || waiting.len() >= EXCHANGE_CALLS {
                match flush(run, tree, &mut waiting).await? {
                    Ok(()) => sent += std::mem::take(&mut bytes),
                    Err(error) => return Ok(Err(error)),
                }
                run.tell(Event::Sending { sent_bytes: sent, total_bytes: total });
            }
            if at_bytes >= file.bytes {
                break;
            }
        }
    }
    flush(run, tree, &mut waiting).await
}

/// Sends what waits: past the agent where that can be, else in exchanges with it.
async fn flush<D: Door>(
    run: &mut HostRun<D>,
    tree: &str,
    waiting: &mut Vec<Piece>,
) -> Result<Result<(), DoorError>, Ended> {
    let mut told = std::mem::take(waiting);
    if run.shared.options.stop.is_asked() && !told.is_empty() {
        return Err(run.interrupted());
    }
    match run.session().await {
        Ok(session) if session.carries_files() => {
            let plain = told.iter().filter_map(|piece| match piece {
                Piece::Plain(piece) => Some(piece.clone()),
                Piece::Secret(..) => None,
            });
            match session.carry(tree, plain.collect()).await {
                Ok(true) => told.retain(|piece| matches!(piece, Piece::Secret(..))),
                Ok(false) => {}
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(_) => {}
        Err(error) => return Ok(Err(error)),
    }
    let mut calls = Vec::new();
    let mut bytes = 0;
    for piece in told {
        let (file, at_bytes, data, length) = match piece {
            Piece::Plain(FilePiece { file, at_bytes, bytes }) => {
                (file, at_bytes, FileData::Base64(STANDARD.encode(&bytes)), bytes.len() as u64)
            }
            Piece::Secret(file, at_bytes, text) => (file, at_bytes, FileData::Secret(text), 0),
        };
        if bytes >= EXCHANGE_BYTES {
            if let Err(error) = tell(run, std::mem::take(&mut calls)).await? {
                return Ok(Err(error));
            }
            bytes = 0;
        }
        bytes += length;
        calls.push(Write::PutFile { tree: tree.to_owned(), file, at_bytes, data });
    }
    tell(run, calls).await
}

/// One exchange that changes nothing but what is beside the folder.
async fn tell<D: Door>(run: &mut HostRun<D>, calls: Vec<Write>) -> Result<Result<(), DoorError>, Ended> {
    if calls.is_empty() {
        return Ok(Ok(()));
    }
    if let Err(error) = run.session().await {
        return Ok(Err(error));
    }
    let (calls, marked) = run.marked(&calls).await?;
    let session = match run.session().await {
        Ok(session) => session,
        Err(error) => return Ok(Err(error)),
    };
    match session.change(&calls, &[]).await {
        Ok(answered) => {
            let (outcomes, _) = if marked { run.without_marker(answered)? } else { answered };
            let refusal = outcomes.iter().find_map(|outcome| match outcome {
                Outcome::Failed(refusal) => Some(refusal),
                _ => None,
            });
            refusal.map_or(Ok(Ok(())), |refusal| Err(Ended::failed(refused("put_file", refusal))))
        }
        Err(error) => Ok(Err(error)),
    }
}

fn files_of(put: &Write) -> &[TreeFile] {
    match put {
        Write::PutTree { files: Some(files), .. } => files,
        _ => &[],
    }
}

/// How many bytes are still to be sent.
fn left(lacking: &[Lacking], files: &[TreeFile]) -> u64 {
    let of = |lack: &Lacking| files.get(lack.file).map_or(0, |file| file.bytes.saturating_sub(lack.have_bytes).max(1));
    lacking.iter().map(of).sum()
}

fn told(outcomes: &[Outcome]) -> Result<TreePut, Ended> {
    match outcomes.first() {
        Some(Outcome::Done(told)) => serde_json::from_value::<TreePut>(told.clone())
            .map_err(|error| Ended::failed(format!("no use can be made of the answer to `put_tree`: {error}"))),
        Some(Outcome::Failed(refusal)) => Err(Ended::failed(refused("put_tree", refusal))),
        _ => Err(Ended::failed("the host did not say what it lacks".to_owned())),
    }
}

/// The same call with the length of every file. What a file with secrets is long is known only with them.
fn with_lengths<D: Door>(
    write: &Write,
    files: &[TreeFile],
    release: &Release,
    run: &HostRun<D>,
) -> Result<Write, String> {
    let Write::PutTree { path, from, except, .. } = write else { return Ok(write.clone()) };
    let resolve = &run.shared.options.resolve;
    let file = |file: &TreeFile| match (&file.sha256, release.file(&file.path).map(|it| &it.content)) {
        (FileDigest::Secret(_), Some(FileContent::Overlaid(text))) => {
            let bytes = text.bytes(|secret| resolve(secret)).map_err(|error| error.to_string())?;
            let sha256 = FileDigest::Secret(SecretFile { secret_file: text.clone() });
            Ok(TreeFile { path: file.path.clone(), bytes: bytes.len() as u64, sha256 })
        }
        _ => Ok(file.clone()),
    };
    let files: Result<Vec<TreeFile>, String> = files.iter().map(file).collect();
    let (path, from, except) = (path.clone(), from.clone(), except.clone());
    Ok(Write::PutTree { path, files: Some(files?), from, except, pull: None })
}

/// Where the host may fetch the package, and how long it is there.
fn pull(write: &Write, release: &Release) -> Result<Option<(Pull, u64)>, String> {
    let Write::PutTree { pull: Some(Pull { url, .. }), .. } = write else { return Ok(None) };
    let archive = release.archive().map_err(|error| format!("the package cannot be read: {error}"))?;
    Ok(archive.map(|(bytes, sha256)| (Pull { url: url.clone(), sha256: sha256.to_string() }, bytes)))
}

/// The same call with where the package may be fetched.
fn with_pull(put: &Write, from: Pull) -> Write {
    let mut call = put.clone();
    if let Write::PutTree { pull, .. } = &mut call {
        *pull = Some(from);
    }
    call
}

fn give_up(failures: usize, error: &DoorError) -> Result<(), Ended> {
    if failures < MOST_FAILURES {
        return Ok(());
    }
    let reason = format!("the upload broke off {failures} times without getting further: {error}; run again to go on");
    Err(Ended::new(Status::Unreachable, reason))
}
