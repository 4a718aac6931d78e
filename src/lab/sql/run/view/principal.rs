//! Principals of the server.

use super::permission::{Granted, permissions, role_members};
use super::{CODE, DESC, Run, SID, Table, sid, table};
use crate::lab::sql::moment::Moment;
use crate::lab::sql::server::{Login, SERVER_ROLES, same};
use crate::lab::sql::value::{Type, Value};

impl Run<'_> {
    /// Without rights a login sees itself and sa alone.
    fn seen_logins(&self) -> impl Iterator<Item = &Login> {
        let all = self.may_on_server("VIEW ANY DEFINITION") || self.may_on_server("ALTER ANY LOGIN");
        let logins = self.state.content.server.logins.iter();
        logins.filter(move |login| all || login.id == 1 || same(&login.name, &self.session.login))
    }

    pub(super) fn server_principals(&self, sql_only: bool) -> Table {
        let mut rows: Vec<Vec<Value>> = self
            .seen_logins()
            .filter(|login| !sql_only || login.password.is_some())
            .map(|login| {
                let (code, desc) = login.kind.codes();
                vec![
                    Value::text(login.name.clone()),
                    Value::Int(login.id),
                    sid(&login.sid),
                    Value::text(code),
                    Value::text(desc),
                    Value::Bit(login.disabled),
                    Value::Time(login.created),
                    Value::Time(login.modified),
                    Value::text(login.default_database.clone()),
                    Value::text("us_english"),
                    Value::Null,
                    Value::Bit(false),
                ]
            })
            .collect();
        if !sql_only {
            rows.extend(SERVER_ROLES.iter().map(|(role, id)| {
                let created = Value::Time(Moment::default());
                vec![
                    Value::text(*role),
                    Value::Int(*id),
                    sid(&format!("{id:02X}")),
                    Value::text("R"),
                    Value::text("SERVER_ROLE"),
                    Value::Bit(false),
                    created.clone(),
                    created,
                    Value::Null,
                    Value::Null,
                    Value::Int(1),
                    Value::Bit(*id != 2),
                ]
            }));
        }
        rows.sort_by_key(|row| match row.get(1) {
            Some(Value::Int(id)) => *id,
            _ => 0,
        });
        let columns = &[
            ("name", Type::NAME),
            ("principal_id", Type::Int),
            ("sid", SID),
            ("type", CODE),
            ("type_desc", DESC),
            ("is_disabled", Type::Bit),
            ("create_date", Type::Time),
            ("modify_date", Type::Time),
            ("default_database_name", Type::NAME),
            ("default_language_name", Type::NAME),
            ("owning_principal_id", Type::Int),
            ("is_fixed_role", Type::Bit),
        ];
        table(columns, rows)
    }

    pub(super) fn server_role_members(&self) -> Table {
        let id = |role: &str| SERVER_ROLES.iter().find(|(known, _)| same(known, role)).map(|(_, id)| *id);
        let roles = self.seen_logins().flat_map(|login| login.roles.iter().map(|role| (role, login.id)));
        role_members(roles.map(|(role, login)| [Value::or_null(id(role), Value::Int), Value::Int(login)]))
    }

    pub(super) fn server_permissions(&self) -> Table {
        let all =
            self.seen_logins().flat_map(|login| login.permissions.iter().map(|permission| (login.id, permission)));
        let granted = all.map(|(login, (name, denied))| Granted {
            class: (100, "SERVER"),
            major_id: 0,
            grantee: Value::Int(login),
            code: None,
            name,
            state: if *denied { "D" } else { "G" },
        });
        permissions(granted, false)
    }
}
