//! What WAS makes of configuration: pools, sites, applications and folders.

use sha2::{Digest, Sha256};

use super::http_sys;
use crate::hostcall::Content;
use crate::hostcall::config::Element;
use crate::lab::hexadecimal;

/// Parts of a pool's configuration that take effect without new worker processes.
const QUIET: &[&str] = &["name", "autoStart", "queueLength", "startMode"];

/// The pools and sites of a host.
#[derive(Clone, Debug, Default)]
pub struct Server {
    /// Pools in the order of the file.
    pub pools: Vec<Pool>,
    /// Sites in the order of the file.
    pub sites: Vec<Site>,
}

/// An application pool.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Whether WAS starts it by itself.
    pub auto_start: bool,
    /// Whether it has a worker process before the first request.
    pub always_running: bool,
    /// Whether a change of its configuration replaces its worker processes.
    pub rotates: bool,
    /// What it runs as.
    pub identity: Identity,
    /// Digest of all that a worker process is made of.
    pub digest: String,
}

/// What a pool runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// An account that needs no password, by the name Windows gives back.
    BuiltIn(String),
    /// An account with a password; `None` where the host cannot decrypt it.
    User {
        /// Its name.
        name: String,
        /// Its password.
        password: Option<String>,
    },
}

/// A site.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its name.
    pub name: String,
    /// Whether it is started by itself.
    pub auto_start: bool,
    /// Its bindings for http and https.
    pub bindings: Vec<Binding>,
    /// Its applications.
    pub applications: Vec<Application>,
}

/// A binding for http or https.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Whether it is https.
    pub secure: bool,
    /// IP address, or `*`.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// Host name in lower case; empty for any.
    pub host: String,
    /// The endpoint under which http.sys keeps its certificate; `None` for http.
    pub endpoint: Option<String>,
}

/// An application of a site.
#[derive(Clone, Debug)]
pub struct Application {
    /// Its path, such as `/` or `/api`.
    pub path: String,
    /// The pool it runs in.
    pub pool: String,
    /// Its folders: virtual path and Windows path.
    pub folders: Vec<(String, String)>,
}

impl Server {
    /// What two sections say, read with secrets in clear.
    pub fn of(pools: &Element, sites: &Element) -> Server {
        Server { pools: pools.items.iter().map(Pool::of).collect(), sites: sites.items.iter().map(Site::of).collect() }
    }

    /// A pool by name.
    pub fn pool(&self, name: &str) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.name.to_lowercase() == name.to_lowercase())
    }

    /// A site by name.
    pub fn site(&self, name: &str) -> Option<&Site> {
        self.sites.iter().find(|site| site.name.to_lowercase() == name.to_lowercase())
    }
}

impl Pool {
    fn of(element: &Element) -> Pool {
        let name = text(element, "name");
        let model = element.children.get("processModel");
        let of_model = |attribute: &str| model.map(|model| text(model, attribute)).unwrap_or_default();
        let built_in = |name: &str| Identity::BuiltIn(name.to_owned());
        let identity = match of_model("identityType").as_str() {
            "LocalSystem" => built_in(r"NT AUTHORITY\SYSTEM"),
            "LocalService" => built_in(r"NT AUTHORITY\LOCAL SERVICE"),
            "NetworkService" => built_in(r"NT AUTHORITY\NETWORK SERVICE"),
            "SpecificUser" => Identity::User {
                name: of_model("userName"),
                password: match model.and_then(|model| model.attributes.get("password")).map(|known| &known.content) {
                    Some(Content::Value(clear)) => Some(clear.clone()),
                    Some(Content::Unreadable {}) => None,
                    _ => Some(String::new()),
                },
            },
            _ => Identity::BuiltIn(format!(r"IIS APPPOOL\{name}")),
        };
        let rotates =
            element.children.get("recycling").map(|recycling| text(recycling, "disallowRotationOnConfigChange"));
        Pool {
            auto_start: text(element, "autoStart") == "true",
            always_running: text(element, "startMode") == "AlwaysRunning",
            rotates: rotates.as_deref() != Some("true"),
            identity,
            digest: digest(element),
            name,
        }
    }
}

