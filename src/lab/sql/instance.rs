//! An instance of SQL Server on a lab host.

use std::path::Path;
use std::sync::Arc;

use super::database::Database;
use super::key::Password;
use super::log::{self, Kind, LoggedBatch, SqlCounts};
use super::moment::Moment;
use super::reply::Reply;
use super::run::{self, Parameter};
use super::server::{Login, LoginKind, Server};
use super::session::Session;
use super::shared::{Heard, Shared};
use super::state::{Content, State};
use super::versions::{Edition, Version};
use crate::lab::computer::Computer;
use crate::lab::faults::Fault;
use crate::lab::{Folder, LabError};

/// What a new instance shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlSpec {
    /// Version, such as `2019`.
    pub version: String,
    /// Edition.
    pub edition: Edition,
    /// Name of the instance; `None` for the default one.
    pub instance: Option<String>,
}

impl Default for SqlSpec {
    fn default() -> SqlSpec {
        SqlSpec { version: "2019".to_owned(), edition: Edition::default(), instance: None }
    }
}

/// An instance of SQL Server, kept as files in its host's folder: `sql/instance.json` ([`Server`]) and
/// `sql/databases/NAME.json` ([`Database`]). Every batch reads them anew, so a person may edit any of them at any time.
#[derive(Clone)]
pub struct Instance {
    pub(super) shared: Arc<Shared>,
}

/// What a server tells of an instance.
pub struct About {
    /// `@@SERVERNAME`.
    pub server_name: String,
    /// DNS names of its host.
    pub names: Vec<String>,
    /// Its version.
    pub version: &'static Version,
}

impl Instance {
    /// Creates an instance in a host's folder, or leaves the one that is there as it is.
    ///
    /// # Errors
    /// When the disk fails or the spec names a version that the lab does not have.
    pub fn create(folder: &Folder, spec: &SqlSpec) -> Result<Instance, LabError> {
        if !Instance::is_in(folder) {
            let version = Version::of(&spec.version).ok_or_else(|| {
                let known: Vec<&str> = Version::all().map(|version| version.name.as_str()).collect();
                let message = format!("there is no SQL Server `{}`; there are {}", spec.version, known.join(", "));
                LabError::File { path: folder.path(Server::FILE), message }
            })?;
            let computer: Computer = folder.read_toml(Computer::FILE)?;
            let now = Moment::now(computer.clock_skew_seconds);
            let mut server = Server::fresh(version, spec.edition, spec.instance.clone(), now);
            // Set-up asks for administrators; the lab's hosts are run by whoever administers the machine.
            let administrators = r"BUILTIN\Administrators";
            let sid = run::binary_sid("S-1-5-32-544");
            let id = server.take_principal();
            server.logins.push(Login {
                roles: vec!["sysadmin".to_owned()],
                ..login(administrators, id, LoginKind::WindowsGroup, sid, now)
            });
            let databases = Database::system(&server.collation, version.compatibility, now);
            State::create(folder, &Content { server, databases })?;
        }
        Ok(Instance::open(folder))
    }

    /// The instance in a host's folder.
    pub fn open(folder: &Folder) -> Instance {
        Instance { shared: Arc::new(Shared::new(folder)) }
    }

    /// Whether a host's folder holds an instance.
    pub fn is_in(folder: &Folder) -> bool {
        folder.path(Server::FILE).exists()
    }

    /// The host's folder.
    pub fn folder(&self) -> &Path {
        self.shared.folder.root()
    }

