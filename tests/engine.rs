//! The engine over lab hosts without a wire: what is planned, what is done, what is proved.

mod farm;

use farm::{Farm, steps};
use farmhand::engine::Status;
use farmhand::lab::Fault;

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
