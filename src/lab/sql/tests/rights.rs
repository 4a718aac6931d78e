use super::*;

#[test]
fn the_backplanes_rights_are_granted_and_seen() {
    let mut bench = Bench::new();
    bench.host.declare_account(r"CORP\svc-chat", "x").unwrap();
    bench.instance.change(|state| state.directory.learn = false).unwrap();
    bench.run("CREATE DATABASE Chat");
    let grants = r"USE Chat;
        CREATE USER [CORP\svc-chat] FOR LOGIN [CORP\svc-chat];
        CREATE SCHEMA SignalR AUTHORIZATION [CORP\svc-chat];
        ALTER USER [CORP\svc-chat] WITH DEFAULT_SCHEMA = SignalR;
        CREATE ROLE backplane; ALTER ROLE backplane ADD MEMBER [CORP\svc-chat];
        GRANT SELECT, INSERT ON SCHEMA::SignalR TO backplane;
        GRANT SUBSCRIBE QUERY NOTIFICATIONS, CREATE PROCEDURE, CREATE QUEUE, CREATE SERVICE TO backplane;
        GRANT REFERENCES ON CONTRACT::[http://schemas.microsoft.com/SQL/Notifications/PostQueryNotification] TO backplane;
        GRANT RECEIVE ON QueryNotificationErrorsQueue TO backplane";
    assert_eq!(bench.errors(r"CREATE LOGIN [CORP\svc-chat] FROM WINDOWS"), [0_i32; 0]);
    assert_eq!(bench.errors(r"CREATE LOGIN [corp\SVC-chat] FROM WINDOWS"), [15025]);
    assert_eq!(bench.errors(r"CREATE LOGIN [svc@corp] FROM WINDOWS"), [15407]);
    assert_eq!(bench.errors(grants), [0_i32; 0]);
    assert_eq!(bench.errors(r"CREATE USER [CORP\svc-chat]"), [15023]);
    assert_eq!(bench.errors(r"CREATE USER other FOR LOGIN [CORP\svc-chat]"), [15063]);
    assert_eq!(bench.errors("GRANT SELECT ON nothing TO backplane"), [15151]);
    assert_eq!(bench.errors("GRANT SELECT ON CONTRACT::[DEFAULT] TO backplane"), [4606]);
    assert_eq!(bench.errors("GRANT CREATE TABLE TO dbo"), [4617]);
    let rows = bench.rows(
        "SELECT permission_name, class_desc FROM sys.database_permissions WHERE USER_NAME(grantee_principal_id) = 'backplane' ORDER BY class, permission_name",
    );
    assert_eq!(
        rows,
        [
            "CREATE PROCEDURE|DATABASE",
            "CREATE QUEUE|DATABASE",
            "CREATE SERVICE|DATABASE",
            "SUBSCRIBE QUERY NOTIFICATIONS|DATABASE",
            "RECEIVE|OBJECT_OR_COLUMN",
            "INSERT|SCHEMA",
            "SELECT|SCHEMA",
            "REFERENCES|SERVICE_CONTRACT"
        ]
    );
    let effect = r"USE Chat; EXECUTE AS LOGIN = 'CORP\svc-chat';
        SELECT HAS_PERMS_BY_NAME('SignalR', 'SCHEMA', 'INSERT'), HAS_PERMS_BY_NAME('Chat', 'DATABASE', 'CREATE TABLE'), USER_NAME(); REVERT";
    assert_eq!(bench.rows(effect), [r"1|0|CORP\svc-chat"]);
}

#[test]
fn an_unknown_account_has_no_login() {
    let folder = tempfile::tempdir().unwrap();
    let spec = HostSpec { learn_accounts: false, ..HostSpec::new("sql01", "2019") };
    let host = LabHost::create(folder.path().join("sql01"), spec).unwrap();
    let instance = Instance::create(host.folder(), &SqlSpec::default()).unwrap();
    let mut session = instance.log_in_windows(r"CORP\ops", &client()).unwrap();
    let replies = instance.execute(&mut session, Kind::Host, r"CREATE LOGIN [CORP\nobody] FROM WINDOWS", &[]);
    assert_eq!(first_error(&replies).map(|error| error.number), Some(15401));
}

#[test]
fn who_has_no_rights_is_refused() {
    let mut bench = Bench::new();
    bench.run("CREATE DATABASE Chat");
    bench.instance.declare_login("low", "Secret-0-low", false).unwrap();
    bench.session = bench.instance.log_in("low", "Secret-0-low", &client()).unwrap();
    for (text, expected) in [
        ("CREATE DATABASE x", &[262][..]),
        ("ALTER DATABASE Chat SET ENABLE_BROKER", &[5011, 5069]),
        ("USE Chat", &[916]),
        ("SELECT * FROM sys.dm_server_registry", &[300, 297]),
        ("DBCC TRACEON(4133, -1)", &[2571]),
        ("CREATE LOGIN x WITH PASSWORD = 'Secret-1-x'", &[15247]),
        ("DROP LOGIN ops", &[15151]),
        ("SELECT name FROM sys.databases", &[]),
    ] {
        assert_eq!(bench.errors(text), expected, "{text}");
    }
    assert_eq!(bench.rows("SELECT login_name FROM sys.dm_exec_sessions"), ["low"]);
}
