//! A host's answers about IIS, and what it does to it.

use std::thread;
use std::time::{Duration, SystemTime};

use super::accounts::Directory;
use super::error::{refused, refused_plainly};
use super::faults::{Fault, Faults};
use super::iis::{self, Commit, Endpoint, HttpSys, Interference, Keys, Reading, Runtime, Server, Was};
use super::model::{Model, Told, no_iis, told};
use super::{Stores, files, utc};
use crate::hostcall::answer::{PoolRuntime, RunState};
use crate::hostcall::config::{Edit, Element, ElementPath, Expected};
use crate::hostcall::write::ConfigFile;
use crate::hostcall::{Content, Control, ControlTarget, MacForm, Nonce, Refusal, RefusalCode};
use crate::xml::Document;

/// How long a host waits for WAS before it says that something is still on its way.
const PATIENCE: Duration = Duration::from_secs(30);
/// How far back WAS events are told.
const EVENT_WINDOW_SECONDS: i64 = 600;

impl Model {
    /// Answers `iis_config`.
    pub(super) fn config(&self, at: &ElementPath, form: MacForm, nonce: &Nonce) -> Result<Option<Element>, Refusal> {
        let keys = Keys::load(&self.folder, self.faults.has(Fault::ClonedKeys))?;
        self.element(at, &|stored| match keys.decrypt(stored) {
            Ok(clear) => {
                let bytes = match form {
                    MacForm::Exact => clear,
                    MacForm::Upper => clear.to_uppercase(),
                };
                files::mac(nonce, bytes.as_bytes()).map(Content::Mac)
            }
            Err(iis::Unreadable) => Ok(Content::Unreadable {}),
        })
    }

    /// Answers `iis_runtime`, after WAS has done what it was told.
    pub(super) fn runtime(&self, pools: &[String], sites: &[String]) -> Told {
        let (server, runtime) = self.settle()?;
        let busy = Duration::from_secs(runtime.busy_until_unix_seconds)
            .saturating_sub(Duration::from_secs(utc::unix_seconds(SystemTime::now())));
        thread::sleep(busy.min(PATIENCE));
        let still = busy > PATIENCE;
        let shown = |state: RunState| if still { RunState::Starting } else { state };
        let mut answer = crate::hostcall::answer::Runtime::default();
        for name in pools {
            let running = server.pool(name).and_then(|pool| runtime.pools.get(&pool.name));
            if let Some(running) = running {
                let workers = if still { Vec::new() } else { running.workers.clone() };
                answer.pools.insert(name.clone(), PoolRuntime { state: shown(running.state), workers });
            }
        }
        for name in sites {
            if let Some(running) = server.site(name).and_then(|site| runtime.sites.get(&site.name)) {
                answer.sites.insert(name.clone(), shown(running.state));
            }
        }
        let since = utc::text(utc::now(self.computer.clock_skew_seconds - EVENT_WINDOW_SECONDS));
        let asked = |pool: &str| pools.iter().any(|name| name.to_lowercase() == pool.to_lowercase());
        let recent = runtime.events.iter().filter(|event| event.utc >= since && asked(&event.pool));
        answer.events = recent.cloned().collect();
        told(&answer)
    }

    /// The http endpoints of the started sites.
    pub(super) fn endpoints(&self) -> Result<Vec<Endpoint>, Refusal> {
        if !self.has_iis() {
            return Ok(Vec::new());
        }
        let (server, runtime) = self.settle()?;
        Ok(iis::endpoints(&server, &runtime))
    }

    /// Carries out `iis_commit`; `Some` names the element that has moved.
    pub(super) fn commit(
        &mut self,
        file: &ConfigFile,
        expect: &[Expected],
        edits: &[Edit],
    ) -> Result<Option<String>, Refusal> {
        self.has_iis().then_some(()).ok_or_else(no_iis)?;
        self.writable()?;
        self.not_shared()?;
        let commit_file = self.commit_file(file, expect, edits)?;
        let interference = self.interference()?;
        let mut keys = Keys::load(&self.folder, self.faults.has(Fault::ClonedKeys))?;
        let commit = Commit {
            folder: &self.folder,
            file: &commit_file,
            build: self.computer.version()?.iis_build,
            features: &self.features,
            stores: &Stores::load(&self.folder)?,
            expect,
            edits,
            history: Some(utc::now(self.computer.clock_skew_seconds)),
        };
        let moved = iis::commit(&commit, &mut keys, interference)?;
        // WAS does not look at web.config files.
        if matches!(file, ConfigFile::ApplicationHost {}) {
            self.committed()?;
        }
        Ok(moved)
    }

    /// Lets WAS begin with what was committed.
    pub(super) fn committed(&self) -> Result<(), Refusal> {
        self.with_was(|_, runtime| {
            self.keep_busy(runtime);
            Ok(())
        })
    }

    /// What somebody else does while the next commit is made; it happens once.
    pub(super) fn interference(&mut self) -> Result<Interference, Refusal> {
        Ok(if self.once(Fault::Moved)? {
            Interference::Related
        } else if self.once(Fault::ChangedOnDisk)? {
            Interference::Unrelated
        } else {
            Interference::None
        })
    }

