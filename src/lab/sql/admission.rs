//! Who is let in.

use std::sync::Arc;

use super::connected::Seen;
use super::error::{broken, login_failed};
use super::instance::Instance;
use super::log::{Kind, LoggedBatch};
use super::reply::SqlError;
use super::run;
use super::server::LoginKind;
use super::session::{Client, Session};
use super::state::State;
use crate::lab::faults::Fault;

impl Instance {
    /// Logs in with a name and a password of SQL Server's own.
    ///
    /// # Errors
    /// 18456 where it is refused, 4060 where the database cannot be opened.
    pub fn log_in(&self, user: &str, password: &str, client: &Client) -> Result<Session, SqlError> {
        let gate = self.shared.gate();
        let mut state = State::load(&self.shared.folder).map_err(|error| broken(&error.to_string()))?;
        // The states are those of SQL Server's own log; a client sees 1 whatever it is.
        let found = state.content.server.login(user).cloned();
        let verdict = if state.shows_once(Fault::SqlLoginFailed).map_err(|error| broken(&error.to_string()))? {
            Some(8)
        } else {
            match found {
                None => Some(5),
                Some(login) if login.kind != LoginKind::Sql => Some(6),
                Some(login) if !login.password.as_ref().is_some_and(|known| known.is(password)) => Some(8),
                Some(login) if login.disabled => Some(7),
                Some(_) => None,
            }
        };
        let result = match verdict {
            Some(reason) => Err((login_failed(user), reason)),
            None => self.admit(&state, user, client),
        };
        self.note_login(&state, user, client, result.as_ref().err());
        drop(gate);
        result.map_err(|(error, _)| error)
    }

    /// Logs in a Windows account that Windows itself has let in.
    ///
    /// # Errors
    /// 18456 where no login lets it in, 4060 where the database cannot be opened.
    pub fn log_in_windows(&self, account: &str, client: &Client) -> Result<Session, SqlError> {
        let gate = self.shared.gate();
        let state = State::load(&self.shared.folder).map_err(|error| broken(&error.to_string()))?;
        let server = &state.content.server;
        let by_name =
            server.login(account).filter(|login| login.kind != LoginKind::Sql).map(|login| login.name.clone());
        // Whoever speaks to a host administers it.
        let by_group = || server.login(r"BUILTIN\Administrators").map(|login| login.name.clone());
        let result = match by_name.or_else(by_group) {
            None => Err((login_failed(account), 11)),
            Some(name) if server.login(&name).is_some_and(|login| login.disabled) => Err((login_failed(account), 7)),
            Some(name) => self.admit(&state, &name, client),
        };
        self.note_login(&state, account, client, result.as_ref().err());
        drop(gate);
        result.map_err(|(error, _)| error)
    }

    fn admit(&self, state: &State, user: &str, client: &Client) -> Result<Session, (SqlError, i32)> {
        let login = state.content.server.login(user).ok_or_else(|| (login_failed(user), 5))?;
        let wanted = if client.database.is_empty() { &login.default_database } else { &client.database };
        let may = run::may_use(state, &login.name, wanted);
        let database = match state.database(wanted) {
            Some(database) if may.is_ok() => database.name.clone(),
            _ => {
                let text = format!("Cannot open database \"{wanted}\" requested by the login. The login failed.");
                return Err((SqlError::new(4060, 11, text), 38));
            }
        };
        let signs = Arc::default();
        let seen = Seen {
            login: login.name.clone(),
            host: client.host.clone(),
            program: client.program.clone(),
            database: database.clone(),
            since: state.now(),
            signs: Arc::clone(&signs),
        };
        let spid = self.shared.connected.add(seen);
        Ok(Session {
            shared: Arc::clone(&self.shared),
            spid,
            login: login.name.clone(),
            impersonators: Vec::new(),
            database,
            no_count: false,
            xact_abort: false,
            lock_timeout_millis: -1,
            transaction: None,
            open_keys: Vec::new(),
            trace_flags: Vec::new(),
            signs,
        })
    }

    fn note_login(&self, state: &State, user: &str, client: &Client, refused: Option<&(SqlError, i32)>) {
        let logged = LoggedBatch {
            utc: state.computer.utc(),
            spid: 0,
            login: user.to_owned(),
            program: client.program.clone(),
            kind: Kind::Login,
            database: client.database.clone(),
            text: String::new(),
            mutating: 0,
            done: 0,
            errors: refused.map(|(error, state)| vec![error.number, *state]).unwrap_or_default(),
        };
        self.note(&logged);
    }
}
