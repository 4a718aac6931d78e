//! Logins and server roles.

use super::key::check_policy;
use super::{Carried, Run};
use crate::lab::sql::error::{not_found, not_in_azure, not_permitted};
use crate::lab::sql::key::Password;
use crate::lab::sql::reply::SqlError;
use crate::lab::sql::server::{Login, LoginKind, SERVER_ROLES, same};
use crate::lab::sql::tsql::{Admin, PermissionVerb, RoleChange};
use crate::lab::sql::value::{hex_bytes, hex_text};
use crate::lab::sql::versions::Edition;

impl Run<'_> {
    pub(super) fn administer_principals(&mut self, admin: &Admin) -> Carried {
        match admin {
            Admin::CreateLogin { name, password, options } => self.create_login(name, password.as_deref(), options),
            Admin::AlterLogin { name, enabled, options } => self.alter_login(name, *enabled, options),
            Admin::DropLogin(name) => self.drop_login(name),
            Admin::AlterRole { server: true, name, change } => self.alter_server_role(name, change),
            other => self.administer_database_principals(other),
        }
    }

    fn may_alter_logins(&self) -> Carried {
        if self.may_on_server("ALTER ANY LOGIN") { Ok(()) } else { Err(not_permitted().into()) }
    }

    fn create_login(&mut self, name: &str, password: Option<&str>, options: &[(String, String)]) -> Carried {
        self.may_alter_logins()?;
        if password.is_none() && self.state.content.server.edition == Edition::AzureSqlDatabase {
            return Err(not_in_azure("CREATE LOGIN").into());
        }
        if self.state.content.server.login(name).is_some() {
            return Err(SqlError::new(15025, 16, format!("The server principal '{name}' already exists.")).into());
        }
        let option = |wanted: &str| options.iter().find(|(known, _)| known == wanted).map(|(_, value)| value.clone());
        let default_database = option("DEFAULT_DATABASE").unwrap_or_else(|| "master".to_owned());
        if self.state.database(&default_database).is_none() {
            let text = format!(
                "The database '{default_database}' does not exist. Supply a valid database name. To see available databases, use sys.databases."
            );
            return Err(SqlError::new(15010, 16, text).into());
        }
        let (kind, sid, name, password) = if let Some(password) = password {
            if name.contains('\\') {
                let text = format!("'{name}' is not a valid name because it contains invalid characters.");
                return Err(SqlError::new(15006, 16, text).into());
            }
            if !option("CHECK_POLICY").is_some_and(|policy| policy.eq_ignore_ascii_case("OFF")) {
                check_policy(password)?;
            }
            let own = option("SID").unwrap_or_else(|| hex_text(uuid::Uuid::new_v4().as_bytes()));
            (LoginKind::Sql, own, name.to_owned(), Some(Password::new(password)))
        } else {
            self.windows_login(name)?
        };
        let now = self.state.now();
        let server = &mut self.state.content.server;
        if server.logins.iter().any(|login| login.sid == sid) {
            return Err(SqlError::new(15025, 16, format!("The server principal '{name}' already exists.")).into());
        }
        let id = server.take_principal();
        server.logins.push(Login {
            name,
            id,
            kind,
            sid,
            password,
            disabled: false,
            default_database,
            roles: Vec::new(),
            permissions: Vec::new(),
            created: now,
            modified: now,
        });
        Ok(())
    }

    fn windows_login(&self, name: &str) -> Result<(LoginKind, String, String, Option<Password>), SqlError> {
        if !name.contains('\\') {
            let text = format!("'{name}' is not a valid Windows NT name. Give the complete name: <domain\\username>.");
            return Err(SqlError::new(15407, 11, text));
        }
        let sid = self.windows_sid(name);
        let sid = sid.ok_or_else(|| {
            SqlError::new(15401, 11, format!("Windows NT user or group '{name}' not found. Check the name again."))
        })?;
        let account = self.state.directory.account(&self.state.computer, &[], name);
        let shown = account.map_or_else(|| name.to_owned(), |account| account.name);
        // Well-known groups and those of the machine are told apart from accounts by their SID's second authority.
        let group = hex_bytes(&sid).is_some_and(|sid| sid.get(8..12) == Some(&[32, 0, 0, 0][..]))
            || shown
                .rsplit('\\')
                .next()
                .is_some_and(|last| last.starts_with("Domain ") || last.to_lowercase().ends_with(" group"));
        Ok((if group { LoginKind::WindowsGroup } else { LoginKind::Windows }, sid, shown, None))
    }

    fn alter_login(&mut self, name: &str, enabled: Option<bool>, options: &[(String, String)]) -> Carried {
        let own = same(name, &self.session.login);
        if !own {
            self.may_alter_logins().map_err(|_| not_found("alter", "login", name))?;
        }
        if self.state.content.server.login(name).is_none() {
            return Err(not_found("alter", "login", name).into());
        }
        let value = |wanted: &str| options.iter().find(|(known, _)| known == wanted).map(|(_, value)| value.clone());
        if let Some(password) = value("PASSWORD") {
            check_policy(&password)?;
        }
        let now = self.state.now();
        if let Some(login) = self.state.content.server.login_mut(name) {
            login.disabled = enabled.map_or(login.disabled, |enabled| !enabled);
            if let Some(database) = value("DEFAULT_DATABASE") {
                login.default_database = database;
            }
            if let Some(password) = value("PASSWORD") {
                login.password = Some(Password::new(&password));
            }
            if let Some(new) = value("NAME") {
                login.name = new;
            }
            login.modified = now;
        }
        Ok(())
    }

    fn drop_login(&mut self, name: &str) -> Carried {
        self.may_alter_logins().map_err(|_| not_found("drop", "login", name))?;
        let login = self.state.content.server.login(name).ok_or_else(|| not_found("drop", "login", name))?;
        let sid = login.sid.clone();
        if self.state.content.databases.iter().any(|database| database.owner_sid == sid) {
            let text = format!(
                "Login '{name}' owns one or more database(s). Change the owner of the database(s) before dropping the login."
            );
            return Err(SqlError::new(15174, 16, text).into());
        }
        if self.shared.connected.all().iter().any(|(_, seen)| same(&seen.login, name)) {
            let text = format!("Could not drop login '{name}' as the user is currently logged in.");
            return Err(SqlError::new(15434, 16, text).into());
        }
        self.state.content.server.logins.retain(|login| login.sid != sid);
        Ok(())
    }

    fn alter_server_role(&mut self, role: &str, change: &RoleChange) -> Carried {
        let refused = || not_found("alter", "server role", role);
        let known =
            SERVER_ROLES.iter().find(|(known, _)| same(known, role)).map(|(known, _)| *known).ok_or_else(refused)?;
        if !self.is_sysadmin() {
            return Err(refused().into());
        }
        let (RoleChange::Add(member) | RoleChange::Drop(member)) = change else { return Err(refused().into()) };
        let missing =
            || not_found(if matches!(change, RoleChange::Add(_)) { "add" } else { "drop" }, "server principal", member);
        let login = self.state.content.server.login_mut(member).ok_or_else(missing)?;
        login.roles.retain(|own| !same(own, known));
        if matches!(change, RoleChange::Add(_)) {
            login.roles.push(known.to_owned());
        }
        Ok(())
    }

    /// GRANT, DENY and REVOKE of permissions on the server.
    pub(super) fn server_permission(
        &mut self,
        verb: PermissionVerb,
        permissions: &[String],
        principals: &[String],
    ) -> Carried {
        if !same(&self.session.database, "master") {
            let text = "Permissions at the server scope can only be granted when the current database is master";
            return Err(SqlError::new(4621, 16, text).into());
        }
        if !self.may_on_server("CONTROL SERVER") {
            return Err(SqlError::new(4613, 16, "Grantor does not have GRANT permission.").into());
        }
        for principal in principals {
            let missing = || not_found("find", "login", principal);
            let login = self.state.content.server.login_mut(principal).ok_or_else(missing)?;
            for permission in permissions {
                login.permissions.retain(|(known, _)| known != permission);
                if verb != PermissionVerb::Revoke {
                    login.permissions.push((permission.clone(), verb == PermissionVerb::Deny));
                }
            }
        }
        Ok(())
    }
}
