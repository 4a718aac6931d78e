//! What names a release, and what is in it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::value::{Fingerprint, MachineKey, SecretRef, SecretValue, Store};

fn secret(name: &str, fingerprint: &str) -> SecretRef {
    SecretRef { store: Store::Age, name: name.to_owned(), fingerprint: Some(Fingerprint(fingerprint.to_owned())) }
}

fn package(files: &[(&str, &str)]) -> (tempfile::TempDir, Arc<Package>) {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new(""))).unwrap();
        fs::write(path, content).unwrap();
    }
    let package = Package::open(folder.path()).unwrap();
    (folder, Arc::new(package))
}

fn machine_key(fingerprint: &str) -> Overlay {
    Overlay::web_config(vec![ConfigEdit::MachineKey { key: secret("key", fingerprint), compatibility_mode: None }])
}

fn release(package: &Arc<Package>, overlays: &[Overlay]) -> Release {
    Release::new(Arc::clone(package), overlays).unwrap()
}

fn none(_: &SecretRef) -> Result<SecretValue, String> {
    Err("it is not needed".to_owned())
}

const FILES: [(&str, &str); 2] = [("Web.config", "<configuration />"), ("bin/a.dll", "abc")];

#[test]
fn the_name_is_that_of_the_canonical_list() {
    let (_folder, package) = package(&[("bin/a.dll", "abc")]);
    let line = "[\"bin\\\\a.dll\",3,\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"]";
    let digest = Sha256::digest(format!("farmhand release 1\n{line}\n"));
    let expected: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(release(&package, &[]).digest().as_str(), expected);
}

#[test]
fn a_rotated_key_is_another_release_and_the_same_key_is_the_same() {
    let (_folder, package) = package(&FILES);
    let digest = |overlays: &[Overlay]| release(&package, overlays).digest().clone();
    let first = digest(&[machine_key("0000000000000001")]);
    assert_eq!(first, digest(&[machine_key("0000000000000001")]));
    assert_ne!(first, digest(&[machine_key("0000000000000002")]));
    assert_ne!(first, digest(&[]));
    let renamed = ConfigEdit::MachineKey { key: secret("other", "0000000000000001"), compatibility_mode: None };
    assert_eq!(first, digest(&[Overlay::web_config(vec![renamed])]));
    let setting = ConfigEdit::AppSetting { key: "a".to_owned(), value: "b".into() };
    assert_ne!(first, digest(&[machine_key("0000000000000001"), Overlay::web_config(vec![setting])]));
}

#[test]
fn overlays_are_in_the_bytes_for_the_wire_alone() {
    let (_folder, package) = package(&FILES);
    let release = release(&package, &[machine_key("0000000000000001")]);
    let paths: Vec<&str> = release.files().iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["Web.config", "bin\\a.dll"]);
    assert_eq!(release.secrets(), [&secret("key", "0000000000000001")]);
    let key = MachineKey::generate(|bytes| getrandom::fill(bytes).unwrap());
    let resolve = |_: &SecretRef| Ok(key.to_secret());
    let whole = release.read("Web.config", 0, 1 << 20, resolve).unwrap();
    let written = key.to_secret();
    let text = std::str::from_utf8(&whole).unwrap();
    assert!(
        text.contains("<system.web>\n") && MachineKey::parse(&written, &crate::value::PublishedKeys::shipped()).is_ok()
    );
    let serialised = serde_json::to_string(release.files()).unwrap();
    let digits: Vec<&str> = text.split('"').filter(|it| it.len() >= 64 && !it.contains('<')).collect();
    assert_eq!(digits.iter().map(|it| it.len()).collect::<Vec<_>>(), [128, 64]);
    assert!(digits.iter().all(|digits| !serialised.contains(digits)));
    let slice = release.read("Web.config", 10, 5, resolve).unwrap();
    assert_eq!(slice.as_slice(), &whole[10..15]);
    assert!(release.read("Web.config", 1 << 20, 5, resolve).unwrap().is_empty());
    assert_eq!(release.read("bin\\a.dll", 1, 9, none).unwrap().as_slice(), b"bc");
}

#[test]
fn a_web_config_is_made_where_there_is_none() {
    let (_folder, package) = package(&[("bin/a.dll", "abc")]);
    let setting = ConfigEdit::AppSetting { key: "a".to_owned(), value: "b".into() };
    let release = release(&package, &[Overlay::web_config(vec![setting])]);
    let text = release.read("web.config", 0, 1 << 20, none).unwrap();
    let expected = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<configuration>\r\n    <appSettings>\r\n        <add key=\"a\" value=\"b\" />\r\n    </appSettings>\r\n</configuration>\r\n";
    assert_eq!(std::str::from_utf8(&text).unwrap(), expected);
}

