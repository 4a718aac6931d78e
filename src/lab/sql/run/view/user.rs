//! Users, roles, permissions, schemas and objects of a database.

use super::super::permission::code;
use super::permission::{self, Granted};
use super::{CODE, DESC, SID, Table, sid, table};
use crate::lab::sql::database::Database;
use crate::lab::sql::server::same;
use crate::lab::sql::value::{Type, Value};

fn id_of(database: &Database, name: &str) -> Value {
    Value::or_null(database.principal(name), |principal| Value::Int(principal.id))
}

pub(super) fn principals(database: &Database) -> Table {
    let rows = database.principals.iter().map(|principal| {
        let desc = match principal.kind.as_str() {
            "S" => "SQL_USER",
            "U" => "WINDOWS_USER",
            "G" => "WINDOWS_GROUP",
            _ => "DATABASE_ROLE",
        };
        let authentication = match principal.authentication.as_str() {
            "INSTANCE" => 1,
            "WINDOWS" => 3,
            _ => 0,
        };
        // dbo is whoever owns the database.
        let own = if principal.id == 1 { &database.owner_sid } else { &principal.sid };
        let role = principal.kind == "R";
        vec![
            Value::text(principal.name.clone()),
            Value::Int(principal.id),
            Value::text(principal.kind.clone()),
            Value::text(desc),
            Value::or_null(principal.default_schema.clone(), Value::Text),
            Value::Time(principal.created),
            Value::Time(principal.modified),
            if role { Value::Int(1) } else { Value::Null },
            sid(own),
            Value::Bit(principal.fixed && principal.id != 0),
            Value::Int(authentication),
            Value::text(principal.authentication.clone()),
        ]
    });
    let columns = &[
        ("name", Type::NAME),
        ("principal_id", Type::Int),
        ("type", CODE),
        ("type_desc", DESC),
        ("default_schema_name", Type::NAME),
        ("create_date", Type::Time),
        ("modify_date", Type::Time),
        ("owning_principal_id", Type::Int),
        ("sid", SID),
        ("is_fixed_role", Type::Bit),
        ("authentication_type", Type::Int),
        ("authentication_type_desc", DESC),
    ];
    table(columns, rows.collect())
}

pub(super) fn role_members(database: &Database) -> Table {
    let dbo = [Value::Int(16384), Value::Int(1)];
    let members =
        database.members.iter().map(|member| [id_of(database, &member.role), id_of(database, &member.member)]);
    permission::role_members(std::iter::once(dbo).chain(members))
}

pub(super) fn permissions(database: &Database) -> Table {
    let granted = database.permissions.iter().map(|permission| {
        let class = match permission.class.as_str() {
            "OBJECT_OR_COLUMN" => 1,
            "SCHEMA" => 3,
            "DATABASE_PRINCIPAL" => 4,
            "TYPE" => 6,
            "MESSAGE_TYPE" => 15,
            "SERVICE_CONTRACT" => 16,
            "SERVICE" => 17,
            "SYMMETRIC_KEYS" => 24,
            "CERTIFICATE" => 25,
            _ => 0,
        };
        Granted {
            class: (class, &permission.class),
            major_id: permission.major_id,
            grantee: id_of(database, &permission.to),
            code: Some(code(&permission.name)),
            name: &permission.name,
            state: &permission.state,
        }
    });
    permission::permissions(granted, true)
}

pub(super) fn schemas(database: &Database) -> Table {
    let rows = database
        .schemas
        .iter()
        .map(|schema| vec![Value::text(schema.name.clone()), Value::Int(schema.id), id_of(database, &schema.owner)]);
    table(&[("name", Type::NAME), ("schema_id", Type::Int), ("principal_id", Type::Int)], rows.collect())
}

pub(super) fn objects(database: &Database, view: &str) -> Table {
    let shown = database.objects.iter().filter(|object| view != "tables" || object.kind == "U");
    let rows = shown.map(|object| {
        let desc = match object.kind.as_str() {
            "U" => "USER_TABLE",
            "P" => "SQL_STORED_PROCEDURE",
            "SQ" => "SERVICE_QUEUE",
            _ => "VIEW",
        };
        let schema = database.schemas.iter().find(|schema| same(&schema.name, &object.schema));
        vec![
            Value::text(object.name.clone()),
            Value::Int(object.id),
            Value::Null,
            Value::or_null(schema, |schema| Value::Int(schema.id)),
            Value::Int(0),
            Value::text(object.kind.clone()),
            Value::text(desc),
            Value::Time(object.created),
            Value::Time(object.created),
            Value::Bit(object.shipped),
        ]
    });
    let columns = &[
        ("name", Type::NAME),
        ("object_id", Type::Int),
        ("principal_id", Type::Int),
        ("schema_id", Type::Int),
        ("parent_object_id", Type::Int),
        ("type", CODE),
        ("type_desc", DESC),
        ("create_date", Type::Time),
        ("modify_date", Type::Time),
        ("is_ms_shipped", Type::Bit),
    ];
    table(columns, rows.collect())
}
