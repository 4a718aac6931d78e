//! What every kind must do, whatever it is: a new kind is covered by being listed.
//!
//! `tests/kinds/NAME.yml` holds a kind's example with every property otherwise, so that each can drift.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on says so by panicking"
)]

#[allow(dead_code, reason = "each test uses its part of it")]
mod farm;

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use farm::drift::{Variant, variants};
use farm::written::{choices, example, forms, schema, written};
use farm::{Farm, SECRET, step, steps};
use farmhand::engine::{HostOutcome, Status, StepWork, Survey};
use farmhand::hostcall::answer::Certificate;
use farmhand::lab::sql::SqlSpec;
use farmhand::lab::{HostSpec, Windows, issued_by_lab};
use farmhand::plan::Trouble;
use farmhand::resource::{KINDS, Kind};
use farmhand::value::SecretRef;
use serde_json::Value;

const HOST: &str = "web01";

/// What a host has before a resource comes to it, but for kinds that end a stage: they are what it is made of.
const FEATURES: &str =
    r#"[["windows_feature", {"names": ["Web-Server", "Web-Asp-Net45", "Web-WebSockets", "Web-AppInit"]}]]"#;

/// The example with every property otherwise.
fn other(kind: &Kind) -> Value {
    let path = format!("tests/kinds/{}.yml", kind.name);
    let text = fs::read_to_string(&path);
    let text =
        text.unwrap_or_else(|error| panic!("{path} shall hold the example with every property otherwise: {error}"));
    written(kind, &text)
}

/// What an instance has before a database comes to it.
const LOGIN: &str = r#"[["sql_login", {"name": "CORP\\other", "from": "windows"}]]"#;

/// What an instance has before a resource comes to it. A database has its broker on from the start.
const DATABASE: &str = r#"[
    ["sql_login", {"name": "CORP\\other", "from": "windows"}],
    ["sql_database", {"name": "ChatBackplane"}],
    ["sql_service_broker", {"database": "ChatBackplane", "enabled": false}],
    ["sql_login", {"name": "CORP\\svc-chat", "from": "windows"}],
    ["sql_user", {"database": "ChatBackplane", "login": "CORP\\svc-chat", "name": "svc-chat"}]
]"#;

fn one(kind: &'static Kind, properties: &Value) -> Arc<[StepWork]> {
    Arc::from([step(kind, properties).unwrap_or_else(|wrong| panic!("{}: {wrong}", kind.name))])
}

/// A host on which the example and what is otherwise can be.
async fn ready(kind: &Kind, windows: &str) -> Farm {
    let is_sql = kind.name.starts_with("sql_");
    let sql = is_sql.then(SqlSpec::default);
    let farm = Farm::of(&[HostSpec { sql, ..HostSpec::new(HOST, windows) }]);
    // Examples keep releases, and keys, on a drive of data.
    for folder in ["D/keys", "D/other"] {
        fs::create_dir_all(farm.host(HOST).folder().path(folder)).unwrap();
    }
    if is_sql {
        let before = if kind.name == "sql_database" { LOGIN } else { DATABASE };
        assert_eq!(done(farm.apply(&[(HOST, steps(before))]).await).status, Status::Changed);
    } else if kind.barrier.is_none() {
        assert_eq!(done(farm.apply(&[(HOST, steps(FEATURES))]).await).status, Status::Changed);
    }
    let named = [example(kind), other(kind)];
    let stores: BTreeSet<String> = named.iter().flat_map(|it| collect(it, "store")).chain(["My".to_owned()]).collect();
    let subjects = named.iter().flat_map(|it| collect(it, "subject")).map(|subject| issued_by_lab(&subject));
    let thumbprints = named.iter().flat_map(|it| collect(it, "thumbprint"));
    let thumbprints = thumbprints.map(|thumbprint| Certificate { thumbprint, ..issued_by_lab("any.example.com") });
    for certificate in subjects.chain(thumbprints) {
        for store in &stores {
            farm.host(HOST).add_certificate(store, certificate.clone()).unwrap();
        }
    }
    farm
}

