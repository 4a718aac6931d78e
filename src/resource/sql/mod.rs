//! What the kinds about SQL Server share: the questions they ask, the statements they send, and rows by their columns.
//!
//! T-SQL stands in files of its own, one batch each. A question is one look at one catalog view, told by its columns and
//! filtered here; this list is closed, and a host answers no other.

#[cfg(test)]
pub mod canned;
mod names;
mod place;
mod rows;
mod securable;
mod sessions;

pub(super) use names::{check_name, check_seconds, in_own_words, no_database, seconds};
pub(super) use place::{Place, not_compared, place, reads as place_reads};
pub use rows::{
    Argument, BackupFile, Contract, Database, DatabasePrincipal, Instance, Key, Permission, Replica, RoleMember,
    SchemaRow, ServerPrincipal, SqlSession, TraceFlag,
};

pub(super) use securable::Securable;
pub(super) use sessions::{cuts_off, sessions_in, would_be_cut_off};

pub use super::question::Query;
use super::{Phase, Writes};
use crate::hostcall::{SqlFind, Text, Write};
use crate::value::{SecretText, SqlPart, TextPiece, statement};

/// The system database in which questions about the instance are asked.
pub const MASTER: &str = "master";

/// A statement with places to fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its file's name.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! queries {
    ($($const:ident $name:literal,)*) => {
        $(
            #[doc = concat!("`", $name, ".sql`")]
            pub const $const: Query = Query { name: $name, text: include_str!(concat!("read/", $name, ".sql")) };
        )*
        /// Every question there is.
        pub const QUERIES: &[Query] = &[$($const,)*];
    };
}

macro_rules! templates {
    ($($const:ident $name:literal,)*) => {
        $(
            #[doc = concat!("`", $name, ".sql`")]
            pub const $const: Template = Template { name: $name, text: include_str!(concat!("write/", $name, ".sql")) };
        )*
        /// Every statement there is.
        pub const TEMPLATES: &[Template] = &[$($const,)*];
    };
}

queries! {
    AVAILABILITY_REPLICAS "availability_replicas",
    BACKUP_FILES "backup_files",
    DATABASE_PERMISSIONS "database_permissions",
    DATABASE_PRINCIPALS "database_principals",
    DATABASE_ROLE_MEMBERS "database_role_members",
    DATABASES "databases",
    INSTANCE "instance",
    SCHEMAS "schemas",
    SERVER_PRINCIPALS "server_principals",
    SERVICE_CONTRACTS "service_contracts",
    SERVICE_MASTER_KEY "service_master_key",
    SESSIONS "sessions",
    STARTUP_ARGUMENTS "startup_arguments",
    SYMMETRIC_KEYS "symmetric_keys",
    TRACE_FLAGS "trace_flags",
}

templates! {
    ADD_ROLE_MEMBER "add_role_member",
    BACKUP_MASTER_KEY "backup_master_key",
    BACKUP_MASTER_KEY_ELSEWHERE "backup_master_key_elsewhere",
    BACKUP_PATH "backup_path",
    CREATE_DATABASE "create_database",
    CREATE_DATABASE_WITH_COLLATION "create_database_with_collation",
    CREATE_MASTER_KEY "create_master_key",
    CREATE_SCHEMA "create_schema",
    CREATE_SQL_LOGIN "create_sql_login",
    CREATE_USER "create_user",
    CREATE_WINDOWS_LOGIN "create_windows_login",
    DECRYPT_MASTER_KEY_BY_SERVICE_KEY "decrypt_master_key_by_service_key",
    DROP_DATABASE "drop_database",
    DROP_LEFT_DATABASE "drop_left_database",
    ENCRYPT_MASTER_KEY_BY_SERVICE_KEY "encrypt_master_key_by_service_key",
    GRANT_ON_CONTRACT "grant_on_contract",
    GRANT_ON_DATABASE "grant_on_database",
    GRANT_ON_OBJECT "grant_on_object",
    GRANT_ON_SCHEMA "grant_on_schema",
    OPEN_AND_BACKUP_MASTER_KEY "open_and_backup_master_key",
    RESTORE_MASTER_KEY_ELSEWHERE "restore_master_key_elsewhere",
    SET_AUTO_CLOSE "set_auto_close",
    SET_BROKER "set_broker",
    SET_LOGIN_DATABASE "set_login_database",
    SET_LOGIN_STATE "set_login_state",
    SET_OWNER "set_owner",
    SET_READ_COMMITTED_SNAPSHOT "set_read_committed_snapshot",
    SET_RECOVERY "set_recovery",
    SET_SNAPSHOT_ISOLATION "set_snapshot_isolation",
    SET_USER_LOGIN "set_user_login",
    SET_USER_SCHEMA "set_user_schema",
    TRACE_OFF "trace_off",
    TRACE_ON "trace_on",
}

/// Adds a statement to run in a database. `purpose` is what it is for, in words for messages: `turn the broker on`.
pub(super) fn run(
    writes: &mut Writes,
    database: &str,
    purpose: impl Into<String>,
    template: Template,
    parts: &[(&str, SqlPart)],
) {
    run_with(writes, database, purpose, template, parts, None);
}

/// The same with a question whose answer takes the place of [`SqlPart::Found`].
pub(super) fn run_with(
    writes: &mut Writes,
    database: &str,
    purpose: impl Into<String>,
    template: Template,
    parts: &[(&str, SqlPart)],
    find: Option<SqlFind>,
) {
    let write = Write::Sql {
        instance: String::new(),
        database: database.to_owned(),
        purpose: purpose.into(),
        text: text(statement(template.text, parts)),
        arguments: std::collections::BTreeMap::new(),
        find,
    };
    writes.add(Phase::Sql, write);
}

/// A statement as a call takes it: one without secrets is plain text.
fn text(statement: SecretText) -> Text {
    match statement.pieces.as_slice() {
        [TextPiece::Plain(text)] => Text::Plain(text.clone()),
        _ => Text::Composed(statement),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_file_is_listed_and_every_listed_text_is_one_batch() {
        let files = |folder: &str| -> BTreeSet<String> {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/resource/sql").join(folder);
            let names = std::fs::read_dir(folder).unwrap();
            names.map(|it| it.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(files("read"), QUERIES.iter().map(|it| it.name.to_owned()).collect());
        assert_eq!(files("write"), TEMPLATES.iter().map(|it| it.name.to_owned()).collect());
        let texts = QUERIES.iter().map(|it| it.text).chain(TEMPLATES.iter().map(|it| it.text));
        for text in texts {
            assert!(text.lines().all(|line| !line.trim().eq_ignore_ascii_case("go")), "{text}");
            assert!(text.is_ascii(), "{text}");
        }
    }

    #[test]
    fn questions_change_nothing() {
        const CHANGES: &[&str] = &[
            "INSERT",
            "UPDATE",
            "DELETE",
            "MERGE",
            "CREATE",
            "ALTER",
            "DROP",
            "GRANT",
            "REVOKE",
            "DENY",
            "INTO",
            "BACKUP",
            "RESTORE",
            "TRACEON",
            "TRACEOFF",
            "SET",
            "OPEN",
            "TRUNCATE",
            "KILL",
            "SHUTDOWN",
            "RECONFIGURE",
        ];
        for query in QUERIES {
            let code = query.text.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>();
            let code = code.join(" ").to_ascii_uppercase();
            let words: BTreeSet<&str> = code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
            let wrong: Vec<&&str> = CHANGES.iter().filter(|word| words.contains(**word)).collect();
            assert!(wrong.is_empty(), "{}: {wrong:?}", query.name);
        }
    }
}
