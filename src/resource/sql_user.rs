//! `sql_user`: a login as a user of a database.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sql::{self, DatabasePrincipal, MASTER, Place, SchemaRow, ServerPrincipal, place, place_reads, run};
use super::{Disturbance, Found, Problems, Reads, Resource, Writes};
use crate::hostcall::Refusal;
use crate::value::{Changes, SqlPart};

/// A user of a database: what a login is there. What it may do is `sql_permission`.
///
/// A restored database brings users whose logins are those of another instance; such a user is tied to the login again.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlUser {
    /// The database.
    pub database: String,
    /// The login, such as `CORP\svc-chat`.
    pub login: String,
    /// The user's name; the login's unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where the objects go that it makes without naming a schema. It is made, as the user's own, where it is not there.
    /// Query notifications make objects, so an app that uses them needs a schema of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_schema: Option<String>,
}

/// The user that a database's owner is there.
const DBO: &str = "dbo";

impl SqlUser {
    fn user(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.login)
    }

    fn principals(&self, found: &Found) -> Result<Vec<DatabasePrincipal>, Refusal> {
        Ok(found.sql(&self.database, sql::DATABASE_PRINCIPALS)?.unwrap_or_default())
    }

    fn login_sid(&self, found: &Found) -> Result<Option<String>, Refusal> {
        let logins = found.sql::<ServerPrincipal>(MASTER, sql::SERVER_PRINCIPALS)?.unwrap_or_default();
        let same = |login: &ServerPrincipal| login.name.to_lowercase() == self.login.to_lowercase();
        Ok(logins.into_iter().find(same).and_then(|login| login.sid))
    }

    /// The login of a user, by name.
    fn login_of(user: &DatabasePrincipal, found: &Found) -> Result<String, Refusal> {
        let logins = found.sql::<ServerPrincipal>(MASTER, sql::SERVER_PRINCIPALS)?.unwrap_or_default();
        let login = logins.into_iter().find(|login| login.sid.is_some() && login.sid == user.sid);
        Ok(login.map_or_else(|| "nobody on this instance".to_owned(), |login| login.name))
    }
}

impl Resource for SqlUser {
    const KIND: &'static str = "sql_user";
    const EXAMPLE: &'static str = include_str!("sql_user.example.yml");

    fn name(&self) -> String {
        format!("{}/{}", self.database, self.user())
    }

    fn check(&self, problems: &mut Problems) {
        let names = [("name", &self.name), ("default_schema", &self.default_schema)];
        let set = names.into_iter().filter_map(|(property, name)| Some((property, name.as_ref()?)));
        for (property, name) in set.chain([("database", &self.database), ("login", &self.login)]) {
            sql::check_name(property, name, problems);
        }
        if self.user().eq_ignore_ascii_case(DBO) {
            problems.add("name", "dbo is whoever owns the database", "sql_database has `owner`");
        }
    }

    fn reads(&self, reads: &mut Reads) {
        place_reads(reads);
        reads.sql(MASTER, sql::SERVER_PRINCIPALS);
        reads.sql(&self.database, sql::DATABASE_PRINCIPALS);
        reads.sql(&self.database, sql::SCHEMAS);
    }

    fn conflicts(&self, found: &Found, problems: &mut Problems) {
        if let Ok(Place::Absent) = place(found, &self.database) {
            return sql::no_database(&self.database, problems);
        }
        let (Ok(principals), Ok(Some(sid))) = (self.principals(found), self.login_sid(found)) else { return };
        let taken = principals.iter().find(|it| it.sid.as_ref() == Some(&sid));
        if let Some(other) = taken.filter(|it| it.name.to_lowercase() != self.user().to_lowercase()) {
            let message = format!("the login {} is the user {} there already (15063)", self.login, other.name);
            let help = match other.name.as_str() {
                DBO => "it owns the database and may do everything in it: leave this step out, or change the owner",
                _ => "give that name as `name`",
            };
            problems.add("login", message, help);
        }
    }

    fn seen(&self, found: &Found) -> Result<Option<Self>, Refusal> {
        match place(found, &self.database)? {
            Place::Absent => return Ok(None),
            Place::Secondary => return Ok(Some(self.clone())),
            Place::Here(_) => {}
        }
        let principals = self.principals(found)?;
        let Some(user) = principals.iter().find(|it| it.name.to_lowercase() == self.user().to_lowercase()) else {
            return Ok(None);
        };
        let schema = user.default_schema_name.as_deref().unwrap_or("none");
        Ok(Some(SqlUser {
            login: sql::in_own_words(Some(&self.login), &Self::login_of(user, found)?),
            default_schema: Some(sql::in_own_words(self.default_schema.as_deref(), schema)),
            ..self.clone()
        }))
    }

    fn not_compared(&self, found: &Found) -> Vec<String> {
        sql::not_compared(found, &self.database)
    }

    fn writes(&self, found: &Found, changes: &Changes, writes: &mut Writes) {
        let (user, login) = (("user", SqlPart::Name(self.user())), ("login", SqlPart::Name(&self.login)));
        let (name, database) = (self.user(), &self.database);
        let exists = matches!(self.seen(found), Ok(Some(_)));
        if !exists {
            let purpose = format!("make {} a user of the database {database}", self.login);
            run(writes, database, purpose, sql::CREATE_USER, &[user.clone(), login]);
        } else if changes.touch("login") {
            let purpose = format!("tie the user {name} of the database {database} to the login {}", self.login);
            run(writes, database, purpose, sql::SET_USER_LOGIN, &[user.clone(), login]);
        }
        let Some(schema) = self.default_schema.as_ref().filter(|_| changes.touch("default_schema")) else { return };
        let schemas = found.sql::<SchemaRow>(database, sql::SCHEMAS).ok().flatten().unwrap_or_default();
        if !schemas.iter().any(|it| it.name.to_lowercase() == schema.to_lowercase()) {
            let purpose = format!("create the schema {schema} in the database {database}");
            let parts = [("schema", SqlPart::Name(schema)), ("owner", SqlPart::Name(name))];
            run(writes, database, purpose, sql::CREATE_SCHEMA, &parts);
        }
        let purpose = format!("set the default schema of the user {name} in the database {database}");
        run(writes, database, purpose, sql::SET_USER_SCHEMA, &[user, ("schema", SqlPart::Name(schema))]);
    }

    fn disturbs(&self, _: &Found, _: &Changes) -> Disturbance {
        Disturbance::None
    }
}
