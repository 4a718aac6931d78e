//! The syntax tree: statements that administer.

use super::tree_query::{Expression, ObjectName};

/// A statement that administers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admin {
    /// `DBCC TRACEON`, `TRACEOFF`, `TRACESTATUS`.
    Trace {
        /// What it does.
        verb: TraceVerb,
        /// The flags; -1 is in `global`.
        flags: Vec<i64>,
        /// Whether -1 was among them.
        global: bool,
        /// `WITH NO_INFOMSGS`.
        quiet: bool,
    },
    /// `CREATE DATABASE`.
    CreateDatabase {
        /// Its name.
        name: String,
        /// Its collation.
        collation: Option<String>,
    },
    /// `DROP DATABASE`.
    DropDatabase {
        /// Their names.
        names: Vec<String>,
        /// `IF EXISTS`.
        if_exists: bool,
    },
    /// `ALTER DATABASE`.
    AlterDatabase {
        /// Its name; `None` for CURRENT.
        name: Option<String>,
        /// What is set.
        changes: Vec<DatabaseChange>,
        /// How other sessions are dealt with.
        termination: Termination,
    },
    /// `ALTER AUTHORIZATION ON DATABASE::x TO p`.
    AlterAuthorization {
        /// What kind of thing: `DATABASE` or `SCHEMA`.
        class: String,
        /// Its name.
        name: String,
        /// The new owner.
        to: String,
    },
    /// `CREATE MASTER KEY ENCRYPTION BY PASSWORD = '…'`.
    CreateMasterKey(Option<String>),
    /// `DROP MASTER KEY`.
    DropMasterKey,
    /// `ALTER MASTER KEY …`.
    AlterMasterKey(KeyChange),
    /// `OPEN MASTER KEY DECRYPTION BY PASSWORD = '…'`.
    OpenMasterKey(String),
    /// `CLOSE MASTER KEY`.
    CloseMasterKey,
    /// `BACKUP MASTER KEY`, or the service master key.
    BackupKey {
        /// Whether it is the service master key.
        service: bool,
        /// To which file.
        file: String,
        /// The password of the file.
        password: String,
    },
    /// `RESTORE MASTER KEY`.
    RestoreMasterKey {
        /// From which file.
        file: String,
        /// The password of the file.
        decryption: String,
        /// The password of the key.
        encryption: String,
        /// `FORCE`.
        force: bool,
    },
    /// `BACKUP DATABASE`.
    BackupDatabase {
        /// Its name.
        name: String,
        /// To which file.
        file: Expression,
        /// The words after WITH.
        options: Vec<String>,
    },
    /// `RESTORE DATABASE`.
    RestoreDatabase {
        /// Its name.
        name: String,
        /// From which file.
        file: Expression,
        /// The words after WITH.
        options: Vec<String>,
        /// `MOVE … TO …`.
        moves: Vec<(String, String)>,
    },
    /// `CREATE LOGIN`.
    CreateLogin {
        /// Its name.
        name: String,
        /// Its password; `None` for a Windows login.
        password: Option<String>,
        /// Other options, by name.
        options: Vec<(String, String)>,
    },
    /// `ALTER LOGIN`.
    AlterLogin {
        /// Its name.
        name: String,
        /// `ENABLE` or `DISABLE`.
        enabled: Option<bool>,
        /// Options, by name.
        options: Vec<(String, String)>,
    },
    /// `DROP LOGIN`.
    DropLogin(String),
    /// `CREATE USER`.
    CreateUser {
        /// Its name.
        name: String,
        /// For which login; the one of the same name where none is given.
        login: Option<String>,
        /// `WITHOUT LOGIN`.
        without_login: bool,
        /// `DEFAULT_SCHEMA`.
        default_schema: Option<String>,
    },
    /// `ALTER USER`.
    AlterUser {
        /// Its name.
        name: String,
        /// Options, by name: `LOGIN`, `DEFAULT_SCHEMA`, `NAME`.
        options: Vec<(String, String)>,
    },
    /// `DROP USER`.
    DropUser {
        /// Its name.
        name: String,
        /// `IF EXISTS`.
        if_exists: bool,
    },
    /// `CREATE ROLE`.
    CreateRole {
        /// Its name.
        name: String,
        /// `AUTHORIZATION`.
        owner: Option<String>,
    },
    /// `ALTER ROLE`, or `ALTER SERVER ROLE`.
    AlterRole {
        /// Whether it is a role of the server.
        server: bool,
        /// Its name.
        name: String,
        /// What becomes of whom.
        change: RoleChange,
    },
    /// `DROP ROLE`.
    DropRole {
        /// Its name.
        name: String,
        /// `IF EXISTS`.
        if_exists: bool,
    },
    /// `CREATE SCHEMA`.
    CreateSchema {
        /// Its name.
        name: String,
        /// `AUTHORIZATION`.
        owner: Option<String>,
    },
    /// `DROP SCHEMA`.
    DropSchema {
        /// Its name.
        name: String,
        /// `IF EXISTS`.
        if_exists: bool,
    },
    /// `GRANT`, `DENY`, `REVOKE`.
    Permission {
        /// Which.
        verb: PermissionVerb,
        /// Permissions, in upper case.
        permissions: Vec<String>,
        /// On what; `None` for the database, or the server.
        on: Option<Securable>,
        /// To whom.
        principals: Vec<String>,
        /// `WITH GRANT OPTION`.
        with_grant: bool,
    },
}

