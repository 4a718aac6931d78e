//! Both ends of SSH, for trying farmhand against a real OpenSSH server.
//!
//! `ssh host FOLDER NAME` makes a lab host, with SQL Server where the name starts with `sql`; `ssh break FOLDER FAULT` gives it a fault. `ssh agent FOLDER` stands in for its PowerShell: it answers farmhand's agent
//! protocol on its own streams. `ssh carry HOST:PORT USER KEY KNOWN_HOSTS TREE FILE…` logs in and sends files by SFTP into
//! `TREE.partial`, as a release is sent, and prints how many seconds that took, the login included.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use farmhand::lab::sql::SqlSpec;
use farmhand::lab::wsman::agent;
use farmhand::lab::{HostSpec, LabHost};
use farmhand::transport::ssh::{Kept, Key, Ssh, Target};
use farmhand::transport::{FilePiece, Transport};
use tokio::io::AsyncWriteExt as _;

/// How much of files is read before it is sent, as when a release is sent.
const BATCH_BYTES: usize = 16 << 20;
/// Bytes of a piece.
const PIECE_BYTES: usize = 2 << 20;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["host", folder, name] => {
            let mut spec = HostSpec::new(*name, "2019");
            if name.starts_with("sql") {
                spec.sql = Some(SqlSpec::default());
                // Where the shipped playbook keeps its backup.
                spec.folders.push(r"E:\keys".to_owned());
            }
            // SQL Server's files are made when it is first asked for.
            LabHost::create(folder, spec)?.sql()?;
            Ok(())
        }
        ["break", folder, fault] => Ok(LabHost::open(folder).break_(fault.parse()?)?),
        ["agent", folder] => {
            let host = Arc::new(LabHost::open(folder));
            let (input, mut feed) = tokio::io::duplex(PIECE_BYTES);
            let runtime = tokio::runtime::Handle::current();
            std::thread::spawn(move || -> std::io::Result<()> {
                let mut buffer = vec![0; PIECE_BYTES];
                while let read @ 1.. = std::io::stdin().read(&mut buffer)? {
                    runtime.block_on(feed.write_all(&buffer[..read]))?;
                }
                Ok(())
            });
            let code = agent(host, input, std::io::stdout(), std::io::stderr()).await?;
            std::process::exit(code)
        }
        ["carry", address, user, key, known_hosts, tree, files @ ..] => {
            let target = target(address, user, key, known_hosts)?;
            carry(target, tree, files).await
        }
        _ => {
            anyhow::bail!("say `host FOLDER NAME`, `agent FOLDER` or `carry HOST:PORT USER KEY KNOWN_HOSTS TREE FILE…`")
        }
    }
}

fn target(address: &str, user: &str, key: &str, known_hosts: &str) -> anyhow::Result<Target> {
    let (host, port) = address.split_once(':').ok_or_else(|| anyhow::anyhow!("an address is HOST:PORT"))?;
    Ok(Target {
        name: host.to_owned(),
        address: host.to_owned(),
        port: port.parse()?,
        user: user.to_owned(),
        password: None,
        key: Some(Key { path: key.into(), passphrase: None }),
        agent: false,
        known_hosts: Some(known_hosts.into()),
        jump: None,
        kept: Kept::default(),
    })
}

async fn carry(target: Target, tree: &str, files: &[&str]) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut transport = Transport::Ssh(Box::new(Ssh::new(target)));
    transport.start().await?;
    let mut pieces = Vec::new();
    for file in files {
        let bytes = Bytes::from(std::fs::read(file)?);
        let name = Path::new(file).file_name().unwrap_or_default().to_string_lossy().into_owned();
        for at in (0..bytes.len()).step_by(PIECE_BYTES) {
            let bytes = bytes.slice(at..bytes.len().min(at + PIECE_BYTES));
            pieces.push(FilePiece { file: name.clone(), at_bytes: at as u64, bytes });
        }
    }
    for batch in pieces.chunks(BATCH_BYTES / PIECE_BYTES) {
        anyhow::ensure!(transport.carry(tree, batch.to_vec()).await?, "SFTP does not lead to {tree}");
    }
    transport.close().await?;
    writeln!(std::io::stdout(), "{:.3}", began.elapsed().as_secs_f64())?;
    Ok(())
}
