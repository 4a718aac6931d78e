//! Permissions and members of roles, which the server and its databases show in the same columns.

use super::{CODE, DESC, Table, table};
use crate::lab::sql::value::{Type, Value};

/// A permission that somebody was granted or denied.
pub(super) struct Granted<'a> {
    /// On what, by number and in words.
    pub class: (i64, &'a str),
    /// Which one of the class; 0 where there is one alone.
    pub major_id: i64,
    /// To whom.
    pub grantee: Value,
    /// Its code, where the lab has one.
    pub code: Option<&'static str>,
    /// Its name.
    pub name: &'a str,
    /// `G`, `D` or `W`.
    pub state: &'a str,
}

/// sys.database_permissions; sys.server_permissions is the same without the codes, of which the lab has none.
pub(super) fn permissions<'a>(granted: impl Iterator<Item = Granted<'a>>, coded: bool) -> Table {
    let kept = |column: usize| coded || column != CODE_COLUMN;
    let rows = granted.map(|Granted { class, major_id, grantee, code, name, state }| {
        let desc = match state {
            "D" => "DENY",
            "W" => "GRANT_WITH_GRANT_OPTION",
            _ => "GRANT",
        };
        let row = [
            Value::Int(class.0),
            Value::text(class.1),
            Value::Int(major_id),
            Value::Int(0),
            grantee,
            Value::Int(1),
            Value::or_null(code, Value::text),
            Value::text(name),
            Value::text(state),
            Value::text(desc),
        ];
        row.into_iter().enumerate().filter(|(column, _)| kept(*column)).map(|(_, value)| value).collect()
    });
    let columns = [
        ("class", Type::TinyInt),
        ("class_desc", DESC),
        ("major_id", Type::Int),
        ("minor_id", Type::Int),
        ("grantee_principal_id", Type::Int),
        ("grantor_principal_id", Type::Int),
        ("type", CODE),
        ("permission_name", Type::NAME),
        ("state", CODE),
        ("state_desc", DESC),
    ];
    let columns: Vec<_> =
        columns.into_iter().enumerate().filter(|(column, _)| kept(*column)).map(|(_, column)| column).collect();
    table(&columns, rows.collect())
}

/// Where `type` stands.
const CODE_COLUMN: usize = 6;

/// sys.server_role_members and sys.database_role_members: role and member.
pub(super) fn role_members(members: impl Iterator<Item = [Value; 2]>) -> Table {
    let columns = &[("role_principal_id", Type::Int), ("member_principal_id", Type::Int)];
    table(columns, members.map(Vec::from).collect())
}
