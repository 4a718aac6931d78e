//! `app_release`: the files of an application, delivered as one content-addressed folder.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::iis_application::{application, folder_claim, sites};
use super::release_folder::{WEB_CONFIG, folder_name, is_digest, live_folder, tree_digest};
use super::{Claim, Disturbance, Found, Phase, Problems, Reads, Resource, Writes, app_rights, mirror};
use crate::hostcall::answer::RunState;
use crate::hostcall::config::AppPath;
use crate::hostcall::read::HttpVerb;
use crate::hostcall::{
    Control, ControlTarget, Edit, ElementPath, FileAt, FileDigest, FileWant, HttpAt, Pull, Read, Refusal, SecretFile,
    Text, TreeFile, Write,
};
use crate::release::{FileContent, Overlay, Release};
use crate::value::{Changes, DownloadUrl, UrlPath, WindowsPath};

/// Where releases are kept unless the playbook says otherwise.
const ROOT: &str = "%SystemDrive%\\farmhand";

/// How many releases stay on a host unless the playbook says otherwise.
const KEEP: u32 = 5;

/// The files of an application: a package becomes a folder named for its content, and the application is switched to it.
///
/// Only what a host lacks travels, and every file is checked there. Nothing in the folder is ever edited: `machine_key`
/// and `web_config` steps for the same application in the same play are put into the package before it is named, so
/// that another key is another release, and the one before is there to go back to.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppRelease {
    /// The site's name.
    pub site: String,
    /// The application's path; `/` for the one at the site's root.
    #[serde(default = "UrlPath::root")]
    pub path: UrlPath,
    /// A zip or a folder, from the playbook's folder.
    #[schemars(extend("writeOnly" = true))]
    pub package: String,
    /// Where hosts fetch the package by themselves, over http or https: the very same zip. A host that lacks much of it
    /// does so and checks its SHA-256; what it cannot get that way is sent to it. Nobody logs in there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("writeOnly" = true))]
    pub pull: Option<DownloadUrl>,
    /// The folder on the host under which releases are kept; `%SystemDrive%\farmhand` unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("writeOnly" = true))]
    pub root: Option<WindowsPath>,
    /// How many releases stay on the host, the live one included; 5 unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("writeOnly" = true))]
    pub keep: Option<u32>,
    /// Folders below the application's that it writes to itself, such as `App_Data`: left alone, and writable by its
    /// pool. Each release has its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("writeOnly" = true))]
    pub writable: Vec<String>,
    /// Whether the application must answer a GET of its path with a status below 500; it must, unless this is `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("writeOnly" = true))]
    pub prove: Option<bool>,
    /// Whether the application is taken offline: its release gets an `app_offline.htm`, with which IIS answers every
    /// request with 503 and a page that says so. That is another release; without `offline` the one before comes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("writeOnly" = true))]
    pub offline: Option<bool>,
    /// What is compared, once the release is known.
    #[serde(flatten, skip_deserializing)]
    #[schemars(skip)]
    pub state: ReleaseState,
    /// The release.
    #[serde(skip)]
    #[schemars(skip)]
    pub delivery: Option<Arc<Release>>,
}

/// What is compared of a release.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReleaseState {
    /// The live release, or the folder where it is none of farmhand's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// The files that stay behind in the folder that the application leaves, where that is none of farmhand's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_behind: Option<Vec<String>>,
    /// The settings in that folder's web.config that are others than the release's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_settings: Option<Vec<String>>,
    /// Whether the live folder is as it was delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<String>,
    /// Who may do what to the release's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rights: Option<String>,
    /// What the application answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// Stands for a release that has no name here, since secrets in it cannot be had.
const ONE_OF_OURS: &str = "a release of farmhand";
const AS_DELIVERED: &str = "as delivered";

/// The file that takes an application offline for as long as it is there (ASP.NET, ASP.NET Core Module).
const APP_OFFLINE: &str = "app_offline.htm";
/// What is in it.
const OFFLINE_PAGE: &str = include_str!("../../templates/app_offline.htm");