/// The texts under a key, however deep.
fn collect(value: &Value, key: &str) -> Vec<String> {
    let own = value.get(key).and_then(Value::as_str).map(str::to_owned);
    let below: Vec<&Value> = match value {
        Value::Object(map) => map.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    own.into_iter().chain(below.into_iter().flat_map(|value| collect(value, key))).collect()
}

/// Makes the passwords of a resource the right ones of its users.
fn know_accounts(value: &Value, farm: &Farm) {
    if let Some(user) = value.get("user").and_then(Value::as_str) {
        let secret = value["password"][SecretRef::MARK]["name"].as_str().unwrap();
        farm.host(HOST).declare_account(user, &format!("{SECRET}{secret}")).unwrap();
    }
    value.as_object().into_iter().flat_map(|map| map.values()).for_each(|value| know_accounts(value, farm));
}

fn done(outcomes: Vec<HostOutcome>) -> HostOutcome {
    let outcome = outcomes.into_iter().next().unwrap();
    assert!(outcome.status.is_good(), "{:?}", outcome.reasons);
    outcome
}

/// The paths of the properties that a plan would change.
fn planned(survey: &Survey) -> Vec<String> {
    let looked = survey.looked.as_ref().unwrap();
    assert!(looked.troubles.is_empty(), "{:?}", looked.troubles);
    let steps = looked.plans.iter().flat_map(|(_, plan)| plan.steps());
    steps.flat_map(|step| step.changes.0.iter().map(|change| change.property.clone())).collect()
}

/// The properties that a schema has and none of the values sets.
fn unset(schema: &Value, values: &[&Value], path: &str, missing: &mut Vec<String>) {
    for form in forms(schema) {
        if let Some(items) = form.get("items") {
            let items_set: Vec<&Value> = values.iter().filter_map(|value| value.as_array()).flatten().collect();
            unset(items, &items_set, path, missing);
        }
        for (name, property) in form.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let set: Vec<&Value> = values.iter().filter_map(|value| value.get(name)).collect();
            let path = format!("{path}.{name}");
            if set.is_empty() {
                missing.push(path);
            } else {
                unset(property, &set, &path, missing);
            }
        }
    }
}

#[test]
fn every_example_sets_every_property() {
    let mut missing = Vec::new();
    for kind in KINDS {
        assert!(schema(kind)["properties"].as_object().is_some_and(|it| !it.is_empty()), "{}", kind.name);
        unset(&schema(kind), &[&example(kind)], kind.name, &mut missing);
    }
    assert!(missing.is_empty(), "the examples lack {}", missing.join(", "));
}

#[test]
fn a_property_that_an_example_lacks_is_missed() {
    let pool = KINDS.iter().find(|kind| kind.name == "iis_app_pool").unwrap();
    let mut example = example(pool);
    example.as_object_mut().unwrap().remove("queue_length");
    example["identity"].as_object_mut().unwrap().remove("password");
    let mut missing = Vec::new();
    unset(&schema(pool), &[&example], pool.name, &mut missing);
    assert_eq!(missing, ["iis_app_pool.identity.password", "iis_app_pool.queue_length"]);
}

#[tokio::test]
async fn every_example_converges_on_every_windows() {
    for kind in KINDS {
        let mut before: Option<Vec<String>> = None;
        for windows in Windows::all() {
            let farm = ready(kind, &windows.name).await;
            let mut properties = example(kind);
            let lacking = leave_out(&farm, kind, &mut properties).await;
            eprintln!("{} on {}: without {lacking:?}", kind.name, windows.name);
            if let Some(before) = &before {
                assert!(
                    lacking.iter().all(|it| before.contains(it)),
                    "{} lacks what an older version has",
                    windows.name
                );
            }
            let steps = one(kind, &properties);
            assert_eq!(done(farm.apply(&[(HOST, Arc::clone(&steps))]).await).status, Status::Changed);
            let writes = farm.writes(HOST);
            assert_eq!(done(farm.apply(&[(HOST, steps)]).await).status, Status::Ok);
            assert_eq!(farm.writes(HOST), writes, "{} on {}: the second run writes", kind.name, windows.name);
            before = Some(lacking);
        }
        assert_eq!(
            before.unwrap_or_default(),
            Vec::<String>::new(),
            "{}: the newest version has everything",
            kind.name
        );
    }
}

