//! `iis_site`: an IIS site.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::binding::Binding;
use super::mirror::{self, mirrored};
use super::{Claim, Disturbance, Found, Phase, Problems, Reads, Resource, Writes};
use crate::hostcall::answer::RunState;
use crate::hostcall::{Control, ControlTarget, Edit, Element, ElementPath, Expected, Refusal, Text, Token, Write};
use crate::value::{Changes, TimeSpan, WindowsPath};

mirrored! {
    /// An IIS site: where it listens, and the application at its root.
    ///
    /// A property that is not set is left as it is.
    /// A new site without a `path` gets an empty folder of its own, and is stopped unless `state` says otherwise.
    pub struct IisSite {
        own {
            /// The site's name.
            name: String,
            /// Whether the site runs, and starts with the server unless `auto_start` says otherwise.
            /// `absent` removes it and leaves its files.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            state: Option<SiteState>,
            /// The application pool of its root application.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pool: Option<String>,
            /// The folder of its root application.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            path: Option<WindowsPath>,
            /// Where it listens; exactly these.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            bindings: Option<Vec<Binding>>,
            /// Whether the root application is warmed up when a worker process starts; needs a pool that is always running.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            preload: Option<bool>,
            /// Protocols that the root application takes, such as `http`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            enabled_protocols: Option<String>,
        }
        mirrors {
            /// The site's number. Without one a new site gets a number made from its name, so that it is the same on all nodes.
            id: u32 = "id" within 1..=4_294_967_295,
            /// Whether it starts with the server.
            auto_start: bool = "serverAutoStart",
            /// How long a connection may be idle.
            connection_timeout: TimeSpan = "limits/connectionTimeout",
            /// Bytes per second; 4294967295 for no limit.
            max_bandwidth: u32 = "limits/maxBandwidth" within 1024..=4_294_967_295,
            /// Connections at the same time; 4294967295 for no limit.
            max_connections: u32 = "limits/maxConnections",
            /// Segments of a URL's path.
            max_url_segments: u32 = "limits/maxUrlSegments" within 0..=16383,
        }
    }
}

/// Whether a site runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SiteState {
    /// It runs.
    Started,
    /// It does not.
    Stopped,
    /// There is none.
    Absent,
    /// Found: on its way, for longer than the host waits.
    #[serde(skip_deserializing)]
    Changing,
}

fn sites() -> ElementPath {
    ElementPath::section("system.applicationHost/sites")
}

impl IisSite {
    fn at(&self) -> ElementPath {
        sites().item([("name", &self.name)])
    }

    fn root_application(&self) -> ElementPath {
        self.at().item([("path", "/")])
    }

    /// The properties of the root application that are attributes: property, element, attribute, desired value.
    fn application_edits(&self, changes: &Changes) -> Vec<Edit> {
        let root = self.root_application();
        let folder = root.clone().item([("path", "/")]);
        let rows = [
            ("pool", &root, "applicationPool", self.pool.clone()),
            ("preload", &root, "preloadEnabled", self.preload.map(|preload| preload.to_string())),
            ("enabled_protocols", &root, "enabledProtocols", self.enabled_protocols.clone()),
            ("path", &folder, "physicalPath", self.path.as_ref().map(|path| path.as_str().to_owned())),
        ];
        let touched = rows.into_iter().filter(|(property, ..)| changes.touch(property));
        touched
            .filter_map(|(_, at, attribute, value)| {
                Some(Edit::Set { at: at.clone(), attribute: attribute.to_owned(), value: Text::Plain(value?) })
            })
            .collect()
    }

    /// The edits that make the list of bindings exactly the desired one.
    fn binding_edits(&self, site: Option<&Element>, found: &Found) -> Vec<Edit> {
        let at = self.at().child("bindings");
        let desired = self.bindings.as_deref().unwrap_or_default();
        let items =
            site.and_then(|site| site.children.get("bindings")).map(|it| it.items.as_slice()).unwrap_or_default();
        let mut edits = Vec::new();
        for item in items {
            let wanted = Binding::found(item).is_some_and(|found| desired.iter().any(|it| it.clashes(&found)));
            if !wanted && let (Some(protocol), Some(place)) = (item.text("protocol"), item.text("bindingInformation")) {
                let at = at.clone().item([("protocol", protocol), ("bindingInformation", place)]);
                edits.push(Edit::Remove { at });
            }
        }
        for binding in desired {
            let same = |item: &&Element| Binding::found(item).is_some_and(|found| found.clashes(binding));
            edits.extend(binding.edits(items.iter().find(same), &at, found));
        }
        edits
    }

