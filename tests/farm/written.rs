//! Kinds as users write them: YAML read by the loader, and the schema it is held to.

use farmhand::diagnostic::{Paint, Sources, render_all};
use farmhand::playbook::{Loaded, Request, load};
use farmhand::resource::Kind;
use schemars::SchemaGenerator;
use serde_json::Value;

/// A kind's properties as the loader reads them from YAML.
pub fn written(kind: &Kind, yaml: &str) -> Value {
    let indented: String = yaml.lines().map(|line| format!("          {line}\n")).collect();
    let playbook = format!("plays:\n  - name: One\n    hosts: all\n    steps:\n      - {}:\n{indented}", kind.name);
    let inventory = "groups: { web: { hosts: { web01: {} } } }";
    let mut sources = Sources::in_memory([("playbook.yml", playbook.as_str()), ("inventory.yml", inventory)]);
    let request = Request { playbook: "playbook.yml".into(), ..Request::default() };
    let Loaded { playbook, diagnostics } = load(&mut sources, &request);
    assert!(diagnostics.is_empty(), "{}", render_all(&sources, &diagnostics, Paint::Plain));
    playbook.unwrap().plays[0].hosts[0].steps[0].resource.desired()
}

/// A kind's example as the loader reads it.
pub fn example(kind: &Kind) -> Value {
    written(kind, kind.example)
}

/// The JSON Schema of a kind, every reference in it replaced by what it stands for.
pub fn schema(kind: &Kind) -> Value {
    let mut generator = SchemaGenerator::default();
    let mut schema = kind.schema(&mut generator).to_value();
    let definitions = Value::Object(generator.take_definitions(true));
    resolve(&mut schema, &definitions);
    schema
}

fn resolve(schema: &mut Value, definitions: &Value) {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|it| it.rsplit('/').next()) {
        let mut meant = definitions[name].clone();
        // What stands beside a reference belongs to this use of it.
        for (key, value) in schema.as_object().unwrap().iter().filter(|(key, _)| *key != "$ref") {
            meant[key] = value.clone();
        }
        *schema = meant;
    }
    match schema {
        Value::Object(map) => map.values_mut().for_each(|value| resolve(value, definitions)),
        Value::Array(items) => items.iter_mut().for_each(|value| resolve(value, definitions)),
        _ => {}
    }
}

/// The forms that a schema allows, each of them plain.
pub fn forms(schema: &Value) -> Vec<&Value> {
    let unions = ["anyOf", "oneOf"].iter().filter_map(|union| schema.get(union)?.as_array());
    let forms: Vec<&Value> = unions.flatten().flat_map(forms).collect();
    if forms.is_empty() { vec![schema] } else { forms }
}

/// The texts that a schema lists as all there are; in a list each makes a list of its own.
pub fn choices(schema: &Value) -> Vec<Value> {
    let mut choices = Vec::new();
    for form in forms(schema) {
        choices.extend(form.get("const").cloned());
        choices.extend(form.get("enum").and_then(Value::as_array).into_iter().flatten().cloned());
        let items = form.get("items").map(self::choices).unwrap_or_default();
        choices.extend(items.into_iter().map(|item| Value::Array(vec![item])));
    }
    choices.retain(|choice| choice.is_string() || choice.is_array());
    choices
}