impl Site {
    fn of(element: &Element) -> Site {
        let bindings = element.children.get("bindings").map(|bindings| bindings.items.as_slice()).unwrap_or_default();
        Site {
            name: text(element, "name"),
            auto_start: text(element, "serverAutoStart") == "true",
            bindings: bindings.iter().filter_map(Binding::of).collect(),
            applications: element.items.iter().map(Application::of).collect(),
        }
    }

    /// The application that a path of the site belongs to.
    pub fn application(&self, path: &str) -> Option<&Application> {
        let candidates = self.applications.iter().filter(|application| is_below(path, &application.path));
        candidates.max_by_key(|application| application.path.len())
    }
}

impl Site {
    /// The Windows path of an application or a virtual directory, by its path in the site; `None` for any other path.
    pub fn folder(&self, path: &str) -> Option<String> {
        let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
        let application = self.application(path)?;
        let rest = path.get(application.path.trim_end_matches('/').len()..).unwrap_or_default();
        let rest = if rest.is_empty() { "/" } else { rest };
        let known = application.folders.iter().any(|(virtual_path, _)| virtual_path.eq_ignore_ascii_case(rest));
        known.then(|| application.file(path)).flatten()
    }
}

impl Binding {
    fn of(element: &Element) -> Option<Binding> {
        let secure = match text(element, "protocol").to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let information = text(element, "bindingInformation");
        let (address, port, host) = http_sys::split(&information)?;
        let address = if address.is_empty() { "*" } else { address };
        let endpoint = http_sys::endpoint(&text(element, "protocol"), &information, &text(element, "sslFlags"));
        Some(Binding { secure, address: address.to_owned(), port, host: host.to_lowercase(), endpoint })
    }
}

impl Application {
    fn of(element: &Element) -> Application {
        let folder = |item: &Element| (text(item, "path"), text(item, "physicalPath"));
        Application {
            path: text(element, "path"),
            pool: text(element, "applicationPool"),
            folders: element.items.iter().map(folder).collect(),
        }
    }

    /// The Windows path of a path of the site.
    pub fn file(&self, path: &str) -> Option<String> {
        let rest = if self.path == "/" { path } else { path.get(self.path.len()..).unwrap_or_default() };
        let rest = if rest.is_empty() { "/" } else { rest };
        let below = self.folders.iter().filter(|(virtual_path, _)| is_below(rest, virtual_path));
        let (virtual_path, folder) = below.max_by_key(|(virtual_path, _)| virtual_path.len())?;
        let inside = rest.get(virtual_path.trim_end_matches('/').len()..).unwrap_or_default();
        let inside = inside.trim_start_matches('/').replace('/', "\\");
        let folder = folder.trim_end_matches('\\');
        Some(if inside.is_empty() { folder.to_owned() } else { format!("{folder}\\{inside}") })
    }
}

/// Whether a URL path is at or below another.
fn is_below(path: &str, above: &str) -> bool {
    let above = above.trim_end_matches('/');
    let Some(head) = path.get(..above.len()) else { return false };
    let rest = &path[above.len()..];
    head.eq_ignore_ascii_case(above) && (rest.is_empty() || rest.starts_with('/'))
}

fn text(element: &Element, attribute: &str) -> String {
    element.text(attribute).unwrap_or_default().to_owned()
}

/// A digest of a pool's configuration but for what takes effect without new worker processes.
fn digest(pool: &Element) -> String {
    let mut kept = pool.clone();
    kept.attributes.retain(|name, _| !QUIET.contains(&name.as_str()));
    kept.children.retain(|name, _| name != "recycling" && name != "failure");
    forget_sources(&mut kept);
    // It holds passwords in clear, so only a digest of it is ever kept.
    let bytes = serde_json::to_vec(&kept).unwrap_or_default();
    hexadecimal::hex(&Sha256::digest(&bytes))[..16].to_owned()
}

/// A value that is set to what it is by default is no change.
fn forget_sources(element: &mut Element) {
    element.token = crate::hostcall::Token::absent();
    for attribute in element.attributes.values_mut() {
        attribute.source = crate::hostcall::Source::Default;
    }
    element.children.values_mut().chain(&mut element.items).for_each(forget_sources);
}
