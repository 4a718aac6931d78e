//! Rows of catalog views, by their columns.

use serde::Deserialize;

/// What the instance is.
#[derive(Clone, Debug, Deserialize)]
pub struct Instance {
    /// Its name for clients, such as `SQL01` or `SQL01\BACKPLANE`.
    pub server_name: Option<String>,
    /// Its version, such as `15.0.4355.3`.
    pub product_version: Option<String>,
    /// 2 Standard, 3 Enterprise, 4 Express, 5 Azure SQL Database, 8 Managed Instance (SERVERPROPERTY, `EngineEdition`).
    pub engine_edition: Option<i64>,
    /// Whether availability groups are on.
    pub is_hadr_enabled: Option<i64>,
    /// Who asks.
    pub login_name: Option<String>,
    /// Whether that login may do everything.
    pub is_sysadmin: Option<i64>,
}

/// A database (`sys.databases`).
#[derive(Clone, Debug, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the columns of the catalog view are what they are")]
pub struct Database {
    /// Its name.
    pub name: String,
    /// Its number.
    pub database_id: i64,
    /// Its owner by name; `None` where nobody knows the owner's SID any more.
    pub owner: Option<String>,
    /// `ONLINE`, `RESTORING`, …
    pub state_desc: String,
    /// `FULL`, `SIMPLE` or `BULK_LOGGED`.
    pub recovery_model_desc: Option<String>,
    /// Its collation; `None` where it is not online.
    pub collation_name: Option<String>,
    /// Whether nothing can be written to it.
    pub is_read_only: bool,
    /// Whether it closes when its last user leaves.
    pub is_auto_close_on: bool,
    /// `ON`, `OFF` or a state between.
    pub snapshot_isolation_state_desc: Option<String>,
    /// Whether readers see the last committed version.
    pub is_read_committed_snapshot_on: bool,
    /// Whether the broker delivers messages.
    pub is_broker_enabled: bool,
    /// The broker's identity.
    pub service_broker_guid: Option<String>,
    /// Whether this instance can open its master key.
    pub is_master_key_encrypted_by_server: bool,
    /// Its replica in an availability group; `None` where it is in none.
    pub replica_id: Option<String>,
}

/// A local replica of an availability group.
#[derive(Clone, Debug, Deserialize)]
pub struct Replica {
    /// Its identity.
    pub replica_id: Option<String>,
    /// `PRIMARY`, `SECONDARY` or `RESOLVING`.
    pub role_desc: Option<String>,
}

/// A session of a user.
#[derive(Clone, Debug, Deserialize)]
pub struct SqlSession {
    /// Its number.
    pub session_id: i64,
    /// The database it is in.
    pub database_id: i64,
    /// Who it is.
    pub login_name: Option<String>,
    /// The machine it comes from.
    pub host_name: Option<String>,
    /// The program that it says it is.
    pub program_name: Option<String>,
}

/// A login or server role (`sys.server_principals`).
#[derive(Clone, Debug, Deserialize)]
pub struct ServerPrincipal {
    /// Its name.
    pub name: String,
    /// Its SID, `0x…`.
    pub sid: Option<String>,
    /// `S` SQL login, `U` Windows user, `G` Windows group, `R` role.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it may not log in.
    pub is_disabled: Option<bool>,
    /// Where it starts.
    pub default_database_name: Option<String>,
}

/// A symmetric key (`sys.symmetric_keys`).
#[derive(Clone, Debug, Deserialize)]
pub struct Key {
    /// Its name; a database's master key is [`Key::MASTER`].
    pub name: String,
    /// Its identity.
    pub key_guid: Option<String>,
    /// When it was made.
    pub create_date: Option<String>,
    /// When it last changed.
    pub modify_date: Option<String>,
}

impl Key {
    /// The name of every database master key.
    pub const MASTER: &str = "##MS_DatabaseMasterKey##";
}

/// A trace flag (`DBCC TRACESTATUS`).
#[derive(Clone, Debug, Deserialize)]
pub struct TraceFlag {
    /// Its number.
    pub traceflag: i64,
    /// 1 where it is on.
    pub status: i64,
    /// 1 where it is on for all sessions.
    pub global: i64,
}

/// An argument with which SQL Server starts (`sys.dm_server_registry`).
#[derive(Clone, Debug, Deserialize)]
pub struct Argument {
    /// The registry key.
    pub registry_key: String,
    /// `SQLArg0`, `SQLArg1`, …
    pub value_name: String,
    /// Such as `-T4133`.
    pub value_data: Option<String>,
}

/// A user or role of a database (`sys.database_principals`).
#[derive(Clone, Debug, Deserialize)]
pub struct DatabasePrincipal {
    /// Its name.
    pub name: String,
    /// Its number.
    pub principal_id: i64,
    /// `S` SQL user, `U` Windows user, `G` Windows group, `R` role.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its SID, `0x…`.
    pub sid: Option<String>,
    /// Where its objects go that are named without a schema.
    pub default_schema_name: Option<String>,
}

/// A member of a role.
#[derive(Clone, Debug, Deserialize)]
pub struct RoleMember {
    /// The role.
    pub role_principal_id: i64,
    /// Its member.
    pub member_principal_id: i64,
}

/// A permission (`sys.database_permissions`).
#[derive(Clone, Debug, Deserialize)]
pub struct Permission {
    /// `DATABASE`, `SCHEMA`, `OBJECT_OR_COLUMN`, `SERVICE_CONTRACT`, …
    pub class_desc: String,
    /// On what, by number within its class.
    pub major_id: i64,
    /// The schema of an object.
    pub object_schema: Option<String>,
    /// The name of an object.
    pub object_name: Option<String>,
    /// The column; 0 for the whole.
    pub minor_id: i64,
    /// Who has it.
    pub grantee_principal_id: i64,
    /// Such as `SELECT`.
    pub permission_name: String,
    /// `GRANT`, `GRANT_WITH_GRANT_OPTION` or `DENY`.
    pub state_desc: String,
}

/// A schema.
#[derive(Clone, Debug, Deserialize)]
pub struct SchemaRow {
    /// Its name.
    pub name: String,
    /// Its number.
    pub schema_id: i64,
    /// Its owner.
    pub principal_id: i64,
}

/// A contract of the broker.
#[derive(Clone, Debug, Deserialize)]
pub struct Contract {
    /// Its name.
    pub name: String,
    /// Its number.
    pub service_contract_id: i64,
}

/// A file in a folder, as SQL Server sees it.
#[derive(Clone, Debug, Deserialize)]
pub struct BackupFile {
    /// Its name; `xp_dirtree` calls it a subdirectory.
    #[serde(alias = "subdirectory")]
    pub file_or_directory_name: String,
    /// Its length; not told before SQL Server 2017.
    #[serde(default)]
    pub size_in_bytes: Option<i64>,
}
