//! Machine keys that cannot be had here, compared between the hosts that shall have the same.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Survey, Work};
use crate::hostcall::{Answer, Content, Element, Read};
use crate::resource::Reads;
use crate::value::SecretRef;

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