    /// Reads the instance, lets it be changed and writes it again: how a test or an inventory prepares one.
    ///
    /// # Errors
    /// When the disk fails or a file is broken.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> Result<T, LabError> {
        let _gate = self.shared.gate();
        let mut state = State::load(&self.shared.folder)?;
        let changed = change(&mut state);
        state.save()?;
        Ok(changed)
    }

    /// Makes an SQL login known, so that its password is the one given; a new one is a sysadmin where asked for.
    ///
    /// # Errors
    /// When the disk fails or a file is broken.
    pub fn declare_login(&self, name: &str, password: &str, sysadmin: bool) -> Result<(), LabError> {
        self.change(|state| {
            let now = state.now();
            let server = &mut state.content.server;
            if let Some(known) = server.login_mut(name) {
                if !known.password.as_ref().is_some_and(|known| known.is(password)) {
                    known.password = Some(Password::new(password));
                    known.modified = now;
                }
                return;
            }
            let id = server.take_principal();
            let sid = super::value::hex_text(uuid::Uuid::new_v4().as_bytes());
            let roles = if sysadmin { vec!["sysadmin".to_owned()] } else { Vec::new() };
            let password = Some(Password::new(password));
            server.logins.push(Login { password, roles, ..login(name, id, LoginKind::Sql, sid, now) });
        })
    }

    /// The same with a password of a store.
    ///
    /// # Errors
    /// As [`Instance::declare_login`].
    pub fn declare_operator(&self, name: &str, password: &crate::value::SecretValue) -> Result<(), LabError> {
        self.declare_login(name, password.expose(), true)
    }

    /// Restarts the instance: trace flags are those of the startup arguments, tempdb is new, sessions end.
    ///
    /// # Errors
    /// When the disk fails or a file is broken.
    pub fn restart(&self) -> Result<(), LabError> {
        for (_, seen) in self.shared.connected.all() {
            seen.signs.kill();
        }
        self.change(|state| {
            let now = state.now();
            let server = &mut state.content.server;
            // Capital T alone: a small one switches on other internals.
            let flag = |argument: &String| argument.strip_prefix("-T").and_then(|flag| flag.parse().ok());
            server.trace_flags = server.startup_arguments.iter().filter_map(flag).collect();
            server.sessions.clear();
            if let Some(tempdb) = state.content.databases.iter_mut().find(|database| database.id == 2) {
                let fresh = Database::new("tempdb", 2, &tempdb.collation.clone(), tempdb.compatibility, now);
                *tempdb = Database { recovery: "SIMPLE".to_owned(), permissions: tempdb.permissions.clone(), ..fresh };
            }
        })
    }

    /// Carries out a batch and says what the instance says to it. May wait for other sessions, for as long as the
    /// session's lock timeout; call it off the runtime's threads.
    pub fn execute(&self, session: &mut Session, kind: Kind, text: &str, parameters: &[Parameter]) -> Vec<Reply> {
        let texts = parameters.iter().map(|parameter| parameter.value.to_text().unwrap_or_default());
        self.shared.hear(Heard { kind, text: text.to_owned(), parameters: texts.collect() });
        let database = session.database.clone();
        let ran = run::batch(&self.shared, session, text, parameters);
        let program = self.shared.connected.all().into_iter().find(|(spid, _)| *spid == session.spid);
        self.note(&LoggedBatch {
            utc: crate::lab::utc::text(std::time::SystemTime::now()),
            spid: session.spid,
            login: session.login.clone(),
            program: program.map(|(_, seen)| seen.program).unwrap_or_default(),
            kind,
            database,
            text: log::masked(text),
            mutating: ran.mutating,
            done: ran.done,
            errors: ran
                .replies
                .iter()
                .filter_map(|reply| match reply {
                    Reply::Error(error) => Some(error.number),
                    _ => None,
                })
                .collect(),
        });
        ran.replies
    }

    pub(super) fn note(&self, logged: &LoggedBatch) {
        if let Err(error) = log::append(&self.shared.folder, logged) {
            tracing::warn!(%error, "a statement is missing in the lab's log");
        }
    }

    /// The log of batches.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self) -> Result<Vec<LoggedBatch>, LabError> {
        log::read(&self.shared.folder)
    }

    /// What it has counted since its log began.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn counts(&self) -> Result<SqlCounts, LabError> {
        self.log().map(|log| log::count(&log))
    }

    /// The batches since this was opened, as they came, in which a text stands.
    pub fn heard(&self, needle: &str) -> Vec<Heard> {
        self.shared.heard(needle)
    }

    /// What a server tells of the instance before anybody logs in.
    ///
    /// # Errors
    /// When a file is broken.
    pub fn about(&self) -> Result<About, LabError> {
        let _gate = self.shared.gate();
        let state = State::load(&self.shared.folder)?;
        let computer = state.computer.computer.to_lowercase();
        let mut names = vec![computer.clone()];
        names.extend(state.computer.domain.as_ref().map(|domain| format!("{computer}.{domain}")));
        Ok(About { server_name: state.server_name(), names, version: state.content.server.version() })
    }

    /// Whether a fault is there.
    pub(super) fn has(&self, fault: Fault) -> bool {
        State::load(&self.shared.folder).is_ok_and(|state| state.faults.has(fault))
    }
}

fn login(name: &str, id: i64, kind: LoginKind, sid: String, now: Moment) -> Login {
    Login {
        name: name.to_owned(),
        id,
        kind,
        sid,
        password: None,
        disabled: false,
        default_database: "master".to_owned(),
        roles: Vec::new(),
        permissions: Vec::new(),
        created: now,
        modified: now,
    }
}
