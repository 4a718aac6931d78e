//! Secrets that a command is asked for: Vault, a cloud's key vault, a password manager, `sops`.
//!
//! `secrets/exec.yml` beside the playbook says which: `command:`, a program and its arguments, run in the playbook's
//! folder, and `timeout:`, 10 s unless given. It reads `{"name": "…"}` from standard input and writes `{"value": "…"}` or
//! `{"error": "…"}` to standard output. It is run once for each secret that is needed, one at a time: it may ask a person.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::child::{self, Child, Ended};
use super::error::SecretError;
use super::file;
use super::redaction::Redaction;
use crate::value::{SecretValue, TimeSpan};

/// The longest part of a command's own words that is shown, in letters.
const MAX_SHOWN: usize = 500;

/// The command that is asked, and what it gave.
pub(super) struct Exec {
    folder: PathBuf,
    answers: Mutex<BTreeMap<String, Result<SecretValue, Failed>>>,
}

/// Why there is no answer: the command, and what happened.
#[derive(Clone)]
struct Failed {
    command: String,
    why: String,
}

/// What `secrets/exec.yml` says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    command: Vec<String>,
    #[serde(default = "ten_seconds")]
    timeout: TimeSpan,
}

fn ten_seconds() -> TimeSpan {
    TimeSpan { seconds: 10 }
}

/// What the command writes. Anything besides is left alone.
#[derive(Deserialize)]
struct Reply {
    value: Option<Zeroizing<String>>,
    error: Option<Zeroizing<String>>,
}

impl Exec {
    /// The command that the playbooks of a folder ask. Nothing is read yet.
    pub fn beside(folder: &Path) -> Exec {
        Exec { folder: folder.to_owned(), answers: Mutex::default() }
    }

    /// The file that says which command it is.
    pub fn path(&self) -> PathBuf {
        self.folder.join("secrets").join("exec.yml")
    }

    /// Whether the file can be understood.
    pub fn check(&self) -> Result<(), SecretError> {
        self.config().map(drop)
    }

    /// A secret's value; the command is run the first time only, and a failure stays one.
    pub fn value(&self, name: &str) -> Result<SecretValue, SecretError> {
        let config = self.config()?;
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = answers.entry(name.to_owned()).or_insert_with(|| self.ask(&config, name));
        match answer {
            Ok(value) => Ok(SecretValue::new(value.expose().to_owned())),
            Err(Failed { command, why }) => {
                Err(SecretError::Exec { command: command.clone(), name: format!("exec:{name}"), why: why.clone() })
            }
        }
    }

    fn config(&self) -> Result<Config, SecretError> {
        let path = self.path();
        let wrong = |why: &str| SecretError::ExecFile { path: path.clone(), why: why.to_owned() };
        let bytes = file::read(&path)?.ok_or_else(|| {
            wrong("no such file, which says what to ask for secrets; write: command: [PROGRAM, ARGUMENT]")
        })?;
        let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is no text"))?;
        let config: Config = serde_saphyr::from_str(text).map_err(|error| {
            // Below its first line the parser quotes the file.
            let first = error.to_string();
            wrong(first.lines().next().unwrap_or_default())
        })?;
        if config.command.first().is_none_or(String::is_empty) {
            return Err(wrong("`command` names no program; write: command: [PROGRAM, ARGUMENT]"));
        }
        if !(1..=600).contains(&config.timeout.seconds) {
            return Err(wrong("`timeout` must be from 1s to 10m"));
        }
        Ok(config)
    }

    fn ask(&self, config: &Config, name: &str) -> Result<SecretValue, Failed> {
        let [program, arguments @ ..] = &config.command[..] else { unreachable!("checked when it was read") };
        let failed = |why: String| Failed { command: program.clone(), why };
        let mut request = serde_json::json!({ "name": name }).to_string();
        request.push('\n');
        let timeout = Duration::from_secs(config.timeout.seconds);
        let child = Child { program: &self.program(program), arguments, folder: &self.folder, timeout };
        let ended = child::run(&child, request.into_bytes()).map_err(|why| failed(why.to_string()))?;
        value(&ended).map_err(failed)
    }

