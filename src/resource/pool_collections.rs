//! The properties of an application pool that are collections, each held to exactly what is desired.

use std::collections::BTreeMap;

use crate::hostcall::{Edit, Element, ElementPath, Text};
use crate::value::TimeOfDay;

const SCHEDULE: &[&str] = &["recycling", "periodicRestart", "schedule"];
const VARIABLES: &[&str] = &["environmentVariables"];

/// The times at which a pool recycles. A schedule is a set: the same times in another order are the desired ones.
pub fn schedule(pool: &Element, desired: &[TimeOfDay]) -> Vec<TimeOfDay> {
    let items = items(Some(pool), SCHEDULE);
    let mut times: Vec<TimeOfDay> = items.iter().filter_map(|item| TimeOfDay::parse(item.text("value")?)).collect();
    times.sort_by_key(|time| (desired.iter().position(|it| it == time).unwrap_or(usize::MAX), *time));
    times
}

/// The environment variables of a pool's worker processes; `None` where this IIS has none.
pub fn variables(pool: &Element) -> Option<BTreeMap<String, String>> {
    let items = pool.children.get("environmentVariables")?.items.iter();
    let pair = |item: &Element| Some((item.text("name")?.to_owned(), item.text("value")?.to_owned()));
    Some(items.filter_map(pair).collect())
}

/// Edits that make the schedule of the pool `at` so.
pub fn schedule_edits(at: &ElementPath, pool: Option<&Element>, desired: &[TimeOfDay]) -> Vec<Edit> {
    let times = desired.iter().map(|time| vec![plain("value", &time.to_clock())]);
    replaced(at, pool, SCHEDULE, "value", times)
}

/// Edits that make the environment variables of the pool `at` so.
pub fn variable_edits(at: &ElementPath, pool: Option<&Element>, desired: &BTreeMap<String, String>) -> Vec<Edit> {
    let pairs = desired.iter().map(|(name, value)| vec![plain("name", name), plain("value", value)]);
    replaced(at, pool, VARIABLES, "name", pairs)
}

/// Edits that take all items out of a collection and put others in.
fn replaced(
    at: &ElementPath,
    pool: Option<&Element>,
    way: &[&str],
    key: &str,
    wanted: impl Iterator<Item = Vec<(String, Text)>>,
) -> Vec<Edit> {
    let at = way.iter().fold(at.clone(), |at, name| at.child(name));
    let there = items(pool, way).iter().map(|item| item.text(key).unwrap_or_default());
    let removed = there.map(|value| Edit::Remove { at: at.clone().item([(key, value)]) });
    let added = wanted.map(|attributes| Edit::Add { at: at.clone(), element: "add".to_owned(), attributes });
    removed.chain(added).collect()
}

fn items<'e>(pool: Option<&'e Element>, way: &[&str]) -> &'e [Element] {
    let found = pool.and_then(|pool| way.iter().try_fold(pool, |element, name| element.children.get(*name)));
    found.map(|element| element.items.as_slice()).unwrap_or_default()
}

fn plain(name: &str, value: &str) -> (String, Text) {
    (name.to_owned(), Text::Plain(value.to_owned()))
}
