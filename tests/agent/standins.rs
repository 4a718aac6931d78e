//! What the agent uses and PowerShell 7 on Linux lacks, held to what stands in for it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::names::{Allowed, check};
use crate::profile::{Member, Profile, Type};
use crate::script::{Script, below};
use crate::{AGENT, BOOTSTRAP, WRITER, allowed, allowed_beside_the_agent, lines, profile_folder};

const STANDINS: &str = include_str!("../../src/lab/pwsh/standins.ps1");

/// Commands that Linux has by name and that know nothing of a Windows there.
const OTHERWISE_COMMANDS: &[&str] =
    &["get-culture", "get-item", "import-module", "restart-computer", "test-path", "get-service", "set-acl"];

/// Types that Linux has by name and that throw there, or take a Windows path for another file's name.
const OTHERWISE_TYPES: &[&str] = &[
    "system.io.directory",
    "system.io.driveinfo",
    "system.io.file",
    "system.io.path",
    "system.io.directoryinfo",
    "system.io.fileinfo",
    "system.directoryservices.",
    "system.security.accesscontrol.",
    "system.security.principal.",
    "system.security.cryptography.x509certificates.x509store",
    "system.threading.mutex",
    "system.net.webrequest",
    "system.xml.xmldocument",
];

/// The C# files, one text each.
fn sources() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lab/pwsh");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "cs"));
    files.map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// The types of C# files by the full names that a script means them by, with their public members.
fn types(sources: &[String]) -> Vec<(String, Type)> {
    let mut types: Vec<(String, Type)> = Vec::new();
    let mut bases: Vec<(String, String)> = Vec::new();
    for source in sources {
        let space = source.lines().find_map(|line| line.strip_prefix("namespace ")).unwrap_or_default();
        let mut stands_for = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for line in source.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("[StandsFor(\"").and_then(|rest| rest.strip_suffix("\")]")) {
                stands_for.push(format!("system.{}", name.to_lowercase()));
                continue;
            }
            let Some(rest) = line.strip_prefix("public ") else { continue };
            let words: Vec<&str> = rest.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            if let Some(at) = words.iter().position(|word| ["class", "enum"].contains(word)) {
                names = std::mem::take(&mut stands_for);
                names.push(format!("{space}.{}", words[at + 1]).to_lowercase());
                types.extend(names.iter().map(|name| (name.clone(), Type::default())));
                if let Some((_, base)) = rest.split_once(" : ") {
                    let base = format!("{space}.{}", base.split(',').next().unwrap_or_default()).to_lowercase();
                    bases.extend(names.iter().map(|name| (name.clone(), base.clone())));
                }
                continue;
            }
            // A member's name is the word before its parameters or its accessors.
            let head = rest.split(['(', '{', '=', ';']).next().unwrap_or_default().trim();
            let name = head.rsplit([' ', '.']).next().unwrap_or_default().to_lowercase();
            let own = names.last().is_some_and(|full| full.ends_with(&format!(".{name}")));
            let given =
                rest.split(['(', ')']).nth(1).map_or(0, |list| list.split(',').filter(|it| !it.is_empty()).count());
            for (_, described) in types.iter_mut().filter(|(full, _)| names.contains(full)) {
                if own && rest.contains('(') {
                    described.constructors.push(given);
                } else {
                    described.members.insert(name.clone(), Member::default());
                    described.statics.insert(name.clone(), Member::default());
                }
            }
        }
    }
    // Twice, for what derives from what derives.
    for (name, base) in bases.iter().chain(&bases) {
        let inherited = types.iter().find(|(known, _)| known == base).map(|(_, base)| base.members.clone());
        for (_, described) in types.iter_mut().filter(|(known, _)| known == name) {
            described.members.extend(inherited.clone().unwrap_or_default());
        }
    }
    // A type that says nothing of it is made from nothing.
    for (_, described) in &mut types {
        if described.constructors.is_empty() {
            described.constructors.push(0);
        }
    }
    types
}

