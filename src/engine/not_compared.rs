//! What was not compared: a secret cannot be had here, or looking would run a statement of somebody's own.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::work::{HostWork, StepWork};
use super::{Survey, Work};
use crate::hostcall::{Answer, Content, Element, Read};
use crate::resource::{Found, Reads};
use crate::value::SecretRef;

/// A property that was not compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NotCompared {
    /// The resource's address, `web01/iis_app_pool/ChatPool`.
    pub address: String,
    /// The property's path, or in few words what of the resource.
    pub property: String,
    /// The secret that cannot be had, where it is one.
    pub secret: Option<String>,
}

/// What of a host's resources was not compared.
pub(super) fn not_compared(host: &str, work: &HostWork, found: &Found) -> Vec<NotCompared> {
    let closed = &found.macs().closed;
    let mut told = Vec::new();
    for StepWork { kind, resource, left_alone, .. } in work.steps.iter() {
        let address = format!("{host}/{}/{}", kind.name, resource.name());
        if *left_alone {
            let property = "what its own query gives (run it: --run-opaque)".to_owned();
            told.push(NotCompared { address, property, secret: None });
            continue;
        }
        let mut uses = Vec::new();
        if !closed.is_empty() {
            collect(&resource.desired(), "", &mut uses);
        }
        let named = uses.into_iter().filter(|(_, secret)| closed.contains_key(secret));
        told.extend(named.map(|(property, secret)| NotCompared {
            address: address.clone(),
            property,
            secret: Some(secret.to_string()),
        }));
        let others = resource.not_compared(found).into_iter();
        told.extend(others.map(|property| NotCompared { address: address.clone(), property, secret: None }));
    }
    told
}

fn collect(value: &Value, path: &str, uses: &mut Vec<(String, SecretRef)>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(map) => match map.get(SecretRef::MARK) {
            Some(reference) => {
                let reference = serde_json::from_value(reference.clone()).ok();
                uses.extend(reference.map(|reference| (path.to_owned(), reference)));
            }
            None => map.iter().for_each(|(name, value)| collect(value, &below(name), uses)),
        },
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| collect(value, &format!("{path}[{at}]"), uses));
        }
        _ => {}
    }
}

/// A machine key that cannot be had here, and which hosts have the same one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FarmKey {
    /// The secret.
    pub secret: String,
    /// The hosts that have a key, those with the same one together.
    pub hosts: Vec<Vec<String>>,
}

impl FarmKey {
    /// Whether all hosts that have one have the same.
    pub fn agrees(&self) -> bool {
        self.hosts.len() < 2
    }
}

/// Compares the machine keys that cannot be had here between the hosts that shall have the same.
pub fn farm_keys(work: &Work, surveys: &[Survey], closed: &BTreeMap<SecretRef, String>) -> Vec<FarmKey> {
    let mut keys: BTreeMap<SecretRef, BTreeMap<Vec<String>, Vec<String>>> = BTreeMap::new();
    for survey in surveys {
        let Ok(looked) = &survey.looked else { continue };
        for step in work.of_host(&survey.host).iter().flat_map(|work| work.steps.iter()) {
            let Some(secret) = step.resource.machine_key().filter(|key| closed.contains_key(*key)) else { continue };
            let mut reads = Reads::default();
            step.resource.reads(&mut reads);
            let macs: Vec<String> = reads.into_vec().iter().flat_map(|read| macs(read, &looked.answers)).collect();
            let hosts = keys.entry(secret.clone()).or_default();
            if !macs.is_empty() {
                let hosts = hosts.entry(macs).or_default();
                if hosts.last() != Some(&survey.host) {
                    hosts.push(survey.host.clone());
                }
            }
        }
    }
    let key = |(secret, hosts): (SecretRef, BTreeMap<_, Vec<String>>)| {
        let mut hosts: Vec<Vec<String>> = hosts.into_values().collect();
        hosts.sort();
        FarmKey { secret: secret.to_string(), hosts }
    };
    keys.into_iter().map(key).collect()
}

/// The MACs of the keys in an element.
fn macs(read: &Read, answers: &[(Read, Answer)]) -> Vec<String> {
    let element = answers.iter().find_map(|(asked, answer)| match (asked, answer) {
        (Read::IisConfig { .. }, Answer::Present(value)) if asked == read => {
            serde_json::from_value::<Element>(value.clone()).ok()
        }
        _ => None,
    });
    let keys = ["validationKey", "decryptionKey"];
    let found = keys.iter().filter_map(|name| match &element.as_ref()?.attributes.get(*name)?.content {
        Content::Mac(mac) => Some(mac.clone()),
        _ => None,
    });
    found.collect()
}
