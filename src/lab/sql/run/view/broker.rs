//! Service Broker's own views.

use super::{DESC, Table, table};
use crate::lab::sql::database::{CONTRACTS, Database};
use crate::lab::sql::value::{Type, Value};

pub(super) fn contracts() -> Table {
    let rows = CONTRACTS.iter().map(|(id, name)| vec![Value::text(*name), Value::Int(*id), Value::Int(1)]);
    let columns = &[("name", Type::NAME), ("service_contract_id", Type::Int), ("principal_id", Type::Int)];
    table(columns, rows.collect())
}

pub(super) fn queues(database: &Database) -> Table {
    let rows = database.objects.iter().filter(|object| object.kind == "SQ").map(|object| {
        let schema = database.schemas.iter().find(|schema| schema.name == object.schema);
        vec![
            Value::text(object.name.clone()),
            Value::Int(object.id),
            Value::or_null(schema, |schema| Value::Int(schema.id)),
            Value::text("SQ"),
            Value::text("SERVICE_QUEUE"),
            Value::Bit(object.shipped),
            Value::Bit(true),
            Value::Bit(true),
            Value::Bit(false),
        ]
    });
    let columns = &[
        ("name", Type::NAME),
        ("object_id", Type::Int),
        ("schema_id", Type::Int),
        ("type", Type::Text(Some(2))),
        ("type_desc", DESC),
        ("is_ms_shipped", Type::Bit),
        ("is_receive_enabled", Type::Bit),
        ("is_enqueue_enabled", Type::Bit),
        ("is_activation_enabled", Type::Bit),
    ];
    table(columns, rows.collect())
}

pub(super) fn services() -> Table {
    let names = [
        "http://schemas.microsoft.com/SQL/Notifications/QueryNotificationService",
        "http://schemas.microsoft.com/SQL/Notifications/EventNotificationService",
        "http://schemas.microsoft.com/SQL/ServiceBroker/ServiceBroker",
    ];
    let rows = (1..).zip(names).map(|(id, name)| vec![Value::text(name), Value::Int(id), Value::Int(1)]);
    table(&[("name", Type::NAME), ("service_id", Type::Int), ("principal_id", Type::Int)], rows.collect())
}

/// Views of what goes on while applications run, of which the lab has none.
pub(super) fn empty(view: &str) -> Table {
    let columns: &[(&str, Type)] = match view {
        "dm_qn_subscriptions" => {
            &[("id", Type::Int), ("database_id", Type::Int), ("sid", Type::Bytes(Some(85))), ("status", Type::Int)]
        }
        "transmission_queue" => &[
            ("conversation_handle", Type::Guid),
            ("to_service_name", Type::NAME),
            ("transmission_status", Type::Text(None)),
        ],
        _ => &[
            ("conversation_handle", Type::Guid),
            ("far_service", Type::NAME),
            ("state", Type::Text(Some(2))),
            ("state_desc", DESC),
        ],
    };
    table(columns, Vec::new())
}
