//! The law of merging: steps carried out together leave behind what they leave behind one by one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on says so by panicking"
)]

#[allow(dead_code, reason = "each test uses its part of it")]
mod farm;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use farm::written::{example, written};
use farm::{Farm, step};
use farmhand::engine::StepWork;
use farmhand::hostcall::{Access, Batch, Call, ElementPath, MacForm, Nonce, Read};
use farmhand::lab::{Answers, HostSpec};
use farmhand::resource::{Claim, KINDS, Kind};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const TOGETHER: &str = "web01";
const ONE_BY_ONE: &str = "web02";

/// One step: a kind's name and its properties.
type Step = (&'static str, Value);

/// What is there, and what shall be.
#[derive(Clone, Debug)]
struct Case {
    before: Vec<Step>,
    steps: Vec<Step>,
}

/// For each kind, two resources that differ in every property.
static RESOURCES: LazyLock<BTreeMap<&'static str, [Value; 2]>> = LazyLock::new(|| {
    let of = |kind: &Kind| {
        let other = fs::read_to_string(format!("tests/kinds/{}.yml", kind.name)).unwrap();
        (kind.name, [example(kind), written(kind, &other)])
    };
    KINDS.iter().map(of).collect()
});

/// An object: how much of it is there, and how much of it one or two steps set. Bits choose properties and values.
#[derive(Clone, Debug)]
struct Object {
    before: Option<(u64, u64)>,
    first: (u64, u64),
    second: Option<(u64, u64)>,
    absent: bool,
}

fn object() -> impl Strategy<Value = Object> {
    let before = prop::option::of(any::<(u64, u64)>());
    let second = prop::option::of(any::<(u64, u64)>());
    (before, any::<(u64, u64)>(), second, prop::bool::weighted(0.15))
        .prop_map(|(before, first, second, absent)| Object { before, first, second, absent })
}

impl Object {
    fn steps(&self, kind: &'static str, number: usize) -> Case {
        let resource = |(properties, values): (u64, u64)| (kind, resource(kind, number, properties, values));
        let before = self.before.map(resource).into_iter().collect();
        let mut steps = vec![resource(self.first)];
        let second = self.second.map(|(properties, values)| resource((properties & !self.first.0, values)));
        // Two steps that claim the same property are a mistake, which the loader tells.
        steps.extend(second.filter(|second| claims(second).is_disjoint(&claims(&steps[0]))));
        if self.absent {
            steps = vec![(kind, json!({ "name": name(number), "state": "absent" }))];
        }
        Case { before, steps }
    }
}

fn claims((kind, properties): &Step) -> BTreeSet<Claim> {
    let claims = step(kind_of(kind), properties).map(|step| step.resource.claims()).unwrap_or_default();
    claims.into_iter().filter(|claim| claim.property != "name").collect()
}

fn kind_of(name: &str) -> &'static Kind {
    KINDS.iter().find(|kind| kind.name == name).unwrap()
}

fn name(number: usize) -> String {
    format!("Object {number}")
}

/// A resource with the properties whose bits are set, each with one of its two values.
fn resource(kind: &str, number: usize, properties: u64, values: u64) -> Value {
    let both = &RESOURCES[kind];
    let mut resource = Map::new();
    for (bit, property) in both[0].as_object().unwrap().keys().enumerate() {
        if properties >> bit & 1 == 1 {
            let which = usize::from(values >> bit & 1 == 1);
            resource.insert(property.clone(), own(number, which, property, &both[which][property]));
        }
    }
    resource.insert("name".to_owned(), name(number).into());
    Value::Object(resource)
}

/// What no two objects may share is made the object's own; an account has one password.
fn own(number: usize, which: usize, property: &str, value: &Value) -> Value {
    match property {
        "id" => json!(10 * number + which + 2),
        "bindings" => json!([
            { "http": format!("*:{}:", 8000 + number) },
            { "https": format!("*:{}:x.example.com", 8400 + number), "certificate": { "subject": "x.example.com" }, "sni": which == 1 },
        ]),
        "identity" if which == 1 => json!("network_service"),
        _ => value.clone(),
    }
}

fn features() -> impl Strategy<Value = Vec<Step>> {
    let names = prop::sample::subsequence(vec!["Web-WebSockets", "Web-AppInit", "Web-Asp-Net45"], 0..=2);
    names.prop_map(|names| names.into_iter().map(|name| ("windows_feature", json!({ "names": [name] }))).collect())
}

