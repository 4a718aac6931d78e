//! Answers of an instance, for tests of kinds.

use serde_json::{Value, json};

use super::{DATABASES, MASTER, Query};
use crate::hostcall::{Answer, Read};

/// Rows for a question in a database.
pub fn rows(database: &str, query: Query, columns: &[&str], rows: &Value) -> (Read, Answer) {
    let read = Read::Sql {
        instance: String::new(),
        database: database.to_owned(),
        query: query.text.to_owned(),
        arguments: std::collections::BTreeMap::new(),
    };
    (read, Answer::Present(json!({ "columns": columns, "rows": rows })))
}

/// Databases with the broker and identity given, all online and no member of any group, as `changed` makes them.
pub fn databases(list: &[(&str, bool, &str)], changed: impl Fn(&mut serde_json::Map<String, Value>)) -> (Read, Answer) {
    let mut objects = Vec::new();
    for (id, (name, broker, guid)) in list.iter().enumerate() {
        let mut object = json!({
            "name": name, "database_id": id + 5, "owner": "sa", "state_desc": "ONLINE", "recovery_model_desc": "FULL",
            "collation_name": "Latin1_General_CI_AS", "is_read_only": false, "is_auto_close_on": false,
            "snapshot_isolation_state_desc": "OFF", "is_read_committed_snapshot_on": false, "is_broker_enabled": broker,
            "service_broker_guid": guid, "is_master_key_encrypted_by_server": true, "replica_id": null,
        });
        if let Value::Object(object) = &mut object {
            changed(object);
        }
        objects.push(object);
    }
    let columns: Vec<String> =
        objects.first().and_then(Value::as_object).map(|it| it.keys().cloned().collect()).unwrap_or_default();
    let values: Vec<Vec<Value>> =
        objects.iter().map(|it| columns.iter().map(|name| it[name].clone()).collect()).collect();
    rows(MASTER, DATABASES, &columns.iter().map(String::as_str).collect::<Vec<_>>(), &json!(values))
}

/// An instance that is no more than what it must be.
pub fn instance(engine_edition: i64) -> (Read, Answer) {
    let columns = ["server_name", "product_version", "engine_edition", "is_hadr_enabled", "login_name", "is_sysadmin"];
    rows(MASTER, super::INSTANCE, &columns, &json!([["SQL01", "15.0.4355.3", engine_edition, 1, "sa", 1]]))
}
