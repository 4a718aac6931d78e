//! `farmhand init`: the files of a first real farm.

use std::fmt::Write as _;
use std::fs;
use std::io::{ErrorKind, IsTerminal, Write as _, stdin};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::json;

use super::secret::asked;
use super::{Exit, Failure, Ui};
use crate::secret::{Existing, Stores};

/// The secret that holds the connection's password.
const SECRET: &str = "deploy";

/// A group of servers with SQL Server, to be made out of comments.
const SQL: &str = include_str!("init/sql.yml");

/// Write the files of a first real farm: inventory, playbook, sealed secrets, .gitignore
///
/// Asks for what is not given: the servers, the account that logs in to them, and its password, which is sealed. Without a
/// terminal the password is read from standard input. Nothing that is there is overwritten.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  farmhand init
  farmhand init farm --host web01 --host web02=10.0.0.12 --user 'CORP\\deploy'
  pass show deploy | farmhand init farm --host 'web[01:04]' --user 'CORP\\deploy'")]
pub struct Args {
    /// Where to; this folder unless given
    folder: Option<PathBuf>,
    /// A server, and its address where its name does not lead to it; `web[01:04]` is four
    #[arg(long, value_name = "NAME[=ADDRESS]")]
    host: Vec<String>,
    /// The account that logs in, a local administrator of every server
    #[arg(long, value_name = "USER")]
    user: Option<String>,
}

pub fn run(ui: Ui, args: &Args) -> Result<Exit, Failure> {
    let folder = &args.folder.clone().unwrap_or_default();
    refuse_to_overwrite(folder)?;
    let hosts = if args.host.is_empty() {
        let line = ask(ui, "servers, NAME or NAME=ADDRESS, with blanks between", "--host NAME")?;
        line.split_whitespace().map(str::to_owned).collect()
    } else {
        args.host.clone()
    };
    let user = args.user.clone().map_or_else(|| ask(ui, "account that logs in to them", "--user USER"), Ok)?;
    let inventory = inventory(&hosts, &user).map_err(Failure::input)?;
    let password = asked(&format!("password of {user}"))?;

    fs::create_dir_all(folder).with_context(|| folder.display().to_string()).map_err(Failure::work)?;
    let stores = Stores::open(folder);
    let (identity, _) = stores.init().map_err(Failure::work)?;
    stores.set(SECRET, password, Existing::Keep).map_err(Failure::work)?;
    let mut written = Vec::new();
    let playbook = include_str!("init/site.yml");
    for (name, text) in [("inventory.yml", inventory.as_str()), ("site.yml", playbook)] {
        create(&folder.join(name), text)?;
        written.push(folder.join(name));
    }
    let ignore = folder.join(".gitignore");
    let lines = include_str!("init/gitignore");
    let kept = ignore.exists();
    if !kept {
        create(&ignore, lines)?;
        written.push(ignore.clone());
    }
    written.push(folder.join("secrets"));
    ui.text(&told(folder, &written, &identity, kept));
    ui.value(&json!({ "written": written, "identity": identity, "gitignore_kept": kept }));
    Ok(Exit::Ok)
}

fn told(folder: &Path, written: &[PathBuf], identity: &Path, kept: bool) -> String {
    let mut text = String::new();
    for path in written {
        let _ = writeln!(text, "wrote {}", path.display());
    }
    let _ = writeln!(text, "\nThe secrets open with {}: keep a copy of it in a safe place.", identity.display());
    if kept {
        let ignore = folder.join(".gitignore");
        let _ = writeln!(text, "{} was there and is as it was; add: .farmhand/", ignore.display());
    }
    text.push_str("\nNext:\n");
    let cd = format!("cd '{}'", folder.display());
    let here = folder.as_os_str().is_empty();
    for command in [
        cd.as_str(),
        "farmhand validate site.yml",
        "farmhand --lab apply site.yml      # rehearse it against a simulated copy",
        "farmhand plan site.yml             # look at the servers; changes nothing",
        "farmhand apply site.yml",
    ] {
        if !(here && command == cd) {
            let _ = writeln!(text, "  {command}");
        }
    }
    text
}

