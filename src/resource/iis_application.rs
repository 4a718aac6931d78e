//! `iis_application`: an application below a site's root.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::mirror::{self, mirrored};
use super::{Claim, Disturbance, Found, Phase, Problems, Reads, Resource, Writes};
use crate::hostcall::answer::RunState;
use crate::hostcall::{Edit, Element, ElementPath, Expected, Refusal, Text, Token, Write};
use crate::value::{Changes, UrlPath, WindowsPath};

mirrored! {
    /// An application below a site's root: a path of its own with a pool of its own.
    /// The application at the root itself is a part of `iis_site`.
    ///
    /// A property that is not set is left as it is.
    /// A new application without a `folder` gets an empty one of its own.
    pub struct IisApplication {
        own {
            /// The site's name.
            site: String,
            /// Where it is below the site, such as `/chat`.
            path: UrlPath,
            /// Whether it is there. `absent` removes it, with its virtual directories, and leaves its files.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            state: Option<Presence>,
            /// The application pool.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pool: Option<String>,
            /// The folder with its files.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            folder: Option<WindowsPath>,
        }
        mirrors {
            /// Whether it is warmed up when a worker process starts; needs a pool that is always running.
            preload: bool = "preloadEnabled",
            /// Protocols that it takes, such as `http`.
            enabled_protocols: String = "enabledProtocols",
            /// Whether a provider of its own warms it up (`serviceAutoStartProviders`).
            service_auto_start: bool = "serviceAutoStartEnabled",
            /// The name of that provider.
            service_auto_start_provider: String = "serviceAutoStartProvider",
        }
    }
}

/// Whether an object is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It is.
    Present,
    /// It is not.
    Absent,
}

/// All sites, each with its applications and their folders.
pub(super) fn sites() -> ElementPath {
    ElementPath::section("system.applicationHost/sites")
}

/// The claim to the folder of an application, which only one step may have.
pub(super) fn folder_claim(site: &str, path: &str) -> Claim {
    Claim { object: format!("the folder of application {site}{path}"), property: "folder".to_owned() }
}

/// The element of an application, and of the site that it is in.
pub(super) fn application<'e>(
    sites: Option<&'e Element>,
    site: &str,
    path: &str,
) -> (Option<&'e Element>, Option<&'e Element>) {
    let site = sites.and_then(|sites| sites.find_item(&[("name", site)]));
    (site, site.and_then(|site| site.find_item(&[("path", path)])))
}

impl IisApplication {
    fn at(&self) -> ElementPath {
        sites().item([("name", &self.site)]).item([("path", self.path.as_str())])
    }

    /// The edits of an application that is not there yet.
    fn create(&self, writes: &mut Writes) -> Vec<Edit> {
        let plain = |name: &str, value: &str| (name.to_owned(), Text::Plain(value.to_owned()));
        let folder = if let Some(folder) = &self.folder {
            folder.as_str().to_owned()
        } else {
            let below = self.path.as_str().replace('/', "\\");
            let folder = format!("%SystemDrive%\\farmhand\\sites\\{}{below}", self.site);
            writes.add(Phase::Files, Write::folder(folder.clone()));
            folder
        };
        let mut attributes = vec![plain("path", self.path.as_str())];
        attributes.extend(self.pool.iter().map(|pool| plain("applicationPool", pool)));
        let add =
            |at: ElementPath, element: &str, attributes| Edit::Add { at, element: element.to_owned(), attributes };
        vec![
            add(sites().item([("name", &self.site)]), "application", attributes),
            add(self.at(), "virtualDirectory", vec![plain("path", "/"), plain("physicalPath", &folder)]),
        ]
    }
}

impl Resource for IisApplication {
    const KIND: &'static str = "iis_application";
    const EXAMPLE: &'static str = include_str!("iis_application.example.yml");

    fn name(&self) -> String {
        format!("{}{}", self.site, self.path.as_str())
    }

    fn claims(&self) -> Vec<Claim> {
        let value = serde_json::to_value(self).unwrap_or_default();
        let properties = value.as_object().into_iter().flatten().map(|(property, _)| property.clone());
        let object = format!("iis_application/{}", self.name());
        let mut claims: Vec<Claim> = properties.map(|property| Claim { object: object.clone(), property }).collect();
        claims.extend(self.folder.as_ref().map(|_| folder_claim(&self.site, self.path.as_str())));
        claims
    }

