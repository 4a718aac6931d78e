//! The engine over lab hosts without a wire: what is planned, what is done, what is proved.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on says so by panicking"
)]

#[allow(dead_code, reason = "each test uses its part of it")]
mod farm;

use farm::{Farm, steps};
use farmhand::engine::Status;
use farmhand::lab::{Fault, HostSpec};

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