    /// Carries out `iis_control`.
    pub(super) fn control(&self, target: &ControlTarget, action: Control) -> Told {
        self.has_iis().then_some(()).ok_or_else(no_iis)?;
        if self.faults.has(Fault::AccessDenied) || !self.computer.administrator {
            return Err(refused(RefusalCode::Denied, 0x8007_0005, "Access is denied."));
        }
        self.with_was(|was, runtime| {
            iis::apply_control(was, runtime, target, action)?;
            self.keep_busy(runtime);
            Ok(serde_json::Value::Null)
        })
    }

    /// Pools and sites as configuration has them.
    pub(super) fn server(&self) -> Result<Server, Refusal> {
        let keys = Keys::load(&self.folder, self.faults.has(Fault::ClonedKeys))?;
        let tell = |stored: &str| Ok(keys.decrypt(stored).map_or(Content::Unreadable {}, Content::Value));
        let section = |name: &str| {
            let path = ElementPath::section(name);
            let missing = || refused_plainly(RefusalCode::Failed, format!("{name} is not there"));
            self.element(&path, &tell)?.ok_or_else(missing)
        };
        Ok(Server::of(&section("system.applicationHost/applicationPools")?, &section("system.applicationHost/sites")?))
    }

    /// Lets WAS do what configuration says; tells what then runs.
    pub(super) fn settle(&self) -> Result<(Server, Runtime), Refusal> {
        self.with_was(|was, runtime| Ok((was.server.clone(), runtime.clone())))
    }

    /// Starts everything anew.
    pub(super) fn boot(&self) -> Result<(), Refusal> {
        self.with_was(|was, runtime| {
            was.boot(runtime);
            Ok(())
        })
    }

    fn element(
        &self,
        at: &ElementPath,
        tell: &dyn Fn(&str) -> Result<Content, Refusal>,
    ) -> Result<Option<Element>, Refusal> {
        if let Some(app) = &at.app {
            return self.element_in_app(app, at, tell);
        }
        self.may_read_iis()?;
        let section = iis::section(&at.section, &self.features)?;
        let document = self.document()?;
        let http_sys = HttpSys::load(&self.folder)?;
        let build = self.computer.version()?.iis_build;
        Reading { document: &document, build, http_sys: &http_sys, tell }.element(section, at)
    }

    /// Whether IIS is there and lets its configuration be read.
    pub(super) fn may_read_iis(&self) -> Result<(), Refusal> {
        self.has_iis().then_some(()).ok_or_else(no_iis)?;
        if self.faults.has(Fault::AccessDenied) || !self.computer.administrator {
            let text =
                r"Filename: redirection.config Error: Cannot read configuration file due to insufficient permissions";
            return Err(refused(RefusalCode::Denied, 0x8007_0005, text));
        }
        Ok(())
    }

    /// What applicationHost.config holds.
    pub(super) fn document(&self) -> Result<Document, Refusal> {
        let bytes = self.folder.read(super::iis::APPLICATION_HOST)?;
        let missing = || {
            let text = "Filename: applicationHost.config Error: Cannot read configuration file";
            refused(RefusalCode::Invalid, 0x8007_0002, text)
        };
        iis::parse(&bytes.ok_or_else(missing)?)
    }

    /// Lets WAS catch up with configuration, does something, and keeps what then runs.
    pub(super) fn with_was<T>(&self, act: impl FnOnce(&Was, &mut Runtime) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let server = self.server()?;
        let directory = Directory::load(&self.folder)?;
        let logs_on =
            |name: &str, password: &str| directory.lets_in(&self.computer, self.faults.logon(), name, password);
        let version = self.computer.version()?;
        let was = Was { server: &server, iis: &version.iis, logs_on: &logs_on, utc: &self.computer.utc() };
        let before = Runtime::load(&self.folder)?;
        let mut runtime = before.clone();
        was.settle(&mut runtime);
        let acted = act(&was, &mut runtime);
        if runtime != before {
            runtime.save(&self.folder)?;
        }
        acted
    }

    fn keep_busy(&self, runtime: &mut Runtime) {
        if self.faults.has(Fault::WasSlow) {
            let now = utc::unix_seconds(SystemTime::now());
            runtime.busy_until_unix_seconds = now + self.faults.was_slow_seconds;
        }
    }

    /// Whether the host has a fault that happens once; it is then over.
    fn once(&mut self, fault: Fault) -> Result<bool, Refusal> {
        let there = self.faults.faults.shift_remove(&fault).unwrap_or(false);
        if there {
            self.folder.write_toml(Faults::FILE, Faults::HEADING, &self.faults)?;
        }
        Ok(there)
    }

    fn not_shared(&self) -> Result<(), Refusal> {
        if self.faults.has(Fault::SharedConfiguration) || self.computer.shared_configuration.is_some() {
            let text = "redirection.config enables shared configuration: one commit would change every server of it";
            return Err(refused_plainly(RefusalCode::SharedConfiguration, text));
        }
        Ok(())
    }
}