#[test]
fn a_whole_file_is_added_or_replaced_and_goes_with_its_overlay() {
    let (_folder, package) = package(&FILES);
    let bare = release(&package, &[]).digest().clone();
    let offline = release(&package, &[Overlay::whole("app_offline.htm", "back soon")]);
    assert_ne!(offline.digest(), &bare);
    assert_eq!(&**offline.read("app_offline.htm", 0, 100, none).unwrap(), b"back soon");
    let replaced = release(&package, &[Overlay::whole("bin/a.dll", "def")]);
    assert_eq!(&**replaced.read("bin\\a.dll", 0, 100, none).unwrap(), b"def");
    let config = Overlay::whole("web.config", "<configuration />");
    let error = Release::new(Arc::clone(&package), &[machine_key("0000000000000001"), config]).unwrap_err();
    assert_eq!(error.to_string(), "`Web.config`: the whole file is set twice");
}

#[test]
fn a_file_is_found_in_any_letter_case_as_on_windows() {
    let (_folder, package) = package(&FILES);
    let release = release(&package, &[]);
    assert_eq!(release.file("web.config").map(|file| file.path.as_str()), Some("Web.config"));
    assert_eq!(&**release.read("BIN\\A.DLL", 0, 100, none).unwrap(), b"abc");
    assert!(release.file("web.configs").is_none());
}

#[test]
fn a_configuration_that_was_written_since_it_was_judged_is_noticed() {
    let (folder, package) = package(&FILES);
    fs::write(folder.path().join("Web.config"), "<configuration  />").unwrap();
    let error = Release::new(package, &[machine_key("0000000000000001")]).unwrap_err().to_string();
    assert_eq!(error, "`Web.config` cannot be read: the package has changed since it was opened");
}

#[test]
fn what_makes_no_release_is_said() {
    let (_folder, package) = package(&[("bin/web.config/x", ""), ("bin/a.xml", "<a/>"), ("web.config/x", "")]);
    let check = |file: &str, key: SecretRef, expected: &str| {
        let edits = vec![ConfigEdit::Attribute {
            at: ConfigPath::parse("b").unwrap(),
            name: "c".to_owned(),
            value: key.into(),
        }];
        let overlay = Overlay { file: file.to_owned(), edits };
        assert_eq!(Release::new(Arc::clone(&package), &[overlay]).unwrap_err().to_string(), expected);
    };
    let known = secret("s", "0000000000000001");
    check("bin/b.xml", known.clone(), "there is no `bin\\b.xml` in the package; only a web.config at its root is made");
    check(
        "web.config",
        known.clone(),
        "`web.config` cannot be a file of the package: the package has a folder of that name",
    );
    check(
        "../web.config",
        known,
        "`../web.config` cannot be a file of the package: the path steps through `..`, and could leave the release's folder",
    );
    let unknown = SecretRef { store: Store::Age, name: "s".to_owned(), fingerprint: None };
    check("bin/a.xml", unknown, "the secret `s` has no fingerprint, so the release that holds it cannot be named");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_byte_and_every_path_counts(
        files in prop::collection::btree_map("[a-m]{1,2}", "[x-z]{0,3}", 1..4),
        more in prop::collection::btree_map("[a-m]{1,2}", "[x-z]{0,3}", 1..4),
    ) {
        let made = |files: &std::collections::BTreeMap<String, String>| {
            let files: Vec<(&str, &str)> = files.iter().map(|(path, content)| (path.as_str(), content.as_str())).collect();
            release(&package(&files).1, &[]).digest().clone()
        };
        prop_assert_eq!(made(&files) == made(&more), files == more);
    }

    #[test]
    fn an_overlay_that_changes_nothing_makes_no_other_release(value in "[a-z]{0,5}") {
        let config = format!("<configuration><appSettings><add key='a' value='{value}'/></appSettings></configuration>");
        let (_folder, package) = package(&[("web.config", &config)]);
        let setting = |value: &str| Overlay::web_config(vec![ConfigEdit::AppSetting { key: "A".to_owned(), value: value.into() }]);
        let (same, bare) = (release(&package, &[setting(&value)]), release(&package, &[]));
        prop_assert_eq!(same.digest(), bare.digest());
        let other = release(&package, &[setting("other!")]);
        prop_assert_ne!(other.digest(), bare.digest());
    }
}
