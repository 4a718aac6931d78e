//! The remote shells of a lab host, with Windows' quotas.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::message::Refusal;
use super::process::Process;
use crate::transport::winrm::fault::code;

/// A host's quotas (winrm/config/winrs).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// MaxShellsPerUser.
    pub shells_per_user: usize,
    /// MaxConcurrentUsers.
    pub users: usize,
    /// MaxProcessesPerShell.
    pub processes_per_shell: usize,
    /// MaxEnvelopeSizekb, in bytes.
    pub envelope_bytes: usize,
    /// How long a shell lives when nobody speaks to it and it asked for nothing else.
    pub idle: Duration,
}

impl Default for Quotas {
    /// What a Windows Server 2012 and later has out of the box.
    fn default() -> Quotas {
        Quotas {
            shells_per_user: 30,
            users: 10,
            processes_per_shell: 25,
            envelope_bytes: 500 * 1024,
            idle: Duration::from_hours(2),
        }
    }
}

/// The shells that are open.
pub(super) struct Shells {
    quotas: Quotas,
    open: Mutex<HashMap<String, Shell>>,
}

struct Shell {
    owner: String,
    idle: Duration,
    used: Instant,
    processes: HashMap<String, Arc<Process>>,
}

impl Shells {
    pub fn new(quotas: Quotas) -> Shells {
        Shells { quotas, open: Mutex::default() }
    }

    /// Opens a shell and gives its id and idle time-out.
    pub fn create(&self, owner: &str, idle: Option<Duration>) -> Result<(String, Duration), Refusal> {
        let mut open = self.lock();
        let quotas = self.quotas;
        if open.values().filter(|shell| shell.owner == owner).count() >= quotas.shells_per_user {
            return Err(Refusal::quota(
                code::TOO_MANY_SHELLS,
                "concurrent shells for this user",
                quotas.shells_per_user,
            ));
        }
        let mut users: Vec<&str> =
            open.values().map(|shell| shell.owner.as_str()).filter(|user| *user != owner).collect();
        users.sort_unstable();
        users.dedup();
        if users.len() >= quotas.users {
            return Err(Refusal::quota(code::TOO_MANY_USERS, "concurrent users of shells", quotas.users));
        }
        let id = new_id();
        let idle = idle.unwrap_or(quotas.idle).min(quotas.idle);
        let shell = Shell { owner: owner.to_owned(), idle, used: Instant::now(), processes: HashMap::new() };
        open.insert(id.clone(), shell);
        Ok((id, idle))
    }

    /// Starts a process in a shell and gives its id.
    pub fn start(
        &self,
        owner: &str,
        shell: &str,
        id: Option<&str>,
        start: impl FnOnce() -> Process,
    ) -> Result<String, Refusal> {
        let mut open = self.lock();
        let most = self.quotas.processes_per_shell;
        let shell = find(&mut open, owner, shell)?;
        if shell.processes.len() >= most {
            return Err(Refusal::quota(code::TOO_MANY_PROCESSES, "processes in this shell", most));
        }
        let id = id.map_or_else(new_id, str::to_owned);
        shell.processes.insert(id.clone(), Arc::new(start()));
        Ok(id)
    }

    /// A process.
    pub fn process(&self, owner: &str, shell: &str, command: &str) -> Result<Arc<Process>, Refusal> {
        let mut open = self.lock();
        let shell = find(&mut open, owner, shell)?;
        shell.processes.get(command).cloned().ok_or_else(Refusal::no_such_shell)
    }

    /// Marks a shell as spoken to.
    pub fn touch(&self, owner: &str, shell: &str) {
        let _ = find(&mut self.lock(), owner, shell);
    }

    /// Ends a process. One that is not there has ended already.
    pub fn terminate(&self, owner: &str, shell: &str, command: &str) -> Result<(), Refusal> {
        find(&mut self.lock(), owner, shell)?.processes.remove(command);
        Ok(())
    }

    /// Closes a shell with its processes.
    pub fn delete(&self, owner: &str, shell: &str) -> Result<(), Refusal> {
        let mut open = self.lock();
        find(&mut open, owner, shell)?;
        open.remove(shell);
        Ok(())
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Without those that nobody has spoken to for too long.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Shell>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, shell| shell.used.elapsed() < shell.idle);
        open
    }
}

fn find<'a>(open: &'a mut HashMap<String, Shell>, owner: &str, id: &str) -> Result<&'a mut Shell, Refusal> {
    // Windows tells another user's shell from none no more than this does.
    let shell = open.get_mut(id).filter(|shell| shell.owner == owner).ok_or_else(Refusal::no_such_shell)?;
    shell.used = Instant::now();
    Ok(shell)
}

fn new_id() -> String {
    Uuid::new_v4().hyphenated().to_string().to_uppercase()
}
