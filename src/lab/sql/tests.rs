mod rights;

use std::fs;

use super::*;
use crate::lab::faults::Fault;
use crate::lab::{HostSpec, LabHost};

/// An instance on a host of its own, with a session of a sysadmin.
struct Bench {
    _folder: tempfile::TempDir,
    host: LabHost,
    instance: Instance,
    session: Session,
}

fn client() -> Client {
    Client { host: "here".to_owned(), program: "test".to_owned(), database: String::new() }
}

impl Bench {
    fn new() -> Bench {
        Bench::of(&SqlSpec::default())
    }

    fn of(spec: &SqlSpec) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let host = LabHost::create(folder.path().join("sql01"), HostSpec::new("sql01", "2019")).unwrap();
        fs::create_dir_all(host.folder().path("E/keys")).unwrap();
        let instance = Instance::create(host.folder(), spec).unwrap();
        instance.declare_login("ops", "Secret-0-ops", true).unwrap();
        let session = instance.log_in("ops", "Secret-0-ops", &client()).unwrap();
        Bench { _folder: folder, host, instance, session }
    }

    fn run(&mut self, text: &str) -> Vec<Reply> {
        self.instance.execute(&mut self.session, Kind::Batch, text, &[])
    }

    /// The numbers of the errors.
    fn errors(&mut self, text: &str) -> Vec<i32> {
        let replies = self.run(text);
        let number = |reply: &Reply| match reply {
            Reply::Error(error) => Some(error.number),
            _ => None,
        };
        replies.iter().filter_map(number).collect()
    }

    /// The rows of the last result set, as text.
    fn rows(&mut self, text: &str) -> Vec<String> {
        let replies = self.run(text);
        assert_eq!(first_error(&replies), None, "{text}");
        let last = replies.into_iter().rev().find_map(|reply| match reply {
            Reply::Rows(rows) => Some(rows),
            _ => None,
        });
        let show = |value: Value| value.to_text().unwrap_or_else(|| "NULL".to_owned());
        let row = |row: Vec<Value>| row.into_iter().map(show).collect::<Vec<_>>().join("|");
        last.map(|rows| rows.rows.into_iter().map(row).collect()).unwrap_or_default()
    }
}

#[test]
fn a_fresh_instance_has_its_own_databases() {
    let mut bench = Bench::new();
    let rows = bench.rows("select [name], database_id as n, is_broker_enabled from sys.databases order by n");
    assert_eq!(rows, ["master|1|0", "tempdb|2|1", "model|3|0", "msdb|4|1"]);
    let rows =
        bench.rows("SELECT SERVERPROPERTY('EngineEdition'), SERVERPROPERTY('ProductMajorVersion'), @@SERVERNAME");
    assert_eq!(rows, ["2|15|SQL01"]);
}

#[test]
fn names_that_are_not_there_are_told_by_number() {
    let mut bench = Bench::new();
    for (text, expected) in [
        ("USE Nowhere; SELECT 1", &[911][..]),
        ("SELECT nothing FROM sys.databases", &[207]),
        ("SELECT name FROM sys.nothing", &[208]),
        ("SELECT name FROM databases", &[208]),
        ("SELECT @x", &[137]),
        ("SELECT NOTHING(1)", &[195]),
        ("EXEC nothing", &[2812]),
        ("SELEC 1", &[102]),
        ("ALTER DATABASE Nowhere SET ENABLE_BROKER", &[5011, 5069]),
        ("DROP DATABASE Nowhere", &[3701]),
        ("CREATE DATABASE master", &[1801]),
        ("ROLLBACK", &[3903]),
        ("BEGIN TRAN; CREATE DATABASE x; ROLLBACK", &[226]),
        ("SELECT 1/0", &[8134]),
        ("THROW 51000, 'x', 1", &[51000]),
        ("RAISERROR('x %s', 16, 1, 'y')", &[50000]),
        ("USE master; SELECT x; SELECT y", &[207]),
    ] {
        assert_eq!(bench.errors(text), expected, "{text}");
    }
}

