//! Users, roles and schemas of a database.

use super::{Carried, Run};
use crate::lab::sql::database::{Database, Member, Permission, Principal, Schema};
use crate::lab::sql::error::{not_found, not_permitted};
use crate::lab::sql::reply::SqlError;
use crate::lab::sql::server::{LoginKind, same};
use crate::lab::sql::tsql::{Admin, RoleChange};
use crate::lab::sql::value::hex_text;

/// 15023.
fn exists(name: &str) -> SqlError {
    SqlError::new(15023, 16, format!("User, group, or role '{name}' already exists in the current database."))
}

impl Run<'_> {
    pub(super) fn administer_database_principals(&mut self, admin: &Admin) -> Carried {
        match admin {
            Admin::CreateUser { name, login, without_login, default_schema } => {
                self.create_user(name, login.as_deref(), *without_login, default_schema.as_deref())
            }
            Admin::AlterUser { name, options } => self.alter_user(name, options),
            Admin::DropUser { name, if_exists } => self.drop_principal("user", name, *if_exists),
            Admin::CreateRole { name, owner } => self.create_role(name, owner.as_deref()),
            Admin::AlterRole { name, change, .. } => self.alter_role(name, change),
            Admin::DropRole { name, if_exists } => self.drop_principal("role", name, *if_exists),
            Admin::CreateSchema { name, owner } => self.create_schema(name, owner.as_deref()),
            Admin::DropSchema { name, if_exists } => self.drop_schema(name, *if_exists),
            Admin::Permission { verb, permissions, on, principals, with_grant } => {
                self.permission(*verb, permissions, on.as_ref(), principals, *with_grant)
            }
            _ => Err(crate::lab::sql::error::incorrect("").into()),
        }
    }

    fn create_user(&mut self, name: &str, login: Option<&str>, without_login: bool, schema: Option<&str>) -> Carried {
        let database = self.current()?;
        if !self.may_in(database, "ALTER ANY USER") {
            return Err(not_permitted().into());
        }
        if database.principal(name).is_some() {
            return Err(exists(name).into());
        }
        let own = login.unwrap_or(name);
        let (sid, kind, authentication) = if without_login {
            (hex_text(&[&[1, 5, 0, 0, 0, 0, 0, 9][..], uuid::Uuid::new_v4().as_bytes()].concat()), "S", "NONE")
        } else if let Some(login) = self.state.content.server.login(own) {
            let (kind, authentication) = match login.kind {
                LoginKind::Sql => ("S", "INSTANCE"),
                LoginKind::Windows => ("U", "WINDOWS"),
                LoginKind::WindowsGroup => ("G", "WINDOWS"),
            };
            (login.sid.clone(), kind, authentication)
        } else if let Some(sid) = self.windows_sid(own).filter(|_| login.is_none()) {
            // A Windows account can be a user without a login.
            (sid, "U", "WINDOWS")
        } else if own.contains('\\') && login.is_none() {
            let text = format!("Windows NT user or group '{own}' not found. Check the name again.");
            return Err(SqlError::new(15401, 11, text).into());
        } else {
            return Err(SqlError::new(
                15007,
                16,
                format!("'{own}' is not a valid login or you do not have permission."),
            )
            .into());
        };
        let taken =
            database.owner_sid == sid || database.principals.iter().any(|known| known.sid == sid && known.kind != "R");
        if taken {
            return Err(
                SqlError::new(15063, 16, "The login already has an account under a different user name.").into()
            );
        }
        let now = self.state.now();
        // Groups have no default schema unless one is given.
        let schema = schema.map(str::to_owned).or_else(|| (kind != "G").then(|| "dbo".to_owned()));
        let database = self.current_mut()?;
        let id = database.take_id();
        database.principals.push(Principal {
            name: name.to_owned(),
            id,
            kind: kind.to_owned(),
            sid,
            default_schema: schema,
            authentication: authentication.to_owned(),
            fixed: false,
            created: now,
            modified: now,
        });
        if !without_login {
            database.permissions.push(connect(name));
        }
        Ok(())
    }

    fn alter_user(&mut self, name: &str, options: &[(String, String)]) -> Carried {
        let missing = || not_found("alter", "user", name);
        let database = self.current()?;
        let user = database.principal(name).filter(|user| user.kind != "R").ok_or_else(missing)?;
        if !self.may_in(database, "ALTER ANY USER") {
            return Err(missing().into());
        }
        if user.id <= 4 {
            return Err(SqlError::new(15150, 16, format!("Cannot alter the user '{name}'.")).into());
        }
        let mut changed = user.clone();
        for (option, value) in options {
            match option.as_str() {
                "LOGIN" => {
                    let login =
                        self.state.content.server.login(value).ok_or_else(|| not_found("find", "login", value))?;
                    let id = changed.id;
                    let taken = database.owner_sid == login.sid
                        || database.principals.iter().any(|known| known.sid == login.sid && known.id != id);
                    if taken {
                        let text = "The login already has an account under a different user name.";
                        return Err(SqlError::new(15063, 16, text).into());
                    }
                    if (login.kind == LoginKind::Sql) != (changed.kind == "S") {
                        let text = format!(
                            "Cannot remap user '{name}' to login '{value}', because the user is of a different type."
                        );
                        return Err(SqlError::new(33016, 16, text).into());
                    }
                    changed.sid.clone_from(&login.sid);
                }
                "DEFAULT_SCHEMA" => changed.default_schema = Some(value.clone()),
                "NAME" if database.principal(value).is_some() => return Err(exists(value).into()),
                "NAME" => changed.name.clone_from(value),
                _ => return Err(crate::lab::sql::error::incorrect(option).into()),
            }
        }
        changed.modified = self.state.now();
        let new = changed.name.clone();
        let database = self.current_mut()?;
        rename(database, name, &new);
        if let Some(user) = database.principal_mut(&new) {
            *user = changed;
        }
        Ok(())
    }

    fn create_role(&mut self, name: &str, owner: Option<&str>) -> Carried {
        let database = self.current()?;
        if !self.may_in(database, "CREATE ROLE") && !self.may_in(database, "ALTER ANY ROLE") {
            return Err(not_permitted().into());
        }
        if database.principal(name).is_some() {
            return Err(exists(name).into());
        }
        if let Some(owner) = owner.filter(|owner| database.principal(owner).is_none()) {
            return Err(not_found("find", "user", owner).into());
        }
        let now = self.state.now();
        let database = self.current_mut()?;
        let id = database.take_id();
        database.principals.push(Principal {
            name: name.to_owned(),
            id,
            kind: "R".to_owned(),
            sid: hex_text(&[&[1, 5, 0, 0, 0, 0, 0, 9][..], uuid::Uuid::new_v4().as_bytes()].concat()),
            default_schema: None,
            authentication: "NONE".to_owned(),
            fixed: false,
            created: now,
            modified: now,
        });
        Ok(())
    }

    fn alter_role(&mut self, name: &str, change: &RoleChange) -> Carried {
        let missing = || not_found("alter", "role", name);
        let database = self.current()?;
        let role =
            database.principal(name).filter(|role| role.kind == "R" && role.id != 0).ok_or_else(missing)?.clone();
        // Members of fixed roles are the owners' alone to choose.
        let needed = if role.fixed { "CONTROL" } else { "ALTER ANY ROLE" };
        if !self.may_in(database, needed) {
            return Err(missing().into());
        }
        let member = match change {
            RoleChange::Rename(new) if database.principal(new).is_some() => return Err(exists(new).into()),
            RoleChange::Rename(new) => {
                let (old, new) = (role.name, new.clone());
                rename(self.current_mut()?, &old, &new);
                return Ok(());
            }
            RoleChange::Add(member) | RoleChange::Drop(member) => member,
        };
        let verb = if matches!(change, RoleChange::Add(_)) { "add" } else { "drop" };
        let principal = database.principal(member).ok_or_else(|| not_found(verb, "principal", member))?;
        if principal.id <= 4 {
            return Err(SqlError::new(15405, 16, format!("Cannot use the special principal '{member}'.")).into());
        }
        let member = principal.name.clone();
        let database = self.current_mut()?;
        database.members.retain(|known| !(same(&known.role, &role.name) && same(&known.member, &member)));
        if verb == "add" {
            database.members.push(Member { role: role.name, member });
        }
        Ok(())
    }

    fn drop_principal(&mut self, what: &str, name: &str, if_exists: bool) -> Carried {
        let missing = || not_found("drop", what, name);
        let database = self.current()?;
        let found = database.principal(name).filter(|principal| (principal.kind == "R") == (what == "role"));
        let Some(principal) = found else { return if if_exists { Ok(()) } else { Err(missing().into()) } };
        let needed = if what == "role" { "ALTER ANY ROLE" } else { "ALTER ANY USER" };
        if !self.may_in(database, needed) {
            return Err(missing().into());
        }
        if principal.fixed || principal.id <= 4 {
            return Err(SqlError::new(15150, 16, format!("Cannot drop the {what} '{name}'.")).into());
        }
        if database.schemas.iter().any(|schema| same(&schema.owner, name)) {
            let text = "The database principal owns a schema in the database, and cannot be dropped.";
            return Err(SqlError::new(15138, 16, text).into());
        }
        if what == "role" && database.members.iter().any(|member| same(&member.role, name)) {
            let text = "The role has members. It must be empty before it can be dropped.";
            return Err(SqlError::new(15144, 16, text).into());
        }
        let database = self.current_mut()?;
        database.principals.retain(|known| !same(&known.name, name));
        database.members.retain(|known| !same(&known.member, name));
        database.permissions.retain(|known| !same(&known.to, name));
        Ok(())
    }

    fn create_schema(&mut self, name: &str, owner: Option<&str>) -> Carried {
        self.need("CREATE SCHEMA")?;
        let database = self.current()?;
        let failed = |error: SqlError| {
            super::Failure::several(vec![
                error,
                SqlError::new(2759, 16, "CREATE SCHEMA failed due to previous errors."),
            ])
        };
        if database.schema(name).is_some() {
            let text = format!("There is already an object named '{name}' in the database.");
            return Err(failed(SqlError::new(2714, 16, text).with_state(6)));
        }
        let owner = match owner {
            Some(owner) => {
                let known = database.principal(owner).map(|principal| principal.name.clone());
                known.ok_or_else(|| failed(not_found("find", "user", owner)))?
            }
            None => self.user_in(database).unwrap_or_else(|| "dbo".to_owned()),
        };
        let database = self.current_mut()?;
        let id = database.take_id();
        database.schemas.push(Schema { name: name.to_owned(), id, owner });
        Ok(())
    }

    fn drop_schema(&mut self, name: &str, if_exists: bool) -> Carried {
        let missing = || not_found("drop", "schema", name);
        let database = self.current()?;
        let Some(schema) = database.schema(name) else { return if if_exists { Ok(()) } else { Err(missing().into()) } };
        if !self.may_on(database, "CONTROL", "SCHEMA", &schema.name) {
            return Err(missing().into());
        }
        if database.objects.iter().any(|object| same(&object.schema, name)) || schema.id < 5 || schema.id >= 16384 {
            let text = format!("Cannot drop schema '{name}' because it is being referenced by object '{name}'.");
            return Err(SqlError::new(3729, 16, text).into());
        }
        let database = self.current_mut()?;
        database.schemas.retain(|known| !same(&known.name, name));
        Ok(())
    }
}

fn connect(to: &str) -> Permission {
    Permission {
        state: "G".to_owned(),
        name: "CONNECT".to_owned(),
        class: "DATABASE".to_owned(),
        on: String::new(),
        major_id: 0,
        to: to.to_owned(),
    }
}

/// Gives a principal another name, wherever it stands.
fn rename(database: &mut Database, old: &str, new: &str) {
    let places = database.principals.iter_mut().map(|principal| &mut principal.name);
    let places = places.chain(database.schemas.iter_mut().map(|schema| &mut schema.owner));
    let places = places.chain(database.members.iter_mut().flat_map(|member| [&mut member.role, &mut member.member]));
    let places = places.chain(database.permissions.iter_mut().map(|permission| &mut permission.to));
    for place in places {
        if same(place, old) {
            new.clone_into(place);
        }
    }
}