    /// The edits and the folder of a site that is not there yet.
    fn create(&self, found: &Found, writes: &mut Writes) -> Vec<Edit> {
        let plain = |name: &str, value: String| (name.to_owned(), Text::Plain(value));
        let path = if let Some(path) = &self.path {
            path.as_str().to_owned()
        } else {
            let path = format!("%SystemDrive%\\farmhand\\sites\\{}", self.name);
            writes.add(Phase::Files, Write::folder(path.clone()));
            path
        };
        let runs = self.auto_start.unwrap_or(self.state == Some(SiteState::Started));
        let taken = found.config(&sites()).ok().flatten();
        let id = self.id.unwrap_or_else(|| free_id(&self.name, taken.as_ref()));
        // Said in any case: the server's defaults for sites may be otherwise.
        let site = vec![
            plain("name", self.name.clone()),
            plain("id", id.to_string()),
            plain("serverAutoStart", runs.to_string()),
        ];
        let mut application = vec![plain("path", "/".to_owned())];
        application.extend(self.pool.iter().map(|pool| plain("applicationPool", pool.clone())));
        let folder = vec![plain("path", "/".to_owned()), plain("physicalPath", path)];
        let add =
            |at: ElementPath, element: &str, attributes| Edit::Add { at, element: element.to_owned(), attributes };
        vec![
            add(sites(), "site", site),
            add(self.at(), "application", application),
            add(self.root_application(), "virtualDirectory", folder),
        ]
    }
}

/// A number for a new site: made from its name, so that all nodes agree, and free on this one.
fn free_id(name: &str, sites: Option<&Element>) -> u32 {
    let digest = Sha256::digest(name.to_lowercase().as_bytes());
    let number = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) % 900_000_000 + 100_000_000;
    let taken = |id: u32| {
        let id = id.to_string();
        sites.is_some_and(|sites| sites.items.iter().any(|site| site.text("id") == Some(&id)))
    };
    (number..=u32::MAX).find(|id| !taken(*id)).unwrap_or(number)
}

impl Resource for IisSite {
    const KIND: &'static str = "iis_site";
    const EXAMPLE: &'static str = include_str!("iis_site.example.yml");

    fn name(&self) -> String {
        self.name.clone()
    }

    fn claims(&self) -> Vec<Claim> {
        let value = serde_json::to_value(self).unwrap_or_default();
        let properties = value.as_object().into_iter().flatten().map(|(property, _)| property.clone());
        let object = format!("iis_site/{}", self.name);
        let mut claims: Vec<Claim> = properties.map(|property| Claim { object: object.clone(), property }).collect();
        // A state says whether the site starts with the server too, where nothing else does.
        if matches!(self.state, Some(SiteState::Started | SiteState::Stopped)) && self.auto_start.is_none() {
            claims.push(Claim { object: object.clone(), property: "auto_start".to_owned() });
        }
        claims.extend(self.path.as_ref().map(|_| super::iis_application::folder_claim(&self.name, "/")));
        let places = self.bindings.iter().flatten().filter_map(Binding::place);
        claims.extend(places.map(|(protocol, endpoint)| Claim {
            object: format!("binding {protocol} {endpoint}"),
            property: "bindings".to_owned(),
        }));
        claims
    }

    fn check(&self, problems: &mut Problems) {
        super::check_object_name(&self.name, problems);
        mirror::check(self, problems);
        for (index, binding) in self.bindings.iter().flatten().enumerate() {
            binding.check(&format!("bindings[{index}]"), problems);
        }
        if self.state == Some(SiteState::Absent) && self.claims().len() > 2 {
            problems.add("state", "a site that shall be absent has no other properties", "leave them out");
        }
    }

    fn reads(&self, reads: &mut Reads) {
        // All sites, not this one alone: another site may listen at the same place or have the same number.
        reads.config(sites());
        reads.site(&self.name);
        for certificate in self.bindings.iter().flatten().filter_map(|binding| binding.certificate.as_ref()) {
            reads.certificates(certificate.store());
        }
    }

    fn conflicts(&self, found: &Found, problems: &mut Problems) {
        let Ok(Some(sites)) = found.config(&sites()) else { return };
        let others = || {
            sites
                .items
                .iter()
                .filter(|site| !site.text("name").is_some_and(|name| name.eq_ignore_ascii_case(&self.name)))
        };
        for (index, binding) in self.bindings.iter().flatten().enumerate() {
            let property = format!("bindings[{index}]");
            for site in others() {
                let items = site.children.get("bindings").map(|it| it.items.as_slice()).unwrap_or_default();
                if items.iter().filter_map(Binding::found).any(|other| other.clashes(binding)) {
                    let name = site.text("name").unwrap_or_default();
                    let help = "another address, port or host, or change that site first";
                    problems.add(&property, format!("site `{name}` on this host already listens there"), help);
                }
            }
            if let Some(Err(why)) = binding.certificate.as_ref().map(|certificate| certificate.resolve(found)) {
                problems.add(&format!("{property}.certificate"), why, "install the certificate on the host first");
            }
        }
        if let Some(id) = self.id
            && let Some(site) = others().find(|site| site.text("id") == Some(&id.to_string()))
        {
            let message =
                format!("site `{}` on this host already has number {id}", site.text("name").unwrap_or_default());
            problems.add("id", message, "another number, or none");
        }
    }

