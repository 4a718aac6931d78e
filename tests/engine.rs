//! The engine over lab hosts without a wire: what is planned, what is done, what is proved.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on says so by panicking"
)]

#[allow(dead_code, reason = "each test uses its part of it")]
mod farm;

use std::sync::Arc;

use farm::memory::Memory;
use farm::{Farm, steps};
use farmhand::engine::{HostWork, PlayWork, Status, Work};
use farmhand::journal::Record;
use farmhand::lab::sql::SqlSpec;
use farmhand::lab::{Fault, HostSpec};
use farmhand::playbook::Serial;

const FEATURES: &str = r#"[["windows_feature", {"names": ["Web-Server", "Web-WebSockets"]}]]"#;

#[tokio::test]
async fn features_are_installed_once() {
    let farm = Farm::new(&["web01"]);
    let outcomes = farm.apply(&[("web01", steps(FEATURES))]).await;
    assert_eq!(outcomes[0].status, Status::Changed, "{:?}", outcomes[0].reasons);
    let writes = farm.writes("web01");
    let outcomes = farm.apply(&[("web01", steps(FEATURES))]).await;
    assert_eq!(outcomes[0].status, Status::Ok, "{:?}", outcomes[0].reasons);
    assert_eq!(farm.writes("web01"), writes, "the second run sends no write");
}

#[tokio::test]
async fn a_host_that_fails_does_not_stop_the_others() {
    let farm = Farm::new(&["web01", "web02"]);
    farm.host("web01").break_(Fault::DiskFull).unwrap();
    let outcomes = farm.apply(&[("web01", steps(FEATURES)), ("web02", steps(FEATURES))]).await;
    assert_eq!(outcomes[0].status, Status::Failed);
    assert_eq!(outcomes[1].status, Status::Changed, "{:?}", outcomes[1].reasons);
    assert!(outcomes[0].reasons[0].contains("free space"), "{:?}", outcomes[0].reasons);
}

#[tokio::test]
async fn what_a_feature_brings_can_be_used_in_the_same_play() {
    let farm = Farm::new(&["web01"]);
    let wanted = r#"[["windows_feature", {"names": ["Web-Server"]}],
        ["iis_application", {"site": "Default Web Site", "path": "/chat", "pool": "DefaultAppPool"}]]"#;
    let outcomes = farm.apply(&[("web01", steps(wanted))]).await;
    assert_eq!(outcomes[0].status, Status::Changed, "{:?}", outcomes[0].reasons);
    let nowhere = r#"[["windows_feature", {"names": ["Web-Server"]}],
        ["iis_application", {"site": "Nowhere", "path": "/chat"}]]"#;
    let outcomes = farm.apply(&[("web01", steps(nowhere))]).await;
    assert_eq!(outcomes[0].status, Status::Failed);
    assert!(outcomes[0].reasons[0].contains("no site `Nowhere`"), "{:?}", outcomes[0].reasons);
}

#[tokio::test]
async fn a_new_site_is_as_desired_whatever_the_defaults_of_the_server_are() {
    let farm = Farm::of(&[HostSpec { iis: true, ..HostSpec::new("web01", "2019") }]);
    // A host that nobody has spoken to has no files yet.
    assert!(farm.plan("web01", steps("[]")).await.looked.is_ok());
    let file = farm.host("web01").folder().path("C/Windows/System32/inetsrv/config/applicationHost.config");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("<siteDefaults>"), "{text}");
    let otherwise = "<siteDefaults serverAutoStart=\"false\">";
    std::fs::write(&file, text.replace("<siteDefaults>", otherwise)).unwrap();
    let site = r#"[["iis_site", {"name": "Chat", "auto_start": true, "state": "started"}]]"#;
    let outcomes = farm.apply(&[("web01", steps(site))]).await;
    assert_eq!(outcomes[0].status, Status::Changed, "{:?}", outcomes[0].reasons);
}