/// Names everything that stands in the way at once.
fn refuse_to_overwrite(folder: &Path) -> Result<(), Failure> {
    let there: Vec<String> = ["inventory.yml", "site.yml", "secrets"]
        .iter()
        .map(|name| folder.join(name))
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| path.display().to_string())
        .collect();
    if there.is_empty() {
        return Ok(());
    }
    let failure = Failure::input(format!("nothing is overwritten, and there is already: {}", there.join(", ")));
    Err(failure.hint("name another folder: farmhand init FOLDER"))
}

/// Writes a file that is not there yet.
fn create(path: &Path, text: &str) -> Result<(), Failure> {
    let write = || fs::File::create_new(path)?.write_all(text.as_bytes());
    write().map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::input(format!("{} is there already", path.display())),
        _ => Failure::work(anyhow::Error::new(error).context(path.display().to_string())),
    })
}

fn ask(ui: Ui, question: &str, option: &str) -> Result<String, Failure> {
    let lacking = || Failure::input(format!("{option} is lacking, and there is no terminal to ask on"));
    if !stdin().is_terminal() {
        return Err(lacking());
    }
    let answer = ui.ask(question).filter(|answer| !answer.is_empty());
    answer.ok_or_else(|| Failure::input(format!("nothing was typed; {option} says it, too")))
}

/// The inventory of some servers under one account.
fn inventory(hosts: &[String], user: &str) -> Result<String, String> {
    if user.trim().is_empty() || user.chars().any(char::is_control) {
        return Err(format!("`{user}` is no account; write one as 'DOMAIN\\name' or 'name'"));
    }
    if hosts.is_empty() {
        return Err("no server was named; give --host NAME".to_owned());
    }
    let mut lines = String::new();
    for host in hosts {
        let (name, address) = host.split_once('=').map_or((host.as_str(), None), |(name, at)| (name, Some(at)));
        let letter = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let named = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
        if !named || !name.chars().all(|c| letter(c) || "[]:".contains(c)) {
            return Err(format!("`{name}` cannot name a server; write NAME, NAME=ADDRESS or 'web[01:04]'"));
        }
        match address {
            None => _ = writeln!(lines, "      {}: {{}}", quoted(name)),
            Some(at) if !at.is_empty() && at.chars().all(|c| letter(c) || c == ':') => {
                _ = writeln!(lines, "      {}: {{ address: {} }}", quoted(name), quoted(at));
            }
            Some(at) => return Err(format!("`{at}` is no address of {name}; write a name or an IP address")),
        }
    }
    Ok(format!(
        "# The farm: groups of hosts, how each is reached, and what differs between them.\n\
         groups:\n  web:\n    hosts:\n{lines}    connection:\n      via: winrm\n      user: {}\n      \
         password: \"{{{{ secret('{SECRET}') }}}}\"\n{SQL}",
        quoted(user)
    ))
}

/// A YAML text in single quotes, where a backslash is itself.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inventory_is_written_or_says_what_is_wrong() {
        let hosts = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let text = inventory(&hosts(&["web[01:02]", "db=10.0.0.9", "v6=fe80::1"]), "CORP\\o'brien").unwrap();
        for line in ["'web[01:02]': {}", "'db': { address: '10.0.0.9' }", "'v6': { address: 'fe80::1' }"] {
            assert!(text.contains(line), "{text}");
        }
        assert!(text.contains("user: 'CORP\\o''brien'") && text.contains("\"{{ secret('deploy') }}\""), "{text}");
        assert!(
            text.contains("  # sql:\n")
                && text.lines().skip_while(|line| *line != "  # sql:").all(|line| line.starts_with("  # ")),
            "{text}"
        );
        for wrong in ["", "a b", "a: b", "a{}", "x='y'", "-a", "a=b c", "=x", "a="] {
            assert!(inventory(&hosts(&[wrong]), "u").is_err(), "{wrong}");
        }
        assert!(inventory(&[], "u").is_err());
        for wrong in ["", " ", "a\nb"] {
            assert!(inventory(&hosts(&["a"]), wrong).is_err(), "{wrong}");
        }
    }
}