/// What DBCC does with trace flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceVerb {
    /// `TRACEON`.
    On,
    /// `TRACEOFF`.
    Off,
    /// `TRACESTATUS`.
    Status,
}

/// What ALTER DATABASE sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseChange {
    /// `RECOVERY`, as sys.databases names it.
    Recovery(String),
    /// `AUTO_CLOSE`.
    AutoClose(bool),
    /// `READ_COMMITTED_SNAPSHOT`.
    ReadCommittedSnapshot(bool),
    /// `ALLOW_SNAPSHOT_ISOLATION`.
    SnapshotIsolation(bool),
    /// `READ_ONLY`, or `READ_WRITE`.
    ReadOnly(bool),
    /// `SINGLE_USER`, `RESTRICTED_USER`, `MULTI_USER`.
    UserAccess(String),
    /// `TRUSTWORTHY`.
    Trustworthy(bool),
    /// `ENABLE_BROKER`.
    EnableBroker,
    /// `DISABLE_BROKER`.
    DisableBroker,
    /// `NEW_BROKER`.
    NewBroker,
    /// `COMPATIBILITY_LEVEL`.
    CompatibilityLevel(i64),
    /// `COLLATE`.
    Collation(String),
}

/// How ALTER DATABASE deals with other sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Termination {
    /// It waits for them.
    Wait,
    /// `NO_WAIT`.
    NoWait,
    /// `ROLLBACK IMMEDIATE`, or after some seconds.
    Rollback,
}

/// What ALTER MASTER KEY does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyChange {
    /// `ADD ENCRYPTION BY SERVICE MASTER KEY`.
    AddService,
    /// `DROP ENCRYPTION BY SERVICE MASTER KEY`.
    DropService,
    /// `ADD ENCRYPTION BY PASSWORD`.
    AddPassword(String),
    /// `DROP ENCRYPTION BY PASSWORD`.
    DropPassword(String),
    /// `REGENERATE WITH ENCRYPTION BY PASSWORD`.
    Regenerate(String),
}

/// What becomes of a role's member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleChange {
    /// `ADD MEMBER`.
    Add(String),
    /// `DROP MEMBER`.
    Drop(String),
    /// `WITH NAME =`.
    Rename(String),
}

/// Which way a permission goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermissionVerb {
    /// `GRANT`.
    Grant,
    /// `DENY`.
    Deny,
    /// `REVOKE`.
    Revoke,
}

/// What a permission is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Securable {
    /// Its class in upper case: `OBJECT` where none was given.
    pub class: String,
    /// Its name.
    pub name: ObjectName,
}
