//! The state of a host for the time of one batch, and its answers to the calls.

use super::accounts::Directory;
use super::certificates::Stores;
use super::computer::Computer;
use super::error::{refused, refused_plainly};
use super::faults::{Fault, Faults};
use super::features::{HostFeatures, Wanted};
use super::sql::Instance;
use super::sql_connection::SqlConnection;
use super::tree_wanted::TreeWanted;
use super::{Folder, LabError, features, stock};
use crate::hostcall::{Access, Answer, Nonce, Outcome, Read, Refusal, RefusalCode, Text, Write};

/// A host's files, read at the start of a batch.
pub struct Model {
    /// Where they are.
    pub folder: Folder,
    /// What the host is.
    pub computer: Computer,
    /// What is wrong with it.
    pub faults: Faults,
    /// Its Windows features.
    pub features: HostFeatures,
    /// The batch's connection to the instance of SQL Server, once it is needed.
    pub sql: Option<SqlConnection>,
    /// The instance itself, for a batch that has something for it.
    pub instance: Option<Instance>,
    /// What the session may do that the batch belongs to.
    pub access: Access,
}

/// What a call tells.
pub type Told = Result<serde_json::Value, Refusal>;

impl Model {
    /// Reads a host's files.
    ///
    /// # Errors
    /// When one of them is broken.
    pub fn load(folder: &Folder) -> Result<Model, LabError> {
        let computer: Computer = folder.read_toml(Computer::FILE)?;
        let features = features::load(folder, computer.version()?)?;
        Ok(Model {
            folder: folder.clone(),
            faults: folder.read_toml(Faults::FILE)?,
            features,
            computer,
            sql: None,
            instance: None,
            access: Access::ReadOnly,
        })
    }

