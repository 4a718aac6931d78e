//! The agent's text, held to what every Windows Server from 2012 to 2019 has, and to rules of its own.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up has failed")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "figures, and what was skipped, are said aloud")]

mod names;
mod opening;
mod profile;
mod rules;
mod script;
mod standins;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use names::{Allowed, check};
use profile::Profile;
use script::{Complaint, Script};

const AGENT: &str = include_str!("../../src/agent/agent.ps1");
const WRITER: &str = include_str!("../../src/agent/agent-write.ps1");
const DOCTOR: &str = include_str!("../../src/agent/doctor.ps1");
const BOOTSTRAP: &str = include_str!("../../src/agent/bootstrap.ps1");

/// What hosts answer and are told, as Rust says it: the keys of the agent's data stand there.
const HOST_CALLS: &[&str] = &[
    include_str!("../../src/hostcall/answer.rs"),
    include_str!("../../src/hostcall/config.rs"),
    include_str!("../../src/hostcall/message.rs"),
    include_str!("../../src/hostcall/read.rs"),
    include_str!("../../src/hostcall/write.rs"),
    include_str!("../../src/doctor/told.rs"),
];

/// Profiles by the name of their file.
const WINDOWS: &[(&str, &str)] = &[
    ("Server 2012", "2012.json"),
    ("Server 2012 R2", "2012-r2.json"),
    ("Server 2016", "2016.json"),
    ("Server 2019", "2019.json"),
];

fn lines(complaints: &[Complaint]) -> String {
    complaints.iter().map(|it| format!("{}: {}\n", it.line, it.what)).collect()
}

fn allowed() -> Allowed {
    let words = HOST_CALLS.iter().flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    let mut allowed = Allowed { keys: words.map(snake_case).collect(), ..Allowed::default() };
    // The parts know each other's functions and keys: the writing part is run where the reading part was.
    for script in [AGENT, WRITER].map(Script::parse) {
        allowed.keys.extend(script.of_kind("key_expression").map(|key| script.of(key).trim().to_owned()));
        allowed.functions.extend(script.functions().into_iter().map(|(name, _)| name.to_lowercase()));
    }
    let list = include_str!("allowed.txt");
    assert!(list.lines().count() <= 40, "the allow-list has more than 40 lines");
    for line in list.lines() {
        let (names, source) = line.split_once(" # ").expect("each line names its source behind a #");
        assert!(source.len() > 10, "no source: {line}");
        let (kind, names) = names.split_once(' ').expect("each line has a kind and names");
        let into = match kind {
            "type" => &mut allowed.types,
            "member" => &mut allowed.members,
            "key" => {
                allowed.keys.extend(names.split_whitespace().map(str::to_owned));
                continue;
            }
            other => panic!("{other} is no kind of name"),
        };
        into.extend(names.split_whitespace().map(str::to_lowercase));
    }
    allowed
}