/// An attribute under another's name would be written and read back without anybody noticing; here it is seen.
#[tokio::test]
async fn examples_stand_in_the_configuration_of_iis() {
    for kind in KINDS {
        let farm = ready(kind, "2025").await;
        let files = ["Windows/System32/inetsrv/config/applicationHost.config", "inetpub/wwwroot/web.config"];
        let files = files.map(|file| farm.host(HOST).folder().path(&format!("C/{file}")));
        let read = || files.clone().map(|file| fs::read_to_string(file).unwrap_or_default()).concat();
        let before = read();
        done(farm.apply(&[(HOST, one(kind, &example(kind)))]).await);
        let after = read();
        let new: Vec<&str> = after.lines().filter(|line| !before.lines().any(|old| old == *line)).collect();
        if kind.name.starts_with("sql_") {
            assert!(new.is_empty(), "{}: {new:?}", kind.name);
        }
        if kind.barrier.is_some() || kind.name.starts_with("sql_") {
            continue;
        }
        let mut text = new.join("\n") + "\n";
        for secret in ["password=\"", "validationKey=\"", "decryptionKey=\""] {
            if let Some((head, rest)) = text.split_once(secret) {
                text = format!("{head}{secret}…{}", &rest[rest.find('"').unwrap()..]);
            }
        }
        expect_test::expect_file![format!("{}/tests/kinds/{}.xml", env!("CARGO_MANIFEST_DIR"), kind.name)]
            .assert_eq(&text);
    }
}

/// Takes out what the host's version does not have, as the plan says.
async fn leave_out(farm: &Farm, kind: &'static Kind, properties: &mut Value) -> Vec<String> {
    let survey = farm.plan(HOST, one(kind, properties)).await;
    let troubles = survey.looked.unwrap().troubles;
    let lacking = troubles.iter().map(|(_, trouble)| match trouble {
        Trouble::Conflict { problem, .. } => problem.property.clone(),
        Trouble::Refused { .. } | Trouble::Frozen { .. } => panic!("{trouble:?}"),
    });
    let lacking: Vec<String> = lacking.collect();
    for property in &lacking {
        assert!(properties.as_object_mut().unwrap().remove(property).is_some(), "{property} can be left out");
    }
    lacking
}