    /// A program written with a folder is meant from the playbook's folder, any other is looked for on the PATH.
    fn program(&self, program: &str) -> PathBuf {
        let path = Path::new(program);
        if path.components().count() < 2 && !program.starts_with('.') {
            return path.to_owned();
        }
        let path = self.folder.join(path);
        std::path::absolute(&path).unwrap_or(path)
    }
}

impl fmt::Debug for Exec {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "Exec({})", self.path().display())
    }
}

/// What a command that has ended gave.
fn value(ended: &Ended) -> Result<SecretValue, String> {
    let reply: Option<Reply> = serde_json::from_slice(&ended.output).ok();
    let said = said(ended, reply.as_ref());
    if let Some(error) = reply.as_ref().and_then(|it| it.error.as_ref()) {
        return Err(format!("it says: {}{said}", short(&redaction(ended, reply.as_ref()).clean(error))));
    }
    if let Some(code) = &ended.failed {
        return Err(format!("it ended with {code}{said}"));
    }
    let reply = reply.ok_or_else(|| format!("it did not write {{\"value\": \"…\"}} as JSON{said}"))?;
    match reply.value {
        None => Err(format!("its answer has neither `value` nor `error`{said}")),
        Some(value) if value.is_empty() => Err(format!("its `value` is empty{said}")),
        Some(mut value) => Ok(SecretValue::new(std::mem::take(&mut value))),
    }
}

/// What it wrote to standard error, fit to be shown.
fn said(ended: &Ended, reply: Option<&Reply>) -> String {
    let news = String::from_utf8_lossy(&ended.news);
    // Cleaned before it is cut, so that no half of a value is left.
    let news = short(&redaction(ended, reply).clean(&news));
    if news.is_empty() { String::new() } else { format!("; on standard error: {news}") }
}

/// Keeps out whatever the command wrote where values are expected.
fn redaction(ended: &Ended, reply: Option<&Reply>) -> Redaction {
    let output = String::from_utf8_lossy(&ended.output);
    // An error that is told is no secret, unless the value is in it.
    let told = reply.and_then(|it| it.error.as_ref()).map_or("", |it| it.as_str());
    let words = output.lines().chain(output.split(|c: char| c.is_whitespace() || c == '"')).map(str::trim);
    let words = words.filter(|word| !told.contains(word));
    let value = reply.and_then(|it| it.value.as_ref()).map(|it| it.as_str());
    let values: Vec<SecretValue> = words.chain(value).map(|it| SecretValue::new(it.to_owned())).collect();
    Redaction::new(&values)
}