/// A running pool whose identity's password is stored, and a property whose change replaces its worker process.
fn pool(load_user_profile: bool) -> String {
    let secret = r#"{"secret()": {"store": "age", "name": "svc"}}"#;
    let identity = format!(r#"{{"user": "CORP\\svc", "password": {secret}}}"#);
    let properties = format!(
        r#"{{"name": "P", "state": "started", "start_mode": "always_running", "identity": {identity}, "load_user_profile": {load_user_profile}}}"#
    );
    format!(r#"[["windows_feature", {{"names": ["Web-Server"]}}], ["iis_app_pool", {properties}]]"#)
}

/// Three hosts on which the pool runs and one that has none yet; on the first the account has another password by now,
/// so that the worker process that replaces the one there is cannot log on.
async fn rotten() -> Farm {
    let farm = Farm::new(&["web01", "web02", "web03", "web04"]);
    let running: Vec<(&str, _)> = ["web01", "web02", "web03"].map(|host| (host, steps(&pool(false)))).into();
    let outcomes = farm.apply(&running).await;
    assert!(outcomes.iter().all(|outcome| outcome.status == Status::Changed), "{outcomes:?}");
    farm.host("web01").declare_account("CORP\\svc", "another").unwrap();
    farm
}

async fn change_all(farm: &Farm, serial: Vec<Serial>) -> (Vec<Status>, Vec<usize>, Vec<String>) {
    let hosts = ["web01", "web02", "web03", "web04"];
    let before = hosts.map(|host| farm.writes(host));
    let work = |host: &str| HostWork { host: host.to_owned(), steps: steps(&pool(true)) };
    let play = PlayWork { name: "Web servers".to_owned(), serial, hosts: hosts.map(work).into() };
    let outcomes = farm.run(&Work { plays: vec![play], releases: Vec::new() }).await;
    let writes = hosts.iter().zip(before).map(|(host, before)| farm.writes(host) - before);
    let reasons = outcomes.iter().map(|outcome| outcome.reasons.join("; ")).collect();
    (outcomes.iter().map(|outcome| outcome.status).collect(), writes.collect(), reasons)
}

#[tokio::test]
async fn after_a_host_that_fails_its_proof_nothing_running_is_disturbed() {
    for serial in [Vec::new(), vec![Serial::Hosts(1)]] {
        let farm = rotten().await;
        let (statuses, writes, reasons) = change_all(&farm, serial).await;
        let expected = [Status::Failed, Status::NotStarted, Status::NotStarted, Status::Changed];
        assert_eq!(statuses, expected, "{reasons:?}");
        assert_eq!(writes[1..3], [0, 0], "the others are left alone");
        assert!(writes[0] > 0 && writes[3] > 0, "what disturbs nothing goes on: {writes:?}");
        assert!(reasons[0].contains("web01/iis_app_pool/P.state") && reasons[0].contains("5057"), "{}", reasons[0]);
        assert!(reasons[1].contains("web01 failed"), "{}", reasons[1]);
    }
}

/// The records of a run, by what they are and which host they are about.
fn told(farm: &Farm) -> Vec<String> {
    let records = farm.ledger.records.lock().unwrap();
    let word = |record: &Record| match record {
        Record::Intent(intent) => format!("{} intent {}", intent.host, intent.calls.join(",")),
        Record::Outcome(outcome) => format!("{} outcome of {} {:?}", outcome.host, outcome.of, outcome.came),
        Record::Proof(proof) => format!("{} proof of {}, {} left", proof.host, proof.of, proof.left.len()),
        Record::Start(_) | Record::End { .. } => "start or end".to_owned(),
    };
    records.iter().map(word).collect()
}

#[tokio::test]
async fn an_intent_comes_before_what_it_announces_and_a_run_without_changes_records_nothing() {
    let farm = Farm::new(&["web01"]);
    farm.apply(&[("web01", steps(FEATURES))]).await;
    let expected = [
        "web01 intent marker,install_features",
        "web01 outcome of 1 Answers([Done, Done])",
        "web01 proof of 1, 0 left",
    ];
    assert_eq!(told(&farm), expected);
    farm.apply(&[("web01", steps(FEATURES))]).await;
    assert_eq!(told(&farm).len(), 3);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done() {
    for (most, writes, reason) in [
        (0, 0, "the journal run.jsonl cannot be written: no space left on device; nothing was sent"),
        (
            1,
            2,
            "the journal run.jsonl cannot be written: no space left on device; a change was sent, and is not proved",
        ),
        (2, 2, "the journal run.jsonl cannot be written: no space left on device; nothing more is changed"),
    ] {
        let mut farm = Farm::new(&["web01"]);
        farm.ledger = Arc::new(Memory { most, ..Memory::default() });
        let outcomes = farm.apply(&[("web01", steps(FEATURES))]).await;
        assert_eq!((outcomes[0].status, outcomes[0].reasons.join(" ").as_str()), (Status::Failed, reason));
        assert_eq!(farm.writes("web01"), writes);
    }
}

#[tokio::test]
async fn a_run_that_is_to_end_begins_nothing() {
    let farm = Farm::new(&["web01"]);
    farm.stop.ask();
    let outcomes = farm.apply(&[("web01", steps(FEATURES))]).await;
    assert_eq!(outcomes[0].status, Status::NotStarted);
    assert_eq!(outcomes[0].reasons, ["interrupted before anything was changed here"]);
    assert_eq!((farm.writes("web01"), told(&farm).len()), (0, 0));
}

#[tokio::test]
async fn what_was_sent_is_waited_for_and_proved_when_the_run_is_to_end() {
    let mut farm = Farm::new(&["web01"]);
    farm.ledger = Arc::new(Memory { stop: Some(farm.stop.clone()), ..Memory::default() });
    let work = r#"[["windows_feature", {"names": ["Web-Server"]}], ["iis_app_pool", {"name": "P"}]]"#;
    let outcomes = farm.apply(&[("web01", steps(work))]).await;
    assert_eq!((outcomes[0].status, outcomes[0].changed.len()), (Status::Interrupted, 1));
    assert_eq!(outcomes[0].reasons, ["interrupted; the rest was not begun"]);
    assert_eq!(told(&farm).last().map(String::as_str), Some("web01 proof of 1, 0 left"));
    assert_eq!(farm.writes("web01"), 2, "the marker and the features");
}

/// What is looked at for evidence alone can fail, and what comes after it goes on over another session.
#[tokio::test]
async fn a_session_lost_over_evidence_fails_nothing() {
    for loses_digests in [false, true] {
        let (sql, folders) = (Some(SqlSpec::default()), vec!["D:\\keys".to_owned()]);
        let mut farm = Farm::of(&[HostSpec { sql, folders, ..HostSpec::new("sql01", "2019") }]);
        farm.loses_digests = loses_digests;
        let work = r#"[
            ["sql_database", {"name": "Chat"}],
            ["sql_master_key", {
                "database": "Chat",
                "password": {"secret()": {"store": "age", "name": "key"}},
                "backup": {"folder": "D:\\keys", "password": {"secret()": {"store": "age", "name": "backup"}}}
            }],
            ["sql_query", {
                "name": "there is a schema", "database": "Chat",
                "test": "SELECT COUNT(*) FROM sys.schemas WHERE name = N'app'", "expect": 1, "set": "CREATE SCHEMA app"
            }]
        ]"#;
        let outcomes = farm.apply(&[("sql01", steps(work))]).await;
        assert_eq!((outcomes[0].status, outcomes[0].changed.len()), (Status::Changed, 3), "{:?}", outcomes[0].reasons);
        let records = farm.ledger.records.lock().unwrap();
        let evidence = records.iter().find_map(|record| match record {
            Record::Proof(proof) => proof.evidence.values().next(),
            _ => None,
        });
        assert_eq!(evidence.unwrap().contains_key("sha256"), !loses_digests);
    }
}
