//! Passwords that no store has: asked for on a terminal, once an account, and kept for the run alone.

use std::collections::BTreeMap;
use std::io::{IsTerminal, stderr, stdin};
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use super::Failure;
use crate::engine::Password;
use crate::value::SecretValue;

/// What was typed, by account. A run asks for its ways more than once, and a person is asked once.
static TYPED: Mutex<BTreeMap<String, Arc<Zeroizing<String>>>> = Mutex::new(BTreeMap::new());

/// What gives the password of an account; `None` where nobody can be asked.
pub fn password(user: &str) -> Result<Option<Password>, Failure> {
    if !(stdin().is_terminal() && stderr().is_terminal()) {
        return Ok(None);
    }
    let mut typed = TYPED.lock().unwrap_or_else(PoisonError::into_inner);
    let text = if let Some(text) = typed.get(user) {
        Arc::clone(text)
    } else {
        let terminal = console::Term::stderr();
        let asked = terminal.write_str(&format!("password of {user} (not shown): "));
        let text = Zeroizing::new(asked.and_then(|()| terminal.read_secure_line()).map_err(Failure::work)?);
        if text.is_empty() {
            return Err(Failure::input(format!("no password of {user} was typed")));
        }
        let text = Arc::new(text);
        typed.insert(user.to_owned(), Arc::clone(&text));
        text
    };
    Ok(Some(Arc::new(move || Ok(SecretValue::new(text.as_str().to_owned())))))
}