/// One line without control characters, cut.
fn short(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|it| !it.is_empty()).collect();
    let line = words.join(" ");
    match line.char_indices().nth(MAX_SHOWN) {
        None => line,
        Some((at, _)) => format!("{}…", &line[..at]),
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;
    use tempfile::TempDir;

    fn exec(yaml: &str) -> (TempDir, Exec) {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("secrets")).unwrap();
        std::fs::write(folder.path().join("secrets/exec.yml"), yaml).unwrap();
        let exec = Exec::beside(folder.path());
        (folder, exec)
    }

    fn asked(script: &str) -> String {
        let (_folder, exec) =
            exec(&serde_json::json!({ "command": ["sh", "-c", script], "timeout": "1s" }).to_string());
        exec.value("chat").map_or_else(|error| error.to_string(), |value| value.expose().to_owned())
    }

    #[test]
    fn an_answer_is_a_value_or_a_clear_refusal() {
        let check = |script: &str, expected: &str| assert_eq!(asked(script), expected, "{script}");
        check("cat >/dev/null; printf %s '{\"value\": \"pass\\\\word \\u00e9\"}'", "pass\\word é");
        check("read line; printf '{\"value\": \"%s\"}' \"$(echo $line | tr -d '\"')\"", "{name:chat}");
        check("echo '{\"value\": \"unread question\"}'", "unread question");
        let refused = |why: &str| format!("`sh` gave no secret `exec:chat`: {why}");
        check("echo '{\"error\": \"no such key\"}'", &refused("it says: no such key"));
        check("echo '{\"error\": \"sealed\"}'; exit 2", &refused("it says: sealed"));
        check(
            "printf 'token\\033[1m expired\\n' >&2; exit 7",
            &refused("it ended with exit status: 7; on standard error: token [1m expired"),
        );
        check("kill -9 $$", &refused("it ended with signal: 9 (SIGKILL)"));
        check("true", &refused("it did not write {\"value\": \"…\"} as JSON"));
        check("echo hunter2hunter2", &refused("it did not write {\"value\": \"…\"} as JSON"));
        check("echo '{}'", &refused("its answer has neither `value` nor `error`"));
        check("echo '{\"value\": null}'", &refused("its answer has neither `value` nor `error`"));
        check("echo '{\"value\": 12345678}'", &refused("it did not write {\"value\": \"…\"} as JSON"));
        check("echo '{\"value\": \"\"}'", &refused("its `value` is empty"));
        check("head -c 1100000 /dev/zero", &refused("its answer is larger than 1 MiB; it was killed"));
        check("head -c 300000 /dev/zero >&2; echo '{\"value\": \"after much news\"}'", "after much news");
    }

    #[test]
    fn what_it_says_is_cut_and_holds_no_value() {
        let canary = "canary-in-the-mine";
        for script in [
            format!("echo {canary} >&2; echo {canary}"),
            format!("echo '{{\"value\": \"{canary}\"}}'; echo {canary} >&2; exit 1"),
            format!("echo '{{\"value\": \"{canary}\", \"error\": \"not {canary}\"}}'; exit 1"),
            format!("echo '{{\"value\": [\"{canary}\"]}}'; printf {canary} | base64 >&2"),
        ] {
            let said = asked(&script);
            assert!(!said.contains("canary") && said.contains("(sensitive)"), "{script}: {said}");
        }
        let said = asked("yes word | head -c 5000 >&2; exit 1");
        assert!(said.ends_with('…') && said.chars().count() < 600, "{said}");
    }

    #[test]
    fn one_that_does_not_end_is_killed_in_time() {
        let began = Instant::now();
        for script in ["exec sleep 30", "exec >&-; exec sleep 30", "(sleep 30) & exit 0"] {
            assert!(asked(script).contains("it did not end within 1 s and was killed"), "{script}");
        }
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn it_is_run_once_for_each_secret_whatever_comes_of_it() {
        let script = "read line; echo $line >> runs; case $line in *bad*) exit 1;; *) echo '{\"value\": \"v\"}';; esac";
        let (folder, exec) = exec(&serde_json::json!({ "command": ["sh", "-c", script] }).to_string());
        std::thread::scope(|scope| {
            for name in ["a", "b", "bad", "a", "bad"] {
                let exec = &exec;
                scope.spawn(move || assert_eq!(exec.value(name).is_ok(), name != "bad"));
            }
        });
        let runs = std::fs::read_to_string(folder.path().join("runs")).unwrap();
        let mut runs: Vec<&str> = runs.lines().collect();
        runs.sort_unstable();
        assert_eq!(runs, ["{\"name\":\"a\"}", "{\"name\":\"b\"}", "{\"name\":\"bad\"}"]);
    }

    #[test]
    fn the_file_says_what_is_wrong_with_it() {
        let check = |yaml: &str, expected: &str| {
            let (_folder, exec) = exec(yaml);
            let said = exec.check().map_or_else(|error| error.to_string(), |()| "right".to_owned());
            assert!(said.contains(expected), "{yaml}: {said}");
        };
        check("command: [vault-ask, --kv]\ntimeout: 1m\n", "right");
        check("", "exec.yml: unexpected end of input");
        check("command: []", "exec.yml: `command` names no program");
        check("command: ['']", "names no program");
        check("command: [x]\ntimeout: 0", "`timeout` must be from 1s to 10m");
        check("command: [x]\ntime: 3s", "unknown field");
        check("command: [x", "exec.yml: ");
        let folder = TempDir::new().unwrap();
        let said = Exec::beside(folder.path()).value("x").err().unwrap().to_string();
        assert!(said.contains("no such file, which says what to ask for secrets"), "{said}");
        let (_folder, exec) = exec("command: [./not-there]");
        let said = exec.value("x").err().unwrap().to_string();
        assert!(said.starts_with("`./not-there` gave no secret `exec:x`: it cannot be started: "), "{said}");
    }
}
