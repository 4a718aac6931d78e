//! Releases and machine keys that somebody changed on the host: each change shows as what it is, and is healed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on says so by panicking"
)]

#[allow(dead_code, reason = "each test uses its part of it")]
mod farm;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use farm::{Farm, steps};
use farmhand::engine::{Status, StepWork};
use farmhand::lab::HostSpec;
use farmhand::release::{Package, Release};
use serde_json::json;

const HOST: &str = "web01";
const FEATURES: &str = r#"[["windows_feature", {"names": ["Web-Server", "Web-Asp-Net45"]}]]"#;
const RELEASE: &str = r#"[["app_release", {"site": "Default Web Site", "package": "package"}]]"#;
const KEY: &str = r#"[["machine_key", {"site": "Default Web Site", "key": {"secret()": {"store": "age", "name": "chat-machine-key"}}}]]"#;

/// A host with the resource on it.
async fn with(resource: &str) -> (Farm, Arc<[StepWork]>) {
    let farm = Farm::of(&[HostSpec::new(HOST, "2019")]);
    let resource = steps(resource);
    for steps in [steps(FEATURES), Arc::clone(&resource)] {
        let outcome = farm.apply(&[(HOST, steps)]).await.remove(0);
        assert_eq!(outcome.status, Status::Changed, "{:?}", outcome.reasons);
    }
    (farm, resource)
}

/// The properties that differ, each with what is there.
async fn differences(farm: &Farm, steps: &Arc<[StepWork]>) -> Vec<String> {
    let looked = farm.plan(HOST, Arc::clone(steps)).await.looked.unwrap();
    assert!(looked.troubles.is_empty(), "{:?}", looked.troubles);
    let steps = looked.plans.iter().flat_map(|(_, plan)| plan.steps());
    let changes = steps.flat_map(|step| step.changes.0.clone());
    changes
        .map(|it| {
            format!("{}: {}", it.property, it.actual.as_str().map_or_else(|| it.actual.to_string(), str::to_owned))
        })
        .collect()
}

/// Changes something by hand, and says what has to show; then it is healed.
async fn check(resource: &str, by_hand: impl Fn(&Path), expected: &[&str]) {
    let (farm, steps) = with(resource).await;
    assert_eq!(differences(&farm, &steps).await, [""; 0]);
    by_hand(farm.host(HOST).folder().root());
    assert_eq!(differences(&farm, &steps).await, expected);
    let outcome = farm.apply(&[(HOST, Arc::clone(&steps))]).await.remove(0);
    assert_eq!(outcome.status, Status::Changed, "{:?}", outcome.reasons);
    assert_eq!(differences(&farm, &steps).await, [""; 0], "healed");
}

/// The one release's folder.
fn live(host: &Path) -> PathBuf {
    let mut releases = fs::read_dir(host.join("C/farmhand/releases/Default Web Site")).unwrap();
    let live = releases.next().unwrap().unwrap().path();
    assert!(releases.next().is_none(), "there is one release");
    live
}

/// Replaces a text that is there in a file.
fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{}: {text}", file.display());
    fs::write(file, text.replace(from, to)).unwrap();
}

#[tokio::test]
async fn an_edited_configuration_shows_as_that() {
    let by_hand = |host: &Path| edit(&live(host).join("web.config"), "\"4.8\"", "\"4.7\"");
    check(RELEASE, by_hand, &["files: web.config was edited"]).await;
    // One byte more, of the same meaning, is an edit too.
    let by_hand = |host: &Path| edit(&live(host).join("web.config"), "</configuration>", "</configuration> ");
    check(RELEASE, by_hand, &["files: web.config was edited"]).await;
}

#[tokio::test]
async fn a_configuration_that_is_gone_shows_as_that() {
    let by_hand = |host: &Path| fs::remove_file(live(host).join("web.config")).unwrap();
    check(RELEASE, by_hand, &["files: web.config was edited"]).await;
}

#[tokio::test]
async fn files_that_come_go_or_grow_show_as_that() {
    let others: [fn(&Path); 4] = [
        |live| fs::write(live.join("shell.aspx"), "<% %>").unwrap(),
        |live| fs::write(live.join("bin/Other.dll"), "").unwrap(),
        |live| fs::remove_file(live.join("index.html")).unwrap(),
        |live| edit(&live.join("index.html"), "release 1", "release 1b"),
    ];
    for other in others {
        check(RELEASE, |host| other(&live(host)), &["files: files were added, removed or replaced"]).await;
    }
    let by_hand = |host: &Path| {
        fs::write(live(host).join("shell.aspx"), "<% %>").unwrap();
        edit(&live(host).join("web.config"), "\"4.8\"", "\"4.7\"");
    };
    let both = "files: web.config was edited; files were added, removed or replaced";
    check(RELEASE, by_hand, &[both]).await;
}

