use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::*;
use crate::lab::{Fault, HostSpec};

fn host(folder: &Path) -> Arc<LabHost> {
    Arc::new(LabHost::create(folder, HostSpec { iis: true, ..HostSpec::new("web01", "2019") }).unwrap())
}

fn ask(door: &Door, key: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(door.address()).unwrap();
    stream.write_all(format!("{key}\n{request}\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_door_answers_who_has_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path());
    let door = Door::open().unwrap();
    let key = door.admit(Arc::clone(&host));
    let check = |request: &str, expected: &str| {
        let answer = ask(&door, &key, request);
        assert!(answer.contains(expected), "{request}: {answer}");
    };
    check(r#"{"do":"expand","path":"%windir%\\x"}"#, "<o><v k=\"done\">C:\\Windows\\x</v></o>");
    check(r#"{"do":"exists","path":"C:\\Windows\\System32\\inetsrv\\Microsoft.Web.Administration.dll"}"#, ">true<");
    check(r#"{"do":"exists","path":"C:\\Windows\\System32\\inetsrv\\config\\redirection.config"}"#, ">false<");
    check(r#"{"do":"locate","path":"C:\\..\\x"}"#, "<o k=\"refused\"><v k=\"code\">invalid</v>");
    check(r#"{"do":"account","path":"S-1-5-18"}"#, "NT AUTHORITY\\SYSTEM");
    check(r#"{"do":"account","path":"WEB01\\nobody"}"#, "<o k=\"absent\"></o>");
    check(r#"{"do":"running"}"#, "<o k=\"DefaultAppPool\"><v k=\"state\">started</v>");
    check(r#"{"do":"section","at":{"section":"system.applicationHost/none"}}"#, "0x80070032");
    check("{\"do\":\"dance\",\"password\":\"hunter2\"}", "what the lab does not know");
    assert!(!ask(&door, &key, "{\"do\":\"tell\",\"write\":\"hunter2\"}").contains("hunter2"));
    assert_eq!(ask(&door, &"0".repeat(64), r#"{"do":"running"}"#), "");
    assert_eq!(ask(&door, "", r#"{"do":"running"}"#), "");
    host.break_(Fault::SharedConfiguration).unwrap();
    check(r#"{"do":"exists","path":"C:\\Windows\\System32\\inetsrv\\config\\redirection.config"}"#, ">true<");
    check(r#"{"do":"xml","path":"C:\\Windows\\System32\\inetsrv\\config\\redirection.config"}"#, "enabled=&quot;true");
}

#[test]
fn a_shut_door_stays_shut() {
    let door = Door::open().unwrap();
    let address = door.address();
    drop(door);
    for _ in 0..100 {
        if TcpStream::connect(address).is_err() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("{address} still listens");
}

#[test]
fn without_a_program_there_is_no_engine() {
    let folder = tempfile::tempdir().unwrap();
    let none = Pwsh::on(&folder.path().as_os_str().to_owned());
    assert_eq!(none.err().unwrap().to_string(), "no PowerShell 7 (`pwsh`) is on PATH");
}

/// A program by the name of `pwsh` is started as PowerShell would have to be.
#[cfg(unix)]
#[tokio::test]
async fn the_program_gets_the_stand_ins_then_the_bootstrap() {
    use std::os::unix::fs::PermissionsExt as _;

    let (folder, bin) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let program = bin.path().join("pwsh");
    fs::write(
        &program,
        "#!/bin/sh\necho \"$5\" | base64 -d | tr -d '\\0'\necho \"$1 $2 $3 $4 $windir $COMPUTERNAME\"\n",
    )
    .unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let pwsh = Pwsh::on(&bin.path().as_os_str().to_owned()).unwrap();
    let powershell = pwsh.powershell(&host(folder.path()));
    let output = (powershell.0)("foreach ($line in $input) {\n$line\n}").output().await.unwrap();
    let standins = pwsh.folder.path().join("standins.ps1");
    let expected = format!(
        ". '{}'\nforeach ($line in $input) {{\n$line\n}}\n-NoLogo -NoProfile -NonInteractive -EncodedCommand C:\\Windows WEB01\n",
        standins.display()
    );
    assert_eq!(String::from_utf8(output.stdout).unwrap().replace("}-", "}\n-"), expected);
    assert_eq!(fs::read_dir(pwsh.folder.path()).unwrap().count(), STANDINS.len());
}
