//! A kind with its type erased: what loader, plan and engine work with.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use super::{Anew, Claim, Disturbance, Found, Problems, Reads, Resource, Unnoticed, Writes};
use crate::hostcall::config::AppPath;
use crate::hostcall::{Refusal, Write};
use crate::release::{Overlay, Release};
use crate::value::{Changes, SecretRef};

/// A kind, as data.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its name in a playbook.
    pub name: &'static str,
    /// YAML of its properties, every property set.
    pub example: &'static str,
    /// What comes after waits for, where a stage ends with it.
    pub barrier: Option<&'static str>,
    /// See [`Resource::OPAQUE`].
    pub opaque: bool,
    read: fn(&Value) -> Result<Box<dyn Instance>, Misread>,
    schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Kind {
    /// Erases the type of a kind.
    pub const fn of<R: Resource>() -> Kind {
        Kind {
            name: R::KIND,
            example: R::EXAMPLE,
            barrier: R::BARRIER,
            opaque: R::OPAQUE,
            read: read::<R>,
            schema: schema::<R>,
        }
    }

    /// Reads the properties of a step.
    ///
    /// # Errors
    /// The first property that does not fit, by path.
    pub fn read(&self, properties: &Value) -> Result<Box<dyn Instance>, Misread> {
        (self.read)(properties)
    }

    /// The JSON Schema of its properties.
    pub fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.schema)(generator)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "Kind({})", self.name)
    }
}

/// A property that does not fit its type.
#[derive(Debug)]
pub struct Misread {
    /// The way to it, as `serde_path_to_error` tells it.
    pub path: serde_path_to_error::Path,
    /// What serde says of it.
    pub message: String,
}

/// A resource with its type erased.
pub trait Instance: fmt::Debug + Send + Sync {
    /// See [`Resource::name`].
    fn name(&self) -> String;
    /// The desired state, serialised.
    fn desired(&self) -> Value;
    /// See [`Resource::claims`].
    fn claims(&self) -> Vec<Claim>;
    /// See [`Resource::check`].
    fn check(&self, problems: &mut Problems);
    /// See [`Resource::app`].
    fn app(&self) -> Option<AppPath>;
    /// See [`Resource::package`].
    fn package(&self) -> Option<&str>;
    /// See [`Resource::pull`].
    fn pull(&self) -> Option<&str>;
    /// See [`Resource::folder_chars`].
    fn folder_chars(&self) -> usize;
    /// See [`Resource::overlays`].
    fn overlays(&self) -> Vec<Overlay>;
    /// See [`Resource::machine_key`].
    fn machine_key(&self) -> Option<&SecretRef>;
    /// The same resource once it knows the release that delivers its application.
    fn delivered(&self, release: &Arc<Release>) -> Box<dyn Instance>;
    /// See [`Resource::reads`].
    fn reads(&self, reads: &mut Reads);
    /// See [`Resource::reads_further`].
    fn reads_further(&self, found: &Found, reads: &mut Reads);
    /// See [`Resource::conflicts`].
    fn conflicts(&self, found: &Found, problems: &mut Problems);
    /// The actual state, serialised; `None` when the object is not there.
    ///
    /// # Errors
    /// When the host refused to say.
    fn seen(&self, found: &Found) -> Result<Option<Value>, Refusal>;
    /// See [`Resource::writes`].
    fn writes(&self, found: &Found, changes: &Changes, writes: &mut Writes);
    /// See [`Resource::take_back`].
    fn take_back(&self, done: &[Write], writes: &mut Writes);
    /// See [`Resource::disturbs`].
    fn disturbs(&self, found: &Found, changes: &Changes) -> Disturbance;
    /// See [`Resource::not_compared`].
    fn not_compared(&self, found: &Found) -> Vec<String>;
    /// See [`Resource::remarks`].
    fn remarks(&self, found: &Found, changes: &Changes) -> Vec<String>;
    /// See [`Resource::unnoticed`].
    fn unnoticed(&self, found: &Found, changes: &Changes) -> Option<Unnoticed>;
    /// See [`Resource::uses_database`].
    fn uses_database(&self, database: &str, servers: &[&str]) -> bool;
    /// The same resource once it has taken notice; see [`Resource::start_anew`].
    fn started_anew(&self, found: &Found, unnoticed: &Unnoticed, apps: &[AppPath])
    -> Option<(Box<dyn Instance>, Anew)>;
    /// See [`Resource::evidence_reads`].
    fn evidence_reads(&self, found: &Found, reads: &mut Reads);
    /// See [`Resource::evidence`].
    fn evidence(&self, found: &Found) -> BTreeMap<String, String>;
    /// See [`Resource::symptoms`].
    fn symptoms(&self, found: &Found) -> Vec<String>;
    /// See [`Resource::is_lasting`].
    fn is_lasting(&self, found: &Found) -> bool;
}

