//! `sql_permission`: what a user may do in a database.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sql::{
    self, Contract, DatabasePrincipal, Permission, Place, RoleMember, SchemaRow, Securable, place, place_reads, run,
};
use super::{Disturbance, Found, Problems, Reads, Resource, Writes};
use crate::hostcall::Refusal;
use crate::value::{Changes, SqlPart};

/// What a user, a group or a role may do in a database. What it may do besides is left as it is.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlPermission {
    /// The database.
    pub database: String,
    /// The user or role, by its name in the database.
    pub principal: String,
    /// A set of permissions that belong together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// Roles that it is a member of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Permissions that it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
}

/// Permissions that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// What SignalR's backplane needs and no more: its tables in the schema `SignalR`, which it may make itself, and
    /// query notifications. The user needs a default schema of its own besides (`sql_user`).
    SignalrBackplane,
    /// Found: not all of it.
    #[serde(skip_deserializing)]
    #[schemars(skip)]
    Lacking(Vec<String>),
}

/// Permissions on one thing; on the database itself where nothing is named.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Such as `SELECT` or `CREATE TABLE`.
    pub permissions: Vec<String>,
    /// A schema and all that is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// A table, view, procedure or queue, as `schema.name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// A contract of Service Broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
}

impl Grant {
    /// On what; the first where several are named, which [`Resource::check`] refuses.
    fn on(&self) -> Securable {
        let object = self.object.as_deref().map(|object| object.split_once('.').unwrap_or(("dbo", object)));
        match (&self.schema, object, &self.contract) {
            (Some(schema), _, _) => Securable::Schema(schema.clone()),
            (_, Some((schema, name)), _) => Securable::Object(schema.to_owned(), name.to_owned()),
            (_, _, Some(contract)) => Securable::Contract(contract.clone()),
            _ => Securable::Database,
        }
    }
}

/// What is in the preset for SignalR's backplane (SignalR's install.sql and send.sql; .NET's `SqlDependency`).
fn signalr_backplane() -> Vec<(Securable, &'static [&'static str])> {
    let contract = "http://schemas.microsoft.com/SQL/Notifications/PostQueryNotification".to_owned();
    vec![
        (
            Securable::Database,
            &["CREATE TABLE", "CREATE PROCEDURE", "CREATE QUEUE", "CREATE SERVICE", "SUBSCRIBE QUERY NOTIFICATIONS"],
        ),
        (Securable::Schema(SIGNALR.to_owned()), &["SELECT", "INSERT", "UPDATE", "DELETE", "ALTER"]),
        (Securable::Contract(contract), &["REFERENCES"]),
        (Securable::Object("dbo".to_owned(), "QueryNotificationErrorsQueue".to_owned()), &["RECEIVE"]),
    ]
}

/// The schema in which SignalR keeps its tables.
const SIGNALR: &str = "SignalR";

/// What a database says of its principals.
struct Held {
    id: i64,
    principals: Vec<DatabasePrincipal>,
    members: Vec<RoleMember>,
    permissions: Vec<Permission>,
    schemas: Vec<SchemaRow>,
    contracts: Vec<Contract>,
}

impl Held {
    /// What a principal has; `None` where there is no such principal.
    fn of(found: &Found, database: &str, principal: &str) -> Result<Option<Held>, Refusal> {
        let principals: Vec<DatabasePrincipal> = found.sql(database, sql::DATABASE_PRINCIPALS)?.unwrap_or_default();
        let same = |it: &&DatabasePrincipal| it.name.to_lowercase() == principal.to_lowercase();
        let Some(id) = principals.iter().find(same).map(|it| it.principal_id) else { return Ok(None) };
        Ok(Some(Held {
            id,
            principals,
            members: found.sql(database, sql::DATABASE_ROLE_MEMBERS)?.unwrap_or_default(),
            permissions: found.sql(database, sql::DATABASE_PERMISSIONS)?.unwrap_or_default(),
            schemas: found.sql(database, sql::SCHEMAS)?.unwrap_or_default(),
            contracts: found.sql(database, sql::SERVICE_CONTRACTS)?.unwrap_or_default(),
        }))
    }

    fn has(&self, permission: &str, on: &Securable) -> bool {
        self.permissions.iter().any(|it| {
            it.grantee_principal_id == self.id
                && it.permission_name.eq_ignore_ascii_case(permission)
                && it.state_desc.starts_with("GRANT")
                && it.minor_id == 0
                && on.is(it, &self.schemas, &self.contracts)
        })
    }

    fn is_in(&self, role: &str) -> bool {
        let same = |it: &&DatabasePrincipal| it.name.to_lowercase() == role.to_lowercase();
        let role = self.principals.iter().find(same).map(|it| it.principal_id);
        self.members.iter().any(|it| Some(it.role_principal_id) == role && it.member_principal_id == self.id)
    }
}

impl SqlPermission {
    /// The permissions of the preset that are lacking, each with what it is on.
    fn lacking(&self, held: Option<&Held>) -> Vec<(Securable, Vec<&'static str>)> {
        let wanted = if self.preset.is_some() { signalr_backplane() } else { Vec::new() };
        let lacking = wanted.into_iter().map(|(on, names)| {
            let names = names.iter().copied().filter(|name| !held.is_some_and(|held| held.has(name, &on))).collect();
            (on, names)
        });
        lacking.filter(|(_, names): &(_, Vec<&str>)| !names.is_empty()).collect()
    }

