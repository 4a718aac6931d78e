//! Logging in: every way that there is, in order, and what became of each.

use ssh2::{ErrorCode, KeyboardInteractivePrompt, Prompt, Session};

use super::key_file::key_trouble;
use super::target::Key;
use crate::value::SecretValue;

/// How many keys of an agent are tried. A server hangs up at the sixth failure (MaxAuthTries of sshd_config(5)).
const MOST_AGENT_KEYS: usize = 4;

/// libssh2's word for a login that was refused (LIBSSH2_ERROR_AUTHENTICATION_FAILED).
const REFUSED: i32 = -18;
/// libssh2's word for a key that was refused (LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED).
const KEY_REFUSED: i32 = -19;

/// What is said of a password that was refused.
const PASSWORD_REFUSED: &str = "the password was refused; check the name and the password, that the account is not locked or \
                                expired, and that it may log on here";

/// What there is to log in with.
pub(super) struct Means<'a> {
    /// A private key.
    pub key: Option<&'a Key>,
    /// Whether a running agent's keys are tried.
    pub agent: bool,
    /// The account's password.
    pub password: Option<&'a SecretValue>,
}

/// How a login went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    /// The ways in that the host offered, such as `publickey,password`; empty where it asked for none.
    pub offered: String,
    /// The one that was taken.
    pub by: By,
}

/// A way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Nothing was asked for.
    Nothing,
    /// A private key in a file.
    Key,
    /// A key of an SSH agent.
    Agent,
    /// The account's password.
    Password,
}

/// Logs in, or says what was tried and what to do.
pub(super) fn log_in(session: &Session, user: &str, means: &Means) -> Result<LoggedIn, String> {
    let offered = match session.auth_methods(user) {
        Ok(offered) => offered.to_owned(),
        // Asking for the ways in is itself a login without anything, which some servers take.
        Err(_) if session.authenticated() => return Ok(LoggedIn { offered: String::new(), by: By::Nothing }),
        Err(error) => return Err(format!("it does not say how to log in: {}", error.message())),
    };
    let offers = |way: &str| offered.split(',').any(|it| it == way);
    let mut tried = Vec::new();
    let mut by = By::Key;
    if let Some(key) = means.key {
        tried.push(if offers("publickey") { with_key(session, user, key) } else { Err(not_taken("keys")) });
    }
    if means.agent && !session.authenticated() {
        by = By::Agent;
        tried.push(if offers("publickey") { with_agent(session, user) } else { Err(not_taken("an agent's keys")) });
    }
    if let Some(password) = means.password.filter(|_| !session.authenticated()) {
        by = By::Password;
        if offers("password") {
            tried.push(with_password(session, user, password));
        }
        // Where both are offered they ask for the same password, and a second wrong try counts towards a lock-out.
        if offers("keyboard-interactive") && !offers("password") {
            tried.push(with_answers(session, user, password));
        }
        if !offers("password") && !offers("keyboard-interactive") {
            tried.push(Err(not_taken("passwords")));
        }
    }
    if session.authenticated() {
        return Ok(LoggedIn { offered, by });
    }
    let mut failures: Vec<String> = tried.into_iter().filter_map(Result::err).collect();
    if failures.is_empty() {
        failures
            .push("there is nothing to log in with; name a key_file or a password, or start an SSH agent".to_owned());
    }
    Err(told(&failures, &offered))
}

/// What came of all that was tried, and behind the first `; ` what to do about each.
fn told(failures: &[String], offered: &str) -> String {
    let parts = || failures.iter().map(|failure| failure.split_once("; ").unwrap_or((failure, "")));
    let found = parts().map(|(found, _)| found).collect::<Vec<_>>().join(", and ");
    let advice: Vec<&str> = parts().map(|(_, advice)| advice).filter(|advice| !advice.is_empty()).collect();
    let offered = offered.replace(',', ", ");
    let offers = if offered.is_empty() { "nothing".to_owned() } else { offered };
    let advice = if advice.is_empty() { String::new() } else { format!("; {}", advice.join("; ")) };
    format!("{found} (the host offers {offers}){advice}")
}

fn not_taken(what: &str) -> String {
    format!("it takes no {what}")
}

