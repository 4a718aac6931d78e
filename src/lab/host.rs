//! One simulated host: a folder of files behind a lock.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::call_log::{self, Counts};
use super::computer::Computer;
use super::faults::{Fault, Faults};
use super::marker::{AgentProcess, Marking};
use super::model::Model;
use super::windows::WindowsCall;
use super::{Answers, Folder, HostSpec, LabError, WireFault, stock};
use crate::hostcall::answer::Certificate;
use crate::hostcall::write::ConfigFile;
use crate::hostcall::{Access, Answer, Batch, Call, Nonce, Outcome, Read, Refusal, RefusalCode, Replies, Reply, Write};

/// One simulated Windows host, kept as ordinary files:
///
/// | file | what it holds |
/// |---|---|
/// | `host.toml` | name, version of Windows, domain, clock, disks, pending reboot ([`Computer`]) |
/// | `features.toml` | Windows features and their state |
/// | `accounts.toml` | accounts, their passwords and wrong attempts |
/// | `certificates.toml` | certificates by store |
/// | `acls.toml` | files and folders with rights of their own |
/// | `http.sys.toml` | certificates assigned to endpoints, which IIS does not keep in its files |
/// | `runtime.json` | what WAS runs: pools, sites, worker processes, events |
/// | `faults.toml` | what is wrong with the host |
/// | `keys/iisWasKey` | the key under which stored passwords are encrypted |
/// | `calls.log` | what the host was asked, by name |
/// | `sql/…` | its instance of SQL Server, where it has one ([`super::sql::Instance`]) |
/// | `C/…` | drive `C:`, with `C/Windows/System32/inetsrv/config/applicationHost.config` |
///
/// Every batch reads the files anew and replaces whole files, so a person may edit any of them at any time.
/// A host that nobody has spoken to has no folder yet.
pub struct LabHost {
    folder: Folder,
    spec: Option<HostSpec>,
    counts: Mutex<Option<Counts>>,
    instance: Mutex<Option<super::sql::Instance>>,
    marking: Mutex<Marking>,
}

impl LabHost {
    /// A host in a folder; where there is none yet, it is created by the spec when it is first needed.
    pub fn lazily(folder: impl AsRef<Path>, spec: HostSpec) -> LabHost {
        LabHost {
            folder: Folder::new(folder.as_ref()),
            spec: Some(spec),
            counts: Mutex::new(None),
            instance: Mutex::new(None),
            marking: Mutex::default(),
        }
    }

    /// Creates a host in a folder, or leaves it as it is where it is there.
    ///
    /// # Errors
    /// When the disk fails or the spec names a Windows that the lab does not have.
    pub fn create(folder: impl AsRef<Path>, spec: HostSpec) -> Result<LabHost, LabError> {
        let host = LabHost::lazily(folder, spec);
        drop(host.lock()?);
        Ok(host)
    }

    /// Opens a host that was created before, or a folder written by hand with `host.toml` at the least.
    pub fn open(folder: impl AsRef<Path>) -> LabHost {
        LabHost {
            folder: Folder::new(folder.as_ref()),
            spec: None,
            counts: Mutex::new(None),
            instance: Mutex::new(None),
            marking: Mutex::default(),
        }
    }

    /// The folder of its files.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Gives the host a fault. Giving it twice is giving it once.
    ///
    /// # Errors
    /// When the disk fails or a file of the host is broken.
    pub fn break_(&self, fault: Fault) -> Result<(), LabError> {
        let _counts = self.lock()?;
        // A bare server is a state, not something that lasts: it ends when IIS is installed.
        if fault == Fault::NoIis {
            stock::remove_iis(&self.folder)?;
        }
        if fault == Fault::ClonedKeys {
            super::iis::Keys::load(&self.folder, false)?.renew(&self.folder)?;
        }
        self.change_faults(|faults| {
            faults.faults.insert(fault, fault != Fault::NoIis);
        })
    }

    /// Takes faults away: the one named, or all.
    ///
    /// # Errors
    /// When the disk fails or a file of the host is broken.
    pub fn mend(&self, fault: Option<Fault>) -> Result<(), LabError> {
        let _counts = self.lock()?;
        self.change_faults(|faults| match fault {
            Some(fault) => faults.faults.retain(|known, _| *known != fault),
            None => faults.faults.clear(),
        })
    }

