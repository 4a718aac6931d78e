//! Both ends of the wire, for trying each against software of other people.
//!
//! `wire serve` starts a lab host that answers no questions, prints its address and runs until its input ends.
//! `wire serve-https` starts one that listens by TLS, takes Basic and nothing that is not bound to its connection, and
//! prints the file of the authority that vouches for it too.
//! `wire sql` starts a lab host's SQL Server, prints its address and the file of the authority that vouches for it, and
//! runs until its input ends; its log-in is `operator`.
//! `wire look HOST:PORT USER` logs in there and asks one question; with `ntlm`, `negotiate`, `basic` or `kerberos` and the
//! authority's file behind it, over HTTPS. A proxy is in `WIRE_PROXY` as `HOST:PORT`, an account there in
//! `WIRE_PROXY_USER`. The password, for both, is in `WIRE_PASSWORD`. Where `WIRE_KERBEROS` is set, it logs in by Kerberos,
//! with what `WIRE_KEYTAB`, `WIRE_TICKETS`, `WIRE_REALM`, `WIRE_KDC` and `WIRE_SPN` say.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use farmhand::hostcall::{Access, Answer, Batch, Call, Nonce, Outcome, Read, Refusal, RefusalCode, Replies, Reply};
use farmhand::http::{Authorities, Proxy, Tls, Trust};
use farmhand::lab::sql::tds::{Authority, Encryption, TdsServer};
use farmhand::lab::sql::{Instance, SqlSpec};
use farmhand::lab::wsman::{Account, Accounts, AlsoIn, Hardening, Settings, WsManServer};
use farmhand::lab::{AgentProcess, Answers, HostSpec, Lab, LabHost, WireFault};
use farmhand::session::{ReadSession, Settings as SessionSettings};
use farmhand::transport::winrm::kerberos::{Kdc, Kerberos, Proof};
use farmhand::transport::winrm::{self, Auth, Target, WinRm};
use farmhand::transport::{Transport, log_filter};
use farmhand::value::SecretValue;

/// A host that refuses every call.
struct Mute;

impl Answers for Mute {
    fn reply_as(&self, _: &Arc<AgentProcess>, _: Access, batch: &Batch) -> Replies {
        let refusal =
            || Refusal { code: RefusalCode::Unsupported, text: "this host is mute".to_owned(), hresult: None };
        let replies = batch.calls.iter().map(|call| match call {
            Call::Ask(_) => Reply::Answer(Answer::Refused(refusal())),
            Call::Tell(_) => Reply::Outcome(Outcome::Failed(refusal())),
        });
        Replies { id: batch.id, replies: replies.collect() }
    }

    fn wire_fault(&self) -> Option<WireFault> {
        None
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_env_filter(log_filter(3)).with_writer(std::io::stderr).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let password = SecretValue::new(std::env::var("WIRE_PASSWORD")?);
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve"] => serve(password).await,
        ["serve-https"] => serve_https(password).await,
        ["sql"] => sql(password).await,
        ["look", address, user] => look(address, user, password, None).await,
        ["look", address, user, auth, ca] => look(address, user, password, Some((auth, ca))).await,
        _ => anyhow::bail!("say `serve`, `serve-https`, `sql` or `look HOST:PORT USER [AUTH CA]`"),
    }
}

async fn serve(password: SecretValue) -> anyhow::Result<()> {
    let accounts = Accounts(vec![Account { domain: "LAB".to_owned(), user: "operator".to_owned(), password }]);
    let server = WsManServer::bind(Arc::new(Mute), Arc::new(accounts), Settings::new("WEB01")).await?;
    writeln!(std::io::stdout(), "{}", server.address())?;
    std::io::stdout().flush()?;
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    Ok(())
}