#[test]
fn a_query_is_filtered_sorted_and_counted() {
    let mut bench = Bench::new();
    for (text, expected) in [
        ("SELECT TOP (2) name FROM sys.databases WHERE name LIKE 'm%' ORDER BY name DESC", &["msdb", "model"][..]),
        ("SELECT COUNT(*) AS n FROM sys.databases WHERE database_id IN (1, 2) OR name = N'MSDB'", &["3"]),
        (
            "SELECT x = name FROM master.sys.databases d WHERE NOT (d.database_id > 1) AND owner_sid IS NOT NULL",
            &["master"],
        ),
        ("IF EXISTS (SELECT 1 FROM sys.databases WHERE name = 'x') SELECT 1 ELSE SELECT 2 AS two", &["2"]),
        ("DECLARE @n int = 2, @t nvarchar(20); SET @t = N'it''s'; SELECT @t + CONVERT(nvarchar(5), @n)", &["it's2"]),
        (
            "SELECT CONVERT(varchar(10), 0x0102, 1), ISNULL(NULL, 'a'), CASE WHEN 1 = 2 THEN 'a' ELSE 'b' END",
            &["0x0102|a|b"],
        ),
        ("EXEC sp_executesql N'SELECT @a + 1', N'@a int', @a = 4", &["5"]),
        ("EXEC ('SELECT 1 + 1')", &["2"]),
        ("SELECT DB_NAME(), SUSER_SNAME(), USER_NAME(), IS_SRVROLEMEMBER('sysadmin')", &["master|ops|dbo|1"]),
        (
            "SELECT name FROM sys.databases a WHERE EXISTS (SELECT 1 FROM sys.databases b WHERE b.name = a.name AND b.database_id = 2)",
            &["tempdb"],
        ),
        (
            "SELECT value_name, value_data FROM sys.dm_server_registry WHERE value_name LIKE N'SQLArg%' AND value_data LIKE '-l%'",
            &[r"SQLArg2|-lC:\Program Files\Microsoft SQL Server\MSSQL15.MSSQLSERVER\MSSQL\DATA\mastlog.ldf"],
        ),
    ] {
        assert_eq!(bench.rows(text), expected, "{text}");
    }
}

#[test]
fn the_broker_is_switched_on_alone() {
    let mut bench = Bench::new();
    bench.run("CREATE DATABASE Chat; ALTER DATABASE Chat SET DISABLE_BROKER");
    let other = Client { database: "Chat".to_owned(), ..client() };
    let other = bench.instance.log_in("ops", "Secret-0-ops", &other).unwrap();
    assert_eq!(bench.errors("SET LOCK_TIMEOUT 30; ALTER DATABASE Chat SET ENABLE_BROKER"), [1222, 5069]);
    assert_eq!(bench.errors("ALTER DATABASE Chat SET ENABLE_BROKER WITH NO_WAIT"), [5070, 5069]);
    assert_eq!(bench.rows("SELECT is_broker_enabled FROM sys.databases WHERE name = 'Chat'"), ["0"]);
    assert_eq!(bench.errors("ALTER DATABASE Chat SET ENABLE_BROKER WITH ROLLBACK AFTER 15 SECONDS"), [0_i32; 0]);
    assert!(other.signs().is_killed());
    assert_eq!(bench.rows("SELECT is_broker_enabled FROM sys.databases WHERE name = 'Chat'"), ["1"]);
    // A copy has the same identifier, and its broker is off.
    bench.run(r"BACKUP DATABASE Chat TO DISK = N'E:\keys\chat.bak' WITH COPY_ONLY, INIT");
    let restore = r"RESTORE DATABASE Copy FROM DISK = 'E:\keys\chat.bak' WITH MOVE 'Chat' TO 'E:\keys\copy.mdf', MOVE 'Chat_log' TO 'E:\keys\copy.ldf'";
    assert_eq!(bench.errors(restore), [0_i32; 0]);
    assert_eq!(bench.errors("ALTER DATABASE Copy SET ENABLE_BROKER"), [9772, 5069]);
    assert_eq!(bench.errors("ALTER DATABASE Copy SET NEW_BROKER"), [0_i32; 0]);
}

