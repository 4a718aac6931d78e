//! What was not compared: a secret cannot be had here, or looking would run a statement of somebody's own.

use serde::Serialize;
use serde_json::Value;

use super::work::{HostWork, StepWork};
use crate::resource::Found;
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
