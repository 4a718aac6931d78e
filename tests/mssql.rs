//! The backplane over TDS, through the program: against the lab's SQL Server, and against a real one where
//! `FARMHAND_TEST_MSSQL` names it (README, "Tests").

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on says so by panicking, and figures are said aloud"
)]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use farmhand::lab::sql::tds::{Authority, Encryption, TdsServer};
use farmhand::lab::sql::{Instance, SqlSpec};
use farmhand::lab::{HostSpec, LabHost};
use serde_json::Value;

/// A server, and how a sysadmin gets in.
struct Server {
    address: String,
    port: u16,
    user: String,
    password: String,
    ca: PathBuf,
    /// A folder in which the server may write, as Windows writes it; SQL Server on Linux takes it too.
    folder: String,
}

const PASSWORD: &str = "Farm-hand-0-test";

fn playbook(database: &str, server: &Server) -> String {
    format!(
        r#"plays:
  - name: Backplane
    hosts: sql
    steps:
      - sql_database: {{ name: {database}, recovery: simple, auto_close: false, read_committed_snapshot: true }}
      - sql_service_broker: {{ database: {database}, enabled: true, rollback_after: 5s }}
      - sql_master_key:
          database: {database}
          password: "{{{{ secret('env:KEY_PASSWORD') }}}}"
          encrypted_by_service_key: true
          backup: {{ folder: '{}', password: "{{{{ secret('env:BACKUP_PASSWORD') }}}}", deep_check: true }}
      - sql_trace_flag: {{ flag: 4133, running: true }}
      - sql_login: {{ name: {database}App, from: sql, password: "{{{{ secret('env:APP_PASSWORD') }}}}" }}
      - sql_user: {{ database: {database}, login: {database}App, default_schema: app }}
      - sql_permission: {{ database: {database}, principal: {database}App, preset: signalr_backplane }}
"#,
        server.folder
    )
}

/// What farmhand says, and its exit code.
fn farmhand(folder: &Path, server: &Server, password: &str, line: &str) -> (Option<i32>, Value, String) {
    let mut command = Command::cargo_bin("farmhand").unwrap();
    command.current_dir(folder).args(line.split(' ')).arg("--json");
    command
        .env("SQL_PASSWORD", password)
        .env("KEY_PASSWORD", "Key-0-of-the-test")
        .env("APP_PASSWORD", "App-0-of-the-test");
    command.env("BACKUP_PASSWORD", "Backup-0-of-the-test");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    for secret in [server.password.as_str(), "Key-0-of", "App-0-of", "Backup-0-of"] {
        assert!(!said.contains(secret), "a password is shown");
    }
    let told = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), told, said)
}

fn cases(server: &Server) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // A real server keeps what a test made, so each run has names of its own.
    let stamp = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let database = format!("FarmhandTest{stamp}");
    fs::copy(&server.ca, folder.join("ca.pem")).unwrap();
    let inventory = format!(
        "groups:\n  sql:\n    hosts:\n      sql01: {{ address: {}, connection: {{ via: tds, port: {}, user: {}, password: \
         \"{{{{ secret('env:SQL_PASSWORD') }}}}\" }}, sql: {{ ca: ca.pem }} }}\n",
        server.address, server.port, server.user
    );
    fs::write(folder.join("inventory.yml"), inventory).unwrap();
    fs::write(folder.join("site.yml"), playbook(&database, server)).unwrap();
    let run = |line: &str| farmhand(folder, server, &server.password, line);

    let (code, told, said) = run("apply site.yml --yes");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(told["hosts"][0]["status"], "changed", "{said}");

    let (code, told, said) = run("apply site.yml --yes");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(told["hosts"][0]["status"], "ok", "{said}");
    let trips = told["hosts"][0]["traffic"]["sql_batches"].as_u64().unwrap();
    eprintln!("{trips} round trips to SQL Server in a run without changes");
    assert!(trips <= 3, "{trips}");

    let (code, told, said) = run("audit site.yml");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(told["summary"]["properties"], 0, "{said}");

    let (code, _, said) = farmhand(folder, server, "Wrong-0-password", "audit site.yml");
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("18456"), "{said}");

    fs::write(
        folder.join("site.yml"),
        playbook(&database, server).replace("  - sql_database:", "  - sql_database_was:"),
    )
    .unwrap();
    let (code, _, said) = run("plan site.yml");
    assert_eq!(code, Some(3), "{said}");

    // A database that is not there, a folder that cannot be written, a password that is too weak.
    let check = |step: &str, exit: i32, expected: &[&str]| {
        fs::write(folder.join("site.yml"), format!("plays:\n  - hosts: sql\n    steps:\n      - {step}\n")).unwrap();
        let (code, _, said) = run("apply site.yml --yes");
        assert_eq!(code, Some(exit), "{step}: {said}");
        assert!(expected.iter().all(|it| said.contains(it)), "{step}: {said}");
    };
    check("sql_service_broker: { database: Nowhere, enabled: true }", 3, &["there is no database Nowhere"]);
    let key = "\"{{ secret('env:KEY_PASSWORD') }}\"";
    let backup = "backup: { folder: 'Q:\\nowhere', password: \"{{ secret('env:BACKUP_PASSWORD') }}\" }";
    check(&format!("sql_master_key: {{ database: {database}, password: {key}, {backup} }}"), 4, &["15240"]);
    check(&format!("sql_user: {{ database: {database}, login: Nobody{stamp} }}"), 4, &["15007"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lab_s_server_is_made_so() {
    let folder = tempfile::tempdir().unwrap();
    let spec = HostSpec { folders: vec!["E:\\keys".to_owned()], ..HostSpec::new("sql01", "2019") };
    let host = LabHost::create(folder.path().join("sql01"), spec).unwrap();
    let instance = Instance::create(host.folder(), &SqlSpec::default()).unwrap();
    instance.declare_login("farmhand", PASSWORD, true).unwrap();
    let authority = Authority::open(folder.path()).unwrap();
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let lab = TdsServer::bind(instance, &authority, Encryption::Required, listen).await.unwrap();
    let server = Server {
        address: "127.0.0.1".to_owned(),
        port: lab.address().port(),
        user: "farmhand".to_owned(),
        password: PASSWORD.to_owned(),
        ca: folder.path().join("ca.pem"),
        folder: "E:\\keys".to_owned(),
    };
    tokio::task::spawn_blocking(move || cases(&server)).await.unwrap();
}

#[test]
fn a_real_server_is_made_so() {
    let Ok(named) = std::env::var("FARMHAND_TEST_MSSQL") else {
        eprintln!("SKIPPED: FARMHAND_TEST_MSSQL names no SQL Server");
        return;
    };
    let or = |name: &str, other: &str| std::env::var(name).unwrap_or_else(|_| other.to_owned());
    let (address, port) = named.split_once(':').unwrap_or((&named, "1433"));
    cases(&Server {
        address: address.to_owned(),
        port: port.parse().unwrap(),
        user: or("FARMHAND_TEST_MSSQL_USER", "sa"),
        password: std::env::var("FARMHAND_TEST_MSSQL_PASSWORD").unwrap(),
        ca: PathBuf::from(std::env::var("FARMHAND_TEST_MSSQL_CA").unwrap()),
        folder: or("FARMHAND_TEST_MSSQL_FOLDER", "C:\\var\\opt\\mssql\\data"),
    });
}