    fn seen(&self, found: &Found) -> Result<Option<Self>, Refusal> {
        let sites = found.config(&sites())?;
        let Some(site) = sites.as_ref().and_then(|sites| sites.find_item(&[("name", &self.name)])) else {
            let absent = IisSite { state: Some(SiteState::Absent), ..self.clone() };
            return Ok((self.state == Some(SiteState::Absent)).then_some(absent));
        };
        let mut actual = self.unset();
        mirror::take(self, site, &mut actual)?;
        actual.state = Some(match found.site(&self.name)? {
            Some(RunState::Started) => SiteState::Started,
            Some(RunState::Stopped) => SiteState::Stopped,
            Some(RunState::Starting | RunState::Stopping | RunState::Unknown) | None => SiteState::Changing,
        });
        let application = site.find_item(&[("path", "/")]);
        let text = |name: &str| application.and_then(|it| it.text(name)).map(str::to_owned);
        actual.preload = text("preloadEnabled").and_then(|text| text.parse().ok());
        actual.pool = text("applicationPool").map(|pool| match &self.pool {
            Some(desired) if desired.eq_ignore_ascii_case(&pool) => desired.clone(),
            _ => pool,
        });
        actual.enabled_protocols = text("enabledProtocols");
        let folder = application.and_then(|it| it.find_item(&[("path", "/")])).and_then(|it| it.text("physicalPath"));
        actual.path = self.path.as_ref().zip(folder).map(|(desired, folder)| desired.in_own_words(folder));
        actual.bindings = self.bindings.as_ref().map(|desired| {
            let items = site.children.get("bindings").map(|it| it.items.as_slice()).unwrap_or_default();
            let mut actual: Vec<Binding> = items.iter().filter_map(Binding::found).collect();
            let position = |it: &Binding| desired.iter().position(|wanted| wanted.clashes(it));
            // Bindings are a set: found in the desired order first, then what nobody asked for.
            actual.sort_by_key(|it| position(it).unwrap_or(usize::MAX));
            actual
                .into_iter()
                .map(|it| match position(&it) {
                    Some(index) => it.in_words_of(&desired[index], found),
                    None => it,
                })
                .collect()
        });
        Ok(Some(actual))
    }

    fn writes(&self, found: &Found, changes: &Changes, writes: &mut Writes) {
        let at = self.at();
        let sites = found.config(&sites()).ok().flatten();
        let site = sites.as_ref().and_then(|sites| sites.find_item(&[("name", &self.name)]));
        if self.state == Some(SiteState::Absent) {
            let token = site.map_or_else(Token::absent, |site| site.token.clone());
            writes.edit(vec![Expected { at: at.clone(), token }], vec![Edit::Remove { at }]);
            return;
        }
        let mut edits = if site.is_none() { self.create(found, writes) } else { Vec::new() };
        let created: Vec<&str> = if site.is_none() { vec!["id", "auto_start", "pool", "path"] } else { Vec::new() };
        let rest =
            Changes(changes.0.iter().filter(|change| !created.contains(&change.property.as_str())).cloned().collect());
        edits.extend(mirror::edits(self, &rest, &at));
        edits.extend(self.application_edits(&rest));
        if changes.touch("bindings") {
            edits.extend(self.binding_edits(site, found));
        }
        // What shall run after the next start of the server too, says so in the configuration.
        let auto_start = self.auto_start.is_none().then_some(self.state).flatten();
        if let (Some(state), Some(site)) = (auto_start, site) {
            let wanted = (state == SiteState::Started).to_string();
            if changes.touch("state") && site.text("serverAutoStart") != Some(&wanted) {
                edits.push(Edit::Set {
                    at: at.clone(),
                    attribute: "serverAutoStart".to_owned(),
                    value: Text::Plain(wanted),
                });
            }
        }
        let expect = match site {
            Some(site) => mirror::expected(&edits, site, &at),
            None => vec![Expected { at: at.clone(), token: Token::absent() }],
        };
        writes.edit(expect, edits);
        let control = match self.state {
            Some(SiteState::Started) => Some(Control::Start),
            Some(SiteState::Stopped) => Some(Control::Stop),
            _ => None,
        };
        if let Some(action) = control.filter(|_| changes.touch("state")) {
            writes.control(ControlTarget::Site(self.name.clone()), action);
        }
    }

    fn disturbs(&self, found: &Found, changes: &Changes) -> Disturbance {
        let running = found.site(&self.name).ok().flatten() == Some(RunState::Started);
        if !running || changes.is_empty() {
            return Disturbance::None;
        }
        let restarts = ["state", "bindings", "id", "path", "pool"].iter().any(|property| changes.touch(property));
        if restarts { Disturbance::Restarts } else { Disturbance::Recycles }
    }
}

impl IisSite {
    /// A site of the same name of which nothing is known.
    fn unset(&self) -> IisSite {
        let name = serde_json::json!({ "name": self.name });
        serde_json::from_value(name).unwrap_or_else(|error| unreachable!("a name makes a site: {error}"))
    }
}
