//! An instance as `sql/instance.json` keeps it: everything that belongs to no database.

use serde::{Deserialize, Serialize};

use super::key::{Password, ServiceKey, new_guid};
use super::moment::Moment;
use super::versions::{Edition, Version};

/// An instance. A person may edit its file; the next batch sees the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Version, such as `2019`.
    pub version: String,
    /// Edition.
    pub edition: Edition,
    /// Name of the instance; `None` for the default one.
    pub instance: Option<String>,
    /// Collation.
    pub collation: String,
    /// When it was installed.
    pub installed: Moment,
    /// Its service master key.
    pub service_key: ServiceKey,
    /// Global trace flags that are on now.
    pub trace_flags: Vec<i64>,
    /// Startup arguments, SQLArg0 first.
    pub startup_arguments: Vec<String>,
    /// Where new databases are put.
    pub data_folder: String,
    /// The most seconds for which ALTER DATABASE waits for other sessions before it gives up.
    pub lock_wait_seconds: u64,
    /// Logins and server roles' members.
    pub logins: Vec<Login>,
    /// Availability groups that the instance takes part in.
    pub groups: Vec<Group>,
    /// Sessions of programs that are no clients of the lab.
    pub sessions: Vec<ListedSession>,
    /// The next number for a principal.
    pub next_principal: i64,
}

/// A server principal that can log in, or a group of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Its name.
    pub name: String,
    /// `principal_id`.
    pub id: i64,
    /// What it is.
    pub kind: LoginKind,
    /// Its SID, in hexadecimal.
    pub sid: String,
    /// The password of an SQL login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Password>,
    /// Whether it is disabled.
    #[serde(default)]
    pub disabled: bool,
    /// Its default database.
    #[serde(default = "master")]
    pub default_database: String,
    /// Fixed server roles that it is a member of.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Permissions on the server: name and whether it is denied.
    #[serde(default)]
    pub permissions: Vec<(String, bool)>,
    /// When it was made.
    #[serde(default)]
    pub created: Moment,
    /// When it was changed.
    #[serde(default)]
    pub modified: Moment,
}

fn master() -> String {
    "master".to_owned()
}

/// What a login is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginKind {
    /// A name and a password of SQL Server's own.
    Sql,
    /// A Windows account.
    Windows,
    /// A Windows group.
    WindowsGroup,
}

impl LoginKind {
    /// `type` and `type_desc`.
    pub fn codes(self) -> (&'static str, &'static str) {
        match self {
            LoginKind::Sql => ("S", "SQL_LOGIN"),
            LoginKind::Windows => ("U", "WINDOWS_LOGIN"),
            LoginKind::WindowsGroup => ("G", "WINDOWS_GROUP"),
        }
    }
}

/// An availability group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its id.
    pub group_id: String,
    /// Its replicas; the one whose server is this instance is local.
    pub replicas: Vec<Replica>,
}

/// A replica of an availability group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replica {
    /// Its instance's server name.
    pub server: String,
    /// Its id.
    pub replica_id: String,
    /// Whether it is the primary.
    pub primary: bool,
    /// What a secondary lets in: `NO`, `READ_ONLY` or `ALL`.
    #[serde(default = "no")]
    pub secondary_connections: String,
}

fn no() -> String {
    "NO".to_owned()
}

/// A session of a program that is no client of the lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedSession {
    /// `login_name`.
    pub login: String,
    /// `host_name`.
    pub host: String,
    /// `program_name`.
    pub program: String,
    /// The database it is in.
    pub database: String,
}

/// Fixed server roles and their ids, public first.
pub const SERVER_ROLES: &[(&str, i64)] = &[
    ("public", 2),
    ("sysadmin", 3),
    ("securityadmin", 4),
    ("serveradmin", 5),
    ("setupadmin", 6),
    ("processadmin", 7),
    ("diskadmin", 8),
    ("dbcreator", 9),
    ("bulkadmin", 10),
];

/// The SID of sa.
pub const SA_SID: &str = "01";

impl Server {
    /// Name of the file below the host's folder.
    pub const FILE: &'static str = "sql/instance.json";

    /// A fresh installation with sa, whose password nobody knows.
    pub fn fresh(version: &Version, edition: Edition, instance: Option<String>, now: Moment) -> Server {
        let id = format!("{}.{}", version.registry, instance.as_deref().unwrap_or("MSSQLSERVER"));
        let folder = format!(r"C:\Program Files\Microsoft SQL Server\{id}\MSSQL");
        let sa = Login {
            name: "sa".to_owned(),
            id: 1,
            kind: LoginKind::Sql,
            sid: SA_SID.to_owned(),
            password: Some(Password::new(&new_guid())),
            disabled: false,
            default_database: master(),
            roles: vec!["sysadmin".to_owned()],
            permissions: Vec::new(),
            created: Moment::default(),
            modified: now,
        };
        Server {
            version: version.name.clone(),
            edition,
            instance,
            collation: "SQL_Latin1_General_CP1_CI_AS".to_owned(),
            installed: now,
            service_key: ServiceKey { key_guid: new_guid(), created: now, modified: now },
            trace_flags: Vec::new(),
            startup_arguments: vec![
                format!(r"-d{folder}\DATA\master.mdf"),
                format!(r"-e{folder}\Log\ERRORLOG"),
                format!(r"-l{folder}\DATA\mastlog.ldf"),
            ],
            data_folder: format!(r"{folder}\DATA"),
            lock_wait_seconds: 60,
            logins: vec![sa],
            groups: Vec::new(),
            sessions: Vec::new(),
            next_principal: 260,
        }
    }

    /// Its version; the newest where the file names one that is not known.
    pub fn version(&self) -> &'static Version {
        Version::of(&self.version)
            .or_else(|| Version::all().last())
            .unwrap_or_else(|| unreachable!("there are versions"))
    }

    /// The id under which the registry keeps it, such as `MSSQL15.MSSQLSERVER`.
    pub fn registry_id(&self) -> String {
        format!("{}.{}", self.version().registry, self.instance.as_deref().unwrap_or("MSSQLSERVER"))
    }

    /// `@@SERVERNAME`.
    pub fn name(&self, computer: &str) -> String {
        match &self.instance {
            Some(instance) => format!(r"{computer}\{instance}"),
            None => computer.to_owned(),
        }
    }

    /// A login by name, letter case aside.
    pub fn login(&self, name: &str) -> Option<&Login> {
        self.logins.iter().find(|login| same(&login.name, name))
    }

    /// A login by name, to change it.
    pub fn login_mut(&mut self, name: &str) -> Option<&mut Login> {
        self.logins.iter_mut().find(|login| same(&login.name, name))
    }

    /// The name of who has a SID.
    pub fn sid_name(&self, sid: &str) -> Option<&str> {
        self.logins.iter().find(|login| login.sid == sid).map(|login| login.name.as_str())
    }

    /// A number for a new principal.
    pub fn take_principal(&mut self) -> i64 {
        self.next_principal += 1;
        self.next_principal - 1
    }
}

/// Whether two names are the same under a collation that ignores case.
pub fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || one.to_lowercase() == other.to_lowercase()
}
