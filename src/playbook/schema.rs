//! The JSON Schema of a playbook, for editors: derived from the kinds, with templates allowed wherever the loader takes them.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::resource::KINDS;

/// The schema of a playbook (JSON Schema 2020-12).
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut properties = Map::new();
    let mut kinds = Vec::new();
    for kind in KINDS {
        properties.insert(kind.name.to_owned(), kind.schema(&mut generator).to_value());
        kinds.push(json!({ "required": [kind.name] }));
    }
    let mut definitions = generator.take_definitions(true);
    for definition in definitions.values_mut() {
        loosen_below(definition);
    }
    properties.extend(step_keys());
    definitions.insert("template".to_owned(), json!({
        "type": "string",
        "pattern": r"\{\{|\{%",
        "description": "A template, such as \"{{ name }}\"; one that is a single expression keeps the type of its value."
    }));
    definitions.insert(
        "step".to_owned(),
        json!({
            "type": "object",
            "description": "One resource that shall be so: a kind with its properties.",
            "properties": properties,
            "additionalProperties": false,
            "oneOf": kinds,
        }),
    );
    definitions.insert("play".to_owned(), play());
    definitions.insert(
        "condition".to_owned(),
        json!({
            "type": ["string", "boolean"],
            "description": "An expression without braces, such as `inventory_hostname in groups['web']`."
        }),
    );
    definitions.insert(
        "batch".to_owned(),
        json!({
            "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "string", "pattern": "^([1-9][0-9]?|100)%$" }]
        }),
    );
    definitions.insert(
        "variables".to_owned(),
        json!({
            "type": ["object", "null"],
            "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" }
        }),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "farmhand playbook",
        "type": "object",
        "properties": {
            "name": { "type": "string", "description": "What the playbook is called." },
            "vars": { "$ref": "#/$defs/variables", "description": "Variables of all plays." },
            "plays": {
                "type": ["array", "null"],
                "items": { "$ref": "#/$defs/play" },
                "description": "What shall be where, in order."
            }
        },
        "required": ["plays"],
        "additionalProperties": false,
        "$defs": definitions
    })
}

fn play() -> Value {
    json!({
        "type": "object",
        "description": "Some hosts, and what they shall be.",
        "properties": {
            "name": { "type": "string", "description": "What the play is called." },
            "hosts": {
                "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
                "description": "A pattern of hosts: `web`, `web:&prod`, `all:!sql`, `web[0]`, `web*`."
            },
            "vars": { "$ref": "#/$defs/variables", "description": "Variables of this play." },
            "serial": {
                "anyOf": [{ "$ref": "#/$defs/batch" }, { "type": "array", "items": { "$ref": "#/$defs/batch" } }],
                "description": "How many hosts at a time may be disturbed: a number, a percentage, or a list of them."
            },
            "tags": tags("Tags of all steps of the play."),
            "when": condition("Whether the play is for a host."),
            "steps": {
                "type": ["array", "null"],
                "items": { "$ref": "#/$defs/step" },
                "description": "What shall be, in order."
            }
        },
        "required": ["hosts", "steps"],
        "additionalProperties": false
    })
}

fn step_keys() -> [(String, Value); 4] {
    [
        ("name", json!({ "type": "string", "description": "What the step is called." })),
        ("when", condition("Whether the step is for a host, and for an item of its loop.")),
        (
            "loop",
            json!({
                "anyOf": [{ "type": "array" }, { "$ref": "#/$defs/template" }],
                "description": "Items to repeat the step for, each as `item`."
            }),
        ),
        ("tags", tags("Names to choose steps by.")),
    ]
    .map(|(key, schema)| (key.to_owned(), schema))
}

fn condition(description: &str) -> Value {
    json!({
        "anyOf": [{ "$ref": "#/$defs/condition" }, { "type": "array", "items": { "$ref": "#/$defs/condition" } }],
        "description": description
    })
}

fn tags(description: &str) -> Value {
    json!({
        "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
        "description": description
    })
}