/// PowerShell 7 on Linux without what means something else there, and with what stands in.
fn with_stand_ins(mut linux: Profile, sources: &[String], script: &Script) -> Profile {
    linux.commands.retain(|name, _| !OTHERWISE_COMMANDS.contains(&name.as_str()));
    let bases: Vec<(String, Type)> = linux.types.extract_if(|name, _| means_otherwise(name)).collect();
    let common: Vec<String> = ["erroraction", "errorvariable"].into_iter().map(str::to_owned).collect();
    for (name, node) in script.functions() {
        let text = script.of(node);
        let advanced = text.contains("[CmdletBinding()]");
        let declared = below(node)
            .into_iter()
            .filter(|it| ["script_parameter", "function_parameter_declaration"].contains(&it.kind()));
        let names = declared.flat_map(below).filter(|it| it.kind() == "variable");
        let mut parameters: Vec<String> =
            names.map(|it| script.of(it).trim_start_matches('$').to_lowercase()).collect();
        parameters.extend(common.iter().filter(|_| advanced).cloned());
        linux.commands.insert(name.to_lowercase(), parameters);
    }
    for (name, mut described) in types(sources) {
        // What derives from the type it stands for has its members too.
        if name == "system.xml.xmldocument"
            && let Some((_, base)) = bases.iter().position(|(known, _)| *known == name).map(|at| &bases[at])
        {
            described.members.extend(base.members.iter().map(|(name, member)| (name.clone(), member.clone())));
        }
        linux.types.insert(name, described);
    }
    linux
}

fn means_otherwise(name: &str) -> bool {
    OTHERWISE_TYPES.iter().any(|other| name == *other || (other.ends_with('.') && name.starts_with(other)))
}

#[test]
fn whatever_linux_lacks_has_a_stand_in() {
    let Some(folder) = profile_folder() else { return };
    let standins = Script::parse(STANDINS);
    let parse_errors: Vec<_> =
        standins.nodes().into_iter().filter(|node| node.is_error() || node.is_missing()).collect();
    assert!(parse_errors.is_empty(), "standins.ps1 is no PowerShell at {parse_errors:?}");
    let bare = Profile::open("PowerShell 7 on Linux", &folder.join("linux.json"));
    let full = with_stand_ins(Profile::open("with stand-ins", &folder.join("linux.json")), &sources(), &standins);
    // What functions of the stand-ins give are objects with the keys of their literals.
    let made = standins.of_kind("key_expression").map(|key| standins.of(key).trim().to_lowercase());
    let made: BTreeSet<String> = made.chain(["getvalue".to_owned()]).collect();
    let beside = allowed_beside_the_agent();
    let made = made.into_iter().chain(beside.members).collect();
    let names = Allowed { types: BTreeSet::new(), members: made, ..allowed() };
    let mut lacking = 0;
    for text in [AGENT, WRITER, BOOTSTRAP] {
        let script = Script::parse(text);
        lacking += check(&script, &bare, &Allowed { members: BTreeSet::new(), ..allowed() }).complaints.len();
        let complaints = check(&script, &full, &names).complaints;
        assert!(complaints.is_empty(), "neither PowerShell 7 on Linux nor a stand-in has:\n{}", lines(&complaints));
    }
    println!("PowerShell 7.0 on Linux lacks what the agent uses in {lacking} places; each has a stand-in");
    assert!(lacking > 20, "the profile of Linux has too much: {lacking}");
}

#[test]
fn a_stand_in_that_is_taken_away_is_missed() {
    let Some(folder) = profile_folder() else { return };
    let missed = |sources: &[String], script: &str, expected: &str| {
        let profile = Profile::open("with stand-ins", &folder.join("linux.json"));
        let full = with_stand_ins(profile, sources, &Script::parse(script));
        let names = Allowed { types: BTreeSet::new(), ..allowed() };
        let complaints = [AGENT, WRITER].map(|text| check(&Script::parse(text), &full, &names).complaints).concat();
        assert!(complaints.iter().any(|it| it.what.contains(expected)), "{expected}: {}", lines(&complaints));
    };
    missed(
        &sources(),
        &STANDINS.replace("function Get-CimInstance", "function Get-Other"),
        "no command Get-CimInstance",
    );
    missed(
        &sources(),
        &STANDINS.replace("[switch]$IncludeManagementTools", "[switch]$Other"),
        "IncludeManagementTools",
    );
    let without = |name: &str| -> Vec<String> { sources().iter().map(|text| text.replace(name, "Other")).collect() };
    missed(&without("IO.DriveInfo"), STANDINS, "no type IO.DriveInfo");
    missed(&without("GetLastWriteTimeUtc"), STANDINS, "no GetLastWriteTimeUtc");
    missed(&without("class ServerManager"), STANDINS, "ServerManager");
}
