//! Lab hosts behind a door without a wire.

pub mod canary;
pub mod drift;
pub mod memory;
pub mod recorder;
pub mod serving;
pub mod written;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use farmhand::agent::framing::encode;
use farmhand::engine::{
    Apply, Approval, Change, Door, DoorError, HostOutcome, HostWork, Macs, Observe, PlayWork, Purpose, StepWork, Stop,
    Survey, Work, apply, nonce, survey,
};
use farmhand::hostcall::{Access, Answer, Batch, Call, FileWant, Nonce, Outcome, Read, Reply, Write};
use farmhand::journal::Ledger;
use farmhand::lab::{Answers, HostSpec, Lab, LabHost};
use farmhand::release::{Package, Release};
use farmhand::resource::{KINDS, Kind, Problems};
use farmhand::transport::Traffic;
use farmhand::value::{SecretRef, SecretValue};
use serde_json::Value;
use sha2::{Digest, Sha256};

use memory::Memory;

/// The value of every secret here is its name with this in front, but for machine keys.
pub const SECRET: &str = "Value-1-of-";

/// A farm of lab hosts in a temporary folder.
pub struct Farm {
    _folder: tempfile::TempDir,
    pub lab: Arc<Lab>,
    pub forks: usize,
    pub ledger: Arc<Memory>,
    pub stop: Stop,
    /// Whether a session is lost when it is asked for a file's digest and nothing else.
    pub loses_digests: bool,
}

impl Farm {
    pub fn new(hosts: &[&str]) -> Farm {
        let specs: Vec<HostSpec> = hosts.iter().map(|host| HostSpec::new(*host, "2019")).collect();
        Farm::of(&specs)
    }

    pub fn of(specs: &[HostSpec]) -> Farm {
        let folder = tempfile::tempdir().unwrap();
        let lab = Arc::new(Lab::open(folder.path(), specs));
        Farm { _folder: folder, lab, forks: 10, ledger: Arc::default(), stop: Stop::default(), loses_digests: false }
    }

    pub fn host(&self, name: &str) -> &LabHost {
        self.lab.host(name).unwrap()
    }

    /// How many mutating calls a host has counted.
    pub fn writes(&self, host: &str) -> usize {
        self.host(host).counts().unwrap().writes
    }

    pub async fn apply(&self, hosts: &[(&str, Arc<[StepWork]>)]) -> Vec<HostOutcome> {
        self.run(&work(hosts)).await
    }

    /// Looks at one host.
    pub async fn plan(&self, host: &str, steps: Arc<[StepWork]>) -> Survey {
        let work = work(&[(host, steps)]);
        let (door, macs) = self.open(&work);
        survey(door, &work, &macs, self.forks, Purpose::Plan, &(Arc::new(|_: &str, _| {}) as _)).await.remove(0)
    }

    fn open(&self, work: &Work) -> (Arc<InProcess>, Macs) {
        let nonce = nonce().unwrap();
        let secrets = work.secrets().into_iter().map(|secret| (secret.clone(), value(&secret)));
        (
            Arc::new(InProcess { lab: Arc::clone(&self.lab), nonce: nonce.clone(), loses_digests: self.loses_digests }),
            Macs::new(nonce, secrets, &work.releases, |secret| Ok(value(secret))),
        )
    }

    pub async fn run(&self, work: &Work) -> Vec<HostOutcome> {
        let (door, macs) = self.open(work);
        let options = Apply {
            forks: self.forks,
            settle: Duration::from_secs(2),
            listener: Arc::new(|_, _| {}),
            ledger: Arc::clone(&self.ledger) as Arc<dyn Ledger>,
            releases: work.releases.clone(),
            resolve: Arc::new(|secret| Ok(value(secret))),
            stop: self.stop.clone(),
            agreed: None,
        };
        apply(door, work, macs, options, |_| Approval::Granted).await
    }
}

/// One play for these hosts, with the releases that it delivers.
fn work(hosts: &[(&str, Arc<[StepWork]>)]) -> Work {
    let packages = hosts.iter().flat_map(|(_, steps)| steps.iter()).filter_map(|step| step.resource.package());
    let releases = packages.map(release).collect();
    let hosts = hosts.iter().map(|(host, steps)| HostWork { host: (*host).to_owned(), steps: Arc::clone(steps) });
    let hosts = hosts.collect();
    Work { plays: vec![PlayWork { name: "Web servers".to_owned(), serial: Vec::new(), hosts }], releases }
}

/// The release that a package is when no other step adds to it. Packages lie in `tests/kinds` unless their path is
/// absolute.
fn release(package: &str) -> Arc<Release> {
    let package = Package::open(&Path::new("tests/kinds").join(package)).unwrap();
    Arc::new(Release::new(Arc::new(package), &[]).unwrap())
}

