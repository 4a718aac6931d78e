//! Availability groups.

use super::{Carried, DESC, Run, Table, guid, table};
use crate::lab::sql::server::same;
use crate::lab::sql::value::{Type, Value};

impl Run<'_> {
    pub(super) fn replica_states(&self) -> Carried<Table> {
        self.need_on_server("VIEW SERVER STATE")?;
        let own = self.state.server_name();
        let mut rows = Vec::new();
        for group in &self.state.content.server.groups {
            // A secondary replica knows its own state alone.
            let primary = group.replicas.iter().any(|replica| replica.primary && same(&replica.server, &own));
            for replica in group.replicas.iter().filter(|replica| primary || same(&replica.server, &own)) {
                let (role, desc) = if replica.primary { (1, "PRIMARY") } else { (2, "SECONDARY") };
                rows.push(vec![
                    guid(&replica.replica_id),
                    guid(&group.group_id),
                    Value::Bit(same(&replica.server, &own)),
                    Value::Int(role),
                    Value::text(desc),
                    Value::Int(0),
                    Value::text("ONLINE"),
                    Value::Int(1),
                    Value::text("CONNECTED"),
                    Value::Int(2),
                    Value::text("HEALTHY"),
                ]);
            }
        }
        let columns = &[
            ("replica_id", Type::Guid),
            ("group_id", Type::Guid),
            ("is_local", Type::Bit),
            ("role", Type::TinyInt),
            ("role_desc", DESC),
            ("operational_state", Type::TinyInt),
            ("operational_state_desc", DESC),
            ("connected_state", Type::TinyInt),
            ("connected_state_desc", DESC),
            ("synchronization_health", Type::TinyInt),
            ("synchronization_health_desc", DESC),
        ];
        Ok(table(columns, rows))
    }

    pub(super) fn replicas(&self) -> Table {
        let mut rows = Vec::new();
        for group in &self.state.content.server.groups {
            for replica in &group.replicas {
                let (allow, desc) = match replica.secondary_connections.as_str() {
                    "ALL" => (2, "ALL"),
                    "READ_ONLY" => (1, "READ_ONLY"),
                    _ => (0, "NO"),
                };
                let server = replica.server.to_ascii_lowercase();
                rows.push(vec![
                    guid(&replica.replica_id),
                    guid(&group.group_id),
                    Value::text(replica.server.clone()),
                    Value::text(format!("TCP://{server}:5022")),
                    Value::Int(1),
                    Value::text("SYNCHRONOUS_COMMIT"),
                    Value::Int(0),
                    Value::text("AUTOMATIC"),
                    Value::Int(allow),
                    Value::text(desc),
                ]);
            }
        }
        let columns = &[
            ("replica_id", Type::Guid),
            ("group_id", Type::Guid),
            ("replica_server_name", Type::Text(Some(256))),
            ("endpoint_url", Type::Text(Some(256))),
            ("availability_mode", Type::TinyInt),
            ("availability_mode_desc", DESC),
            ("failover_mode", Type::TinyInt),
            ("failover_mode_desc", DESC),
            ("secondary_role_allow_connections", Type::TinyInt),
            ("secondary_role_allow_connections_desc", DESC),
        ];
        table(columns, rows)
    }

    pub(super) fn groups(&self) -> Table {
        let groups = self.state.content.server.groups.iter();
        let rows = groups.map(|group| vec![guid(&group.group_id), Value::text(group.name.clone())]);
        table(&[("group_id", Type::Guid), ("name", Type::NAME)], rows.collect())
    }
}
