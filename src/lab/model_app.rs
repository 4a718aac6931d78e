//! A host's answers about the applications of its sites: their folders, their configuration, what they serve.

use sha2::{Digest, Sha256};

use super::error::{refused, refused_plainly};
use super::iis::{self, AppConfig, CommitFile, HttpSys, Reading, Request, Served};
use super::model::{Model, told};
use super::{drive, hexadecimal, tree_names};
use crate::hostcall::answer::HttpReply;
use crate::hostcall::config::{AppPath, Edit, Element, ElementPath, Expected};
use crate::hostcall::read::HttpVerb;
use crate::hostcall::write::ConfigFile;
use crate::hostcall::{Content, HttpAt, Refusal, RefusalCode};

/// How much of a reply's body is told.
const BODY_CHARACTERS: usize = 4096;
/// What IIS begins a web.config with.
const NEW_WEB_CONFIG: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<configuration>\r\n</configuration>\r\n";

impl Model {
    /// Answers `http`; `None` where the site is not there or listens to neither http nor https.
    pub(super) fn http(&self, verb: HttpVerb, at: &HttpAt, path: &str) -> Result<Option<serde_json::Value>, Refusal> {
        let request = match at {
            HttpAt::Port { port, host } => Request { verb, ..Request::get(*port, host, path) },
            HttpAt::Site(name) => {
                let server = self.server()?;
                let bindings = server.site(name).map(|site| site.bindings.as_slice()).unwrap_or_default();
                let plain = bindings.iter().find(|binding| !binding.secure);
                let Some(binding) = plain.or_else(|| bindings.first()) else { return Ok(None) };
                let assigned = HttpSys::load(&self.folder)?;
                if binding.endpoint.as_ref().is_some_and(|endpoint| assigned.get(endpoint).is_none()) {
                    let text = "The underlying connection was closed: An unexpected error occurred on a send.";
                    return Err(refused_plainly(RefusalCode::Failed, text));
                }
                let address = (binding.address != "*").then(|| binding.address.clone());
                let request = Request { verb, ..Request::get(binding.port, &binding.host, path) };
                Request { secure: binding.secure, address: address.unwrap_or(request.address.clone()), ..request }
            }
        };
        let served = self.serve(&request)?.ok_or_else(|| {
            let text = format!("Unable to connect to the remote server: nothing listens on port {}", request.port);
            refused(RefusalCode::Failed, 0x8007_274D, text)
        })?;
        let text = String::from_utf8_lossy(&served.body);
        let body = text.chars().take(BODY_CHARACTERS).collect();
        told(&HttpReply { status: served.status, headers: served.headers, body }).map(Some)
    }

    /// Serves a request; `None` where nobody listens on its port.
    pub(super) fn serve(&self, request: &Request) -> Result<Option<Served>, Refusal> {
        if !self.has_iis() {
            return Ok(None);
        }
        let app_host = self.document()?;
        self.with_was(|was, runtime| Ok(iis::serve(was, runtime, self.folder.root(), &app_host, request)))
    }

    /// The folder of an application or virtual directory; `None` where there is none at that path of the site.
    pub(super) fn app_folder(&self, site: &str, path: &str) -> Result<Option<String>, Refusal> {
        let server = self.server()?;
        Ok(server.site(site).and_then(|site| site.folder(path)).map(|folder| drive::expand(&folder)))
    }

    /// An element of configuration as it holds for an application.
    pub(super) fn element_in_app(
        &self,
        app: &AppPath,
        at: &ElementPath,
        tell: &dyn Fn(&str) -> Result<Content, Refusal>,
    ) -> Result<Option<Element>, Refusal> {
        self.may_read_iis()?;
        let section = iis::section(&at.section, &self.features)?;
        let host = self.folder.root();
        let config = AppConfig::load(host, &self.server()?, self.document()?, app, &at.section)?;
        let Some(config) = config else { return Ok(None) };
        let document = self.document()?;
        let http_sys = HttpSys::load(&self.folder)?;
        let build = self.computer.version()?.iis_build;
        let reading = Reading { document: &document, build, http_sys: &http_sys, tell };
        reading.element_at(section, at, config.levels())
    }

    /// The file that a commit is about, once it is sure that the file can take it.
    ///
    /// # Errors
    /// When there is no such application, an edit is about another file, or a section cannot be set there.
    pub(super) fn commit_file(
        &self,
        file: &ConfigFile,
        expect: &[Expected],
        edits: &[Edit],
    ) -> Result<CommitFile, Refusal> {
        let app = match file {
            ConfigFile::ApplicationHost {} => None,
            ConfigFile::WebConfig { site, path } => Some(AppPath { site: site.clone(), path: path.clone() }),
        };
        let mut places = expect.iter().map(|expected| &expected.at).chain(edits.iter().map(Edit::at));
        if let Some(other) = places.find(|at| at.app != app) {
            let text = format!("one commit changes one file, and {} is in another", iis::in_words(other));
            return Err(refused_plainly(RefusalCode::Invalid, text));
        }
        let Some(app) = app else { return Ok(CommitFile::application_host()) };
        let Some(real) = iis::web_config(self.folder.root(), &self.server()?, &app)? else {
            let text = format!("IIS has no application {}{}", app.site, app.path);
            return Err(refused_plainly(RefusalCode::Unknown, text));
        };
        let app_host = self.document()?;
        for edit in edits {
            let section = iis::section(&edit.at().section, &self.features)?;
            if iis::is_locked(&app_host, section) {
                return Err(iis::is_locked_at(&section.path));
            }
        }
        let shown = self.app_folder(&app.site, &app.path)?.unwrap_or_default();
        let digest = hexadecimal::hex(&Sha256::digest(tree_names::fold(&format!("{shown}\\web.config")).as_bytes()));
        // A file of the host is named below its folder, which may itself be told from where the lab was started.
        let name = real.strip_prefix(self.folder.root()).unwrap_or(&real);
        Ok(CommitFile {
            name: name.to_string_lossy().into_owned(),
            history: format!("web-{}", &digest[..12]),
            fresh: Some(NEW_WEB_CONFIG),
        })
    }
}