/// A secret's value; where its name says that it is a machine key, it is one.
fn value(secret: &SecretRef) -> SecretValue {
    let name = &secret.name;
    if !name.ends_with("machine-key") {
        return SecretValue::new(format!("{SECRET}{name}"));
    }
    let digits = |use_of_it: &str| -> String {
        let digest = Sha256::digest(format!("{name} {use_of_it}"));
        digest.iter().map(|byte| format!("{byte:02X}")).collect()
    };
    let (validation, decryption) = (digits("1") + &digits("2"), digits("3"));
    let algorithms = "validation=\"HMACSHA256\" decryption=\"AES\"";
    SecretValue::new(format!(
        "<machineKey validationKey=\"{validation}\" decryptionKey=\"{decryption}\" {algorithms} />"
    ))
}

/// Resources from JSON: a list of pairs of kind and properties.
pub fn steps(json: &str) -> Arc<[StepWork]> {
    let pairs: Vec<(String, Value)> = serde_json::from_str(json).unwrap();
    let kind = |name: &str| KINDS.iter().find(|it| it.name == name).unwrap();
    pairs.into_iter().map(|(name, properties)| step(kind(&name), &properties).unwrap()).collect()
}

/// One resource; the error says what the type or the kind has against it.
pub fn step(kind: &'static Kind, properties: &Value) -> Result<StepWork, String> {
    let resource = kind.read(properties).map_err(|misread| format!("{}: {}", misread.path, misread.message))?;
    let mut problems = Problems::default();
    resource.check(&mut problems);
    if let Some(problem) = problems.0.first() {
        return Err(format!("{}: {}", problem.property, problem.message));
    }
    let resource = match resource.package().map(release) {
        Some(release) => resource.delivered(&release),
        None => resource,
    };
    Ok(StepWork { kind, resource: Arc::from(resource), place: "site.yml:1".to_owned(), left_alone: false })
}

struct InProcess {
    lab: Arc<Lab>,
    nonce: Nonce,
    loses_digests: bool,
}

/// A session that hands batches to the lab host directly.
pub struct Direct {
    host: Arc<LabHost>,
    nonce: Nonce,
    access: Access,
    last_id: u32,
    loses_digests: bool,
    lost: bool,
}

impl InProcess {
    fn open(&self, host: &str, access: Access) -> Result<Direct, DoorError> {
        let host = self.lab.host(host).ok_or_else(|| DoorError::Unreachable("there is no such host".to_owned()))?;
        Ok(Direct {
            host: Arc::clone(host),
            nonce: self.nonce.clone(),
            access,
            last_id: 0,
            loses_digests: self.loses_digests,
            lost: false,
        })
    }
}

impl Door for InProcess {
    type Reader = Direct;
    type Writer = Direct;

    async fn reader(&self, host: &str) -> Result<Direct, DoorError> {
        self.open(host, Access::ReadOnly)
    }

    async fn writer(&self, host: &str) -> Result<Direct, DoorError> {
        self.open(host, Access::ReadWrite)
    }
}

impl Direct {
    fn send(&mut self, calls: Vec<Call>) -> Vec<Reply> {
        self.last_id += 1;
        let batch = Batch { id: self.last_id, nonce: self.nonce.clone(), calls };
        // Secrets are put in as they are for the wire.
        let line = encode(&batch, &|secret: &SecretRef| Ok(value(secret))).unwrap();
        let batch: Batch = serde_json::from_slice(&line).unwrap();
        self.host.reply(self.access, &batch).replies
    }
}

impl Observe for Direct {
    async fn observe(&mut self, reads: &[Read]) -> Result<Vec<Answer>, DoorError> {
        Ok(self.change(&[], reads).await?.1)
    }

    async fn close(self) -> Traffic {
        Traffic::default()
    }
}

impl Change for Direct {
    async fn change(&mut self, writes: &[Write], then: &[Read]) -> Result<(Vec<Outcome>, Vec<Answer>), DoorError> {
        let is_digest = |read: &Read| matches!(read, Read::Files { want: FileWant::Sha256, .. });
        self.lost |= self.loses_digests && writes.is_empty() && !then.is_empty() && then.iter().all(is_digest);
        if self.lost {
            return Err(DoorError::Unreachable("the session was lost".to_owned()));
        }
        let tells = writes.iter().cloned().map(Call::Tell);
        let replies = self.send(tells.chain(then.iter().cloned().map(Call::Ask)).collect());
        let (mut outcomes, mut answers) = (Vec::new(), Vec::new());
        for reply in replies {
            match reply {
                Reply::Outcome(outcome) => outcomes.push(outcome),
                Reply::Answer(answer) => answers.push(answer),
            }
        }
        Ok((outcomes, answers))
    }
}
