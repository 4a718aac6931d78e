//! What a host's sites answer to HTTP requests: http.sys finds the site, IIS serves its files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::runtime::Runtime;
use super::view::{Binding, Server, Site};
use super::was::Was;
use super::{app_config, layout};
use crate::hostcall::answer::RunState;
use crate::hostcall::read::HttpVerb;
use crate::lab::drive;
use crate::lab::schema::Section;
use crate::xml::Document;

/// A request to a host.
#[derive(Clone, Debug)]
pub struct Request {
    /// The verb.
    pub verb: HttpVerb,
    /// Whether it came through TLS.
    pub secure: bool,
    /// The address of the host that it came to.
    pub address: String,
    /// The port it came to.
    pub port: u16,
    /// The Host header, without a port; empty for none.
    pub host: String,
    /// Path and query.
    pub path: String,
}

impl Request {
    /// A GET that came to the host's loopback.
    pub fn get(port: u16, host: &str, path: &str) -> Request {
        let (host, path, address) = (host.to_owned(), path.to_owned(), LOOPBACK.to_owned());
        Request { verb: HttpVerb::Get, secure: false, address, port, host, path }
    }
}

/// The reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Status code.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body; empty for HEAD.
    pub body: Vec<u8>,
}

/// An http endpoint of a started site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The site's name.
    pub site: String,
    /// TCP port.
    pub port: u16,
    /// Host name; empty for any.
    pub host: String,
}

const LOOPBACK: &str = "127.0.0.1";

/// Documents that stand for a folder, in this order.
const DEFAULT_DOCUMENTS: &[&str] =
    &["Default.htm", "Default.asp", "index.htm", "index.html", "iisstart.htm", "default.aspx"];

/// Folders and files that request filtering hides.
const HIDDEN: &[&str] = &["web.config", "bin", "App_code", "App_GlobalResources", "App_LocalResources", "App_Data"];

const TYPES: &[(&str, &str)] = &[
    ("htm", "text/html"),
    ("html", "text/html"),
    ("txt", "text/plain"),
    ("css", "text/css"),
    ("js", "application/javascript"),
    ("json", "application/json"),
    ("xml", "text/xml"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("gif", "image/gif"),
    ("ico", "image/x-icon"),
    ("woff", "font/x-woff"),
];

/// The http endpoints of the started sites.
pub fn endpoints(server: &Server, runtime: &Runtime) -> Vec<Endpoint> {
    let started = server.sites.iter().filter(|site| is_started(site, runtime));
    started
        .flat_map(|site| {
            let plain = site.bindings.iter().filter(|binding| !binding.secure);
            plain.map(|binding| Endpoint { site: site.name.clone(), port: binding.port, host: binding.host.clone() })
        })
        .collect()
}

/// Serves a request; `None` where nobody listens on its port.
pub fn serve(was: &Was, runtime: &mut Runtime, host: &Path, app_host: &Document, request: &Request) -> Option<Served> {
    let listening: Vec<(&Site, &Binding)> = was
        .server
        .sites
        .iter()
        .filter(|site| is_started(site, runtime))
        .flat_map(|site| site.bindings.iter().map(move |binding| (site, binding)))
        .filter(|(_, binding)| binding.port == request.port && binding.secure == request.secure)
        .filter(|(_, binding)| is_reached(binding, &request.address))
        .collect();
    if listening.is_empty() {
        return None;
    }
    let name = request.host.to_lowercase();
    // A binding to the very address comes before one to all.
    let named = |wanted: &str, all: bool| {
        listening.iter().find(|(_, binding)| binding.host == wanted && (binding.address == "*") == all)
    };
    let best = |wanted: &str| named(wanted, false).or_else(|| named(wanted, true));
    let mut served = match best(&name).or_else(|| best("")) {
        None => page(400, "Bad Request - Invalid Hostname"),
        Some((site, _)) => from_site(was, runtime, &Files { host, app_host }, site, request),
    };
    served.headers.insert("server".to_owned(), format!("Microsoft-IIS/{}", was.iis));
    Some(match request.verb {
        HttpVerb::Get => served,
        HttpVerb::Head => Served { body: Vec::new(), ..served },
    })
}

/// Where a site's files and configuration are.
struct Files<'a> {
    host: &'a Path,
    app_host: &'a Document,
}

fn from_site(was: &Was, runtime: &mut Runtime, files: &Files, site: &Site, request: &Request) -> Served {
    let host = files.host;
    let path = request.path.split(['?', '#']).next().unwrap_or("/");
    let Some(path) = decoded(path) else { return page(400, "Bad Request") };
    let Some(application) = site.application(&path) else { return page(404, "Not Found") };
    if !was.serve(&application.pool, runtime) {
        return page(503, "Service Unavailable");
    }
    let root = application.file(&application.path).and_then(|path| drive::locate(host, &path).ok());
    let trouble = match &root {
        Some(root) if root.is_dir() => files.trouble(site, &path),
        _ => application
            .file(&application.path)
            .map(|folder| Trouble::new(0x8007_0003, "Cannot read configuration file", &folder)),
    };
    if let Some(trouble) = trouble {
        return trouble.page(was.iis);
    }
    // ASP.NET takes an application with this file off line.
    if let Some(offline) = root.map(|root| root.join("app_offline.htm")).filter(|file| file.is_file()) {
        let text = fs::read(offline).unwrap_or_default();
        return reply(503, "text/html", text);
    }
    if path.split('/').any(|part| HIDDEN.iter().any(|hidden| hidden.eq_ignore_ascii_case(part))) {
        return page(404, "Not Found");
    }
    let Some(file) = application.file(&path).and_then(|path| drive::locate(host, &path).ok()) else {
        return page(404, "Not Found");
    };
    if file.is_dir() {
        let documents = DEFAULT_DOCUMENTS.iter().map(|name| file.join(name));
        return match documents.into_iter().find(|document| document.is_file()) {
            Some(document) => static_file(&document),
            None => page(403, "Forbidden"),
        };
    }
    static_file(&file)
}