#[test]
fn a_group_refuses_the_broker_and_a_secondary_refuses_all() {
    let mut bench = Bench::new();
    bench.run("CREATE DATABASE Chat");
    let replica = |server: &str, primary: bool| Replica {
        server: server.to_owned(),
        replica_id: "11111111-1111-1111-1111-111111111111".to_owned(),
        primary,
        secondary_connections: "ALL".to_owned(),
    };
    let group = Group {
        name: "AG".to_owned(),
        group_id: "22222222-2222-2222-2222-222222222222".to_owned(),
        replicas: vec![replica("SQL01", true), replica("SQL02", false)],
    };
    let join = |state: &mut State| {
        state.content.server.groups.push(group);
        state.database_mut("Chat").unwrap().group = Some("AG".to_owned());
    };
    bench.instance.change(join).unwrap();
    assert_eq!(bench.errors("ALTER DATABASE Chat SET DISABLE_BROKER"), [1468, 5069]);
    bench.host.break_(Fault::SqlFailover).unwrap();
    assert_eq!(bench.run("CREATE DATABASE Other"), [Reply::Dropped]);
    let roles = "SELECT role_desc FROM sys.dm_hadr_availability_replica_states WHERE is_local = 1";
    assert_eq!(bench.rows(roles), ["SECONDARY"]);
    assert_eq!(bench.errors("USE Chat; CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Secret-1-key'"), [3906]);
    bench
        .instance
        .change(|state| state.content.server.groups[0].replicas[0].secondary_connections = "NO".to_owned())
        .unwrap();
    assert_eq!(bench.errors("USE Chat"), [976]);
}

#[test]
fn a_master_key_lives_its_life() {
    let mut bench = Bench::new();
    bench.run("CREATE DATABASE Chat");
    let flag = "SELECT is_master_key_encrypted_by_server FROM sys.databases WHERE name = 'Chat'";
    for (text, expected) in [
        ("USE Chat; CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'weak'", &[15116][..]),
        ("USE Chat; CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'weakweakweak'", &[15118]),
        (r"USE Chat; BACKUP MASTER KEY TO FILE = 'E:\keys\a.key' ENCRYPTION BY PASSWORD = 'Secret-2-file'", &[15581]),
        ("USE Chat; CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Secret-1-key'", &[]),
        ("USE Chat; CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Secret-1-key'", &[15578]),
        ("USE Chat; ALTER MASTER KEY ADD ENCRYPTION BY SERVICE MASTER KEY", &[15579]),
        ("USE Chat; ALTER MASTER KEY DROP ENCRYPTION BY SERVICE MASTER KEY", &[]),
        ("USE Chat; ALTER MASTER KEY ADD ENCRYPTION BY SERVICE MASTER KEY", &[15581]),
        ("USE Chat; OPEN MASTER KEY DECRYPTION BY PASSWORD = 'Secret-9-key'", &[15313]),
        (
            "USE Chat; OPEN MASTER KEY DECRYPTION BY PASSWORD = 'Secret-1-key'; ALTER MASTER KEY ADD ENCRYPTION BY SERVICE MASTER KEY; CLOSE MASTER KEY",
            &[],
        ),
        (
            r"USE Chat; BACKUP MASTER KEY TO FILE = 'E:\nowhere\a.key' ENCRYPTION BY PASSWORD = 'Secret-2-file'",
            &[15240],
        ),
        (r"USE Chat; BACKUP MASTER KEY TO FILE = 'E:\keys\a.key' ENCRYPTION BY PASSWORD = 'Secret-2-file'", &[]),
        (r"USE Chat; BACKUP MASTER KEY TO FILE = 'E:\keys\a.key' ENCRYPTION BY PASSWORD = 'Secret-2-file'", &[15240]),
        (
            r"USE Chat; RESTORE MASTER KEY FROM FILE = 'E:\keys\a.key' DECRYPTION BY PASSWORD = 'x' ENCRYPTION BY PASSWORD = 'Secret-3-key'",
            &[15465],
        ),
        // Elsewhere than it was meant for, nothing is restored.
        (
            r"USE Chat; IF DB_NAME() = 'Chat' RESTORE MASTER KEY FROM FILE = 'E:\keys\a.key' DECRYPTION BY PASSWORD = 'x' ENCRYPTION BY PASSWORD = 'Secret-3-key'",
            &[15465],
        ),
        (
            r"USE Chat; IF DB_NAME() = 'scratch' RESTORE MASTER KEY FROM FILE = 'E:\keys\a.key' DECRYPTION BY PASSWORD = 'x' ENCRYPTION BY PASSWORD = 'Secret-3-key'",
            &[],
        ),
        (r"BACKUP SERVICE MASTER KEY TO FILE = 'E:\keys\smk.key' ENCRYPTION BY PASSWORD = 'Secret-2-file'", &[]),
    ] {
        assert_eq!(bench.errors(text), expected, "{text}");
    }
    assert_eq!(bench.rows(flag), ["1"]);
    let same = bench.run(r"RESTORE MASTER KEY FROM FILE = 'E:\keys\a.key' DECRYPTION BY PASSWORD = 'Secret-2-file' ENCRYPTION BY PASSWORD = 'Secret-3-key'");
    assert!(same.iter().any(|reply| matches!(reply, Reply::Message(message) if message.number == 15588)), "{same:?}");
    let sizes = r"SELECT file_or_directory_name, is_directory FROM sys.dm_os_enumerate_filesystem('E:\keys', '*.key') WHERE size_in_bytes > 0";
    assert_eq!(bench.rows(sizes), ["a.key|0", "smk.key|0"]);
    // The password is nowhere in the instance's files, nor in its log.
    for file in ["sql/instance.json", "sql/databases/Chat.json", "sql/statements.log", "E/keys/a.key"] {
        let text = String::from_utf8(bench.host.folder().read(file).unwrap().unwrap()).unwrap();
        assert!(!text.contains("Secret-"), "{file}");
    }
    assert_eq!(bench.instance.heard("Secret-1-key").len(), 3);
    // The instance of another host does not open it.
    bench.instance.change(|state| state.content.server.service_key.key_guid = "other".to_owned()).unwrap();
    assert_eq!(bench.rows(flag), ["0"]);
}

