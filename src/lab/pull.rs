//! A host fetches a package by itself: a zip over HTTP, from which it stages what it lacks.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;
use tokio::time::timeout;
use zip::ZipArchive;

use super::hexadecimal::hex;
use super::tree;
use super::tree_names::fold;
use super::tree_wanted::TreeWanted;
use crate::hostcall::Pull;
use crate::hostcall::answer::Lacking;

/// How long a server may say nothing.
const PATIENCE: Duration = Duration::from_mins(1);

/// Fetches the zip and puts what it has of what lacks beside the folder, where the next look finds it.
///
/// # Errors
/// Why nothing was fetched, as a sentence.
pub fn stage(host: &Path, wanted: &TreeWanted, lacking: &[Lacking], pull: &Pull) -> Result<(), String> {
    let staging = tree::staging(host, wanted.path).map_err(|refusal| refusal.text)?;
    let place = staging.with_extension("partial.zip");
    let fetched = fetch(pull, &place).and_then(|archive| {
        let unpacked = unpack(archive, &staging, wanted, lacking);
        unpacked.map_err(|error| format!("{} is no zip that can be unpacked: {error}", pull.url))
    });
    let _ = fs::remove_file(place);
    fetched
}

fn unpack(archive: File, staging: &Path, wanted: &TreeWanted, lacking: &[Lacking]) -> io::Result<()> {
    let lacking = lacking.iter().filter_map(|lack| wanted.files.get(lack.file));
    let lacking: HashMap<String, _> = lacking.map(|file| (fold(&file.path), file)).collect();
    let mut archive = ZipArchive::new(archive)?;
    for number in 0..archive.len() {
        let mut entry = archive.by_index(number)?;
        // What is staged goes by the name that the call has, whatever the archive says.
        let Some(file) = lacking.get(&fold(&entry.name()?.replace('/', "\\"))) else { continue };
        if entry.size() == file.bytes {
            let mut place = tree::write_new(&staging.join(tree::native(&file.path)))?;
            io::copy(&mut (&mut entry).take(file.bytes), &mut place)?;
        }
    }
    Ok(())
}

/// The zip, if it is the one that is meant.
fn fetch(pull: &Pull, place: &Path) -> Result<File, String> {
    let failed = |error: io::Error| format!("{}: {error}", place.display());
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open(place).map_err(failed)?;
    // Whoever asks the host may have a runtime in this very thread, and two in one do not go together.
    let digest = std::thread::scope(|scope| {
        let fetching = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(|error| error.to_string())?.block_on(get(&pull.url, &mut file))
        });
        fetching.join().unwrap_or_else(|_| Err("the host gave up".to_owned()))
    })?;
    if digest != pull.sha256 {
        return Err(format!("what is at {} is another file than the package", pull.url));
    }
    file.rewind().map_err(failed)?;
    Ok(file)
}

/// Writes what is at a URL to a file, and gives its SHA-256.
async fn get(url: &str, file: &mut File) -> Result<String, String> {
    let parsed: Uri = url.parse().map_err(|error| format!("{url}: {error}"))?;
    let (Some("http"), Some(host)) = (parsed.scheme_str(), parsed.host()) else {
        return Err(format!("a host of the lab fetches over http alone, and this is {url}"));
    };
    let stream = in_time(TcpStream::connect((host, parsed.port_u16().unwrap_or(80)))).await?;
    let (mut sender, connection) = in_time(hyper::client::conn::http1::handshake(TokioIo::new(stream))).await?;
    tokio::spawn(connection);
    let authority = parsed.authority().map_or(host, |authority| authority.as_str());
    let request = Request::get(parsed.path_and_query().map_or("/", |path| path.as_str()))
        .header(hyper::header::HOST, authority)
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let reply = in_time(sender.send_request(request)).await?;
    if reply.status() != StatusCode::OK {
        return Err(format!("The remote server returned an error: ({}).", reply.status()));
    }
    let mut digest = Sha256::new();
    let mut body = reply.into_body();
    while let Some(frame) = in_time(async { body.frame().await.transpose() }).await? {
        if let Some(bytes) = frame.data_ref() {
            digest.update(bytes);
            file.write_all(bytes).map_err(|error| error.to_string())?;
        }
    }
    Ok(hex(&digest.finalize()))
}

/// Waits no longer than a server may say nothing.
async fn in_time<T, E: std::error::Error>(going_on: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match timeout(PATIENCE, going_on).await {
        Ok(done) => done.map_err(|error| format!("Unable to connect to the remote server: {error}")),
        Err(_) => Err("The operation has timed out".to_owned()),
    }
}