impl AppRelease {
    /// The folder with the application's releases.
    fn base(&self) -> String {
        let root = self.root.as_ref().map_or(ROOT, WindowsPath::as_str).trim_end_matches(['\\', '/']);
        let below = if self.path.is_root() { String::new() } else { self.path.as_str().replace('/', "~") };
        format!("{root}\\releases\\{}{below}", self.site)
    }

    pub(super) fn folder(&self, release: &Release) -> String {
        format!("{}\\{}", self.base(), release.digest())
    }

    pub(super) fn live(&self, file: &str) -> FileAt {
        FileAt::App { site: self.site.clone(), path: self.path.as_str().to_owned(), file: file.to_owned() }
    }

    /// What is looked at below the live folder by name and length. Configuration is compared byte by byte instead.
    pub(super) fn tree(&self) -> FileWant {
        FileWant::Tree { except: self.writable.iter().cloned().chain([WEB_CONFIG.to_owned()]).collect() }
    }

    /// The path that a GET asks for.
    pub(super) fn url(&self) -> String {
        if self.path.is_root() { "/".to_owned() } else { format!("{}/", self.path.as_str()) }
    }

    fn proves(&self) -> bool {
        self.prove != Some(false)
    }

    pub(super) fn is_offline(&self) -> bool {
        self.offline == Some(true)
    }

    fn virtual_directory(&self) -> ElementPath {
        sites().item([("name", &self.site)]).item([("path", self.path.as_str())]).item([("path", "/")])
    }

    /// In what the live folder is not the release, which it says it is.
    fn files(&self, release: &Release, found: &Found) -> Result<String, Refusal> {
        let mut wrong = Vec::new();
        let config = found.file(&self.live(WEB_CONFIG), &FileWant::Mac)?;
        let wanted = found.macs().files.get(&(release.digest().to_string(), WEB_CONFIG.to_owned()));
        let compared = release.is_named() || wanted.is_some();
        if compared && config.as_ref().and_then(|file| file.mac.as_ref()) != wanted {
            wrong.push("web.config was edited");
        }
        let tree = found.file(&self.live(""), &self.tree())?.and_then(|folder| folder.tree);
        if tree.map(|tree| tree.digest) != Some(tree_digest(release, &self.writable)) {
            wrong.push(if release.is_named() {
                "files were added, removed or replaced"
            } else {
                "its files are not those of the package"
            });
        }
        Ok(if wrong.is_empty() { AS_DELIVERED.to_owned() } else { wrong.join("; ") })
    }

    /// Releases that are on the host, without the wanted one: the live one first, to which one goes back, then the newest.
    fn others(&self, release: &Release, found: &Found, live: &str) -> Vec<String> {
        let names = found.file(&FileAt::Path(self.base()), &FileWant::Names).ok().flatten();
        let names = names.and_then(|folder| folder.names).unwrap_or_default();
        let mut others: Vec<String> =
            names.into_iter().filter(|name| is_digest(name) && name != release.digest().as_str()).collect();
        others.sort_by_key(|name| name != folder_name(live));
        others
    }

    /// The call that brings the release's folder there.
    fn put(&self, release: &Release, others: &[String]) -> Write {
        let files = release.files().iter().map(|file| {
            let (bytes, sha256) = match &file.content {
                FileContent::Plain { bytes, sha256 } => (*bytes, FileDigest::Known(sha256.to_string())),
                FileContent::Overlaid(text) => (0, FileDigest::Secret(SecretFile { secret_file: text.clone() })),
            };
            TreeFile { path: file.path.clone(), bytes, sha256 }
        });
        Write::PutTree {
            path: self.folder(release),
            files: Some(files.collect()),
            from: others.iter().take(3).map(|name| format!("{}\\{name}", self.base())).collect(),
            except: self.writable.clone(),
            pull: self.pull.as_ref().map(|url| Pull { url: url.as_str().to_owned(), sha256: String::new() }),
        }
    }
}

impl Resource for AppRelease {
    const KIND: &'static str = "app_release";
    const EXAMPLE: &'static str = include_str!("app_release.example.yml");