    /// Answers a read.
    pub fn ask(&mut self, read: &Read, nonce: &Nonce) -> Answer {
        let answer = match read {
            Read::HostFacts => self.facts().map(Some),
            Read::Features { names } => {
                told(&self.features.answer(names, self.faults.has(Fault::PayloadMissing))).map(Some)
            }
            Read::IisConfig { at, mac } => self.config(at, *mac, nonce).and_then(|found| present(found.as_ref())),
            Read::IisRuntime { pools, sites } => self.runtime(pools, sites).map(Some),
            Read::Files { at, want } => self.file(at, want, nonce).and_then(|found| present(found.as_ref())),
            Read::Certificates { store } => {
                Stores::load(&self.folder).map_err(Refusal::from).and_then(|stores| present(stores.of(store).as_ref()))
            }
            Read::Accounts { names } => self.accounts(names).map(Some),
            Read::Acl { path } => self.acl(path).and_then(|found| present(found.as_ref())),
            Read::Http { verb, at, path } => self.http(*verb, at, path),
            Read::Sql { instance, database, query, arguments } => {
                self.ask_sql(instance, database, query, arguments).map(Some)
            }
        };
        match answer {
            Ok(Some(value)) => Answer::Present(value),
            Ok(None) => Answer::Absent {},
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    /// Carries out a write.
    pub fn tell(&mut self, write: &Write) -> Outcome {
        let done = match write {
            Write::InstallFeatures { names, management_tools, source } => {
                self.install(names, *management_tools, source)
            }
            Write::Reboot => self.reboot(),
            Write::IisCommit { file, expect, edits } => match self.commit(file, expect, edits) {
                Ok(Some(at)) => return Outcome::Moved { at },
                Ok(None) => Ok(serde_json::Value::Null),
                Err(refusal) => Err(refusal),
            },
            Write::IisControl { target, action } => self.control(target, *action),
            Write::PutTree { path, files: None, .. } => self.make_folder(path),
            Write::PutTree { path, files: Some(files), from, except, pull } => {
                self.put_tree(&TreeWanted { path, files, from, except }, pull.as_ref())
            }
            Write::PutFile { tree, file, at_bytes, data } => self.put_file(tree, file, *at_bytes, data),
            Write::Remove { path, must } => self.remove(path, *must),
            Write::SetAcl { path, grants } => self.set_acl(path, grants),
            Write::Marker(_) => {
                Err(refused_plainly(RefusalCode::Failed, "a marker lasts as long as its process, and none came"))
            }
            Write::TestLogon { account, password } => self.test_logon(account, password),
            Write::Sql { .. } => self.tell_sql(write),
            Write::SetRegistry { key, name, was, text } => {
                match self.set_registry(key, name, was.as_deref(), text.as_deref()) {
                    Ok(Err(at)) => return Outcome::Moved { at },
                    Ok(Ok(())) => Ok(serde_json::Value::Null),
                    Err(refusal) => Err(refusal),
                }
            }
        };
        done.map_or_else(Outcome::Failed, Outcome::Done)
    }

    /// Whether IIS is installed.
    pub fn has_iis(&self) -> bool {
        self.features.has("Web-WebServer")
    }

    fn facts(&self) -> Told {
        let mut facts = self.computer.facts(self.has_iis(), self.features.has("NET-Framework-45-Core"))?;
        if self.faults.has(Fault::RebootPending) && facts.pending_reboot.is_empty() {
            facts.pending_reboot.push("component_servicing".to_owned());
        }
        if self.faults.has(Fault::SharedConfiguration) && facts.shared_configuration.is_none() {
            facts.shared_configuration = Some(r"\\files\iis-config".to_owned());
        }
        if self.faults.has(Fault::NotAdministrator) {
            facts.administrator = false;
        }
        if self.faults.has(Fault::ClockOff) {
            facts.utc = super::utc::text(super::utc::now(self.computer.clock_skew_seconds + CLOCK_OFF_SECONDS));
        }
        if self.faults.has(Fault::DiskFull) {
            for disk in facts.disks.iter_mut().filter(|disk| disk.name == facts.system_drive) {
                disk.free_bytes = 0;
            }
        }
        told(&facts)
    }

    fn accounts(&self, names: &[String]) -> Told {
        let pools = if self.has_iis() { self.server()?.pools } else { Vec::new() };
        let pools: Vec<String> = pools.into_iter().map(|pool| pool.name).collect();
        told(&Directory::load(&self.folder)?.answer(&self.computer, &pools, names))
    }

    fn install(&mut self, names: &[String], management_tools: bool, source: &[String]) -> Told {
        self.writable()?;
        if self.faults.has(Fault::RebootPending) || self.computer.pending_reboot.iter().any(|why| why == SERVICING) {
            let text = "The operation cannot be completed, because the server that you specified requires a restart.";
            return Err(refused(RefusalCode::RebootPending, 0x8007_0BC9, text));
        }
        let installed = self.features.install(&Wanted {
            names,
            management_tools,
            source,
            payload_missing: self.faults.has(Fault::PayloadMissing),
            host: self.folder.root(),
        })?;
        if installed.reboot_needed {
            self.computer.pending_reboot.push(SERVICING.to_owned());
            self.folder.write_toml(Computer::FILE, Computer::HEADING, &self.computer)?;
        }
        if self.has_iis() {
            stock::install_iis(&self.folder)?;
            self.settle()?;
        }
        // Last, so that a lab that is killed half way has not installed anything yet.
        self.folder.write_toml(HostFeatures::FILE, HostFeatures::HEADING, &self.features)?;
        told(&installed)
    }

    fn reboot(&mut self) -> Told {
        self.features.reboot();
        self.folder.write_toml(HostFeatures::FILE, HostFeatures::HEADING, &self.features)?;
        self.computer.pending_reboot.clear();
        let now = super::utc::now(self.computer.clock_skew_seconds);
        self.computer.booted_unix_seconds = super::utc::unix_seconds(now);
        self.folder.write_toml(Computer::FILE, Computer::HEADING, &self.computer)?;
        if self.faults.faults.shift_remove(&Fault::RebootPending).is_some() {
            self.folder.write_toml(Faults::FILE, Faults::HEADING, &self.faults)?;
        }
        if self.has_iis() {
            self.boot()?;
        }
        Ok(serde_json::Value::Null)
    }

    fn test_logon(&self, account: &str, password: &Text) -> Told {
        let Text::Plain(password) = password else {
            return Err(refused_plainly(RefusalCode::Invalid, "a secret came by name and not by value"));
        };
        let mut directory = Directory::load(&self.folder)?;
        let logon = directory.log_on(&self.computer, self.faults.logon(), account, password);
        directory.save(&self.folder)?;
        logon.map(|()| serde_json::Value::Null)
    }

    /// Whether Windows lets anything be changed.
    pub fn writable(&self) -> Result<(), Refusal> {
        let administrator = self.computer.administrator && !self.faults.has(Fault::NotAdministrator);
        if self.faults.has(Fault::AccessDenied) || !administrator {
            return Err(refused(RefusalCode::Denied, 0x8007_0005, "Access is denied."));
        }
        if self.faults.has(Fault::DiskFull) {
            return Err(disk_full());
        }
        Ok(())
    }
}

/// By how much a clock that is off is ahead.
const CLOCK_OFF_SECONDS: i64 = 600;

const SERVICING: &str = "component_servicing";

fn disk_full() -> Refusal {
    refused(RefusalCode::DiskFull, 0x8007_0070, "There is not enough space on the disk.")
}

/// What every question for IIS is refused with where there is none.
pub fn no_iis() -> Refusal {
    refused_plainly(RefusalCode::Unsupported, "IIS is not installed on this host")
}

fn present<T: serde::Serialize>(value: Option<&T>) -> Result<Option<serde_json::Value>, Refusal> {
    value.map(told).transpose()
}

/// A value as an answer.
pub fn told<T: serde::Serialize>(value: &T) -> Told {
    serde_json::to_value(value).map_err(|error| refused_plainly(RefusalCode::Failed, error.to_string()))
}
