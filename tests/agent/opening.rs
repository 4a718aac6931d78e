//! The scripts that `farmhand bootstrap` prints, held to what the Windows has that each is for.

use std::process::Command;

use farmhand::bootstrap::{Certificate, PublicKey, Request, Way, Windows, script};

use crate::names::{Allowed, check};
use crate::script::Script;
use crate::{lines, profiles, rules};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxvbmcgZW5vdWdoIGJ1dCBubyByZWFsIGtleSBhdCBh me@here";

/// Members that no profile can tell of: listeners are XML, classes of CIM have properties of their own.
const MEMBERS: &[&str] = &[
    // learn.microsoft.com: winrm/config/listener
    "certificatethumbprint",
    "transport",
    // learn.microsoft.com: Win32_Service, Win32_ComputerSystem
    "startmode",
    "partofdomain",
    // about_Certificate_Provider: what the provider adds to a certificate
    "dnsnamelist",
    "enhancedkeyusagelist",
];

/// Everything that can be asked for, for one version of Windows.
fn scripts(windows: Windows) -> Vec<(String, String)> {
    let certificates = [
        Certificate::SelfSigned(vec!["web01.example".to_owned()]),
        Certificate::Thumbprint("AB".repeat(20)),
        Certificate::Named("web01.example".to_owned()),
    ];
    let winrm = certificates.into_iter().flat_map(|certificate| {
        [false, true].map(|local_administrators| Way::WinRm {
            certificate: certificate.clone(),
            port: Some(15986),
            local_administrators,
        })
    });
    let ways = winrm.chain([Way::Ssh { key: PublicKey::read(KEY).unwrap() }]);
    let from = vec!["10.0.0.0/24".to_owned(), "10.1.0.7".to_owned()];
    ways.map(|way| {
        let what = format!("{way:?} for {windows}");
        (what, script(&Request { windows, way, from: from.clone() }).unwrap())
    })
    .collect()
}

/// The first profile that is of a Windows or, where there is none, of the one before it.
fn profile_of(windows: Windows) -> usize {
    match windows {
        Windows::V2012 => 0,
        Windows::V2012R2 => 1,
        Windows::V2016 => 2,
        Windows::V2019 | Windows::V2022 | Windows::V2025 => 3,
    }
}

#[test]
fn every_name_of_a_bootstrap_script_is_known_to_its_windows() {
    let Some(profiles) = profiles() else { return };
    let allowed = Allowed { members: MEMBERS.iter().map(|name| (*name).to_owned()).collect(), ..Allowed::default() };
    for windows in Windows::ALL {
        // What is printed for a Windows is run on those after it too.
        for profile in &profiles[profile_of(windows)..] {
            for (what, text) in scripts(windows) {
                let checked = check(&Script::parse(&text), profile, &allowed);
                assert!(checked.complaints.is_empty(), "{what}:\n{}\n{text}", lines(&checked.complaints));
            }
        }
        println!("bootstrap scripts for {windows}: {} checked", scripts(windows).len());
    }
}

#[test]
fn a_script_for_a_newer_windows_is_no_script_for_an_older_one() {
    let Some(profiles) = profiles() else { return };
    let members = MEMBERS.iter().map(|name| (*name).to_owned()).collect();
    let allowed = Allowed { members, ..Allowed::default() };
    let complaints = |windows: Windows, profile: usize| -> String {
        let found = scripts(windows).into_iter();
        found.map(|(_, text)| lines(&check(&Script::parse(&text), &profiles[profile], &allowed).complaints)).collect()
    };
    let found = complaints(Windows::V2019, 0);
    for expected in ["New-SelfSignedCertificate has no parameter KeyLength", "no command Add-WindowsCapability"] {
        assert!(found.contains(expected), "{expected}: {found}");
    }
}

#[test]
fn the_bootstrap_scripts_keep_the_rules() {
    for (what, text) in Windows::ALL.into_iter().flat_map(scripts) {
        let mut complaints = rules::check(&Script::parse(&text));
        // A key is as long as it is.
        let key = |line: usize| text.lines().nth(line - 1).is_some_and(|line| line.contains("ssh-ed25519 AAAA"));
        complaints.retain(|it| !(it.what.contains("120") && key(it.line)));
        assert!(complaints.is_empty(), "{what}:\n{}\n{text}", lines(&complaints));
        assert!(!text.contains("\n\n\n") && !text.contains("{%"), "{what}:\n{text}");
    }
}

/// PowerShell's own parser is asked where there is one.
#[test]
fn powershell_itself_can_parse_the_bootstrap_scripts() {
    let ask = |text: &str| {
        let program = "$problems = $null; $text = [Console]::In.ReadToEnd(); \
                       [void][Management.Automation.Language.Parser]::ParseInput($text, [ref]$null, [ref]$problems); \
                       $problems | ForEach-Object { $_.ToString() }; exit $problems.Count";
        let folder = std::env::temp_dir().join(format!("farmhand-parse-{}", std::process::id()));
        std::fs::write(&folder, text).unwrap();
        let input = std::fs::File::open(&folder).unwrap();
        let run = Command::new("pwsh").args(["-NoProfile", "-Command", program]).stdin(input).output();
        std::fs::remove_file(&folder).unwrap();
        run
    };
    for (what, text) in Windows::ALL.into_iter().flat_map(scripts) {
        match ask(&text) {
            Ok(run) => assert!(run.status.success(), "{what}: {}", String::from_utf8_lossy(&run.stdout)),
            Err(_) => {
                eprintln!("SKIPPED: there is no pwsh on PATH, so no PowerShell has parsed the bootstrap scripts");
                return;
            }
        }
    }
}