async fn serve_https(password: SecretValue) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let authority = Authority::open(folder.path())?;
    let accounts = Accounts(vec![Account { domain: "LAB".to_owned(), user: "operator".to_owned(), password }]);
    let settings = Settings {
        https: Some(authority.issue(&["web01"])?),
        also: AlsoIn { basic: true, certificates: Vec::new() },
        hardening: Hardening::Strict,
        ..Settings::new("WEB01")
    };
    let server = WsManServer::bind(Arc::new(Mute), Arc::new(accounts), settings).await?;
    writeln!(std::io::stdout(), "{} {}", server.address(), authority.file().display())?;
    std::io::stdout().flush()?;
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    Ok(())
}

async fn sql(password: SecretValue) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let spec = HostSpec { sql: Some(SqlSpec::default()), ..HostSpec::new("sql01", "2019") };
    let lab = Lab::open(folder.path(), &[spec]);
    let instance = lab.host("sql01").map(|host: &Arc<LabHost>| host.sql()).transpose()?.flatten();
    let instance: Instance = instance.ok_or_else(|| anyhow::anyhow!("the lab host has no SQL Server"))?;
    instance.declare_login("operator", password.expose(), true)?;
    let authority = lab.authority()?;
    let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let server = TdsServer::bind(instance, &authority, Encryption::Offered, listen).await?;
    writeln!(std::io::stdout(), "{} {}", server.address(), authority.file().display())?;
    std::io::stdout().flush()?;
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    Ok(())
}

fn kerberos() -> Kerberos {
    let said = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let proof = match (said("WIRE_KEYTAB"), said("WIRE_TICKETS")) {
        (Some(keytab), _) => Proof::Keytab(keytab.into()),
        (None, Some(_)) => Proof::TicketCache,
        (None, None) => Proof::Password,
    };
    let kdcs = said("WIRE_KDC").iter().flat_map(|kdcs| kdcs.split(' ')).filter_map(Kdc::parse).collect();
    Kerberos { proof, realm: said("WIRE_REALM"), kdcs, spn: said("WIRE_SPN") }
}

async fn look(address: &str, user: &str, password: SecretValue, https: Option<(&str, &str)>) -> anyhow::Result<()> {
    let (host, port) = address.split_once(':').ok_or_else(|| anyhow::anyhow!("an address is HOST:PORT"))?;
    let account = Arc::new(winrm::Account::new(user, password));
    let mut target = Target::new(host, host, port.parse()?, account);
    if std::env::var_os("WIRE_KERBEROS").is_some() {
        target.auth = Auth::Kerberos(Arc::new(kerberos()));
    }
    if let Some((auth, ca)) = https {
        target.auth = match auth {
            "ntlm" => Auth::Ntlm,
            "negotiate" => Auth::Negotiate,
            "basic" => Auth::Basic,
            "kerberos" => Auth::Kerberos(Arc::new(kerberos())),
            other => anyhow::bail!("no way to log in is called {other}"),
        };
        let trust = Trust::Authorities(Authorities::Also(std::fs::read(ca)?));
        target.tls = Some(Tls { name: "localhost".to_owned(), trust, identity: None });
    }
    if let Ok(proxy) = std::env::var("WIRE_PROXY") {
        let (host, port) = proxy.split_once(':').ok_or_else(|| anyhow::anyhow!("a proxy is HOST:PORT"))?;
        let login = std::env::var("WIRE_PROXY_USER").ok().zip(std::env::var("WIRE_PASSWORD").ok());
        let login = login.map(|(user, password)| (user, Arc::new(SecretValue::new(password))));
        target.proxy = Some(Proxy { host: host.to_owned(), port: port.parse()?, login });
    }
    let transport = Transport::WinRm(Box::new(WinRm::new(target)));
    let mut session = ReadSession::open(transport, SessionSettings::new(Nonce("0".repeat(64)))).await?;
    let answers = session.observe(&[Read::HostFacts]).await;
    let (traffic, closed) = session.close().await;
    writeln!(std::io::stdout(), "{} in {} requests", serde_json::to_string(&answers?)?, traffic.requests)?;
    closed?;
    Ok(())
}
