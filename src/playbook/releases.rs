//! Packages become releases: opened once, joined with what other steps add, and made known to those steps.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{HostSteps, Playbook, Step};
use crate::diagnostic::Diagnostic;
use crate::hostcall::config::AppPath;
use crate::release::{ConfigEdit, Overlay, OverlayValue, Package, Release, ValuePiece};
use crate::resource::Instance;
use crate::value::{Fingerprint, SecretRef};

/// The packages that a playbook names, each opened once.
#[derive(Debug, Default)]
pub struct Packages {
    folder: PathBuf,
    opened: BTreeMap<String, Option<Arc<Package>>>,
}

impl Packages {
    /// Opens the packages of a playbook in `folder`. What cannot be a package is told at each step that names it.
    pub fn open(playbook: &Playbook, folder: &Path, diagnostics: &mut Vec<Diagnostic>) -> Packages {
        let mut packages = Packages { folder: folder.to_owned(), opened: BTreeMap::new() };
        for step in playbook.plays.iter().flat_map(|play| &play.hosts).flat_map(|host| &host.steps) {
            if let Some(path) = step.resource.package() {
                packages.add(path, step, diagnostics);
                packages.check_pull(path, step, diagnostics);
            }
        }
        packages
    }

    /// Hosts fetch a package as one file.
    fn check_pull(&self, path: &str, step: &Step, diagnostics: &mut Vec<Diagnostic>) {
        let Some(Some(package)) = self.opened.get(path) else { return };
        let place = step.place.property("pull");
        // Each host has the step once more.
        let told = diagnostics.iter().any(|it| it.span == place.into());
        if step.resource.pull().is_some() && package.archive().is_none() && !told {
            let message = format!("hosts fetch a zip, and {path} is a folder");
            let help = "name the zip that is there as the package, or leave `pull` out";
            diagnostics.push(Diagnostic::new(place, message).help(help));
        }
    }

    fn add(&mut self, path: &str, step: &Step, diagnostics: &mut Vec<Diagnostic>) {
        if self.opened.contains_key(path) {
            return;
        }
        let opened = Package::open(&self.folder.join(path));
        let longest = step.resource.folder_chars();
        let right = opened.and_then(|package| package.check_path_lengths(longest).map(|()| Arc::new(package)));
        let package = right.map_err(|error| {
            for (entry, fault) in error.faults {
                let place = entry.map(|entry| format!("`{entry}`: ")).unwrap_or_default();
                let message = format!("{path}: {place}{fault}");
                diagnostics.push(Diagnostic::new(step.place.property("package"), message));
            }
        });
        self.opened.insert(path.to_owned(), package.ok());
    }
}

/// Makes releases of packages and overlays, and tells the steps of each application which one delivers it.
/// Gives the releases, each once.
pub fn deliver(
    playbook: &mut Playbook,
    packages: &Packages,
    fingerprint: impl Fn(&SecretRef) -> Result<Fingerprint, String>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Arc<Release>> {
    let mut made = Made { packages, fingerprint, releases: Vec::new(), shared: HashMap::new() };
    for host in playbook.plays.iter_mut().flat_map(|play| &mut play.hosts) {
        made.host(host, diagnostics);
    }
    let mut releases: Vec<Arc<Release>> = made.releases.into_iter().filter_map(|made| made.release).collect();
    releases.sort_by(|a, b| a.digest().cmp(b.digest()));
    releases.dedup_by(|a, b| a.digest() == b.digest());
    releases
}

/// A release that was made, or could not be.
struct MadeRelease {
    package: String,
    overlays: Vec<Overlay>,
    release: Option<Arc<Release>>,
}

struct Made<'p, F> {
    packages: &'p Packages,
    fingerprint: F,
    releases: Vec<MadeRelease>,
    /// What hosts shared before they share after it too.
    shared: HashMap<(*const (), String), Arc<dyn Instance>>,
}

impl<F: Fn(&SecretRef) -> Result<Fingerprint, String>> Made<'_, F> {
    fn host(&mut self, host: &mut HostSteps, diagnostics: &mut Vec<Diagnostic>) {
        let delivered: Vec<(usize, AppPath)> = host
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| step.resource.package().is_some())
            .filter_map(|(index, step)| Some((index, step.resource.app()?)))
            .collect();
        for (index, app) in delivered {
            let same = |step: &Step| step.resource.app().is_some_and(|other| same_app(&app, &other));
            let overlays: Vec<Overlay> =
                host.steps.iter().filter(|step| same(step)).flat_map(|step| step.resource.overlays()).collect();
            let Some(release) = self.release(&host.steps[index], overlays, diagnostics) else { continue };
            for step in host.steps.iter_mut().filter(|step| same(step)) {
                let key = (Arc::as_ptr(&step.resource).cast::<()>(), release.digest().to_string());
                let told = self.shared.entry(key).or_insert_with(|| Arc::from(step.resource.delivered(&release)));
                step.resource = Arc::clone(told);
            }
        }
    }

    fn release(
        &mut self,
        step: &Step,
        overlays: Vec<Overlay>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Arc<Release>> {
        let path = step.resource.package()?.to_owned();
        let known = self.releases.iter().find(|made| made.package == path && made.overlays == overlays);
        if let Some(known) = known {
            return known.release.clone();
        }
        let package = self.packages.opened.get(&path)?.clone()?;
        let named = named(overlays.clone(), &self.fingerprint);
        let release = named.and_then(|overlays| Release::new(package, &overlays).map_err(|error| error.to_string()));
        let release = release
            .map_err(|why| diagnostics.push(Diagnostic::new(step.place.property("package"), format!("{path}: {why}"))))
            .ok()
            .map(Arc::new);
        self.releases.push(MadeRelease { package: path, overlays, release: release.clone() });
        release
    }
}

/// IIS does not tell letter cases of sites and paths apart.
fn same_app(one: &AppPath, other: &AppPath) -> bool {
    one.site.eq_ignore_ascii_case(&other.site) && one.path.eq_ignore_ascii_case(&other.path)
}

/// The overlays with the fingerprint of every secret in them, so that the release can be named.
fn named(
    mut overlays: Vec<Overlay>,
    fingerprint: &impl Fn(&SecretRef) -> Result<Fingerprint, String>,
) -> Result<Vec<Overlay>, String> {
    let name = |secret: &mut SecretRef| -> Result<(), String> {
        secret.fingerprint = Some(fingerprint(secret)?);
        Ok(())
    };
    for edit in overlays.iter_mut().flat_map(|overlay| &mut overlay.edits) {
        match edit {
            ConfigEdit::MachineKey { key, .. } => name(key)?,
            ConfigEdit::File { .. } => {}
            ConfigEdit::Attribute { value, .. }
            | ConfigEdit::AppSetting { value, .. }
            | ConfigEdit::ConnectionString { value, .. } => {
                let OverlayValue(pieces) = value;
                for piece in pieces {
                    if let ValuePiece::Secret(secret) = piece {
                        name(secret)?;
                    }
                }
            }
        }
    }
    Ok(overlays)
}