#[test]
fn trace_flags_have_two_states() {
    let mut bench = Bench::new();
    let status = "DBCC TRACESTATUS(4133, -1) WITH NO_INFOMSGS";
    assert_eq!(bench.rows(status), ["4133|0|0|0"]);
    bench.run("DBCC TRACEON(4133, -1) WITH NO_INFOMSGS");
    assert_eq!(bench.rows(status), ["4133|1|1|0"]);
    bench.instance.restart().unwrap();
    bench.session = bench.instance.log_in("ops", "Secret-0-ops", &client()).unwrap();
    assert_eq!(bench.rows(status), ["4133|0|0|0"]);
    bench.instance.change(|state| state.content.server.startup_arguments.push("-T4133".to_owned())).unwrap();
    bench.instance.restart().unwrap();
    bench.session = bench.instance.log_in("ops", "Secret-0-ops", &client()).unwrap();
    assert_eq!(bench.rows(status), ["4133|1|1|0"]);
}

#[test]
fn a_log_in_is_refused_and_its_reason_logged() {
    let bench = Bench::new();
    let refused = |user: &str, password: &str, database: &str| {
        let client = Client { database: database.to_owned(), ..client() };
        bench.instance.log_in(user, password, &client).err().map(|error| (error.number, error.state))
    };
    assert_eq!(refused("nobody", "x", ""), Some((18456, 1)));
    assert_eq!(refused("OPS", "wrong", ""), Some((18456, 1)));
    assert_eq!(refused("ops", "Secret-0-ops", "Nowhere"), Some((4060, 1)));
    assert_eq!(refused("OPS", "Secret-0-ops", "tempdb"), None);
    let log = bench.instance.log().unwrap();
    let states: Vec<Option<i32>> = log.iter().map(|logged| logged.errors.get(1).copied()).collect();
    assert_eq!(states, [None, Some(5), Some(8), Some(38), None]);
}

