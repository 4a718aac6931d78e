//! Every statement that is sent to SQL Server, parsed by Microsoft's own parser for SQL Server 2012 to 2019.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on says so by panicking, and one that skips says so"
)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use farmhand::resource::sql::{QUERIES, TEMPLATES};
use farmhand::value::{FOUND_MARK, SecretRef, SecretValue, SqlPart, Store, quote_text, statement};
use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::TestRunner;

/// The parser; `None` where it cannot be had and nobody asked for it.
fn parser() -> Option<&'static Path> {
    static PARSER: OnceLock<Option<PathBuf>> = OnceLock::new();
    PARSER.get_or_init(build).as_deref()
}

fn build() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scriptdom");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let run = |command: &mut Command| command.status().is_ok_and(|status| status.success());
    let dll = folder.join("Microsoft.SqlServer.TransactSql.ScriptDom.dll");
    let program = folder.join("parse.exe");
    let built = run(Command::new(root.join("tests/tsql/scriptdom")).arg(&folder))
        && run(Command::new("mcs")
            .arg(format!("-r:{}", dll.display()))
            .arg("-r:/usr/lib/mono/4.5/Facades/netstandard.dll")
            .arg(format!("-out:{}", program.display()))
            .arg(root.join("tests/tsql/parse.cs")));
    if built {
        return Some(program);
    }
    assert!(std::env::var_os("FARMHAND_REQUIRE_SCRIPTDOM").is_none(), "Microsoft's T-SQL parser cannot be had");
    eprintln!("SKIPPED: Microsoft's T-SQL parser cannot be had (python3, pip, mcs and mono bring it)");
    None
}

/// What the parsers have against each statement; empty for nothing.
fn parse(parser: &Path, statements: &[String]) -> Vec<String> {
    let mut child = Command::new("mono").arg(parser).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines: String = statements.iter().map(|it| STANDARD.encode(it) + "\n").collect();
    let mut input = child.stdin.take().unwrap();
    let writing = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.status.success());
    let told: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(told.len(), statements.len());
    told
}

/// A statement as it goes over the wire.
fn wire(template: &str, parts: &[(&str, SqlPart)], secret: &str, found: &str) -> String {
    let bytes = statement(template, parts).bytes(|_| Ok(SecretValue::new(secret.to_owned()))).unwrap();
    String::from_utf8(bytes.to_vec()).unwrap().replacen(FOUND_MARK, &quote_text(found), 1)
}

/// A template with every place filled.
fn filled(template: &str, name: &str, text: &str) -> String {
    let reference = SecretRef { store: Store::Env, name: "s".to_owned(), fingerprint: None };
    let secret = SqlPart::Secret(&reference);
    let parts = [
        ("password", secret.clone()),
        ("key_password", secret),
        ("path", SqlPart::Found),
        ("name", SqlPart::Text(text)),
        ("scratch_name", SqlPart::Text(text)),
        ("seconds", SqlPart::Number(30)),
        ("flag", SqlPart::Number(4133)),
        ("switch", SqlPart::Word("ON")),
        ("model", SqlPart::Word("BULK_LOGGED")),
        ("broker", SqlPart::Word("ENABLE_BROKER")),
        ("state", SqlPart::Word("DISABLE")),
        ("collation", SqlPart::Word("Latin1_General_100_CI_AS_SC")),
        ("permissions", SqlPart::Words(vec!["CREATE TABLE", "SUBSCRIBE QUERY NOTIFICATIONS", "RECEIVE"])),
    ];
    let names = [
        "database",
        "scratch",
        "owner",
        "login",
        "user",
        "schema",
        "role",
        "member",
        "principal",
        "object",
        "contract",
    ];
    let mut all = parts.to_vec();
    all.extend(names.map(|place| (place, SqlPart::Name(name))));
    wire(template, &all, text, text)
}

/// Names and texts that somebody may well have, and those that the property tests would make.
fn corpus() -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = [
        ("ChatBackplane", "Pa$$w0rd"),
        ("CORP\\svc-chat$", "it's"),
        ("a]b", "''"),
        ("[x]", "'; DROP DATABASE x; --"),
        ("x\"y", "/* "),
        ("select", "E:\\keys\\"),
        ("Größe 数", "пароль"),
    ]
    .map(|(name, text)| (name.to_owned(), text.to_owned()))
    .to_vec();
    let mut runner = TestRunner::deterministic();
    let made = ("[^\\p{C}]{1,40}", "[^\\p{C}]{1,40}");
    pairs.extend((0..40).map(|_| made.new_tree(&mut runner).unwrap().current()));
    // What the types of properties and secrets refuse is never sent.
    pairs.retain(|(_, text)| !text.contains(FOUND_MARK));
    pairs
}

#[test]
fn every_statement_is_tsql() {
    let Some(parser) = parser() else { return };
    let questions = QUERIES.iter().map(|it| (it.name, it.text.to_owned()));
    let statements = TEMPLATES.iter().flat_map(|it| {
        corpus().into_iter().map(|(name, text)| (it.name, filled(it.text, &name, &text))).collect::<Vec<_>>()
    });
    let all: Vec<(&str, String)> = questions.chain(statements).collect();
    let texts: Vec<String> = all.iter().map(|(_, text)| text.clone()).collect();
    let told = parse(parser, &texts);
    let wrong: Vec<String> = all
        .iter()
        .zip(told)
        .filter(|(_, told)| !told.is_empty())
        .map(|((name, text), told)| format!("{name}: {told}\n{text}"))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n\n"));
    assert!(
        texts
            .iter()
            .all(|text| !text.contains('{') || corpus().iter().any(|(name, text)| (name.clone() + text).contains('{')))
    );
    eprintln!(
        "{} statements, {} texts: all parse for SQL Server 2012 to 2019",
        all.len(),
        QUERIES.len() + TEMPLATES.len()
    );
}

#[test]
fn what_is_no_tsql_is_refused() {
    let Some(parser) = parser() else { return };
    let wrong = [
        "ALTER DATABASE [x] SET ENABLE BROKER",
        "ALTER DATABASE [x] SET ENABLE_BROKER WITH ROLLBACK AFTER SECONDS",
        "BACKUP MASTER KEY TO 'x' ENCRYPTION BY PASSWORD = 'y'",
        "CREATE MASTER KEY ENCRYPTION BY PASSWORD = N'it's'",
        "CREATE LOGIN a]b FROM WINDOWS",
        "GRANT SELECT ON SCHEMA::[x TO [y]",
        "SELECT 1\nGO\nSELECT 2",
    ];
    let told = parse(parser, &wrong.map(str::to_owned));
    for (text, told) in wrong.iter().zip(told) {
        assert!(!told.is_empty(), "{text}");
    }
}
