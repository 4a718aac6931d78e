//! Both doors to SQL Server give the same answers, and each costs what it may.

#![expect(clippy::unwrap_used, reason = "a test stops where its own files are not as they must be")]
#![expect(clippy::print_stdout, reason = "figures are said aloud")]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use farmhand::agent::framing::no_secrets;
use farmhand::hostcall::{
    Access, Answer, Batch, Call, Nonce, Outcome, Read, Refusal, RefusalCode, Reply, SqlDone, SqlFind, SqlRows, Text,
    Write,
};
use farmhand::lab::sql::tds::{Authority, Encryption, TdsServer};
use farmhand::lab::sql::{Instance, SqlSpec};
use farmhand::lab::{Answers as _, Fault, HostSpec, LabHost};
use farmhand::resource::sql::{self, MASTER, QUERIES};
use farmhand::sql::{Patience, SqlError, TdsReader, TdsTarget, TdsWriter, Trust};
use farmhand::value::{
    Escape, SecretPart, SecretPiece, SecretRef, SecretText, SecretValue, Store, TextEncoding, TextPiece,
};

const PASSWORD: &str = "Secret-0-farmhand-\u{e5}\u{df}";
const KEY_PASSWORD: &str = "Key-0-pass'word";

struct Bench {
    folder: tempfile::TempDir,
    host: LabHost,
    instance: Instance,
    server: TdsServer,
}

async fn bench(encryption: Encryption) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let host = LabHost::create(folder.path().join("sql01"), HostSpec::new("sql01", "2019")).unwrap();
    let instance = Instance::create(host.folder(), &SqlSpec::default()).unwrap();
    instance.declare_login("farmhand", PASSWORD, true).unwrap();
    let authority = Authority::open(folder.path()).unwrap();
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = TdsServer::bind(instance.clone(), &authority, encryption, listen).await.unwrap();
    Bench { folder, host, instance, server }
}

impl Bench {
    fn target(&self) -> TdsTarget {
        TdsTarget {
            name: "sql01".to_owned(),
            address: "127.0.0.1".to_owned(),
            port: self.server.address().port(),
            certificate_name: "sql01".to_owned(),
            trust: Trust::Also(std::fs::read(self.folder.path().join("ca.pem")).unwrap()),
            user: "farmhand".to_owned(),
            password: Arc::new(|| Ok(SecretValue::new(PASSWORD.to_owned()))),
        }
    }

    fn reader(&self) -> TdsReader {
        TdsReader::new(self.target(), Patience::default())
    }

    fn writer(&self) -> TdsWriter {
        TdsWriter::new(self.target(), Patience::default())
    }
}

fn read(database: &str, query: sql::Query) -> Read {
    let arguments = match query.name {
        "backup_files" => BTreeMap::from([("folder".to_owned(), r"C:\Windows".to_owned())]),
        _ => BTreeMap::new(),
    };
    Read::Sql { instance: String::new(), database: database.to_owned(), query: query.text.to_owned(), arguments }
}

fn every_question(database: &str) -> Vec<Read> {
    QUERIES.iter().map(|query| read(database, *query)).collect()
}

fn write(database: &str, text: &str) -> Write {
    Write::Sql {
        instance: String::new(),
        database: database.to_owned(),
        purpose: "make it so".to_owned(),
        text: Text::Plain(text.to_owned()),
        arguments: BTreeMap::new(),
        find: None,
    }
}