#[test]
fn a_transaction_is_undone_as_a_whole() {
    let mut bench = Bench::new();
    bench.run("CREATE DATABASE Chat");
    let roles = "USE Chat; SELECT name FROM sys.database_principals WHERE name LIKE 'r_'";
    bench.run("USE Chat; BEGIN TRAN; CREATE ROLE r1");
    assert_eq!(bench.rows("SELECT @@TRANCOUNT"), ["1"]);
    bench.run("ROLLBACK");
    assert_eq!(bench.rows(roles), Vec::<String>::new());
    assert_eq!(bench.errors("SET XACT_ABORT ON; BEGIN TRAN; CREATE ROLE r1; CREATE ROLE r1; COMMIT"), [15023]);
    assert_eq!(bench.rows(roles), Vec::<String>::new());
    bench.run("USE Chat; BEGIN TRAN; CREATE ROLE r2");
    bench.session = bench.instance.log_in("ops", "Secret-0-ops", &client()).unwrap();
    assert_eq!(bench.rows(roles), Vec::<String>::new());
    // What others did meanwhile is theirs.
    let mut other = bench.instance.log_in("ops", "Secret-0-ops", &client()).unwrap();
    bench.instance.execute(&mut other, Kind::Batch, "BEGIN TRAN; GRANT VIEW SERVER STATE TO ops", &[]);
    bench.run("USE Chat; BEGIN TRAN; CREATE ROLE r3; COMMIT");
    drop(other);
    assert_eq!(bench.rows(roles), ["r3"]);
}

#[test]
fn faults_show_where_they_are_said_to() {
    let mut bench = Bench::new();
    let there = "SELECT name FROM sys.databases WHERE name = 'x'";
    let make = "CREATE DATABASE x";
    for (fault, expected, done) in [
        (Fault::SqlDeadlock, 1205, false),
        (Fault::SqlLockTimeout, 1222, false),
        (Fault::SqlLogFull, 9002, false),
        (Fault::SqlDropBeforeCommit, 0, false),
        (Fault::SqlDropAfterCommit, 0, true),
    ] {
        bench.host.break_(fault).unwrap();
        let replies = bench.run(make);
        match expected {
            0 => assert_eq!(replies, [Reply::Dropped], "{fault}"),
            number => assert_eq!(first_error(&replies).map(|error| error.number), Some(number)),
        }
        assert_eq!(bench.rows(there).len(), usize::from(done), "{fault}");
        bench.host.mend(Some(fault)).unwrap();
    }
    bench.host.break_(Fault::SqlDropInResult).unwrap();
    let replies = bench.run("SELECT name FROM sys.databases");
    assert!(matches!(&replies[..], [Reply::Rows(rows), Reply::Dropped] if rows.rows.len() == 2), "{replies:?}");
    let counts = bench.instance.counts().unwrap();
    assert_eq!((counts.mutating, counts.done), (5, 1));
}

#[test]
fn azure_refuses_what_it_refuses() {
    let mut bench = Bench::of(&SqlSpec { edition: Edition::AzureSqlDatabase, ..SqlSpec::default() });
    bench.run("CREATE DATABASE Chat");
    assert_eq!(bench.rows("SELECT CONVERT(int, SERVERPROPERTY('EngineEdition'))"), ["5"]);
    assert_eq!(bench.errors("ALTER DATABASE Chat SET ENABLE_BROKER"), [40510, 5069]);
    assert_eq!(bench.errors("DBCC TRACEON(4133, -1)"), [40510]);
}

#[test]
fn an_old_version_has_no_new_functions() {
    let mut bench = Bench::of(&SqlSpec { version: "2012".to_owned(), ..SqlSpec::default() });
    assert_eq!(bench.errors(r"SELECT * FROM sys.dm_os_enumerate_filesystem('E:\', '*')"), [208]);
    assert_eq!(bench.rows(r"EXEC master.sys.xp_dirtree N'E:\', 1, 1"), ["keys|1|0"]);
    assert_eq!(bench.rows(r"EXEC master.sys.xp_fileexist 'E:\keys'"), ["0|1|1"]);
}