    /// The faults it has.
    ///
    /// # Errors
    /// When the file of them is broken.
    pub fn faults(&self) -> Result<Vec<Fault>, LabError> {
        let faults: Faults = self.folder.read_toml(Faults::FILE)?;
        Ok(Fault::ALL.iter().copied().filter(|fault| faults.has(*fault)).collect())
    }

    /// What it has counted since it was created, or since the log was removed.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn counts(&self) -> Result<Counts, LabError> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        self.counted(&mut counts)
    }

    /// Makes an account known to the host, so that its password is the one given.
    ///
    /// # Errors
    /// When the disk fails or a file of the host is broken.
    pub fn declare_account(&self, name: &str, password: &str) -> Result<(), LabError> {
        let _counts = self.lock()?;
        let mut directory = super::Directory::load(&self.folder)?;
        directory.declare(name, password);
        directory.save(&self.folder)
    }

    /// Puts a certificate into a store of the host.
    ///
    /// # Errors
    /// When the disk fails or a file of the host is broken.
    pub fn add_certificate(&self, store: &str, certificate: Certificate) -> Result<(), LabError> {
        let _counts = self.lock()?;
        let mut stores = super::Stores::load(&self.folder)?;
        stores.add(store, certificate);
        stores.save(&self.folder)
    }

    /// Its instance of SQL Server; `None` where it has none.
    ///
    /// # Errors
    /// When the disk fails or the spec names a version that the lab does not have.
    pub fn sql(&self) -> Result<Option<super::sql::Instance>, LabError> {
        let _counts = self.lock()?;
        let mut instance = self.instance.lock().unwrap_or_else(PoisonError::into_inner);
        if instance.is_none() {
            *instance = match self.spec.as_ref().and_then(|spec| spec.sql.as_ref()) {
                Some(spec) => Some(super::sql::Instance::create(&self.folder, spec)?),
                None if super::sql::Instance::is_in(&self.folder) => Some(super::sql::Instance::open(&self.folder)),
                None => None,
            };
        }
        Ok(instance.clone())
    }

    /// What a site of the host answers to a request, as http.sys and IIS would; `None` where nobody listens.
    ///
    /// # Errors
    /// When a file of the host is broken.
    pub fn serve(&self, request: &super::iis::Request) -> Result<Option<super::iis::Served>, Refusal> {
        let _counts = self.lock()?;
        Model::load(&self.folder)?.serve(request)
    }

    /// The http endpoints of the host's started sites.
    ///
    /// # Errors
    /// When a file of the host is broken.
    pub fn endpoints(&self) -> Result<Vec<super::iis::Endpoint>, Refusal> {
        let _counts = self.lock()?;
        Model::load(&self.folder)?.endpoints()
    }

    /// The computer's name; empty where its own file is broken.
    pub(super) fn computer_name(&self) -> String {
        let known = self.lock().and_then(|_| self.folder.read_toml::<Computer>(Computer::FILE));
        known.map(|computer| computer.computer).unwrap_or_default()
    }

    /// Answers what stands in for Windows where PowerShell runs the agent for the host. Changes are counted, each as a
    /// batch of its own: host calls themselves do not come this way.
    pub(super) fn windows(&self, call: &WindowsCall) -> Result<Value, LabError> {
        let mut counts = self.lock()?;
        self.counted(&mut counts)?;
        let mut model = Model::load(&self.folder)?;
        let answer = model.windows(call);
        let write = match call {
            WindowsCall::Tell { write } => Some(write.clone()),
            WindowsCall::Commit { edits } => Some(Write::IisCommit {
                file: ConfigFile::ApplicationHost {},
                expect: Vec::new(),
                edits: edits.clone(),
            }),
            _ => None,
        };
        if let Some(write) = write {
            let outcome = match serde_json::from_value(answer["refused"].clone()) {
                Ok(refusal) => Outcome::Failed(refusal),
                Err(_) => Outcome::Done(Value::Null),
            };
            let batch = Batch { id: 0, nonce: Nonce(String::new()), calls: vec![Call::Tell(write)] };
            let replies = Replies { id: 0, replies: vec![Reply::Outcome(outcome)] };
            let logged = call_log::logged(model.computer.utc(), Access::ReadWrite, &batch, &replies);
            call_log::append(&self.folder, &logged)?;
            if let Some(counts) = counts.as_mut() {
                counts.add(&logged);
            }
        }
        Ok(answer)
    }

    fn lock(&self) -> Result<MutexGuard<'_, Option<Counts>>, LabError> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(spec) = &self.spec
            && !self.folder.path(Computer::FILE).exists()
        {
            stock::create(&self.folder, spec)?;
        }
        // Looked at once a process; what is in the inventory now counts, not only what was there at the first run.
        if let Some(spec) = self.spec.as_ref().filter(|spec| counts.is_none() && !spec.certificates.is_empty()) {
            stock::certificates(&self.folder, spec)?;
        }
        Ok(counts)
    }

    fn counted(&self, counts: &mut Option<Counts>) -> Result<Counts, LabError> {
        match *counts {
            Some(counts) => Ok(counts),
            None => Ok(*counts.insert(call_log::counts(&self.folder)?)),
        }
    }

    fn change_faults(&self, change: impl FnOnce(&mut Faults)) -> Result<(), LabError> {
        let mut faults: Faults = self.folder.read_toml(Faults::FILE)?;
        change(&mut faults);
        faults.faults.retain(|_, there| *there);
        self.folder.write_toml(Faults::FILE, Faults::HEADING, &faults)
    }

    fn replies(&self, process: &Arc<AgentProcess>, access: Access, batch: &Batch) -> Result<Replies, LabError> {
        let instance = if batch.calls.iter().any(is_about_sql) { self.sql()? } else { None };
        let mut counts = self.lock()?;
        let mut marking = self.marking.lock().unwrap_or_else(PoisonError::into_inner);
        self.counted(&mut counts)?;
        let mut model = Model { instance, access, ..Model::load(&self.folder)? };
        let mut stopped = false;
        let replies = batch.calls.iter().map(|call| match call {
            Call::Ask(read) => Reply::Answer(model.ask(read, &batch.nonce)),
            Call::Tell(_) if stopped => Reply::Outcome(Outcome::Skipped {}),
            Call::Tell(write) => {
                let outcome = match (access, write) {
                    (Access::ReadOnly, _) => Outcome::Failed(read_only(write)),
                    (Access::ReadWrite, Write::Marker(marker)) => marking.mark(&model, marker, process),
                    (Access::ReadWrite, _) => model.tell(write),
                };
                stopped = !matches!(outcome, Outcome::Done(_));
                Reply::Outcome(outcome)
            }
        });
        let replies = Replies { id: batch.id, replies: replies.collect() };
        let logged = call_log::logged(model.computer.utc(), access, batch, &replies);
        call_log::append(&self.folder, &logged)?;
        if let Some(counts) = counts.as_mut() {
            counts.add(&logged);
        }
        Ok(replies)
    }
}

