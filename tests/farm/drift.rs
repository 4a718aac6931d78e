//! Ways in which a host can differ from a resource in one property alone.

use serde_json::Value;

use farmhand::value::SecretRef;

/// A resource that is as another but for one property.
#[derive(Debug)]
pub struct Variant {
    /// The property's path, as a plan shows it.
    pub property: String,
    /// The resource.
    pub resource: Value,
}

/// Every way in which `example` can get one value of `other`: property by property and, in lists, part by part.
pub fn variants(example: &Value, other: &Value) -> Vec<Variant> {
    let mut found = Vec::new();
    walk(example, example, other, &mut Vec::new(), &mut found);
    found
}

/// A step on the way to a value.
#[derive(Clone)]
enum Way {
    Key(String),
    Index(usize),
}

fn walk(root: &Value, example: &Value, other: &Value, way: &mut Vec<Way>, found: &mut Vec<Variant>) {
    match (example, other) {
        _ if example == other => {}
        (Value::Object(map), Value::Object(others)) if example.get(SecretRef::MARK).is_none() => {
            let keys = map.keys().chain(others.keys().filter(|key| !map.contains_key(*key)));
            for key in keys {
                way.push(Way::Key(key.clone()));
                walk(root, &example[key], &other[key], way, found);
                way.pop();
            }
        }
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            found.push(variant(root, other, way));
            for (index, (item, other)) in items.iter().zip(others).enumerate() {
                way.push(Way::Index(index));
                walk(root, item, other, way, found);
                way.pop();
            }
        }
        _ => found.push(variant(root, other, way)),
    }
}

fn variant(root: &Value, value: &Value, way: &[Way]) -> Variant {
    // A list is compared as a whole, so that what lies in it has the list's path.
    let names = way.iter().map_while(|step| match step {
        Way::Key(key) => Some(key.as_str()),
        Way::Index(_) => None,
    });
    let property = names.collect::<Vec<_>>().join(".");
    let mut resource = root.clone();
    let place = way.iter().fold(&mut resource, |place, step| match step {
        Way::Key(key) => &mut place[key],
        Way::Index(index) => &mut place[index],
    });
    *place = value.clone();
    Variant { property, resource: without_nulls(resource) }
}

/// A property that is null is one that is not set.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let set = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(set.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}
