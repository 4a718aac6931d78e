//! The Windows Process Activation Service: starts and stops what configuration says.

use super::runtime::{RunningPool, RunningSite, Runtime};
use super::view::{Identity, Pool, Server, Site};
use crate::hostcall::answer::{RunState, Worker};
use crate::hostcall::{Control, ControlTarget, Refusal, RefusalCode};
use crate::lab::error::refused;

/// The identity of a pool is invalid.
const IDENTITY_INVALID: u32 = 5021;
/// A pool was disabled, because its identity is invalid.
const DISABLED_IDENTITY: u32 = 5057;
/// A pool was disabled, because worker processes cannot be started.
const DISABLED: u32 = 5059;

/// WAS at one moment: what configuration says, and who can log on.
pub struct Was<'a> {
    /// What configuration says.
    pub server: &'a Server,
    /// Version of IIS, such as `8.5`.
    pub iis: &'a str,
    /// Whether a password lets an account in.
    pub logs_on: &'a dyn Fn(&str, &str) -> bool,
    /// Now, by the host's clock.
    pub utc: &'a str,
}

impl Was<'_> {
    /// Brings what runs in line with configuration: new pools and sites start where they shall, gone ones go, and
    /// worker processes are replaced where what they are made of has changed.
    pub fn settle(&self, runtime: &mut Runtime) {
        runtime.pools.retain(|name, _| self.server.pools.iter().any(|pool| pool.name == *name));
        runtime.sites.retain(|name, _| self.server.sites.iter().any(|site| site.name == *name));
        for pool in &self.server.pools {
            match runtime.pools.get(&pool.name).cloned() {
                None => self.admit(pool, runtime),
                Some(running) => self.adjust(pool, &running, runtime),
            }
        }
        for site in &self.server.sites {
            if !runtime.sites.contains_key(&site.name) {
                set_site(runtime, site, RunState::Stopped);
                if site.auto_start && self.rival(site, runtime).is_none() {
                    set_site(runtime, site, RunState::Started);
                }
            } else if runtime.sites[&site.name].state == RunState::Started && self.rival(site, runtime).is_some() {
                // Bindings that somebody else serves cannot be taken.
                set_site(runtime, site, RunState::Stopped);
            }
        }
    }

    /// Starts everything anew, as after a reboot.
    pub fn boot(&self, runtime: &mut Runtime) {
        runtime.pools.clear();
        runtime.sites.clear();
        self.settle(runtime);
    }

    /// A request for a pool: tells whether a worker process takes it.
    pub fn serve(&self, pool: &str, runtime: &mut Runtime) -> bool {
        let Some(pool) = self.server.pool(pool) else { return false };
        let Some(running) = runtime.pools.get(&pool.name) else { return false };
        if running.state == RunState::Started && running.workers.is_empty() {
            self.launch(pool, runtime);
        }
        runtime.pools.get(&pool.name).is_some_and(|running| !running.workers.is_empty())
    }

    fn admit(&self, pool: &Pool, runtime: &mut Runtime) {
        let stopped = RunningPool { state: RunState::Stopped, workers: Vec::new(), digest: pool.digest.clone() };
        runtime.pools.insert(pool.name.clone(), stopped);
        if pool.auto_start {
            self.start_pool(pool, runtime);
        }
    }

    fn adjust(&self, pool: &Pool, running: &RunningPool, runtime: &mut Runtime) {
        let changed = running.digest != pool.digest;
        if changed && let Some(running) = runtime.pools.get_mut(&pool.name) {
            running.digest.clone_from(&pool.digest);
        }
        if running.state != RunState::Started {
            return;
        }
        if changed && self.password_of(pool).is_some_and(|right| !right) {
            runtime.note(IDENTITY_INVALID, self.utc, &pool.name);
        }
        let had_workers = !running.workers.is_empty();
        let replace = changed && pool.rotates && had_workers;
        if replace || (pool.always_running && !had_workers) {
            self.launch(pool, runtime);
        }
    }

    fn start_pool(&self, pool: &Pool, runtime: &mut Runtime) {
        if let Some(running) = runtime.pools.get_mut(&pool.name) {
            running.state = RunState::Started;
        }
        if self.password_of(pool).is_some_and(|right| !right) {
            runtime.note(IDENTITY_INVALID, self.utc, &pool.name);
        }
        if pool.always_running {
            self.launch(pool, runtime);
        }
    }

    /// Starts a new worker process in the place of those there are; a pool that cannot have one is disabled.
    fn launch(&self, pool: &Pool, runtime: &mut Runtime) {
        let right = self.password_of(pool).unwrap_or(true);
        let account = match &pool.identity {
            Identity::BuiltIn(name) | Identity::User { name, .. } => name.clone(),
        };
        let workers = if right { vec![Worker { pid: runtime.next_pid(), account }] } else { Vec::new() };
        if let Some(running) = runtime.pools.get_mut(&pool.name) {
            running.workers = workers;
            if !right {
                running.state = RunState::Stopped;
            }
        }
        if !right {
            runtime.note(DISABLED_IDENTITY, self.utc, &pool.name);
            runtime.note(DISABLED, self.utc, &pool.name);
        }
    }

    /// Whether the stored password of a pool is right; `None` where it needs none.
    fn password_of(&self, pool: &Pool) -> Option<bool> {
        match &pool.identity {
            Identity::BuiltIn(_) => None,
            Identity::User { name, password } => {
                Some(password.as_ref().is_some_and(|password| (self.logs_on)(name, password)))
            }
        }
    }

    /// Another started site with one of a site's bindings.
    fn rival(&self, site: &Site, runtime: &Runtime) -> Option<&Site> {
        self.server.sites.iter().find(|other| {
            let started = runtime.sites.get(&other.name).is_some_and(|running| running.state == RunState::Started);
            let same = |binding| other.bindings.contains(binding);
            other.name != site.name && started && site.bindings.iter().any(same)
        })
    }
}