/// Lets a template stand for every value below a schema.
fn loosen_below(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else { return };
    for key in ["properties", "$defs"] {
        for below in map.get_mut(key).and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
            loosen(below);
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(below) = map.get_mut(key).filter(|below| below.is_object()) {
            loosen(below);
        }
    }
    for key in ["anyOf", "oneOf", "allOf", "prefixItems"] {
        for below in map.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            loosen_below(below);
        }
    }
}

/// Lets a template stand for a value.
fn loosen(schema: &mut Value) {
    loosen_below(schema);
    if open_text(schema) {
        return;
    }
    let description = schema.as_object_mut().and_then(|map| map.shift_remove("description"));
    let mut either = json!({ "anyOf": [schema.take(), { "$ref": "#/$defs/template" }] });
    if let Some(description) = description {
        either["description"] = description;
    }
    *schema = either;
}

/// Makes of a schema for any text one that takes numbers too, as the loader does; tells whether it was one.
fn open_text(schema: &mut Value) -> bool {
    let Some(map) = schema.as_object_mut() else { return true };
    if ["enum", "const", "pattern", "format"].iter().any(|key| map.contains_key(*key)) {
        return false;
    }
    let widened = match map.get("type") {
        Some(Value::String(name)) if name == "string" => json!(["string", "number"]),
        Some(Value::Array(names)) if names.iter().any(|it| it == "string") => json!(["string", "number", "null"]),
        _ => return false,
    };
    map.insert("type".to_owned(), widened);
    true
}

#[cfg(test)]
mod tests {
    use super::super::written::{PLAY_KEYS, PLAYBOOK_KEYS, STEP_KEYS};
    use super::*;

    fn told(yaml: &str) -> Vec<String> {
        let instance: Value = serde_saphyr::from_str(yaml).unwrap();
        let validator = jsonschema::validator_for(&schema()).unwrap();
        validator.iter_errors(&instance).map(|error| format!("{error} at {}", error.instance_path())).collect()
    }

    #[test]
    fn it_has_the_loaders_keys_and_no_others() {
        let keys =
            |value: &Value| -> Vec<String> { value["properties"].as_object().unwrap().keys().cloned().collect() };
        let schema = schema();
        assert_eq!(keys(&schema), PLAYBOOK_KEYS);
        let mut play = keys(&schema["$defs"]["play"]);
        play.sort();
        let mut expected: Vec<&str> = PLAY_KEYS.to_vec();
        expected.sort_unstable();
        assert_eq!(play, expected);
        let step = keys(&schema["$defs"]["step"]);
        assert!(
            KINDS.iter().map(|kind| kind.name).chain(STEP_KEYS.iter().copied()).eq(step.iter().map(String::as_str))
        );
    }

    #[test]
    fn every_example_is_valid() {
        for kind in KINDS {
            let indented: Vec<String> = kind.example.lines().map(|line| format!("          {line}")).collect();
            let yaml = format!("plays:\n  - hosts: all\n    steps:\n      - {}:\n{}\n", kind.name, indented.join("\n"));
            assert_eq!(told(&yaml), Vec::<String>::new(), "{yaml}");
        }
    }

    #[test]
    fn templates_are_valid_where_the_loader_takes_them_and_mistakes_are_not() {
        let step = |text: &str| told(&format!("plays: [{{hosts: web, steps: [{text}]}}]")).len();
        assert_eq!(
            step("{windows_feature: {names: \"{{ names }}\", management_tools: \"{{ x }}\", reboot: \"{{ y }}\"}}"),
            0
        );
        assert_eq!(
            step("{windows_feature: {names: [\"{{ name }}\", a]}, when: [a, b], loop: \"{{ l }}\", tags: x}"),
            0
        );
        for wrong in [
            "{windows_feature: {names: web}}",
            "{windows_feature: {names: [a], management_tools: maybe}}",
            "{windows_feature: {names: [a], reboot: often}}",
            "{windows_feature: {nams: [a]}}",
            "{windws_feature: {names: [a]}}",
            "{name: no kind}",
            "{windows_feature: {names: [a]}, whn: x}",
        ] {
            assert!(step(wrong) > 0, "{wrong}");
        }
    }

    #[test]
    fn the_shipped_playbook_is_valid() {
        assert_eq!(told(include_str!("../../playbooks/signalr-farm.yml")), Vec::<String>::new());
    }
}
