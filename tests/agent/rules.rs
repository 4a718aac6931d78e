//! Rules that need no knowledge of Windows.

use crate::script::{Complaint, Script, above};

/// Longest function, in lines.
const LONGEST_FUNCTION: usize = 40;

/// Commands that compile, run text, print, start programs, or record what they are given.
const COMMANDS: &[&str] = &[
    "Add-Type",
    "ConvertFrom-Json",
    "ConvertTo-Json",
    "Get-FileHash",
    "Invoke-Command",
    "Invoke-Expression",
    "Out-String",
    "Start-Job",
    "Start-Process",
    "Start-Transcript",
    "Write-Debug",
    "Write-Error",
    "Write-Host",
    "Write-Output",
    "Write-Verbose",
];

/// Types that look into, make or load code.
const TYPES: &[&str] = &["activator", "appdomain", "codedom", "interopservices", "reflection", "emit", "adsi", "wmi"];

/// Members that are tricks of reflection, came after PowerShell 3.0, or quote the script.
const MEMBERS: &[&str] =
    &["foreach", "gettype", "invocationinfo", "invokemember", "new", "positionmessage", "scriptstacktrace", "where"];

/// Statements that came after PowerShell 3.0.
const STATEMENTS: &[&str] = &["class_statement", "enum_statement"];

/// All complaints about a script, in the order of its lines.
pub fn check(script: &Script) -> Vec<Complaint> {
    let mut found = Vec::new();
    text(script, &mut found);
    for node in script.nodes() {
        let word = script.of(node);
        let complain = |what: String| Some(Complaint::about(node, what));
        found.extend(match node.kind() {
            _ if node.is_error() || node.is_missing() => complain(format!("no PowerShell: {word}")),
            kind if STATEMENTS.contains(&kind) => complain("classes and enumerations came with 5.0".to_owned()),
            "command_name" => command(word).and_then(complain),
            "type_identifier" if TYPES.contains(&word.to_lowercase().as_str()) => {
                complain(format!("{word}: the agent loads, makes and inspects no code"))
            }
            "member_name" if MEMBERS.contains(&word.to_lowercase().as_str()) => complain(format!("member {word}")),
            "member_name" if word.eq_ignore_ascii_case("plain") => secret(script, node),
            "variable" if ["$plain", "$line", "$agentText"].contains(&word) => secret(script, node),
            "string_literal" if word.contains('\n') => complain("text of several lines does not survive".to_owned()),
            _ => None,
        });
    }
    for (name, node) in script.functions() {
        let lines = node.end_position().row - node.start_position().row + 1;
        if lines > LONGEST_FUNCTION {
            found.push(Complaint::about(node, format!("{name} has {lines} lines")));
        }
    }
    found.sort();
    found.dedup();
    found
}

fn text(script: &Script, found: &mut Vec<Complaint>) {
    for (index, line) in script.text().lines().enumerate() {
        let mut complain = |what: &str| found.push(Complaint { line: index + 1, what: what.to_owned() });
        if !line.is_ascii() || line.contains('\t') {
            complain("only ASCII without tabs");
        }
        if line.contains("@'") || line.contains("@\"") {
            complain("a here-string does not survive");
        }
        if line.chars().count() > 120 {
            complain("longer than 120 characters");
        }
    }
}

fn command(name: &str) -> Option<String> {
    if COMMANDS.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden)) {
        return Some(format!("{name} is not for the agent"));
    }
    let parts: Vec<&str> = name.split('-').collect();
    let named = parts.len() == 2 && parts.iter().all(|part| part.starts_with(|c: char| c.is_ascii_uppercase()));
    (!named).then(|| format!("{name} is no Verb-Noun: no aliases, no programs"))
}

/// What a line from the controller holds is given to .NET alone: event 4103 records arguments of commands and functions.
/// The bootstrap's `$agentText` is no secret, but the same road leads to it.
fn secret(script: &Script, node: tree_sitter::Node<'_>) -> Option<Complaint> {
    let outer = above(node).take_while(|outer| outer.kind() != "statement_block" && !of_method(*outer));
    let mut outer = outer.filter(|outer| outer.kind() == "command_elements" || piped(*outer));
    outer.next().map(|_| Complaint::about(node, format!("{} is given to a command", script.of(node))))
}

/// Whether these are the arguments of a method. Those of a method called in an argument stand beside it in the tree.
fn of_method(node: tree_sitter::Node<'_>) -> bool {
    node.kind() == "argument_list"
        && (node.parent().is_some_and(|parent| parent.kind() == "invokation_expression")
            || node.prev_sibling().is_some_and(|before| before.kind() != "generic_token"))
}

/// Whether a pipeline has more than one part.
fn piped(node: tree_sitter::Node<'_>) -> bool {
    node.kind() == "pipeline_chain" && crate::script::children(node).iter().any(|child| child.kind() == "|")
}
