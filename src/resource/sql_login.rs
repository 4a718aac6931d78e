//! `sql_login`: who may log in to an instance.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sql::{self, MASTER, ServerPrincipal, run};
use super::{Disturbance, Found, Problems, Reads, Resource, Writes};
use crate::hostcall::Refusal;
use crate::value::{AccountName, Changes, Secret, SqlPart};

/// A login of the instance: a Windows user or group, a group managed service account (`CORP\svc-chat$`), or a login of
/// SQL Server itself.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlLogin {
    /// Its name; a Windows account as `DOMAIN\name`.
    pub name: String,
    /// Who knows its password: Windows or SQL Server.
    pub from: LoginSource,
    /// The password that a login of SQL Server is created with. It is not compared afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("writeOnly" = true))]
    pub password: Option<Secret>,
    /// Whether it may log in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<LoginState>,
    /// The database that its sessions start in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_database: Option<String>,
}

/// Who knows the password of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoginSource {
    /// Windows: a user or a group.
    Windows,
    /// SQL Server.
    Sql,
}

/// Whether a login may log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoginState {
    /// It may.
    Enabled,
    /// It may not.
    Disabled,
}

impl SqlLogin {
    fn found(&self, found: &Found) -> Result<Option<ServerPrincipal>, Refusal> {
        let principals = found.sql::<ServerPrincipal>(MASTER, sql::SERVER_PRINCIPALS)?.unwrap_or_default();
        Ok(principals.into_iter().find(|it| it.name.to_lowercase() == self.name.to_lowercase()))
    }
}

/// Whether a principal's password is known to Windows (`sys.server_principals`, `type`).
fn source(principal: &ServerPrincipal) -> LoginSource {
    if ["U", "G"].contains(&principal.kind.trim()) { LoginSource::Windows } else { LoginSource::Sql }
}

impl Resource for SqlLogin {
    const KIND: &'static str = "sql_login";
    const EXAMPLE: &'static str = include_str!("sql_login.example.yml");

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self, problems: &mut Problems) {
        sql::check_name("name", &self.name, problems);
        if let Some(database) = &self.default_database {
            sql::check_name("default_database", database, problems);
        }
        match (self.from, &self.password) {
            (LoginSource::Windows, Some(_)) => {
                problems.add("password", "Windows knows the password of a login from Windows", "leave it out");
            }
            (LoginSource::Sql, None) => {
                let help = "password: \"{{ secret('NAME') }}\"";
                problems.add("password", "a login of SQL Server is created with a password", help);
            }
            _ => {}
        }
        let windows = AccountName::try_from(self.name.clone()).is_ok() && self.name.contains('\\');
        if self.from == LoginSource::Windows && (!windows || self.name.starts_with('.')) {
            let message = format!("`{}` is not how SQL Server takes a Windows account (15401)", self.name);
            problems.add("name", message, "write it as 'DOMAIN\\name', without an @ and not as '.\\name'");
        }
        if self.from == LoginSource::Sql && self.name.contains('\\') {
            let message = format!("`{}` is a Windows account", self.name);
            problems.add("name", message, "from: windows, or a name without a backslash");
        }
    }

    fn reads(&self, reads: &mut Reads) {
        reads.sql(MASTER, sql::SERVER_PRINCIPALS);
    }

    fn conflicts(&self, found: &Found, problems: &mut Problems) {
        if let Ok(Some(principal)) = self.found(found)
            && source(&principal) != self.from
        {
            let message = format!("there is a login {} of another kind already", principal.name);
            problems.add("from", message, "drop that login, which farmhand never does, or take another name");
        }
    }

    fn seen(&self, found: &Found) -> Result<Option<Self>, Refusal> {
        let Some(principal) = self.found(found)? else { return Ok(None) };
        let state = if principal.is_disabled == Some(true) { LoginState::Disabled } else { LoginState::Enabled };
        let default = principal.default_database_name.as_deref().unwrap_or("none");
        Ok(Some(SqlLogin {
            from: source(&principal),
            state: Some(state),
            default_database: Some(sql::in_own_words(self.default_database.as_deref(), default)),
            ..self.clone()
        }))
    }

    fn writes(&self, found: &Found, changes: &Changes, writes: &mut Writes) {
        let login = ("login", SqlPart::Name(&self.name));
        if !matches!(self.found(found), Ok(Some(_))) {
            let purpose = format!("create the login {}", self.name);
            match self.password.as_ref().and_then(Secret::reference) {
                Some(password) => {
                    let parts = [login.clone(), ("password", SqlPart::Secret(password))];
                    run(writes, MASTER, purpose, sql::CREATE_SQL_LOGIN, &parts);
                }
                None => run(writes, MASTER, purpose, sql::CREATE_WINDOWS_LOGIN, std::slice::from_ref(&login)),
            }
        }
        if let Some(state) = self.state.filter(|_| changes.touch("state")) {
            let (word, purpose) = match state {
                LoginState::Enabled => ("ENABLE", format!("enable the login {}", self.name)),
                LoginState::Disabled => ("DISABLE", format!("disable the login {}", self.name)),
            };
            let parts = [login.clone(), ("state", SqlPart::Word(word))];
            run(writes, MASTER, purpose, sql::SET_LOGIN_STATE, &parts);
        }
        if let Some(database) = self.default_database.as_ref().filter(|_| changes.touch("default_database")) {
            let purpose = format!("set the default database of the login {}", self.name);
            let parts = [login, ("database", SqlPart::Name(database))];
            run(writes, MASTER, purpose, sql::SET_LOGIN_DATABASE, &parts);
        }
    }

    fn disturbs(&self, _: &Found, _: &Changes) -> Disturbance {
        Disturbance::None
    }
}