    fn check(&self, problems: &mut Problems) {
        mirror::check(self, problems);
        if self.path.is_root() {
            problems.add("path", "the application at the root of a site is a part of the site", "use iis_site");
        }
        let others = serde_json::to_value(self).ok().and_then(|it| it.as_object().map(serde_json::Map::len));
        if self.state == Some(Presence::Absent) && others.unwrap_or_default() > 3 {
            problems.add("state", "an application that shall be absent has no other properties", "leave them out");
        }
    }

    fn reads(&self, reads: &mut Reads) {
        reads.config(sites());
        reads.site(&self.site);
    }

    fn conflicts(&self, found: &Found, problems: &mut Problems) {
        let Ok(Some(sites)) = found.config(&sites()) else { return };
        if self.state != Some(Presence::Absent) && sites.find_item(&[("name", &self.site)]).is_none() {
            let message = format!("there is no site `{}` on this host", self.site);
            problems.add("site", message, "an iis_site step before this one");
        }
    }

    fn seen(&self, found: &Found) -> Result<Option<Self>, Refusal> {
        let sites = found.config(&sites())?;
        let mut actual = self.unset();
        let (_, Some(application)) = application(sites.as_ref(), &self.site, self.path.as_str()) else {
            actual.state = Some(Presence::Absent);
            return Ok((self.state == Some(Presence::Absent)).then_some(actual));
        };
        mirror::take(self, application, &mut actual)?;
        actual.state = Some(Presence::Present);
        actual.pool = application.text("applicationPool").map(|pool| match &self.pool {
            Some(desired) if desired.eq_ignore_ascii_case(pool) => desired.clone(),
            _ => pool.to_owned(),
        });
        let folder = application.find_item(&[("path", "/")]).and_then(|it| it.text("physicalPath"));
        actual.folder = self.folder.as_ref().zip(folder).map(|(desired, folder)| desired.in_own_words(folder));
        Ok(Some(actual))
    }

    fn writes(&self, found: &Found, changes: &Changes, writes: &mut Writes) {
        let at = self.at();
        let sites = found.config(&sites()).ok().flatten();
        let (_, existing) = application(sites.as_ref(), &self.site, self.path.as_str());
        if self.state == Some(Presence::Absent) {
            let token = existing.map_or_else(Token::absent, |it| it.token.clone());
            writes.edit(vec![Expected { at: at.clone(), token }], vec![Edit::Remove { at }]);
            return;
        }
        let Some(existing) = existing else {
            let mut edits = self.create(writes);
            edits.extend(mirror::edits(self, changes, &at));
            writes.edit(vec![Expected { at, token: Token::absent() }], edits);
            return;
        };
        let mut edits = mirror::edits(self, changes, &at);
        let mut set = |property: &str, at: ElementPath, attribute: &str, value: Option<&str>| {
            if let Some(value) = value.filter(|_| changes.touch(property)) {
                let value = Text::Plain(value.to_owned());
                edits.push(Edit::Set { at, attribute: attribute.to_owned(), value });
            }
        };
        set("pool", at.clone(), "applicationPool", self.pool.as_deref());
        let folder = at.clone().item([("path", "/")]);
        set("folder", folder, "physicalPath", self.folder.as_ref().map(WindowsPath::as_str));
        writes.edit(mirror::expected(&edits, existing, &at), edits);
    }

    fn disturbs(&self, found: &Found, changes: &Changes) -> Disturbance {
        let sites = found.config(&sites()).ok().flatten();
        let (_, existing) = application(sites.as_ref(), &self.site, self.path.as_str());
        let running = found.site(&self.site).ok().flatten() == Some(RunState::Started);
        if existing.is_none() || !running || changes.is_empty() {
            return Disturbance::None;
        }
        Disturbance::Restarts
    }
}

impl IisApplication {
    /// An application at the same place of which nothing is known.
    fn unset(&self) -> IisApplication {
        let named = serde_json::json!({ "site": self.site, "path": self.path });
        serde_json::from_value(named).unwrap_or_else(|error| unreachable!("a place makes an application: {error}"))
    }
}
