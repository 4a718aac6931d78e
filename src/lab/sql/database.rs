//! A database as `sql/databases/NAME.json` keeps it.

use serde::{Deserialize, Serialize};

use super::key::{MasterKey, new_guid};
use super::moment::Moment;
use super::server::{SA_SID, same};

/// A database. A person may edit its file; the next batch sees the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "they are the switches of sys.databases")]
pub struct Database {
    /// Its name.
    pub name: String,
    /// `database_id`.
    pub id: i64,
    /// When it was made.
    pub created: Moment,
    /// `state_desc`: `ONLINE`, `RESTORING`, `OFFLINE` …
    pub state: String,
    /// SID of its owner, in hexadecimal.
    pub owner_sid: String,
    /// Its collation.
    pub collation: String,
    /// `compatibility_level`.
    pub compatibility: i64,
    /// `recovery_model_desc`.
    pub recovery: String,
    /// `user_access_desc`.
    pub user_access: String,
    /// Whether it is read-only.
    pub read_only: bool,
    /// `is_auto_close_on`.
    pub auto_close: bool,
    /// `is_trustworthy_on`.
    pub trustworthy: bool,
    /// `is_read_committed_snapshot_on`.
    pub read_committed_snapshot: bool,
    /// `snapshot_isolation_state_desc` is ON.
    pub snapshot_isolation: bool,
    /// `is_broker_enabled`.
    pub broker: bool,
    /// `service_broker_guid`.
    pub broker_guid: String,
    /// The availability group it belongs to.
    pub group: Option<String>,
    /// Its id in that group.
    pub group_database_id: Option<String>,
    /// Whether it is mirrored.
    pub mirrored: bool,
    /// Its master key.
    pub master_key: Option<MasterKey>,
    /// Users and roles of its own.
    pub principals: Vec<Principal>,
    /// Schemas of its own.
    pub schemas: Vec<Schema>,
    /// Members of roles, by name.
    pub members: Vec<Member>,
    /// Permissions.
    pub permissions: Vec<Permission>,
    /// Tables, procedures, queues of its own.
    pub objects: Vec<Object>,
    /// The next number for a principal, schema or object.
    pub next_id: i64,
}

/// A user or a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Principal {
    /// Its name.
    pub name: String,
    /// `principal_id`.
    pub id: i64,
    /// `type`: `S`, `U`, `G` or `R`.
    pub kind: String,
    /// SID, in hexadecimal; that of its login where it has one.
    pub sid: String,
    /// `default_schema_name`.
    pub default_schema: Option<String>,
    /// `authentication_type_desc`: `NONE`, `INSTANCE` or `WINDOWS`.
    pub authentication: String,
    /// Whether it is a fixed role.
    #[serde(default)]
    pub fixed: bool,
    /// When it was made.
    pub created: Moment,
    /// When it was changed.
    pub modified: Moment,
}

/// A schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// Its name.
    pub name: String,
    /// `schema_id`.
    pub id: i64,
    /// Who owns it.
    pub owner: String,
}

/// A member of a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The role.
    pub role: String,
    /// The member.
    pub member: String,
}

/// A permission that was granted or denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permission {
    /// `state`: `G`, `W` (with grant option) or `D`.
    pub state: String,
    /// `permission_name`.
    pub name: String,
    /// `class_desc`.
    pub class: String,
    /// The securable's name; empty for the database.
    pub on: String,
    /// `major_id`.
    pub major_id: i64,
    /// To whom.
    pub to: String,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// Its name.
    pub name: String,
    /// `object_id`.
    pub id: i64,
    /// Its schema.
    pub schema: String,
    /// `type`: `U`, `P`, `SQ` …
    pub kind: String,
    /// Whether SQL Server made it.
    #[serde(default)]
    pub shipped: bool,
    /// When it was made.
    pub created: Moment,
}

/// Fixed roles of every database and their ids.
const FIXED_ROLES: &[(&str, i64)] = &[
    ("db_owner", 16384),
    ("db_accessadmin", 16385),
    ("db_securityadmin", 16386),
    ("db_ddladmin", 16387),
    ("db_backupoperator", 16389),
    ("db_datareader", 16390),
    ("db_datawriter", 16391),
    ("db_denydatareader", 16392),
    ("db_denydatawriter", 16393),
];

/// Queues that every database has, by object id.
const QUEUES: &[(&str, i64)] = &[
    ("QueryNotificationErrorsQueue", 1_977_058_079),
    ("EventNotificationErrorsQueue", 2_009_058_193),
    ("ServiceBrokerQueue", 2_041_058_307),
];

/// Contracts that every database has: id and name.
pub const CONTRACTS: &[(i64, &str)] = &[
    (6, "DEFAULT"),
    (7, "http://schemas.microsoft.com/SQL/Notifications/PostEventNotification"),
    (8, "http://schemas.microsoft.com/SQL/Notifications/PostQueryNotification"),
    (9, "http://schemas.microsoft.com/SQL/ServiceBroker/BrokerConfiguration"),
    (10, "http://schemas.microsoft.com/SQL/ServiceBroker/ServiceDiagnostic/EchoService"),
    (11, "http://schemas.microsoft.com/SQL/ServiceBroker/ServiceDiagnostic"),
];

