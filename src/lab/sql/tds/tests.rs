use std::net::Ipv4Addr;

use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use super::*;
use crate::lab::listening::REFUSAL_POLL;
use crate::lab::sql::SqlSpec;
use crate::lab::{HostSpec, LabHost};

const PASSWORD: &str = "Secret-0-ops-åß";

struct Bench {
    folder: tempfile::TempDir,
    host: LabHost,
    server: TdsServer,
}

async fn bench(encryption: Encryption) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let host = LabHost::create(folder.path().join("sql01"), HostSpec::new("sql01", "2019")).unwrap();
    let instance = Instance::create(host.folder(), &SqlSpec::default()).unwrap();
    instance.declare_login("ops", PASSWORD, true).unwrap();
    let authority = Authority::open(folder.path()).unwrap();
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = TdsServer::bind(instance, &authority, encryption, listen).await.unwrap();
    Bench { folder, host, server }
}

impl Bench {
    async fn dial(&self, level: EncryptionLevel, password: &str) -> tiberius::Result<Client<Compat<TcpStream>>> {
        let mut config = Config::new();
        config.host("127.0.0.1");
        config.port(self.server.address().port());
        config.authentication(AuthMethod::sql_server("ops", password));
        config.encryption(level);
        config.trust_cert_ca(self.folder.path().join("ca.pem").to_str().unwrap());
        let stream = TcpStream::connect(self.server.address()).await?;
        stream.set_nodelay(true)?;
        Client::connect(config, stream.compat_write()).await
    }
}

#[tokio::test]
async fn a_client_reads_values_of_every_type_over_tls() {
    let bench = bench(Encryption::Required).await;
    let mut client = bench.dial(EncryptionLevel::Required, PASSWORD).await.unwrap();
    let text = "SELECT name, database_id, CONVERT(bigint, 5000000000) AS big, is_broker_enabled, service_broker_guid, create_date, \
        owner_sid, CONVERT(nvarchar(max), N'ä') AS long, CONVERT(nvarchar(max), NULL) AS none, SERVERPROPERTY('EngineEdition') AS v, \
        SERVERPROPERTY('ServerName') AS s, CONVERT(tinyint, 7) AS t FROM sys.databases WHERE name = 'tempdb'";
    let row = client.simple_query(text).await.unwrap().into_row().await.unwrap().unwrap();
    assert_eq!(row.get::<&str, _>("name"), Some("tempdb"));
    assert_eq!(row.get::<i32, _>("database_id"), Some(2));
    assert_eq!(row.get::<i64, _>("big"), Some(5_000_000_000));
    assert_eq!(row.get::<bool, _>("is_broker_enabled"), Some(true));
    assert!(row.get::<tiberius::Uuid, _>("service_broker_guid").is_some());
    assert_eq!(row.get::<&[u8], _>("owner_sid"), Some(&[1][..]));
    assert_eq!(row.get::<&str, _>("long"), Some("ä"));
    assert_eq!(row.get::<&str, _>("none"), None);
    assert_eq!(row.get::<i32, _>("v"), Some(2));
    assert_eq!(row.get::<&str, _>("s"), Some("SQL01"));
    assert_eq!(row.get::<u8, _>("t"), Some(7));
}

#[tokio::test]
async fn parameters_and_errors_travel() {
    let bench = bench(Encryption::Offered).await;
    let mut client = bench.dial(EncryptionLevel::Required, PASSWORD).await.unwrap();
    let row = client.query("SELECT @P1 + N'!' AS a, @P2 + 1 AS b, @P3 AS c", &[&"it's", &41_i32, &true]).await.unwrap();
    let row = row.into_row().await.unwrap().unwrap();
    assert_eq!(
        (row.get::<&str, _>(0), row.get::<i32, _>(1), row.get::<bool, _>(2)),
        (Some("it's!"), Some(42), Some(true))
    );
    let error = client
        .simple_query("SELECT 1;\nALTER DATABASE Nowhere SET ENABLE_BROKER")
        .await
        .unwrap()
        .into_results()
        .await
        .unwrap_err();
    let tiberius::error::Error::Server(token) = error else { panic!("{error:?}") };
    assert_eq!((token.code(), token.class(), token.state(), token.line(), token.server()), (5011, 14, 5, 2, "SQL01"));
    // The connection is still good, and a batch larger than a packet arrives whole.
    let long = format!("SELECT N'{}' AS x", "y".repeat(20_000));
    let row = client.simple_query(long).await.unwrap().into_row().await.unwrap().unwrap();
    assert_eq!(row.get::<&str, _>(0).map(str::len), Some(20_000));
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_so_is_a_stranger() {
    let bench = bench(Encryption::Offered).await;
    let error = bench.dial(EncryptionLevel::Required, "wrong").await.err().unwrap();
    assert_eq!(error.code(), Some(18456));
    let mut config = Config::new();
    config.host("127.0.0.1");
    config.authentication(AuthMethod::sql_server("ops", PASSWORD));
    let stream = TcpStream::connect(bench.server.address()).await.unwrap();
    assert!(Client::connect(config, stream.compat_write()).await.is_err(), "a certificate that nobody vouches for");
}

#[tokio::test]
async fn encryption_is_what_was_agreed() {
    let offered = bench(Encryption::Offered).await;
    for level in [EncryptionLevel::Off, EncryptionLevel::NotSupported] {
        let mut client = offered.dial(level, PASSWORD).await.unwrap();
        let row = client.simple_query("SELECT @@SPID AS n").await.unwrap().into_row().await.unwrap().unwrap();
        assert!(row.get::<i16, _>(0) > Some(50));
    }
    let downgraded = bench(Encryption::Unavailable).await;
    assert!(downgraded.dial(EncryptionLevel::Required, PASSWORD).await.is_err());
}

#[tokio::test]
async fn a_connection_breaks_off_where_a_fault_says_so() {
    let bench = bench(Encryption::Required).await;
    let names = "SELECT name FROM sys.databases WHERE name = 'x'";
    for (fault, done) in [(Fault::SqlDropBeforeCommit, 0), (Fault::SqlDropAfterCommit, 1)] {
        let mut client = bench.dial(EncryptionLevel::Required, PASSWORD).await.unwrap();
        bench.host.break_(fault).unwrap();
        let lost = match client.simple_query("CREATE DATABASE x").await {
            Ok(stream) => stream.into_results().await.is_err(),
            Err(_) => true,
        };
        assert!(lost, "{fault}");
        let mut client = bench.dial(EncryptionLevel::Required, PASSWORD).await.unwrap();
        let rows = client.simple_query(names).await.unwrap().into_first_result().await.unwrap();
        assert_eq!(rows.len(), done, "{fault}");
    }
    bench.host.break_(Fault::SqlDropInResult).unwrap();
    let mut client = bench.dial(EncryptionLevel::Required, PASSWORD).await.unwrap();
    let lost = match client.simple_query("SELECT name FROM sys.databases").await {
        Ok(stream) => stream.into_results().await.is_err(),
        Err(_) => true,
    };
    assert!(lost);
    bench.host.break_(Fault::SqlRefuse).unwrap();
    // The first is taken by a server that waited for it already; from then on the system refuses.
    for _ in 0..2 {
        assert!(bench.dial(EncryptionLevel::Required, PASSWORD).await.is_err());
    }
    bench.host.mend(None).unwrap();
    tokio::time::sleep(4 * REFUSAL_POLL).await;
    assert!(bench.dial(EncryptionLevel::Required, PASSWORD).await.is_ok());
}