fn with_key(session: &Session, user: &str, key: &Key) -> Result<(), String> {
    let Key { path, passphrase } = key;
    if let Some(trouble) = key_trouble(path, passphrase.is_some()) {
        return Err(trouble);
    }
    let opened = passphrase.as_ref().map(SecretValue::expose);
    session.userauth_pubkey_file(user, None, path, opened).map_err(|error| {
        let path = path.display();
        match (error.code(), passphrase) {
            (ErrorCode::Session(REFUSED | KEY_REFUSED), _) if was_refused(&error) => format!(
                "the key {path} was refused; check that its public half is in the account's authorized_keys, for an \
                 administrator in %ProgramData%\\ssh\\administrators_authorized_keys"
            ),
            (_, Some(_)) => format!(
                "the key {path} cannot be opened with its passphrase ({}); check the secret that `passphrase` names: \
                 ssh-keygen -y -f {path} asks for it too",
                error.message()
            ),
            (_, None) => format!(
                "the key {path} cannot be opened ({}); it is damaged or of a kind that is not known here: ssh-keygen -y -f \
                 {path} says which",
                error.message()
            ),
        }
    })
}

/// Whether it was the server that refused, and not the key that could not be read: libssh2 has one code for both.
fn was_refused(error: &ssh2::Error) -> bool {
    let message = error.message();
    !(message.contains("Callback returned error") || message.contains("Unable to") || message.contains("passphrase"))
}

fn with_agent(session: &Session, user: &str) -> Result<(), String> {
    let unheard =
        |error: ssh2::Error| format!("no SSH agent was heard ({}); start one, or set `agent: false`", error.message());
    let mut agent = session.agent().map_err(unheard)?;
    agent.connect().map_err(unheard)?;
    agent.list_identities().map_err(unheard)?;
    let keys = agent.identities().map_err(unheard)?;
    if keys.is_empty() {
        return Err("the SSH agent has no keys; add one: ssh-add FILE".to_owned());
    }
    let count = keys.len();
    if keys.iter().take(MOST_AGENT_KEYS).any(|key| agent.userauth(user, key).is_ok()) {
        return Ok(());
    }
    Err(if count > MOST_AGENT_KEYS {
        format!(
            "the first {MOST_AGENT_KEYS} of the SSH agent's {count} keys were refused; name the right one in `key_file`"
        )
    } else {
        format!("the SSH agent's {count} key{} refused", if count == 1 { " was" } else { "s were" })
    })
}

fn with_password(session: &Session, user: &str, password: &SecretValue) -> Result<(), String> {
    session.userauth_password(user, password.expose()).map_err(|error| match error.code() {
        ErrorCode::Session(REFUSED) => PASSWORD_REFUSED.to_owned(),
        _ => format!("the password could not be given ({})", error.message()),
    })
}

fn with_answers(session: &Session, user: &str, password: &SecretValue) -> Result<(), String> {
    let mut answers = Answers { password, asked: 0 };
    session.userauth_keyboard_interactive(user, &mut answers).map_err(|error| match (error.code(), answers.asked) {
        (ErrorCode::Session(REFUSED), 0 | 1) => PASSWORD_REFUSED.to_owned(),
        (ErrorCode::Session(REFUSED), _) => {
            "it asked for more than a password, which nobody is there to give".to_owned()
        }
        _ => format!("the password could not be given ({})", error.message()),
    })
}

/// Answers the first question that is not echoed with the password, and no other.
struct Answers<'a> {
    password: &'a SecretValue,
    asked: usize,
}

impl KeyboardInteractivePrompt for Answers<'_> {
    fn prompt(&mut self, _: &str, _: &str, prompts: &[Prompt<'_>]) -> Vec<String> {
        let mut answer = |prompt: &Prompt<'_>| {
            self.asked += 1;
            if self.asked == 1 && !prompt.echo { self.password.expose().to_owned() } else { String::new() }
        };
        prompts.iter().map(&mut answer).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_comes_before_what_to_do() {
        let check = |failures: &[&str], expected: &str| {
            let failures: Vec<String> = failures.iter().map(|it| (*it).to_owned()).collect();
            assert_eq!(told(&failures, "publickey,password"), expected);
        };
        check(&["it takes no keys"], "it takes no keys (the host offers publickey, password)");
        check(
            &["the key id was refused; check a", "no agent; start one; or not"],
            "the key id was refused, and no agent (the host offers publickey, password); check a; start one; or not",
        );
    }
}
