//! Tickets that `kinit` got, by the system's GSS-API; on Windows those of whoever is logged on, by SSPI (both by the
//! crate `cross-krb5`).

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use cross_krb5::{ClientCtx, InitiateFlags, K5Ctx as _, PendingClientCtx, Step};

use super::krb_error::{EXPIRED, KrbError, Speaker};
use super::token;
use crate::transport::winrm::seal::Sealed;

/// What MIT's and Heimdal's libraries say, in small letters, and the code that explains it.
const SAID: [(&str, i64); 6] = [
    ("not found in kerberos database", 7),
    ("server not found", 7),
    ("ticket expired", EXPIRED),
    ("credentials have expired", EXPIRED),
    ("clock skew", 37),
    ("no support for encryption type", 14),
];
/// What they say where there is no ticket at all.
const NO_TICKET: [&str; 4] =
    ["no kerberos credentials", "no credentials cache", "no credentials were supplied", "can't find client principal"];

/// A conversation with a host that has begun: its token is made.
pub struct Cached(State);

/// The library's own, which may go from thread to thread and not be shared by them; a lock that nobody else holds says so.
enum State {
    Begun(Mutex<PendingClientCtx>),
    Done(Mutex<ClientCtx>),
}

impl Cached {
    /// Makes the token for a service of the host, in a realm where one is named, by the tickets of an account, where
    /// one is named.
    ///
    /// # Errors
    ///
    /// Why there is no ticket.
    pub async fn begin(
        client: Option<String>,
        realm: Option<String>,
        spn: &str,
        binding: Option<&[u8]>,
    ) -> Result<(Cached, Vec<u8>), String> {
        let target = realm.map_or(spn.to_owned(), |realm| format!("{spn}@{realm}"));
        let (spn, binding) = (spn.to_owned(), binding.map(<[u8]>::to_vec));
        // The library asks domain controllers itself, and blocks meanwhile.
        let work = move || {
            let made = ClientCtx::new(InitiateFlags::empty(), client.as_deref(), &target, binding.as_deref());
            let (context, token) = made.map_err(|error| explain(&error.to_string(), client.as_deref(), &spn))?;
            Ok((Cached(State::Begun(Mutex::new(context))), token.to_vec()))
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| "the Kerberos library failed".to_owned())?
    }

    /// Takes the host's AP-REP, by which it proves that it could open the ticket.
    ///
    /// # Errors
    ///
    /// What does not hold.
    pub async fn finish(self, reply: Vec<u8>) -> Result<Cached, String> {
        let State::Begun(context) = self.0 else { return Err("the login is over already".to_owned()) };
        let context = context.into_inner().unwrap_or_else(PoisonError::into_inner);
        let work = move || match context.step(&reply).map_err(|error| words(&error.to_string()))? {
            Step::Finished((context, None)) => Ok(Cached(State::Done(Mutex::new(context)))),
            Step::Finished((_, Some(_))) | Step::Continue(_) => Err("it asks for more than was agreed on".to_owned()),
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| "the Kerberos library failed".to_owned())?
    }

    /// Seals a message.
    pub fn seal(&mut self, message: &[u8]) -> Result<Sealed, String> {
        let sealed = self.context()?.wrap(true, message).map_err(|error| words(&error.to_string()))?;
        token::for_windows(sealed.to_vec())
    }

    /// Opens a sealed message and checks its signature and its place in the order.
    pub fn unseal(&mut self, sealed: Sealed) -> Result<Vec<u8>, String> {
        let token = token::from_windows([sealed.header, sealed.data].concat())?;
        let plain = self.context()?.unwrap(&token).map_err(|error| words(&error.to_string()))?;
        Ok(plain.to_vec())
    }

    fn context(&mut self) -> Result<&mut ClientCtx, String> {
        match &mut self.0 {
            State::Done(context) => Ok(context.get_mut().unwrap_or_else(PoisonError::into_inner)),
            State::Begun(_) => Err("nobody is logged in".to_owned()),
        }
    }
}

/// Why there is no ticket for a service.
fn explain(said: &str, client: Option<&str>, spn: &str) -> String {
    let small = said.to_lowercase();
    let whose = client.map_or(String::new(), |client| format!(" of `{client}`"));
    let kinit = client.unwrap_or("USER@REALM");
    if NO_TICKET.iter().any(|words| small.contains(words)) {
        return format!(
            "the ticket cache holds no ticket{whose}: kinit {kinit}, and see what is there by: klist; or give it \
             `password:` or `keytab:`"
        );
    }
    match SAID.iter().find(|(words, _)| small.contains(words)) {
        Some((_, code)) => {
            let error = KrbError { code: *code, ..KrbError::default() };
            let told = error.explain(Speaker::Kdc, spn, SystemTime::now());
            if *code == EXPIRED { format!("{told}; kinit {kinit}") } else { told }
        }
        None => format!("the ticket cache{whose} gives no ticket for `{spn}`: {}", words(said)),
    }
}

/// What a library says, in one line.
fn words(said: &str) -> String {
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libraries_say_is_explained() {
        let check = |said: &str, expected: &str| {
            let told = explain(said, Some("deploy@CORP.EXAMPLE"), "HTTP/web01");
            assert!(told.contains(expected), "{told:?} lacks {expected:?}");
        };
        check("No Kerberos credentials available (default cache: FILE:/tmp/x)", "kinit deploy@CORP.EXAMPLE");
        check("Server HTTP/web01@CORP.EXAMPLE not found in Kerberos database", "asked for `HTTP/web01`");
        check("Ticket expired", "KRB_AP_ERR_TKT_EXPIRED 32");
        check("Clock skew\n too great", "KRB_AP_ERR_SKEW 37");
        check("something\n else", "gives no ticket for `HTTP/web01`: something else");
    }
}