    fn name(&self) -> String {
        format!("{}{}", self.site, self.path.as_str())
    }

    fn claims(&self) -> Vec<Claim> {
        vec![folder_claim(&self.site, self.path.as_str())]
    }

    fn check(&self, problems: &mut Problems) {
        for (index, folder) in self.writable.iter().enumerate() {
            let parts: Vec<&str> = folder.split('\\').collect();
            let wrong = |c: char| c.is_control() || "/:*?\"<>|".contains(c);
            if parts.iter().any(|part| part.is_empty() || *part == "." || *part == ".." || part.contains(wrong)) {
                let message = format!("`{folder}` is no folder below the application's");
                problems.add(&format!("writable[{index}]"), message, "such as App_Data or 'App_Data\\uploads'");
            }
        }
        if self.keep == Some(0) {
            problems.add("keep", "the live release stays, so at least 1 is kept", "2 or more, to be able to go back");
        }
    }

    fn app(&self) -> Option<AppPath> {
        Some(AppPath { site: self.site.clone(), path: self.path.as_str().to_owned() })
    }

    fn package(&self) -> Option<&str> {
        Some(&self.package)
    }

    fn pull(&self) -> Option<&str> {
        self.pull.as_ref().map(DownloadUrl::as_str)
    }

    fn overlays(&self) -> Vec<Overlay> {
        self.is_offline().then(|| Overlay::whole(APP_OFFLINE, OFFLINE_PAGE)).into_iter().collect()
    }

    fn folder_chars(&self) -> usize {
        // `%SystemDrive%` is two characters on the host; `.partial` is there while it is built.
        self.base().replace("%SystemDrive%", "C:").chars().count() + "\\0123456789ab.partial".len()
    }

    fn deliver(&mut self, release: &Arc<Release>) {
        self.state = ReleaseState {
            release: Some(if release.is_named() { release.digest().to_string() } else { ONE_OF_OURS.to_owned() }),
            left_behind: Some(Vec::new()),
            left_settings: Some(Vec::new()),
            files: Some(AS_DELIVERED.to_owned()),
            // Whose folder that is cannot be told without a name.
            rights: release.is_named().then(|| AS_DELIVERED.to_owned()),
            answer: self.proves().then(|| self.wanted_answer().to_owned()),
        };
        self.delivery = Some(Arc::clone(release));
    }

    fn reads(&self, reads: &mut Reads) {
        reads.config(sites());
        reads.site(&self.site);
        let Some(release) = &self.delivery else { return };
        reads.ask(Read::Files { at: self.live(""), want: self.tree() });
        reads.ask(Read::Files { at: self.live(WEB_CONFIG), want: FileWant::Mac });
        reads.ask(Read::Files { at: FileAt::Path(self.base()), want: FileWant::Names });
        if release.is_named() {
            reads.ask(Read::Acl { path: self.folder(release) });
        }
        if self.proves() {
            reads.ask(Read::Http { verb: HttpVerb::Get, at: HttpAt::Site(self.site.clone()), path: self.url() });
        }
    }

    fn reads_further(&self, found: &Found, reads: &mut Reads) {
        self.read_what_is_left(found, reads);
    }

    fn conflicts(&self, found: &Found, problems: &mut Problems) {
        let Ok(Some(sites)) = found.config(&sites()) else { return };
        if let (None, _) | (_, None) = application(Some(&sites), &self.site, self.path.as_str()) {
            let message = format!("there is no application `{}` on this host", self.name());
            let kind = if self.path.is_root() { "an iis_site" } else { "an iis_application" };
            problems.add("site", message, format!("{kind} step before this one"));
        }
    }