impl Answers for LabHost {
    fn reply_as(&self, process: &Arc<AgentProcess>, access: Access, batch: &Batch) -> Replies {
        self.replies(process, access, batch).unwrap_or_else(|error| {
            let refusal = Refusal::from(error);
            let refuse = |call: &Call| match call {
                Call::Ask(_) => Reply::Answer(Answer::<Value>::Refused(refusal.clone())),
                Call::Tell(_) => Reply::Outcome(Outcome::Failed(refusal.clone())),
            };
            Replies { id: batch.id, replies: batch.calls.iter().map(refuse).collect() }
        })
    }

    fn examined(&self, user: &str) -> Option<crate::doctor::told::Told> {
        self.told(user).ok()
    }

    fn is_constrained(&self) -> bool {
        self.has_limits()
    }

    fn wire_fault(&self) -> Option<WireFault> {
        self.folder.read_toml::<Faults>(Faults::FILE).ok()?.wire()
    }

    fn fault_shown(&self, fault: WireFault) {
        let over = match fault {
            WireFault::Refuse | WireFault::Hang => return,
            WireFault::ResetBeforeWrite => Fault::ResetBeforeWrite,
            WireFault::ResetAfterWrite => Fault::ResetAfterWrite,
        };
        if let Err(error) = self.mend(Some(over)) {
            tracing::warn!(%error, "a fault that happens once stays");
        }
    }
}

fn is_about_sql(call: &Call) -> bool {
    matches!(call, Call::Ask(Read::Sql { .. }) | Call::Tell(Write::Sql { .. } | Write::SetRegistry { .. }))
}

fn read_only(write: &Write) -> Refusal {
    Refusal {
        code: RefusalCode::ReadOnly,
        text: format!("`{}` changes the host, and this session may only read", write.name()),
        hresult: None,
    }
}