    fn grant(&self, writes: &mut Writes, on: &Securable, permissions: Vec<&str>) {
        let (database, principal) = (&self.database, &self.principal);
        let place = match on {
            Securable::Database => String::new(),
            on => format!("on {on} "),
        };
        let purpose = format!("grant {principal} {} {place}in the database {database}", permissions.join(", "));
        let both = [("permissions", SqlPart::Words(permissions)), ("principal", SqlPart::Name(principal))];
        let (template, on) = match on {
            Securable::Database => (sql::GRANT_ON_DATABASE, Vec::new()),
            Securable::Schema(schema) => (sql::GRANT_ON_SCHEMA, vec![("schema", SqlPart::Name(schema))]),
            Securable::Contract(contract) => (sql::GRANT_ON_CONTRACT, vec![("contract", SqlPart::Name(contract))]),
            Securable::Object(schema, object) => {
                let parts = vec![("schema", SqlPart::Name(schema)), ("object", SqlPart::Name(object))];
                (sql::GRANT_ON_OBJECT, parts)
            }
        };
        run(writes, database, purpose, template, &[both.to_vec(), on].concat());
    }
}

impl Resource for SqlPermission {
    const KIND: &'static str = "sql_permission";
    const EXAMPLE: &'static str = include_str!("sql_permission.example.yml");

    fn name(&self) -> String {
        format!("{}/{}", self.database, self.principal)
    }

    fn check(&self, problems: &mut Problems) {
        sql::check_name("database", &self.database, problems);
        sql::check_name("principal", &self.principal, problems);
        for (index, role) in self.roles.iter().enumerate() {
            sql::check_name(&format!("roles[{index}]"), role, problems);
        }
        for (index, grant) in self.grants.iter().enumerate() {
            let named = [&grant.schema, &grant.object, &grant.contract].into_iter().flatten().count();
            let at = format!("grants[{index}]");
            if named > 1 {
                problems.add(
                    &at,
                    "permissions are on one thing",
                    "one of schema, object and contract; a grant for each",
                );
            }
            let word = |it: &String| !it.is_empty() && it.chars().all(|c| c.is_ascii_alphabetic() || c == ' ');
            if grant.permissions.is_empty() || !grant.permissions.iter().all(word) {
                let help = "such as [SELECT, INSERT] or [CREATE TABLE]";
                problems.add(&format!("{at}.permissions"), "permissions are words", help);
            }
        }
        if self.preset.is_none() && self.roles.is_empty() && self.grants.is_empty() {
            problems.add("", "this says of nobody that they may do anything", "`preset`, `roles` or `grants`");
        }
    }

    fn reads(&self, reads: &mut Reads) {
        place_reads(reads);
        for query in [
            sql::DATABASE_PRINCIPALS,
            sql::DATABASE_ROLE_MEMBERS,
            sql::DATABASE_PERMISSIONS,
            sql::SCHEMAS,
            sql::SERVICE_CONTRACTS,
        ] {
            reads.sql(&self.database, query);
        }
    }

    fn conflicts(&self, found: &Found, problems: &mut Problems) {
        if let Ok(Place::Absent) = place(found, &self.database) {
            sql::no_database(&self.database, problems);
        }
    }

    fn seen(&self, found: &Found) -> Result<Option<Self>, Refusal> {
        match place(found, &self.database)? {
            Place::Absent => return Ok(None),
            Place::Secondary => return Ok(Some(self.clone())),
            Place::Here(_) => {}
        }
        let Some(held) = Held::of(found, &self.database, &self.principal)? else { return Ok(None) };
        let mut actual = self.clone();
        let lacking = self.lacking(Some(&held));
        if self.preset.is_some() && !lacking.is_empty() {
            let lines = lacking.into_iter().map(|(on, names)| format!("{} on {on}", names.join(", ")));
            actual.preset = Some(Preset::Lacking(lines.collect()));
        }
        actual.roles.retain(|role| held.is_in(role));
        for grant in &mut actual.grants {
            let on = grant.on();
            grant.permissions.retain(|permission| held.has(permission, &on));
        }
        actual.grants.retain(|grant| !grant.permissions.is_empty());
        Ok(Some(actual))
    }

    fn not_compared(&self, found: &Found) -> Vec<String> {
        sql::not_compared(found, &self.database)
    }

    fn writes(&self, found: &Found, changes: &Changes, writes: &mut Writes) {
        let held = Held::of(found, &self.database, &self.principal).ok().flatten();
        if changes.touch("preset") {
            let schemas = found.sql::<SchemaRow>(&self.database, sql::SCHEMAS).ok().flatten().unwrap_or_default();
            if !schemas.iter().any(|it| it.name.eq_ignore_ascii_case(SIGNALR)) {
                let purpose = format!("create the schema {SIGNALR} in the database {}", self.database);
                let parts = [("schema", SqlPart::Name(SIGNALR)), ("owner", SqlPart::Name("dbo"))];
                run(writes, &self.database, purpose, sql::CREATE_SCHEMA, &parts);
            }
            for (on, names) in self.lacking(held.as_ref()) {
                self.grant(writes, &on, names);
            }
        }
        for role in self.roles.iter().filter(|role| !held.as_ref().is_some_and(|held| held.is_in(role))) {
            let purpose = format!("put {} into the role {role} of the database {}", self.principal, self.database);
            let parts = [("role", SqlPart::Name(role)), ("member", SqlPart::Name(&self.principal))];
            run(writes, &self.database, purpose, sql::ADD_ROLE_MEMBER, &parts);
        }
        for grant in &self.grants {
            let on = grant.on();
            let lacks = |it: &&str| !held.as_ref().is_some_and(|held| held.has(it, &on));
            let lacking: Vec<&str> = grant.permissions.iter().map(String::as_str).filter(lacks).collect();
            if !lacking.is_empty() {
                self.grant(writes, &on, lacking);
            }
        }
    }

    fn disturbs(&self, _: &Found, _: &Changes) -> Disturbance {
        Disturbance::None
    }
}