/// What the writing part may use besides: what the reading part keeps in `$Agent`.
fn allowed_beside_the_agent() -> Allowed {
    let mut allowed = allowed();
    let kept = AGENT.split("$Agent.").skip(1).filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next());
    allowed.members.extend(kept.map(str::to_lowercase));
    allowed
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (place, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && place > 0 && !name.contains('_') {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// The profiles of Windows; `None`, said aloud, where they cannot be had.
fn profiles() -> Option<Vec<Profile>> {
    let folder = profile_folder()?;
    Some(WINDOWS.iter().map(|(name, file)| Profile::open(name, &folder.join(file))).collect())
}

/// The folder of the profiles, fetched where they are not there yet.
fn profile_folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/powershell-profiles");
    let fetched = Command::new("bash").arg("tests/agent/profiles").current_dir(env!("CARGO_MANIFEST_DIR")).output();
    if !fetched.as_ref().is_ok_and(|run| run.status.success()) {
        let required = std::env::var_os("FARMHAND_REQUIRE_PROFILES").is_some();
        assert!(!required, "the PowerShell profiles cannot be fetched: {fetched:?}");
        eprintln!(
            "SKIPPED: the PowerShell profiles cannot be fetched, so no name of the agent was checked: {fetched:?}"
        );
        return None;
    }
    Some(folder)
}

#[test]
fn every_name_is_known_to_every_windows() {
    let Some(profiles) = profiles() else { return };
    let (allowed, beside) = (allowed(), allowed_beside_the_agent());
    let mut used = BTreeSet::new();
    for (what, text) in
        [("agent.ps1", AGENT), ("agent-write.ps1", WRITER), ("doctor.ps1", DOCTOR), ("bootstrap.ps1", BOOTSTRAP)]
    {
        let script = Script::parse(text);
        for profile in &profiles {
            let names = if text == WRITER { &beside } else { &allowed };
            let checked = check(&script, profile, names);
            assert!(checked.complaints.is_empty(), "{what}:\n{}", lines(&checked.complaints));
            let (known, listed) = (checked.known.len(), checked.allowed.len());
            println!("{what} on {}: {known} names known to the profile, {listed} allowed by the list", profile.name);
            used.extend(checked.allowed.iter().map(|name| name.to_lowercase()));
        }
    }
    let listed: BTreeSet<String> = allowed.types.union(&allowed.members).cloned().collect();
    let idle: Vec<&String> = listed.difference(&used).collect();
    assert!(idle.is_empty(), "the allow-list names what nothing uses, or what every profile knows: {idle:?}");
}

#[test]
fn the_scripts_keep_the_rules() {
    for (what, text) in
        [("agent.ps1", AGENT), ("agent-write.ps1", WRITER), ("doctor.ps1", DOCTOR), ("bootstrap.ps1", BOOTSTRAP)]
    {
        let complaints = rules::check(&Script::parse(text));
        assert!(complaints.is_empty(), "{what}:\n{}", lines(&complaints));
    }
}

#[test]
fn what_is_sent_is_small() {
    let reading = (farmhand::agent::text(), farmhand::agent::sha256(), 28 * 1024);
    let writing = (farmhand::agent::writer(), farmhand::agent::writer_sha256(), 28 * 1024);
    for (part, (text, digest, most)) in [("reading", reading), ("writing", writing)] {
        println!("the {part} part as sent has {} bytes, its digest is {digest}", text.len());
        assert!(text.len() <= most, "the {part} part as sent has {} bytes", text.len());
    }
    let command = farmhand::agent::command_line();
    let encoded = command.rsplit(' ').next().unwrap().len();
    println!("the bootstrap on the command line has {encoded} characters");
    let doctor = farmhand::agent::doctor().len();
    println!(
        "what a host is examined by as sent has {doctor} bytes, its digest is {}",
        farmhand::agent::doctor_sha256()
    );
    assert!(doctor <= 8 * 1024, "what a host is examined by as sent has {doctor} bytes");
    assert!(encoded <= 1000, "the bootstrap on the command line has {encoded} characters");
}

/// Once stripped, each statement must still be one: no indentation, no lines of comments.
#[test]
fn what_is_sent_means_what_was_written() {
    let shape = |text: &str| -> Vec<String> {
        let script = Script::parse(text);
        let leaves = script.nodes().into_iter().filter(|node| node.child_count() == 0 && node.kind() != "comment");
        leaves.map(|node| script.of(node).trim().to_owned()).filter(|leaf| !leaf.is_empty()).collect()
    };
    let known = AGENT.replace(&"0".repeat(64), farmhand::agent::writer_sha256());
    let known = known.replace(&"1".repeat(64), &farmhand::agent::question_digests());
    assert_eq!(shape(farmhand::agent::text()), shape(&known));
    assert_eq!(shape(farmhand::agent::writer()), shape(WRITER));
    assert_eq!(shape(farmhand::agent::doctor()), shape(DOCTOR));
}

/// The host pumps its input into a top-level loop over `$input`, and nowhere else.
#[test]
fn the_bootstrap_loops_over_its_input_at_the_top() {
    let script = Script::parse(BOOTSTRAP);
    let mut loops = script.of_kind("foreach_statement");
    let pump = loops.next().unwrap();
    assert!(script.of(pump).starts_with("foreach ($line in $input) {"));
    assert!(loops.next().is_none());
    assert!(script::above(pump).all(|outer| ["program", "statement_list"].contains(&outer.kind())));
}

/// The two constant tables name each call of the narrow waist, each carried out by a function of its own.
#[test]
fn the_tables_name_every_host_call() {
    let mut carried_out = BTreeSet::new();
    for (text, variable, verb, source) in
        [(AGENT, "$Reads", "Read-", HOST_CALLS[3]), (WRITER, "$Writes", "Write-", HOST_CALLS[4])]
    {
        let script = Script::parse(text);
        let functions: BTreeSet<&str> = script.functions().into_iter().map(|(name, _)| name).collect();
        let table = script.table(variable);
        let arms = source.split("\" ,").flat_map(|text| text.split("=> \"")).skip(1);
        let wanted: BTreeSet<&str> = arms.filter_map(|arm| arm.split('"').next()).collect();
        assert!(wanted.len() > 4);
        assert_eq!(table.keys().map(String::as_str).collect::<BTreeSet<_>>(), wanted);
        for function in table.values() {
            assert!(function.starts_with(verb) && functions.contains(function.as_str()), "{function}");
            assert!(carried_out.insert(function.clone()), "{function} carries out two calls");
        }
    }
}

/// The commands and methods that change a host. None is anywhere in the reading part.
const CHANGING: &[&str] = &[
    "AddAccessRule",
    "CommitChanges",
    "Copy",
    "Create",
    "CreateDirectory",
    "Delete",
    "DeleteValue",
    "ExecuteNonQuery",
    "Install-WindowsFeature",
    "Move",
    "Recycle",
    "Restart-Computer",
    "Set-Acl",
    "SetAccessControl",
    "SetAttributeValue",
    "SetAttributes",
    "SetValue",
    "Start",
    "Stop",
];

/// What the reading part calls that has such a name and changes nothing: code made of the writing part's text, which is
/// run for a session that may write.
const HARMLESS: &[&str] = &["Create"];

#[test]
fn no_read_can_change_a_host() {
    let names = |text: &str| -> BTreeSet<String> {
        let script = Script::parse(text);
        let named = script.nodes().into_iter().filter(|node| ["command_name", "member_name"].contains(&node.kind()));
        named.map(|node| script.of(node).to_owned()).collect()
    };
    let (reading, writing) = (names(AGENT), names(WRITER));
    let found: Vec<&str> = CHANGING.iter().copied().filter(|name| reading.contains(*name)).collect();
    assert_eq!(found, HARMLESS);
    let examining = names(DOCTOR);
    let found: Vec<&str> = CHANGING.iter().copied().filter(|name| examining.contains(*name)).collect();
    assert_eq!(found, Vec::<&str>::new());
    let verbs = ["Set-", "New-", "Remove-", "Start-", "Stop-", "Restart-", "Enable-", "Disable-", "Invoke-", "Out-"];
    let changing: Vec<&String> =
        examining.iter().filter(|name| verbs.iter().any(|verb| name.starts_with(verb))).collect();
    assert_eq!(changing, ["New-Object"]);
    assert!(CHANGING.iter().filter(|name| writing.contains(**name)).count() > 12, "{writing:?}");
    // No function of the writing part has the name of one that reads.
    let functions = |text: &str| -> BTreeSet<String> {
        Script::parse(text).functions().into_iter().map(|(name, _)| name.to_lowercase()).collect()
    };
    assert!(functions(AGENT).is_disjoint(&functions(WRITER)));
}

/// Text becomes code in two places: the bootstrap, for the reading part, and there, for the writing part.
#[test]
fn code_is_made_of_the_two_parts_alone() {
    for (text, times) in [(AGENT, 1), (WRITER, 0), (DOCTOR, 0), (BOOTSTRAP, 1)] {
        assert_eq!(text.matches("[ScriptBlock]::Create(").count(), times);
    }
    let refusals = ["if ($Agent.Access -cne 'read_write') { exit 5 }", "-cne $Agent.Writer) { exit 6 }"];
    let code = AGENT.find("$Agent.Code = [ScriptBlock]::Create($message.writer)").unwrap();
    for refusal in refusals {
        assert!(AGENT.find(refusal).unwrap() < code, "{refusal}");
    }
}

fn broken(text: &str, expected: &str) {
    let complaints = rules::check(&Script::parse(text));
    assert!(complaints.iter().any(|it| it.what.contains(expected)), "{text:?} gave {complaints:?}");
}

#[test]
fn a_script_that_breaks_a_rule_is_refused() {
    assert_eq!(rules::check(&Script::parse("$a = Get-Date\n[void]$list.Add($plain)\n")), []);
    broken("$a = 'caf\u{e9}'\n", "ASCII");
    broken("$a = @'\nx\n'@\n", "here-string");
    broken("$a = 'one\ntwo'\n", "several lines");
    broken("Invoke-Expression $text\n", "Invoke-Expression");
    broken("Add-Type -TypeDefinition $text\n", "Add-Type");
    broken("$a = ConvertFrom-Json $text\n", "ConvertFrom-Json");
    broken("$a = Get-FileHash $path\n", "Get-FileHash");
    broken("[Reflection.Assembly]::LoadFrom($path)\n", "Reflection");
    broken("[Activator]::CreateInstance($type)\n", "Activator");
    broken("[Runtime.InteropServices.Marshal]::PtrToStringUni($p)\n", "InteropServices");
    broken("$a = [string]::new('x')\n", "member new");
    broken("$b = $list.Where({ $true })\n", "Where");
    broken("$b = $list.ForEach({ $true })\n", "ForEach");
    broken("$a = $error[0].InvocationInfo.Line\n", "InvocationInfo");
    broken("class Pool { [string]$Name }\n", "5.0");
    broken("enum Kind { A }\n", "5.0");
    broken("ls C:\\\n", "no aliases");
    broken("$x = $list | % { $_ }\n", "no");
    broken("Set-Attribute $node $text.plain\n", "given to a command");
    broken("$text.plain | Out-Null\n", "given to a command");
    broken("New-Object Uri($plain)\n", "given to a command");
    broken("Read-Thing $line\n", "given to a command");
    broken("if ($a {\n", "no PowerShell");
    broken(&format!("# {}\n", "x".repeat(130)), "120");
    broken(&format!("function Get-Long {{\n{}}}\n", "$a = 1\n".repeat(40)), "42 lines");
}

/// A Windows that has little.
const SMALL: &str = r#"{"Runtime": {
    "Common": {"Parameters": {"ErrorAction": {}}, "ParameterAliases": {"ea": "ErrorAction"}},
    "Modules": {"M": {"1.0": {"Cmdlets": {
        "Get-Thing": {"Parameters": {"Name": {}}, "ParameterAliases": {"N": "Name"}},
        "New-Object": {"Parameters": {"TypeName": {}}}
    }, "Functions": null}}},
    "Types": {
        "TypeAccelerators": {"string": {"Type": "System.String"}},
        "Assemblies": {"mscorlib": {"Types": {"System": {
            "String": {
                "Static": {"Methods": {"Join": {"ReturnType": "System.String", "OverloadParameters": [["A", "B"]]}}},
                "Instance": {"Properties": {"Length": {"Type": "System.Int32"}}, "Constructors": [["A"]]}
            },
            "Int32": {"Instance": {"Methods": {"CompareTo": {"ReturnType": "System.Int32", "OverloadParameters": [["A"]]}}}}
        }}}}
    }
}}"#;