#[tokio::test]
async fn drift_in_each_property_shows_as_that_property_alone() {
    let mut wrong = Vec::new();
    // What an opaque step does is known to its author alone.
    for kind in KINDS.iter().filter(|kind| !kind.opaque) {
        let (example, other) = (example(kind), other(kind));
        every_property_differs(kind, &example, &other);
        let all = variants(&example, &other).into_iter().chain(chosen(kind, &example));
        let variants: Vec<Variant> = all.filter(|variant| !is_another(kind, &example, variant)).collect();
        let (mut named, mut tried) = (BTreeSet::new(), BTreeSet::new());
        // Whether an object is there at all is no drift in one property; it is tried further down.
        for variant in variants.into_iter().filter(|it| !is_presence(&schema(kind), &it.property)) {
            named.insert(variant.property.clone());
            // A part of a list may not stand alone, and no other property beside `absent`; something else is tried too.
            let Ok(varied) = step(kind, &variant.resource) else { continue };
            tried.insert(variant.property.clone());
            if let Err(why) = drift(kind, &example, Arc::from([varied]), &variant).await {
                wrong.push(format!("{}.{}: {why}", kind.name, variant.property));
            }
        }
        assert_eq!(named, tried, "{}: some properties were not tried", kind.name);
        eprintln!("{}: drift in {} properties", kind.name, tried.len());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a property that can be left out makes the resource another one, so that there is no drift in it.
fn is_another(kind: &'static Kind, example: &Value, variant: &Variant) -> bool {
    // Whether a login is Windows' own is told by its name, too, and the two must agree.
    if kind.name == "sql_login" && variant.property == "from" {
        return true;
    }
    let required = schema(kind)["required"].as_array().is_some_and(|it| it.contains(&variant.property.as_str().into()));
    let name = |resource: &Value| kind.read(resource).map(|it| it.name()).ok();
    !required && name(example) != name(&variant.resource)
}

/// The property as which a plan shows that another one differs; none where nothing is compared.
fn shown_as(kind: &Kind, property: &str) -> Option<String> {
    // What a package holds and where it goes are one question: which folder is live.
    if kind.name == "app_release" && ["package", "root"].contains(&property) {
        return Some("release".to_owned());
    }
    // A key in another folder is a key without a backup; with what it is sealed is not looked at.
    match (kind.name, property) {
        ("sql_master_key", "backup.folder") => return Some("backup.of".to_owned()),
        ("sql_master_key", "backup.password") => return None,
        _ => {}
    }
    let first = property.split('.').next().unwrap();
    (schema(kind)["properties"][first]["writeOnly"] != true).then(|| property.to_owned())
}

/// Whether a property says no more than whether the object is there.
fn is_presence(schema: &Value, property: &str) -> bool {
    choices(&schema["properties"][property]) == [Value::from("present"), Value::from("absent")]
}

/// The example with each other value that its schema lists.
fn chosen(kind: &Kind, example: &Value) -> Vec<Variant> {
    let schema = schema(kind);
    let mut variants = Vec::new();
    for (property, its_schema) in schema["properties"].as_object().unwrap() {
        for choice in choices(its_schema).into_iter().filter(|choice| *choice != example[property]) {
            let mut resource = example.clone();
            resource[property] = choice;
            variants.push(Variant { property: property.clone(), resource });
        }
    }
    variants
}

#[tokio::test]
async fn what_shall_be_absent_goes_and_stays_gone() {
    for kind in KINDS {
        let schema = schema(kind);
        if !choices(&schema["properties"]["state"]).contains(&Value::from("absent")) {
            continue;
        }
        let farm = ready(kind, "2019").await;
        let example = example(kind);
        let mut absent = serde_json::json!({ "state": "absent" });
        for name in schema["required"].as_array().unwrap().iter().filter_map(Value::as_str) {
            absent[name] = example[name].clone();
        }
        let (there, gone) = (one(kind, &example), one(kind, &absent));
        for (steps, expected) in
            [(&gone, Status::Ok), (&there, Status::Changed), (&gone, Status::Changed), (&gone, Status::Ok)]
        {
            let writes = farm.writes(HOST);
            assert_eq!(done(farm.apply(&[(HOST, Arc::clone(steps))]).await).status, expected, "{}", kind.name);
            assert_eq!(farm.writes(HOST) > writes, expected == Status::Changed, "{}", kind.name);
        }
        let all = planned(&farm.plan(HOST, there).await);
        assert_eq!(all.len(), written_properties(&example), "{}: all of it is to be made anew: {all:?}", kind.name);
    }
}

/// How many changes a resource is that is not there at all.
fn written_properties(resource: &Value) -> usize {
    farmhand::value::diff(resource, None).0.len()
}

/// Only what names the object is the same.
fn every_property_differs(kind: &Kind, example: &Value, other: &Value) {
    let schema = schema(kind);
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for name in schema["properties"].as_object().unwrap().keys() {
        let names_the_object = required.contains(&Value::from(name.as_str()));
        assert!(names_the_object || example[name] != other[name], "{}.{name} is the same in both", kind.name);
    }
    assert!(example != other, "{}: the two are the same", kind.name);
}

/// Makes a host be the variant, and then the example.
async fn drift(kind: &'static Kind, example: &Value, varied: Arc<[StepWork]>, variant: &Variant) -> Result<(), String> {
    let farm = ready(kind, "2025").await;
    let expected: Vec<String> = shown_as(kind, &variant.property).into_iter().collect();
    let outcome = farm.apply(&[(HOST, varied)]).await.remove(0);
    // A host may be so already; what counts is that the example is another state.
    if !outcome.status.is_good() {
        return Err(format!("the host takes no {}: {:?}", variant.resource, outcome.reasons));
    }
    know_accounts(example, &farm);
    let steps = one(kind, example);
    let shown = planned(&farm.plan(HOST, Arc::clone(&steps)).await);
    if shown != expected {
        return Err(format!("drift shows as {shown:?}"));
    }
    let outcome = farm.apply(&[(HOST, Arc::clone(&steps))]).await.remove(0);
    let expected = if expected.is_empty() { Status::Ok } else { Status::Changed };
    if outcome.status != expected {
        return Err(format!("not healed: {:?} {:?}", outcome.status, outcome.reasons));
    }
    let left = planned(&farm.plan(HOST, steps).await);
    if left.is_empty() { Ok(()) } else { Err(format!("healed, and yet {left:?} differ")) }
}
