//! The hosts of a lab, each in a folder of its own.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::file_name::file_name;
use super::{HostSpec, LabError, LabHost};

/// A simulated farm: the folder `.farmhand/lab` and the hosts in it.
pub struct Lab {
    folder: PathBuf,
    hosts: IndexMap<String, Arc<LabHost>>,
}

impl Lab {
    /// The lab of a folder with the hosts given. One that is there keeps its state; one that is not there
    /// gets its files when it is first spoken to, so that a thousand hosts cost little.
    pub fn open(folder: impl AsRef<Path>, hosts: &[HostSpec]) -> Lab {
        let folder = folder.as_ref().to_owned();
        let host = |spec: &HostSpec| {
            let path = folder.join("hosts").join(file_name(&spec.name));
            (spec.name.clone(), Arc::new(LabHost::lazily(path, spec.clone())))
        };
        let hosts = hosts.iter().map(host).collect();
        Lab { folder, hosts }
    }

    /// A host by its name in the inventory.
    pub fn host(&self, name: &str) -> Option<&Arc<LabHost>> {
        self.hosts.get(name)
    }

    /// The hosts by name, in the order in which they were given.
    pub fn hosts(&self) -> impl Iterator<Item = (&str, &Arc<LabHost>)> {
        self.hosts.iter().map(|(name, host)| (name.as_str(), host))
    }

    /// The folder of the lab.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The authority that vouches for the lab's servers: clients trust them by its file, `ca/ca.pem` in the lab's folder.
    ///
    /// # Errors
    /// When the disk fails or a file is broken.
    pub fn authority(&self) -> std::io::Result<super::sql::tds::Authority> {
        super::sql::tds::Authority::open(&self.folder.join("ca"))
    }

    /// Forgets everything about every host of a lab's folder. Must not run while the lab is in use.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn reset(folder: impl AsRef<Path>) -> Result<(), LabError> {
        let hosts = folder.as_ref().join("hosts");
        match fs::remove_dir_all(&hosts) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(LabError::disk(&hosts, error)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostcall::{Access, Batch, Call, Nonce, Read, Write};
    use crate::lab::{Answers, Counts, Fault, WireFault};

    fn batch(calls: Vec<Call>) -> Batch {
        Batch { id: 1, nonce: Nonce("00".repeat(32)), calls }
    }

    #[test]
    fn a_host_has_no_files_before_it_is_spoken_to() {
        let folder = tempfile::tempdir().unwrap();
        let specs: Vec<HostSpec> = (0..1000).map(|number| HostSpec::new(format!("web{number}"), "2019")).collect();
        let lab = Lab::open(folder.path(), &specs);
        assert!(!folder.path().join("hosts").exists());
        lab.host("web7").unwrap().reply(Access::ReadOnly, &batch(vec![Call::Ask(Read::HostFacts)]));
        assert_eq!(fs::read_dir(folder.path().join("hosts")).unwrap().count(), 1);
        Lab::reset(folder.path()).unwrap();
        assert!(!folder.path().join("hosts").exists());
        Lab::reset(folder.path()).unwrap();
    }

    #[test]
    fn calls_are_counted_and_outlive_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let specs = [HostSpec::new("web01", "2016")];
        let calls = || vec![Call::Ask(Read::HostFacts), Call::Tell(Write::Reboot)];
        let lab = Lab::open(folder.path(), &specs);
        lab.host("web01").unwrap().reply(Access::ReadWrite, &batch(calls()));
        lab.host("web01").unwrap().reply(Access::ReadOnly, &batch(calls()));
        let expected = Counts { batches: 2, reads: 2, writes: 2, done: 1 };
        assert_eq!(lab.host("web01").unwrap().counts().unwrap(), expected);
        let again = Lab::open(folder.path(), &specs);
        assert_eq!(again.host("web01").unwrap().counts().unwrap(), expected);
    }

    #[test]
    fn a_fault_of_the_wire_lasts_until_it_has_shown() {
        let folder = tempfile::tempdir().unwrap();
        let lab = Lab::open(folder.path(), &[HostSpec::new("web01", "2016")]);
        let host = lab.host("web01").unwrap();
        assert_eq!(host.wire_fault(), None);
        host.break_(Fault::ResetAfterWrite).unwrap();
        assert_eq!(host.wire_fault(), Some(WireFault::ResetAfterWrite));
        host.fault_shown(WireFault::ResetAfterWrite);
        assert_eq!(host.wire_fault(), None);
        host.break_(Fault::Hang).unwrap();
        host.fault_shown(WireFault::Hang);
        assert_eq!(host.wire_fault(), Some(WireFault::Hang));
        host.mend(None).unwrap();
        assert_eq!(host.wire_fault(), None);
    }
}