fn set_site(runtime: &mut Runtime, site: &Site, state: RunState) {
    runtime.sites.insert(site.name.clone(), RunningSite { state });
}

/// Starts, stops or recycles a pool or site. What is already so is done.
///
/// # Errors
/// When there is no such pool or site, or a started site has the same binding.
pub fn apply_control(was: &Was, runtime: &mut Runtime, target: &ControlTarget, action: Control) -> Result<(), Refusal> {
    let not_there = |what: &str, name: &str| {
        refused(RefusalCode::Unknown, 0x8007_0490, format!("Element not found: there is no {what} '{name}'"))
    };
    match target {
        ControlTarget::Pool(name) => {
            let pool = was.server.pool(name).ok_or_else(|| not_there("application pool", name))?;
            let running = runtime.pools.get(&pool.name).cloned();
            let running = running.ok_or_else(|| not_there("application pool", name))?;
            match action {
                Control::Start if running.state != RunState::Started => was.start_pool(pool, runtime),
                Control::Stop => {
                    let stopped = RunningPool { state: RunState::Stopped, workers: Vec::new(), ..running };
                    runtime.pools.insert(pool.name.clone(), stopped);
                }
                Control::Recycle if !running.workers.is_empty() => was.launch(pool, runtime),
                Control::Start | Control::Recycle => {}
            }
        }
        ControlTarget::Site(name) => {
            let site = was.server.site(name).ok_or_else(|| not_there("site", name))?;
            match action {
                Control::Start => {
                    if was.rival(site, runtime).is_some() {
                        let text = "Cannot create a file when that file already exists.";
                        return Err(refused(RefusalCode::Failed, 0x8007_00B7, text));
                    }
                    set_site(runtime, site, RunState::Started);
                }
                Control::Stop => set_site(runtime, site, RunState::Stopped),
                Control::Recycle => {
                    let text = "A site has no worker processes of its own; recycle its application pool.";
                    return Err(refused(RefusalCode::Invalid, 0x8007_0057, text));
                }
            }
        }
    }
    Ok(())
}