fn case() -> impl Strategy<Value = Case> {
    let objects = (prop::collection::vec(object(), 0..4), prop::collection::vec(object(), 0..3), features());
    let steps = objects.prop_map(|(pools, sites, features)| {
        let pools = pools.iter().map(|object| (object, "iis_app_pool"));
        let sites = sites.iter().map(|object| (object, "iis_site"));
        let cases = pools.chain(sites).enumerate().map(|(number, (object, kind))| object.steps(kind, number));
        let all = Case { before: Vec::new(), steps: features };
        cases.fold(all, |mut all, case| {
            all.before.extend(case.before);
            all.steps.extend(case.steps);
            all
        })
    });
    steps.prop_flat_map(|Case { before, steps }| {
        Just(steps).prop_shuffle().prop_map(move |steps| Case { before: before.clone(), steps })
    })
}

fn ready(steps: &[Step]) -> Result<Vec<StepWork>, TestCaseError> {
    steps.iter().map(|(name, properties)| step(kind_of(name), properties).map_err(TestCaseError::fail)).collect()
}

async fn apply(farm: &Farm, host: &str, steps: Vec<StepWork>) -> Result<(), TestCaseError> {
    let outcome = farm.apply(&[(host, Arc::from(steps))]).await.remove(0);
    prop_assert!(outcome.status.is_good(), "{host}: {:?}", outcome.reasons);
    Ok(())
}

async fn check(case: Case) -> Result<(), TestCaseError> {
    let spec = |name: &str| HostSpec {
        iis: true,
        certificates: vec!["x.example.com".to_owned()],
        ..HostSpec::new(name, "2022")
    };
    let farm = Farm::of(&[spec(TOGETHER), spec(ONE_BY_ONE)]);
    apply(&farm, TOGETHER, ready(&case.before)?).await?;
    // The file of the host is there as soon as it is looked at.
    let _ = farm.plan(TOGETHER, Arc::from(ready(&case.steps)?)).await;
    copy(farm.host(TOGETHER).folder().root(), farm.host(ONE_BY_ONE).folder().root());
    apply(&farm, TOGETHER, ready(&case.steps)?).await?;
    for step in ready(&case.steps)? {
        apply(&farm, ONE_BY_ONE, vec![step]).await?;
    }
    same("effective", [TOGETHER, ONE_BY_ONE].map(|host| format!("{:#}", effective(&farm, host))))?;
    let mut files = vec!["features.toml", "http.sys.toml"];
    // The second of two steps that make an object does not write what is already so by default, unless it is merged
    // with the first, when nothing is known of defaults: the same configuration, in other words.
    if !is_made_by_two_steps(&case) {
        files.push("C/Windows/System32/inetsrv/config/applicationHost.config");
    }
    for file in files {
        let text = |host| {
            let bytes = fs::read(farm.host(host).folder().path(file)).unwrap_or_default();
            without_blobs(&String::from_utf8(bytes).unwrap())
        };
        same(file, [TOGETHER, ONE_BY_ONE].map(text))?;
    }
    Ok(())
}

fn same(what: &str, [together, one_by_one]: [String; 2]) -> Result<(), TestCaseError> {
    let differ = together.lines().zip(one_by_one.lines()).find(|(together, one_by_one)| together != one_by_one);
    prop_assert!(together == one_by_one, "{what}, together and one by one: {differ:#?}");
    Ok(())
}

fn is_made_by_two_steps(case: &Case) -> bool {
    let named = |steps: &[Step], name: &Value| steps.iter().filter(|(_, resource)| resource["name"] == *name).count();
    let names = case.steps.iter().map(|(_, resource)| &resource["name"]).filter(|name| name.is_string());
    names.into_iter().any(|name| named(&case.steps, name) > 1 && named(&case.before, name) == 0)
}

/// What holds on a host: its pools and sites, with every attribute's effective value.
fn effective(farm: &Farm, host: &str) -> Value {
    let sections = ["system.applicationHost/applicationPools", "system.applicationHost/sites"];
    let config = |section| Read::IisConfig { at: ElementPath::section(section), mac: MacForm::Exact };
    let reads = sections.into_iter().map(config).map(Call::Ask);
    let batch = Batch { id: 1, nonce: Nonce("ab".repeat(32)), calls: reads.collect() };
    let mut value = serde_json::to_value(farm.host(host).reply(Access::ReadOnly, &batch)).unwrap();
    strip(&mut value);
    value
}

/// Takes out where a value comes from.
fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for key in ["token", "source"] {
                map.shift_remove(key);
            }
            map.values_mut().for_each(strip);
            map.sort_keys();
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// What is encrypted is another text each time.
fn without_blobs(text: &str) -> String {
    let mut parts = text.split("[enc:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "[enc" + part.split_once(":enc]").unwrap().1)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn together_leaves_behind_what_one_by_one_leaves_behind(case in case()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(case))?;
    }
}
