use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::agent::framing::no_secrets;
use crate::hostcall::{RefusalCode, Text};
use crate::resource::sql::{DATABASES, MASTER};

const PASSWORD: &str = "n0t-to-be-seen";

fn target(port: u16) -> TdsTarget {
    TdsTarget {
        name: "sql01".to_owned(),
        address: "127.0.0.1".to_owned(),
        port,
        certificate_name: "sql01".to_owned(),
        trust: Trust::System,
        user: "farmhand".to_owned(),
        password: Arc::new(|| Ok(SecretValue::new(PASSWORD.to_owned()))),
    }
}

fn patience() -> Patience {
    let short = Duration::from_millis(300);
    Patience { connect: short, login: short, observe: short, change: short }
}

fn databases() -> Read {
    Read::Sql {
        instance: String::new(),
        database: MASTER.to_owned(),
        query: DATABASES.text.to_owned(),
        arguments: std::collections::BTreeMap::new(),
    }
}

fn write() -> Write {
    Write::Sql {
        instance: String::new(),
        database: MASTER.to_owned(),
        purpose: "turn it on".to_owned(),
        text: Text::Plain("DBCC TRACEON (4133, -1)".to_owned()),
        arguments: std::collections::BTreeMap::new(),
        find: None,
    }
}

async fn packet(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut head = [0; 8];
    stream.read_exact(&mut head).await.unwrap();
    let mut body = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]])) - 8];
    stream.read_exact(&mut body).await.unwrap();
    (head[0], body)
}

/// PRELOGIN's answer with a version and a level of encryption (MS-TDS 2.2.6.5).
fn prelogin(encryption: u8) -> Vec<u8> {
    let options = [0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 15, 0, 0x10, 0, 0, 0, encryption];
    [&[4, 1, 0, 26, 0, 0, 1, 0], &options[..]].concat()
}

/// A server that answers the PRELOGIN so and keeps what comes after it.
async fn server(encryption: u8) -> (u16, tokio::task::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert_eq!(packet(&mut stream).await.0, 0x12);
        stream.write_all(&prelogin(encryption)).await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        rest
    });
    (port, serving)
}

#[tokio::test]
async fn a_server_that_does_not_encrypt_is_sent_nothing() {
    // ENCRYPT_OFF encrypts the login alone, ENCRYPT_NOT_SUP nothing.
    for encryption in [0, 2] {
        let (port, serving) = server(encryption).await;
        let mut session = TdsWriter::new(target(port), patience());
        let error = session.change(&[write()], &[], &no_secrets).await.unwrap_err();
        assert!(matches!(error, SqlError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains("will not encrypt the connection, so nothing was sent"), "{error}");
        assert_eq!(serving.await.unwrap(), [0_u8; 0]);
        let again = session.observe(&[databases()]).await.unwrap_err();
        assert!(matches!(again, SqlError::Over { .. }), "{again}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for_long() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut session = TdsReader::new(target(listener.local_addr().unwrap().port()), patience());
    let error = session.observe(&[databases()]).await.unwrap_err();
    assert!(error.to_string().contains("did not end in time"), "{error}");
    assert!(session.close().await.bytes_up > 0);
}

#[tokio::test]
async fn what_stands_in_the_way_is_said_with_what_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let check = async |target: TdsTarget, expected: &str| {
        let error = TdsReader::new(target, patience()).observe(&[databases()]).await.unwrap_err().to_string();
        assert!(error.contains("`sql01`") && error.contains(expected), "{error}");
        assert!(!error.contains(PASSWORD), "{error}");
    };
    check(target(port), "nothing listens at 127.0.0.1:").await;
    check(target(port), "that TCP/IP is enabled").await;
    check(TdsTarget { address: "no-such-name.invalid".to_owned(), ..target(port) }, "nobody knows the name").await;
    let unset = TdsTarget { password: Arc::new(|| Err("is not in the store".to_owned())), ..target(port) };
    check(unset, "is not in the store").await;
    if !cfg!(all(windows, feature = "windows-login")) {
        check(TdsTarget { user: r"CORP\deploy".to_owned(), ..target(port) }, "is a Windows account").await;
    }
}

#[tokio::test]
async fn other_questions_are_refused_without_a_connection() {
    let asked = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&asked);
    let target = TdsTarget {
        password: Arc::new(move || {
            *counted.lock().unwrap() += 1;
            Err("none".to_owned())
        }),
        ..target(1)
    };
    let mut session = TdsReader::new(target, patience());
    let other = Read::Sql {
        instance: String::new(),
        database: MASTER.to_owned(),
        query: "DROP DATABASE x".to_owned(),
        arguments: std::collections::BTreeMap::new(),
    };
    let answers = session.observe(&[Read::HostFacts, other]).await.unwrap();
    let codes: Vec<RefusalCode> = answers
        .iter()
        .map(|answer| match answer {
            Answer::Refused(refusal) => refusal.code,
            answer => panic!("{answer:?}"),
        })
        .collect();
    assert_eq!(codes, [RefusalCode::Unsupported, RefusalCode::Invalid]);
    assert_eq!((*asked.lock().unwrap(), session.traffic()), (0, Traffic::default()));
}

#[tokio::test]
async fn a_secret_that_is_not_to_be_had_is_found_missing_before_anything_is_sent() {
    let reference =
        crate::value::SecretRef { store: crate::value::Store::Env, name: "key".to_owned(), fingerprint: None };
    let mut with_secret = write();
    let Write::Sql { text, .. } = &mut with_secret else { unreachable!() };
    *text = Text::Secret(reference);
    let mut session = TdsWriter::new(target(1), patience());
    let error = session.change(&[write(), with_secret], &[], &no_secrets).await.unwrap_err();
    assert!(matches!(error, SqlError::Secret { .. }), "{error}");
    assert_eq!(session.traffic(), Traffic::default());
}
