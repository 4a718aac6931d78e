//! sys.databases and sys.database_mirroring.

use super::{DESC, Run, SID, Table, guid, sid, table};
use crate::lab::sql::database::Database;
use crate::lab::sql::state::State;
use crate::lab::sql::value::{Type, Value};

impl Run<'_> {
    pub(super) fn databases(&self) -> Table {
        let visible = self.may_on_server("VIEW ANY DATABASE");
        let shown = |database: &&Database| visible || database.id <= 2;
        let rows = self.state.content.databases.iter().filter(shown).map(|database| row(&self.state, database));
        table(COLUMNS, rows.collect())
    }

    pub(super) fn database_mirroring(&self) -> Table {
        let rows = self.state.content.databases.iter().map(|database| {
            let mirrored = |value: Value| if database.mirrored { value } else { Value::Null };
            vec![
                Value::Int(database.id),
                mirrored(guid(&database.broker_guid)),
                mirrored(Value::Int(4)),
                mirrored(Value::text("SYNCHRONIZED")),
                mirrored(Value::Int(1)),
                mirrored(Value::text("PRINCIPAL")),
            ]
        });
        let columns = &[
            ("database_id", Type::Int),
            ("mirroring_guid", Type::Guid),
            ("mirroring_state", Type::TinyInt),
            ("mirroring_state_desc", DESC),
            ("mirroring_role", Type::TinyInt),
            ("mirroring_role_desc", DESC),
        ];
        table(columns, rows.collect())
    }
}

const COLUMNS: &[(&str, Type)] = &[
    ("name", Type::NAME),
    ("database_id", Type::Int),
    ("source_database_id", Type::Int),
    ("owner_sid", SID),
    ("create_date", Type::Time),
    ("compatibility_level", Type::TinyInt),
    ("collation_name", Type::NAME),
    ("user_access", Type::TinyInt),
    ("user_access_desc", DESC),
    ("is_read_only", Type::Bit),
    ("is_auto_close_on", Type::Bit),
    ("is_auto_shrink_on", Type::Bit),
    ("state", Type::TinyInt),
    ("state_desc", DESC),
    ("is_in_standby", Type::Bit),
    ("snapshot_isolation_state", Type::TinyInt),
    ("snapshot_isolation_state_desc", DESC),
    ("is_read_committed_snapshot_on", Type::Bit),
    ("recovery_model", Type::TinyInt),
    ("recovery_model_desc", DESC),
    ("page_verify_option", Type::TinyInt),
    ("page_verify_option_desc", DESC),
    ("is_trustworthy_on", Type::Bit),
    ("is_master_key_encrypted_by_server", Type::Bit),
    ("is_broker_enabled", Type::Bit),
    ("service_broker_guid", Type::Guid),
    ("replica_id", Type::Guid),
    ("group_database_id", Type::Guid),
    ("containment", Type::TinyInt),
    ("containment_desc", DESC),
];

fn row(state: &State, database: &Database) -> Vec<Value> {
    let bit = Value::Bit;
    let code = |texts: &[&str], text: &str| {
        let at = texts.iter().position(|known| *known == text).unwrap_or(0);
        Value::Int(i64::try_from(at).unwrap_or(0))
    };
    let group = state.content.server.groups.iter().find(|group| Some(&group.name) == database.group.as_ref());
    let replica = group.and_then(|group| {
        let own = group.replicas.iter().find(|replica| replica.server.eq_ignore_ascii_case(&state.server_name()));
        own.map(|replica| guid(&replica.replica_id))
    });
    let by_server = database.master_key.as_ref().is_some_and(|key| key.opened_by(&state.content.server.service_key));
    // master's own key is the instance's; SQL Server says 0 for it.
    let by_server = by_server && database.id != 1;
    vec![
        Value::text(database.name.clone()),
        Value::Int(database.id),
        Value::Null,
        sid(&database.owner_sid),
        Value::Time(database.created),
        Value::Int(database.compatibility),
        Value::text(database.collation.clone()),
        code(&["MULTI_USER", "SINGLE_USER", "RESTRICTED_USER"], &database.user_access),
        Value::text(database.user_access.clone()),
        bit(database.read_only),
        bit(database.auto_close),
        bit(false),
        code(
            &["ONLINE", "RESTORING", "RECOVERING", "RECOVERY_PENDING", "SUSPECT", "EMERGENCY", "OFFLINE"],
            &database.state,
        ),
        Value::text(database.state.clone()),
        bit(false),
        Value::Int(i64::from(database.snapshot_isolation)),
        Value::text(if database.snapshot_isolation { "ON" } else { "OFF" }),
        bit(database.read_committed_snapshot),
        code(&["", "FULL", "BULK_LOGGED", "SIMPLE"], &database.recovery),
        Value::text(database.recovery.clone()),
        Value::Int(2),
        Value::text("CHECKSUM"),
        bit(database.trustworthy),
        bit(by_server),
        bit(database.broker),
        guid(&database.broker_guid),
        replica.unwrap_or(Value::Null),
        Value::or_null(database.group_database_id.as_deref(), guid),
        Value::Int(0),
        Value::text("NONE"),
    ]
}