impl Files<'_> {
    /// Why IIS does not take the web.config files on the way to a path: no XML, or a section that the server has locked.
    fn trouble(&self, site: &Site, path: &str) -> Option<Trouble> {
        app_config::prefixes(path).iter().find_map(|path| {
            let folder = site.application(path).and_then(|application| application.file(path))?;
            let bytes = fs::read(drive::locate(self.host, &folder).ok()?.join("web.config")).ok()?;
            let locked = |document: &Document, section: &Section| {
                layout::find(document, &section.path, None).is_some() && app_config::is_locked(self.app_host, section)
            };
            match Document::parse(&bytes) {
                Err(_) => Some(Trouble::new(0x8007_000D, "Configuration file is not well-formed XML", &folder)),
                Ok(document) if Section::all().iter().any(|section| locked(&document, section)) => {
                    Some(Trouble::new(0x8007_0021, LOCKED, &folder))
                }
                Ok(_) => None,
            }
        })
    }
}

/// What IIS says of a locked section.
const LOCKED: &str = "This configuration section cannot be used at this path. This happens when the section is locked \
    at a parent level. Locking is either by default (overrideModeDefault=\"Deny\"), or set explicitly by a location tag \
    with overrideMode=\"Deny\" or the legacy allowOverride=\"false\".";

/// How many characters of style IIS has on its detailed page, before anything is said.
const STYLE_CHARS: usize = 2600;

/// Why IIS answers 500.19.
struct Trouble {
    code: u32,
    problem: &'static str,
    file: String,
}

impl Trouble {
    fn new(code: u32, problem: &'static str, folder: &str) -> Trouble {
        Trouble { code, problem, file: format!("{}\\web.config", drive::expand(folder).trim_end_matches('\\')) }
    }

    /// The page for a request from the machine itself (`httpErrors/@errorMode="DetailedLocalOnly"`, the default).
    fn page(&self, iis: &str) -> Served {
        let style = " ".repeat(STYLE_CHARS);
        let escaped = |text: &str| text.replace('&', "&amp;").replace('"', "&quot;");
        let file = format!("\\\\?\\{}", self.file);
        let rows = [
            ("Module", "IIS Web Core".to_owned()),
            ("Notification", "BeginRequest".to_owned()),
            ("Handler", "Not yet determined".to_owned()),
            ("Error Code", format!("0x{:08x}", self.code)),
            ("Config Error", escaped(self.problem)),
            ("Config File", escaped(&file)),
        ];
        let rows = rows.map(|(name, text)| format!("<tr><th>{name}</th><td>&nbsp;&nbsp;&nbsp;{text}</td></tr>\r\n"));
        let text = format!(
            "<html>\r\n<head>\r\n<title>IIS {iis} Detailed Error - 500.19 - Internal Server Error</title>\r\n\
             <style type=\"text/css\">{style}</style>\r\n</head>\r\n<body>\r\n\
             <h3>HTTP Error 500.19 - Internal Server Error</h3>\r\n<table>\r\n{}</table>\r\n</body>\r\n</html>\r\n",
            rows.concat()
        );
        reply(500, "text/html", text.into_bytes())
    }
}

fn static_file(file: &Path) -> Served {
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
    let known = TYPES.iter().find(|(known, _)| *known == extension).map(|(_, kind)| *kind);
    match (fs::read(file), known) {
        (Ok(bytes), Some(kind)) => reply(200, kind, bytes),
        // A type that is not in the MIME map is not served.
        _ => page(404, "Not Found"),
    }
}

fn page(status: u16, reason: &str) -> Served {
    let text = format!(
        "<!DOCTYPE html>\r\n<html><head><title>{reason}</title></head><body><h2>{reason}</h2></body></html>\r\n"
    );
    reply(status, "text/html", text.into_bytes())
}

fn reply(status: u16, kind: &str, body: Vec<u8>) -> Served {
    let headers = [("content-type", kind.to_owned()), ("content-length", body.len().to_string())];
    Served { status, headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(), body }
}

/// A URL path with its escapes undone; `None` where it leads out of its root.
fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    let safe = text.starts_with('/') && !text.contains('\\') && text.split('/').all(|part| part != "..");
    safe.then_some(text)
}

fn is_started(site: &Site, runtime: &Runtime) -> bool {
    runtime.sites.get(&site.name).is_some_and(|running| running.state == RunState::Started)
}

fn is_reached(binding: &Binding, address: &str) -> bool {
    binding.address == address || matches!(binding.address.as_str(), "*" | "0.0.0.0")
}