/// The erased form of a resource.
struct Erased<R>(R);

impl<R: Resource> fmt::Debug for Erased<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}/{}", R::KIND, self.0.name())
    }
}

impl<R: Resource> Instance for Erased<R> {
    fn name(&self) -> String {
        self.0.name()
    }

    fn desired(&self) -> Value {
        serialised(&self.0)
    }

    fn claims(&self) -> Vec<Claim> {
        self.0.claims()
    }

    fn check(&self, problems: &mut Problems) {
        self.0.check(problems);
    }

    fn app(&self) -> Option<AppPath> {
        self.0.app()
    }

    fn package(&self) -> Option<&str> {
        self.0.package()
    }

    fn pull(&self) -> Option<&str> {
        self.0.pull()
    }

    fn folder_chars(&self) -> usize {
        self.0.folder_chars()
    }

    fn overlays(&self) -> Vec<Overlay> {
        self.0.overlays()
    }

    fn machine_key(&self) -> Option<&SecretRef> {
        self.0.machine_key()
    }

    fn delivered(&self, release: &Arc<Release>) -> Box<dyn Instance> {
        let mut resource = self.0.clone();
        resource.deliver(release);
        Box::new(Erased(resource))
    }

    fn reads(&self, reads: &mut Reads) {
        self.0.reads(reads);
    }

    fn reads_further(&self, found: &Found, reads: &mut Reads) {
        self.0.reads_further(found, reads);
    }

    fn conflicts(&self, found: &Found, problems: &mut Problems) {
        self.0.conflicts(found, problems);
    }

    fn seen(&self, found: &Found) -> Result<Option<Value>, Refusal> {
        Ok(self.0.seen(found)?.as_ref().map(serialised))
    }

    fn writes(&self, found: &Found, changes: &Changes, writes: &mut Writes) {
        self.0.writes(found, changes, writes);
    }

    fn take_back(&self, done: &[Write], writes: &mut Writes) {
        self.0.take_back(done, writes);
    }

    fn disturbs(&self, found: &Found, changes: &Changes) -> Disturbance {
        self.0.disturbs(found, changes)
    }

    fn not_compared(&self, found: &Found) -> Vec<String> {
        self.0.not_compared(found)
    }

    fn remarks(&self, found: &Found, changes: &Changes) -> Vec<String> {
        self.0.remarks(found, changes)
    }

    fn unnoticed(&self, found: &Found, changes: &Changes) -> Option<Unnoticed> {
        self.0.unnoticed(found, changes)
    }

    fn uses_database(&self, database: &str, servers: &[&str]) -> bool {
        self.0.uses_database(database, servers)
    }

    fn started_anew(
        &self,
        found: &Found,
        unnoticed: &Unnoticed,
        apps: &[AppPath],
    ) -> Option<(Box<dyn Instance>, Anew)> {
        let mut resource = self.0.clone();
        let anew = resource.start_anew(found, unnoticed, apps)?;
        Some((Box::new(Erased(resource)), anew))
    }

    fn evidence_reads(&self, found: &Found, reads: &mut Reads) {
        self.0.evidence_reads(found, reads);
    }

    fn evidence(&self, found: &Found) -> BTreeMap<String, String> {
        self.0.evidence(found)
    }

    fn symptoms(&self, found: &Found) -> Vec<String> {
        self.0.symptoms(found)
    }

    fn is_lasting(&self, found: &Found) -> bool {
        self.0.is_lasting(found)
    }
}

fn read<R: Resource>(properties: &Value) -> Result<Box<dyn Instance>, Misread> {
    match serde_path_to_error::deserialize::<_, R>(properties) {
        Ok(resource) => Ok(Box::new(Erased(resource))),
        Err(error) => Err(Misread { path: error.path().clone(), message: error.into_inner().to_string() }),
    }
}

fn schema<R: Resource>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<R>()
}

/// A resource is plain data with string keys, which always serialises.
fn serialised<R: Resource>(resource: &R) -> Value {
    serde_json::to_value(resource).unwrap_or_else(|error| unreachable!("{} serialises: {error}", R::KIND))
}