fn rows(answer: &Answer) -> SqlRows {
    match answer {
        Answer::Present(value) => serde_json::from_value(value.clone()).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn refused(answer: &Answer) -> &Refusal {
    match answer {
        Answer::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_question_is_answered_in_two_round_trips_a_database_at_most() {
    let bench = bench(Encryption::Required).await;
    let mut session = bench.reader();
    let reads = every_question(MASTER);
    let answers = session.observe(&reads).await.unwrap();
    for (query, answer) in QUERIES.iter().zip(&answers) {
        let rows = rows(answer);
        // Without flags TRACESTATUS has no result, and without availability groups there are no replicas.
        let may_be_empty = ["trace_flags", "availability_replicas", "backup_files", "symmetric_keys", "sessions"];
        assert!(!rows.rows.is_empty() || may_be_empty.contains(&query.name), "{}: {rows:?}", query.name);
    }
    let databases = QUERIES.iter().position(|query| query.name == "databases").unwrap();
    let databases = rows(&answers[databases]);
    assert_eq!(&databases.columns[..3], ["name", "database_id", "owner_sid"]);
    assert!(databases.rows.iter().any(|row| row[0] == "tempdb" && row[1] == 2 && row[2] == "0x01"), "{databases:?}");
    let traffic = session.close().await;
    println!(
        "{} questions took {} round trips, {} bytes up and {} down",
        reads.len(),
        traffic.sql_batches,
        traffic.bytes_up,
        traffic.bytes_down
    );
    assert_eq!((traffic.sql_batches, bench.server.connections()), (2, 1));
    assert_eq!(bench.instance.counts().unwrap().mutating, 0);
}

#[tokio::test]
async fn a_database_that_is_not_there_costs_one_round_trip_and_the_others_have_their_answers() {
    let bench = bench(Encryption::Required).await;
    let mut session = bench.reader();
    let reads = [read("Nowhere", sql::DATABASE_PRINCIPALS), read("Nowhere", sql::SCHEMAS), read("msdb", sql::SCHEMAS)];
    let answers = session.observe(&reads).await.unwrap();
    assert!(refused(&answers[0]).is_no_database() && refused(&answers[1]).is_no_database());
    assert!(!rows(&answers[2]).rows.is_empty());
    assert_eq!(session.close().await.sql_batches, 2);
}

#[tokio::test]
async fn writes_go_one_by_one_until_one_is_not_done() {
    let bench = bench(Encryption::Required).await;
    let mut session = bench.writer();
    let writes = [
        write(MASTER, "CREATE DATABASE [Chat]"),
        write("Chat", "CREATE SCHEMA [app]"),
        write("Chat", "CREATE SCHEMA [app]"),
        write("Chat", "CREATE SCHEMA [other]"),
    ];
    let (outcomes, answers) = session.change(&writes, &[read("Chat", sql::SCHEMAS)], &no_secrets).await.unwrap();
    let [Outcome::Done(_), Outcome::Done(_), Outcome::Failed(refusal), Outcome::Skipped {}] = &outcomes[..] else {
        panic!("{outcomes:?}");
    };
    assert_eq!(refusal.sql_number(), Some(2714), "{refusal:?}");
    let schemas = rows(&answers[0]);
    assert!(schemas.rows.iter().any(|row| row[0] == "app") && schemas.rows.iter().all(|row| row[0] != "other"));
}

#[tokio::test]
async fn a_key_password_goes_in_a_lone_batch_and_what_is_found_takes_its_place() {
    let bench = bench(Encryption::Required).await;
    let secret = SecretRef { store: Store::Env, name: "key".to_owned(), fingerprint: None };
    let piece = |text: &str| TextPiece::Plain(text.to_owned());
    let password =
        || TextPiece::Secret(SecretPiece { secret: secret.clone(), part: SecretPart::Whole, escape: Escape::SqlText });
    let composed = |pieces| Text::Composed(SecretText { encoding: TextEncoding::Utf8, pieces });
    let mut key = write("Chat", "");
    let Write::Sql { text, .. } = &mut key else { unreachable!() };
    *text = composed(vec![piece("CREATE MASTER KEY ENCRYPTION BY PASSWORD = N'"), password(), piece("'")]);
    let mut backup = write("Chat", "");
    let Write::Sql { text, find, .. } = &mut backup else { unreachable!() };
    let pieces = vec![piece("BACKUP MASTER KEY TO FILE = {found} ENCRYPTION BY PASSWORD = N'"), password(), piece("'")];
    *text = composed(pieces);
    let arguments = BTreeMap::from([("folder".to_owned(), r"C:\Windows".to_owned())]);
    *find = Some(SqlFind { query: r"SELECT @folder + N'\it''s.key' AS path".to_owned(), arguments });
    let mut session = bench.writer();
    let resolve = |_: &SecretRef| Ok(SecretValue::new(KEY_PASSWORD.to_owned()));
    let writes = [write(MASTER, "CREATE DATABASE [Chat]"), key, backup];
    let (outcomes, _) = session.change(&writes, &[], &resolve).await.unwrap();
    let Outcome::Done(done) = &outcomes[2] else { panic!("{outcomes:?}") };
    let done: SqlDone = serde_json::from_value(done.clone()).unwrap();
    assert_eq!(done.found.as_deref(), Some(r"C:\Windows\it's.key"));
    let heard = bench.instance.heard(&KEY_PASSWORD.replace('\'', "''"));
    assert_eq!(heard.len(), 2);
    assert!(heard.iter().all(|it| it.parameters.is_empty()), "{heard:?}");
    assert!(heard[1].text.contains(r"N'C:\Windows\it''s.key'"), "{heard:?}");
    assert!(bench.instance.heard(KEY_PASSWORD).is_empty());
}

#[tokio::test]
async fn a_connection_that_breaks_off_in_a_write_leaves_it_unknown() {
    for (fault, there) in [(Fault::SqlDropBeforeCommit, false), (Fault::SqlDropAfterCommit, true)] {
        let bench = bench(Encryption::Required).await;
        bench.host.break_(fault).unwrap();
        let mut session = bench.writer();
        let writes = [write(MASTER, "CREATE DATABASE [Chat]"), write("Chat", "CREATE SCHEMA [app]")];
        let error = session.change(&writes, &[], &no_secrets).await.unwrap_err();
        assert!(matches!(error, SqlError::Unknown { .. }), "{error}");
        assert!(error.to_string().contains("was told to make it so and did not answer"), "{error}");
        // A new session settles it.
        let answers = bench.reader().observe(&[read(MASTER, sql::DATABASES)]).await.unwrap();
        assert_eq!(rows(&answers[0]).rows.iter().any(|row| row[0] == "Chat"), there, "{fault:?}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_off_in_a_look_is_not_unknown() {
    let bench = bench(Encryption::Required).await;
    bench.host.break_(Fault::SqlDropInResult).unwrap();
    let error = bench.reader().observe(&every_question(MASTER)).await.unwrap_err();
    assert!(matches!(error, SqlError::Lost { .. }), "{error}");
}

#[tokio::test]
async fn who_is_not_let_in_is_told_why_and_whom_nobody_vouches_for_is_told_nothing() {
    let bench = bench(Encryption::Required).await;
    let check = async |target: TdsTarget, expected: &[&str]| {
        let mut session = TdsReader::new(target, Patience::default());
        let error = session.observe(&[read(MASTER, sql::INSTANCE)]).await.unwrap_err().to_string();
        assert!(expected.iter().all(|it| error.contains(it)), "{error}");
        assert!(!error.contains(PASSWORD) && !error.contains("Secret-1"), "{error}");
    };
    let wrong = TdsTarget { password: Arc::new(|| Ok(SecretValue::new("Secret-1".to_owned()))), ..bench.target() };
    check(wrong, &["`sql01`", "`farmhand`", "Msg 18456", "check the name and the password"]).await;
    let log_ins = bench.instance.log().unwrap().len();
    let advice = "give the instance one of your own CA";
    check(TdsTarget { trust: Trust::System, ..bench.target() }, &["not trusted for the name `sql01`", advice]).await;
    check(TdsTarget { certificate_name: "sql02".to_owned(), ..bench.target() }, &["for the name `sql02`", advice])
        .await;
    assert_eq!(bench.instance.log().unwrap().len(), log_ins);
}

#[tokio::test]
async fn a_server_that_offers_no_encryption_is_left() {
    let bench = bench(Encryption::Unavailable).await;
    let error = bench.reader().observe(&[read(MASTER, sql::INSTANCE)]).await.unwrap_err().to_string();
    assert!(error.contains("will not encrypt the connection"), "{error}");
}

/// The same question in other words: other aliases, other white space, no comments, another letter case.
fn in_other_words(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("--"));
    let words: Vec<String> = lines.flat_map(str::split_whitespace).map(str::to_owned).collect();
    let mut other = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let is_alias = at > 0 && words[at - 1] == "AS" && !word.contains('(');
        let (name, comma) = word.strip_suffix(',').map_or((word.as_str(), ""), |name| (name, ","));
        let keyword = ["SELECT", "FROM", "WHERE", "AND", "LIKE", "AS"].contains(&word.as_str());
        other.push(match (is_alias, keyword) {
            (true, _) => format!("[other {name}]{comma}"),
            (_, true) => word.to_lowercase(),
            _ => word.clone(),
        });
    }
    other.join("\n\t ")
}

#[tokio::test]
async fn no_answer_depends_on_the_text_of_a_question() {
    let bench = bench(Encryption::Required).await;
    let mut session = bench.writer();
    session.change(&[write(MASTER, "DBCC TRACEON (4133, -1)")], &[], &no_secrets).await.unwrap();
    let mut renamed = 0;
    for query in QUERIES {
        let mut other = read(MASTER, *query);
        let Read::Sql { query: text, .. } = &mut other else { unreachable!() };
        *text = in_other_words(query.text);
        assert_ne!(text, query.text);
        let answers = session.observe(&[read(MASTER, *query), other]).await.unwrap();
        let (plain, other) = (rows(&answers[0]), rows(&answers[1]));
        assert_eq!(plain.rows, other.rows, "{}", query.name);
        let names = plain.columns.iter().zip(&other.columns).filter(|(plain, other)| plain != other);
        for (plain, other) in names {
            assert_eq!(*other, format!("other {plain}"), "{}", query.name);
            renamed += 1;
        }
    }
    println!("{} questions in other words gave the same rows under {renamed} other names", QUERIES.len());
    assert!(renamed >= 10, "{renamed}");
}

/// What the agent on the machine answers to one batch of calls.
fn on_host(bench: &Bench, calls: Vec<Call>) -> Vec<Reply> {
    let batch = Batch { id: 1, nonce: Nonce("5a".repeat(32)), calls };
    bench.host.reply(Access::ReadWrite, &batch).replies
}

fn asked_on_host(bench: &Bench, reads: &[Read]) -> Vec<Answer> {
    let replies = on_host(bench, reads.iter().cloned().map(Call::Ask).collect());
    replies
        .into_iter()
        .map(|reply| match reply {
            Reply::Answer(answer) => answer,
            Reply::Outcome(outcome) => panic!("{outcome:?}"),
        })
        .collect()
}

#[tokio::test]
async fn both_doors_give_the_same_answers() {
    let bench = bench(Encryption::Required).await;
    let writes = [
        write(MASTER, "CREATE DATABASE [Chat]"),
        write("Chat", "CREATE MASTER KEY ENCRYPTION BY PASSWORD = N'Key-0-password'"),
        write(MASTER, "DBCC TRACEON (4133, -1)"),
    ];
    let mut session = bench.writer();
    let (outcomes, _) = session.change(&writes, &[], &no_secrets).await.unwrap();
    assert!(outcomes.iter().all(|it| matches!(it, Outcome::Done(_))), "{outcomes:?}");
    let mut reads: Vec<Read> = [MASTER, "Chat", "Nowhere"].iter().flat_map(|it| every_question(it)).collect();
    // Who asks is somebody else, and so is who is connected.
    reads.retain(|read| {
        matches!(read, Read::Sql { query, .. } if ![sql::INSTANCE.text, sql::SESSIONS.text].contains(&query.as_str()))
    });
    let over_tds = session.observe(&reads).await.unwrap();
    let on_host = asked_on_host(&bench, &reads);
    let mut rows_told = 0;
    for ((read, tds), host) in reads.iter().zip(&over_tds).zip(&on_host) {
        match (tds, host) {
            (Answer::Present(_), Answer::Present(_)) => {
                let (tds, host) = (rows(tds), rows(host));
                rows_told += tds.rows.len();
                assert_eq!(tds, host, "{read:?}");
            }
            (tds, host) => assert_eq!(tds, host, "{read:?}"),
        }
    }
    println!("{} questions gave the same {rows_told} rows through both doors", reads.len());
    assert!(rows_told > 50);
}

#[tokio::test]
async fn the_machine_itself_runs_t_sql_and_sets_its_registry() {
    let bench = bench(Encryption::Required).await;
    let arguments = asked_on_host(&bench, &[read(MASTER, sql::STARTUP_ARGUMENTS)]);
    let arguments = rows(&arguments[0]);
    let (key, next) = (arguments.rows[0][0].as_str().unwrap().to_owned(), format!("SQLArg{}", arguments.rows.len()));
    let set = |was: Option<&str>, text: &str| Write::SetRegistry {
        key: key.clone(),
        name: next.clone(),
        was: was.map(str::to_owned),
        text: Some(text.to_owned()),
    };
    let calls = [
        write(MASTER, "CREATE DATABASE [Chat]"),
        write("Nowhere", "CREATE SCHEMA [app]"),
        write(MASTER, "CREATE DATABASE [Never]"),
    ];
    let replies = on_host(&bench, calls.into_iter().map(Call::Tell).collect());
    let [
        Reply::Outcome(Outcome::Done(_)),
        Reply::Outcome(Outcome::Failed(refusal)),
        Reply::Outcome(Outcome::Skipped {}),
    ] = &replies[..]
    else {
        panic!("{replies:?}");
    };
    assert!(refusal.is_no_database(), "{refusal:?}");
    let replies = on_host(&bench, vec![Call::Tell(set(None, "-T4133")), Call::Tell(set(None, "-T1222"))]);
    let [Reply::Outcome(Outcome::Done(_)), Reply::Outcome(Outcome::Moved { .. })] = &replies[..] else {
        panic!("{replies:?}");
    };
    let arguments = asked_on_host(&bench, &[read(MASTER, sql::STARTUP_ARGUMENTS)]);
    assert_eq!(rows(&arguments[0]).rows.last().unwrap()[2], "-T4133");
    let other = Read::Sql {
        instance: String::new(),
        database: MASTER.to_owned(),
        query: "SELECT 1 AS one".to_owned(),
        arguments: BTreeMap::new(),
    };
    let batch = Batch { id: 1, nonce: Nonce("5a".repeat(32)), calls: vec![Call::Ask(other)] };
    let replies = bench.host.reply(Access::ReadOnly, &batch).replies;
    let [Reply::Answer(answer)] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!(refused(answer).code, RefusalCode::Invalid);
}

/// The same play, to a machine over WinRM and to its SQL Server over TDS.
const INVENTORY: &str = r#"groups:
  sql:
    hosts:
      sql01: {}
      sql02: { sql: { via: tds, user: farmhand, password: "{{ secret('sql-farmhand') }}" } }
    connection: { via: winrm, user: 'CORP\deploy', password: "{{ secret('deploy') }}" }
    lab: { sql: { version: "2019" } }
"#;

const PLAYBOOK: &str = r#"plays:
  - name: Backplane
    hosts: sql
    steps:
      - sql_database: { name: Chat, recovery: full }
      - sql_service_broker: { database: Chat, enabled: true, rollback_after: 30s }
      - sql_master_key: { database: Chat, password: "{{ secret('sql-master-key') }}", encrypted_by_service_key: true }
      - sql_trace_flag: { flag: 4133, running: true, startup: true }
"#;

#[test]
fn one_play_ends_the_same_through_both_doors_and_then_costs_three_round_trips() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("inventory.yml"), INVENTORY).unwrap();
    std::fs::write(folder.path().join("site.yml"), PLAYBOOK).unwrap();
    let apply = || -> serde_json::Value {
        let mut command = assert_cmd::Command::cargo_bin("farmhand").unwrap();
        let run = command.current_dir(folder.path()).args(["--lab", "--json", "apply", "site.yml", "--yes"]).output();
        let run = run.unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        serde_json::from_slice(&run.stdout).unwrap()
    };
    let batches = |told: &serde_json::Value| -> Vec<u64> {
        let hosts = told["hosts"].as_array().unwrap();
        hosts.iter().map(|host| host["traffic"]["sql_batches"].as_u64().unwrap()).collect()
    };
    let mutating = || {
        ["sql01", "sql02"].map(|host| {
            let host = LabHost::open(folder.path().join(".farmhand/lab/hosts").join(host));
            host.sql().unwrap().unwrap().counts().unwrap().mutating
        })
    };
    let first = apply();
    let changed = mutating();
    assert_eq!(changed[0], changed[1], "{first}");
    assert!(changed[0] >= 4, "{changed:?}");
    let second = apply();
    println!("round trips to SQL Server after the log-in: {:?}, then {:?}", batches(&first), batches(&second));
    assert_eq!(mutating(), changed);
    let told = batches(&second);
    assert!(told[0] == 0 && (1..=3).contains(&told[1]), "{told:?}");
    // The statements, in the order in which they came, are the same ones.
    let said = |host: &str| -> Vec<String> {
        let host = LabHost::open(folder.path().join(".farmhand/lab/hosts").join(host));
        let log = host.sql().unwrap().unwrap().log().unwrap();
        log.into_iter().filter(|batch| batch.mutating > 0).map(|batch| batch.text).collect()
    };
    assert_eq!(said("sql01"), said("sql02"));
    let journal = std::fs::read_dir(folder.path().join(".farmhand/lab/runs")).unwrap();
    let texts: Vec<String> = journal.map(|it| std::fs::read_to_string(it.unwrap().path()).unwrap()).collect();
    assert!(texts.iter().any(|text| text.contains("PASSWORD = N'{{ secret('sql-master-key') }}'")), "{texts:?}");
}