impl Database {
    /// A new database, its broker on, owned by who has the SID.
    pub fn new(name: &str, id: i64, collation: &str, compatibility: i64, now: Moment) -> Database {
        let principal = |name: &str, id: i64, kind: &str, sid: &str, schema: Option<&str>| Principal {
            name: name.to_owned(),
            id,
            kind: kind.to_owned(),
            sid: sid.to_owned(),
            default_schema: schema.map(str::to_owned),
            authentication: if id == 1 { "INSTANCE" } else { "NONE" }.to_owned(),
            fixed: kind == "R",
            created: Moment::default(),
            modified: now,
        };
        let mut principals = vec![
            principal("public", 0, "R", "010500000000000904000000", None),
            principal("dbo", 1, "S", SA_SID, Some("dbo")),
            principal("guest", 2, "S", "00", Some("guest")),
            principal("INFORMATION_SCHEMA", 3, "S", "", None),
            principal("sys", 4, "S", "", None),
        ];
        principals.extend(FIXED_ROLES.iter().map(|(role, id)| principal(role, *id, "R", "", None)));
        let schema = |name: &str, id: i64, owner: &str| Schema { name: name.to_owned(), id, owner: owner.to_owned() };
        let mut schemas = vec![
            schema("dbo", 1, "dbo"),
            schema("guest", 2, "guest"),
            schema("INFORMATION_SCHEMA", 3, "INFORMATION_SCHEMA"),
            schema("sys", 4, "sys"),
        ];
        schemas.extend(FIXED_ROLES.iter().map(|(role, id)| schema(role, *id, role)));
        let objects = QUEUES.iter().map(|(queue, id)| Object {
            name: (*queue).to_owned(),
            id: *id,
            schema: "dbo".to_owned(),
            kind: "SQ".to_owned(),
            shipped: true,
            created: Moment::default(),
        });
        let connect = Permission {
            state: "G".to_owned(),
            name: "CONNECT".to_owned(),
            class: "DATABASE".to_owned(),
            on: String::new(),
            major_id: 0,
            to: "dbo".to_owned(),
        };
        Database {
            name: name.to_owned(),
            id,
            created: now,
            state: "ONLINE".to_owned(),
            owner_sid: SA_SID.to_owned(),
            collation: collation.to_owned(),
            compatibility,
            recovery: "FULL".to_owned(),
            user_access: "MULTI_USER".to_owned(),
            read_only: false,
            auto_close: false,
            trustworthy: false,
            read_committed_snapshot: false,
            snapshot_isolation: false,
            broker: true,
            broker_guid: new_guid(),
            group: None,
            group_database_id: None,
            mirrored: false,
            master_key: None,
            principals,
            schemas,
            members: Vec::new(),
            permissions: vec![connect],
            objects: objects.collect(),
            next_id: 5,
        }
    }

    /// master, tempdb, model and msdb of a fresh instance.
    pub fn system(collation: &str, compatibility: i64, now: Moment) -> Vec<Database> {
        let database = |name: &str, id: i64, broker: bool, recovery: &str| {
            let mut database = Database::new(name, id, collation, compatibility, now);
            database.broker = broker;
            recovery.clone_into(&mut database.recovery);
            // In model and msdb, and where it is off for good, the identifier is none.
            if !broker {
                "00000000-0000-0000-0000-000000000000".clone_into(&mut database.broker_guid);
            }
            if id != 3 {
                database.snapshot_isolation = id == 1 || id == 4;
                database.permissions.push(Permission { to: "guest".to_owned(), ..database.permissions[0].clone() });
            }
            database
        };
        vec![
            database("master", 1, false, "SIMPLE"),
            database("tempdb", 2, true, "SIMPLE"),
            database("model", 3, false, "FULL"),
            database("msdb", 4, true, "SIMPLE"),
        ]
    }

    /// Whether it is one of SQL Server's own.
    pub fn is_system(&self) -> bool {
        self.id <= 4
    }

    /// A user or role by name.
    pub fn principal(&self, name: &str) -> Option<&Principal> {
        self.principals.iter().find(|principal| same(&principal.name, name))
    }

    /// A user or role by name, to change it.
    pub fn principal_mut(&mut self, name: &str) -> Option<&mut Principal> {
        self.principals.iter_mut().find(|principal| same(&principal.name, name))
    }

    /// A schema by name.
    pub fn schema(&self, name: &str) -> Option<&Schema> {
        self.schemas.iter().find(|schema| same(&schema.name, name))
    }

    /// An object by schema and name; every schema where none is named.
    pub fn object(&self, schema: Option<&str>, name: &str) -> Option<&Object> {
        self.objects
            .iter()
            .find(|object| same(&object.name, name) && schema.is_none_or(|schema| same(&object.schema, schema)))
    }

    /// A number for something new.
    pub fn take_id(&mut self) -> i64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Whether a user is a member of a role, through other roles as well.
    pub fn is_member(&self, user: &str, role: &str) -> bool {
        let mut seen = vec![user.to_owned()];
        let mut at = 0;
        while let Some(name) = seen.get(at).cloned() {
            for member in self.members.iter().filter(|member| same(&member.member, &name)) {
                if !seen.iter().any(|known| same(known, &member.role)) {
                    seen.push(member.role.clone());
                }
            }
            at += 1;
        }
        seen.iter().skip(1).any(|name| same(name, role))
    }
}