fn unknown(text: &str, expected: &str) {
    let profile = Profile::read("small", SMALL.as_bytes());
    let complaints = check(&Script::parse(text), &profile, &Allowed::default()).complaints;
    assert!(complaints.iter().any(|it| it.what.contains(expected)), "{text:?} gave {complaints:?}");
}

#[test]
fn a_name_that_windows_lacks_is_refused() {
    let profile = Profile::read("small", SMALL.as_bytes());
    let good = "Get-Thing -N 'x' -ErrorAction Ignore\n[string]::Join('a', 'b').Length.CompareTo(1)\n'x'.Length\n\
                function Get-Own { $x = New-Object String('a'); $x.Length }\nGet-Own\n";
    let checked = check(&Script::parse(good), &profile, &Allowed::default());
    assert_eq!(lines(&checked.complaints), "");
    assert!(checked.known.contains("system.string.length"));
    unknown("Get-Other\n", "no command Get-Other");
    unknown("Get-Thing -Path 'x'\n", "no parameter -Path");
    unknown("$o = @{ Nome = 1 }\nGet-Thing @o\n", "no parameter Nome");
    unknown("$o = @{ Name = 1 }\n$o.Size = 2\nGet-Thing @o\n", "no parameter Size");
    unknown("[Uri]'x'\n", "no type Uri");
    unknown("$x = New-Object Guid\n", "no type Guid");
    unknown("$x = New-Object String('a', 'b')\n", "not made from 2");
    unknown("[string]::Concat('a')\n", "no Concat");
    unknown("[string]::Join('a')\n", "does not take 1");
    unknown("$x = [string]::Join('a', 'b')\n$x.Size\n", "no Size");
    unknown("[string]::Join('a', 'b').Length.Parse()\n", "system.int32 has no Parse");
    unknown("$given.Frobnicate()\n", "nothing has a member Frobnicate");
    unknown("$given.frobnicate\n", "neither a key of data");
}