    fn seen(&self, found: &Found) -> Result<Option<Self>, Refusal> {
        let mut actual = self.clone();
        let Some(release) = &self.delivery else { return Ok(Some(actual)) };
        let sites = found.config(&sites())?;
        let (_, Some(application)) = application(sites.as_ref(), &self.site, self.path.as_str()) else {
            return Ok(None);
        };
        let live = live_folder(application);
        let is_live = self.is_at(live, release);
        let name = folder_name(live);
        actual.state.release = Some(match is_live {
            true => self.state.release.clone().unwrap_or_default(),
            // The same release below another root has the same name.
            false if is_digest(name) && name != release.digest().as_str() => name.to_owned(),
            false => live.to_owned(),
        });
        self.tell_what_is_left(found, release, &mut actual.state);
        if is_live {
            actual.state.files = Some(self.files(release, found)?);
        }
        if is_live && release.is_named() {
            let pool = application.text("applicationPool").unwrap_or_default();
            actual.state.rights = Some(match found.acl(&self.folder(release))? {
                Some(acl) if app_rights::are(&acl, pool) => AS_DELIVERED.to_owned(),
                Some(_) => "were changed".to_owned(),
                None => "there is no folder".to_owned(),
            });
        }
        if self.proves() {
            actual.state.answer = Some(self.answer(found));
        }
        Ok(Some(actual))
    }

    fn writes(&self, found: &Found, changes: &Changes, writes: &mut Writes) {
        let Some(release) = &self.delivery else { return };
        let sites = found.config(&sites()).ok().flatten();
        let (_, application) = application(sites.as_ref(), &self.site, self.path.as_str());
        let pool = application.and_then(|it| it.text("applicationPool")).unwrap_or("DefaultAppPool");
        let folder = self.folder(release);
        let others = self.others(release, found, application.map(live_folder).unwrap_or_default());
        let delivers = ["release", "files"].iter().any(|property| changes.touch(property));
        if delivers {
            writes.add(Phase::Files, self.put(release, &others));
        }
        if delivers || changes.touch("rights") {
            let grants = app_rights::grants(pool, false);
            writes.add(Phase::Files, Write::SetAcl { path: folder.clone(), grants });
            for writable in &self.writable {
                let (path, grants) = (format!("{folder}\\{writable}"), app_rights::grants(pool, true));
                writes.add(Phase::Files, Write::SetAcl { path, grants });
            }
        }
        if changes.touch("release") {
            let at = self.virtual_directory();
            let value = Text::Plain(folder);
            let edits = vec![Edit::Set { at, attribute: "physicalPath".to_owned(), value }];
            let root = ElementPath::section("system.applicationHost/sites");
            let expected = sites.as_ref().map(|sites| mirror::expected(&edits, sites, &root)).unwrap_or_default();
            writes.edit(expected, edits);
        }
        if delivers || changes.touch("answer") {
            writes.control(ControlTarget::Pool(pool.to_owned()), Control::Recycle);
        }
        let keep = usize::try_from(self.keep.unwrap_or(KEEP)).unwrap_or(usize::MAX);
        for name in others.iter().skip(keep.saturating_sub(1)) {
            writes.add(Phase::Cleanup, Write::Remove { path: format!("{}\\{name}", self.base()), must: false });
        }
    }

    fn disturbs(&self, found: &Found, changes: &Changes) -> Disturbance {
        let running = found.site(&self.site).ok().flatten() == Some(RunState::Started);
        let touched = ["release", "files", "answer"].iter().any(|property| changes.touch(property));
        if running && touched { Disturbance::Recycles } else { Disturbance::None }
    }

    fn not_compared(&self, found: &Found) -> Vec<String> {
        self.nameless(found)
    }

    fn remarks(&self, found: &Found, changes: &Changes) -> Vec<String> {
        let leaves = changes.touch("left_behind") || changes.touch("left_settings");
        let folder = self.taken_over(found).filter(|_| leaves);
        folder
            .map(|folder| format!("{folder} is none of farmhand's: it is left as it is and stays on the disk"))
            .into_iter()
            .collect()
    }

    fn symptoms(&self, found: &Found) -> Vec<String> {
        self.wrong_reply(found).map(|reply| self.reply_in_words(&reply)).into_iter().collect()
    }

    fn is_lasting(&self, found: &Found) -> bool {
        self.is_lasting_answer(found)
    }
}