#[tokio::test]
async fn rights_that_were_changed_show_as_that() {
    // Everyone.
    let by_hand = |host: &Path| edit(&host.join("acls.toml"), "S-1-5-17", "S-1-1-0");
    check(RELEASE, by_hand, &["rights: were changed"]).await;
}

#[tokio::test]
async fn another_live_folder_shows_as_that() {
    let by_hand = |host: &Path| {
        let digest = live(host).file_name().unwrap().to_str().unwrap().to_owned();
        let config = host.join("C/Windows/System32/inetsrv/config/applicationHost.config");
        let folder = format!("%SystemDrive%\\farmhand\\releases\\Default Web Site\\{digest}");
        edit(&config, &folder, "C:\\inetpub\\wwwroot");
    };
    // A folder of somebody else shows with what is left behind in it.
    let shown = ["release: C:\\inetpub\\wwwroot", "left_behind: [\"iisstart.htm (130 bytes)\"]"];
    check(RELEASE, by_hand, &shown).await;
}

#[tokio::test]
async fn the_oldest_releases_go_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut packages = Vec::new();
    for number in 0..4 {
        let package = folder.path().join(number.to_string());
        fs::create_dir(&package).unwrap();
        fs::write(package.join("index.html"), format!("release {number}")).unwrap();
        let release = Release::new(Arc::new(Package::open(&package).unwrap()), &[]).unwrap();
        packages.push((release.digest().to_string(), package));
    }
    // In this order neither the names of releases nor the way back would keep the right ones.
    packages.sort();
    let farm = Farm::of(&[HostSpec::new(HOST, "2019")]);
    farm.apply(&[(HOST, steps(FEATURES))]).await;
    for (_, package) in &packages {
        let release = json!([["app_release", {"site": "Default Web Site", "package": package, "keep": 3}]]);
        let outcome = farm.apply(&[(HOST, steps(&release.to_string()))]).await.remove(0);
        assert_eq!(outcome.status, Status::Changed, "{:?}", outcome.reasons);
    }
    let kept = fs::read_dir(farm.host(HOST).folder().path("C/farmhand/releases/Default Web Site")).unwrap();
    let mut kept: Vec<String> = kept.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    kept.sort();
    let newest: Vec<String> = packages.into_iter().skip(1).map(|(digest, _)| digest).collect();
    assert_eq!(kept, newest);
}

#[tokio::test]
async fn what_a_virtual_directory_holds_outlives_every_release() {
    let farm = Farm::of(&[HostSpec::new(HOST, "2019")]);
    farm.apply(&[(HOST, steps(FEATURES))]).await;
    let config = farm.host(HOST).folder().path("C/Windows/System32/inetsrv/config/applicationHost.config");
    let mut before = String::new();
    for package in ["package", "other-package"] {
        let play = json!([
            ["iis_application", {"site": "Default Web Site", "path": "/chat", "pool": "DefaultAppPool"}],
            ["app_release", {"site": "Default Web Site", "path": "/chat", "package": package}],
            ["iis_virtual_directory", {
                "site": "Default Web Site", "application": "/chat", "path": "/uploads", "folder": "D:\\uploads",
            }],
        ]);
        let play = steps(&play.to_string());
        let outcome = farm.apply(&[(HOST, Arc::clone(&play))]).await.remove(0);
        assert_eq!(outcome.status, Status::Changed, "{:?}", outcome.reasons);
        let text = fs::read_to_string(&config).unwrap();
        assert!(text.contains(r#"<virtualDirectory path="/uploads" physicalPath="D:\uploads" />"#), "{text}");
        assert_ne!(text, before, "the other release is live");
        before = text;
        let outcome = farm.apply(&[(HOST, play)]).await.remove(0);
        assert_eq!(outcome.status, Status::Ok, "{:?}", outcome.reasons);
    }
    let nowhere = json!([["iis_virtual_directory", {"site": "Default Web Site", "application": "/no", "path": "/x", "folder": "D:\\x"}]]);
    let outcome = farm.apply(&[(HOST, steps(&nowhere.to_string()))]).await.remove(0);
    assert_eq!(outcome.status, Status::Failed);
    assert!(outcome.reasons[0].contains("no application `Default Web Site/no`"), "{:?}", outcome.reasons);
}

#[tokio::test]
async fn another_machine_key_shows_as_the_key() {
    let config = "C/inetpub/wwwroot/web.config";
    let by_hand = |host: &Path| edit(&host.join(config), "validationKey=\"", "validationKey=\"00");
    check(KEY, by_hand, &["key: differs"]).await;
    let by_hand = |host: &Path| edit(&host.join(config), "validation=\"HMACSHA256\"", "validation=\"SHA1\"");
    check(KEY, by_hand, &["key: differs"]).await;
}
