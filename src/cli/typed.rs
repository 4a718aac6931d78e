//! Passwords and other secrets that no store has: asked for on a terminal, each once, and kept for the run alone.

use std::collections::BTreeMap;
use std::io::{IsTerminal, stderr, stdin};
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use super::Failure;
use super::hidden_line::hidden_line;
use crate::engine::Password;
use crate::secret::Given;
use crate::value::{SecretRef, SecretValue};

/// What was typed, by what it was asked for. A run asks for its ways more than once, and a person is asked once.
static TYPED: Mutex<BTreeMap<String, Arc<Zeroizing<String>>>> = Mutex::new(BTreeMap::new());

/// What gives the password of an account; `None` where nobody can be asked.
pub fn password(user: &str) -> Result<Option<Password>, Failure> {
    let text = ask(&format!("password of {user}"), "")?;
    Ok(text.map(|text| -> Password { Arc::new(move || Ok(SecretValue::new(text.as_str().to_owned()))) }))
}

/// Asks for a secret that logs in to a host; whether somebody could be asked.
pub fn secret(reference: &SecretRef, host: &str) -> Result<bool, Failure> {
    Ok(ask(&name(reference), &format!(", which logs in to {host}"))?.is_some())
}

/// The secrets that were typed.
pub fn given() -> Given {
    Given::new(|reference| {
        let typed = TYPED.lock().unwrap_or_else(PoisonError::into_inner);
        typed.get(&name(reference)).map(|text| SecretValue::new(text.as_str().to_owned()))
    })
}

fn name(reference: &SecretRef) -> String {
    format!("secret {reference}")
}

fn ask(what: &str, more: &str) -> Result<Option<Arc<Zeroizing<String>>>, Failure> {
    if !(stdin().is_terminal() && stderr().is_terminal()) {
        return Ok(None);
    }
    let mut typed = TYPED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(text) = typed.get(what) {
        return Ok(Some(Arc::clone(text)));
    }
    let text = hidden_line(&format!("{what}{more} (not shown): "))?;
    if text.is_empty() {
        return Err(Failure::input(format!("no {what} was typed")));
    }
    let text = Arc::new(text);
    typed.insert(what.to_owned(), Arc::clone(&text));
    Ok(Some(text))
}
