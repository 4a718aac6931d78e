//! `iis_virtual_directory`: a folder below an application's path that is no part of the application's own.

use super::identity::User;
use super::iis_application::{Presence, application, sites};
use super::mirror::{self, mirrored};
use super::{Disturbance, Found, Phase, Problems, Reads, Resource, Writes};
use crate::hostcall::answer::RunState;
use crate::hostcall::{Edit, Element, ElementPath, Expected, Refusal, Text, Token};
use crate::value::{Changes, UrlPath, WindowsPath, iis_enum};

mirrored! {
    /// A folder that is served below an application's path and is no part of its release: `/uploads` on a share that all
    /// servers of a farm write to.
    ///
    /// A property that is not set is left as it is.
    /// The folder itself, and who may do what to it, is left as it is too: it holds what the application keeps.
    pub struct IisVirtualDirectory {
        own {
            /// The site's name.
            site: String,
            /// The path of the application that it is in; `/` for the one at the site's root.
            #[serde(default = "UrlPath::root")]
            application: UrlPath,
            /// Where it is below the application, such as `/uploads`.
            path: UrlPath,
            /// Whether it is there. `absent` removes it and leaves its files.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            state: Option<Presence>,
            /// The folder with its files: on a disk of the host, or on a share as `\\server\share\folder`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            folder: Option<WindowsPath>,
            /// As whom IIS opens the folder: `{ user, password }`. Where IIS has none it is opened as whoever asks, which
            /// is the pool's account for what the application itself reads and writes.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            identity: Option<User>,
        }
        mirrors {
            /// How that user is logged on.
            logon_method: LogonMethod = "logonMethod",
            /// Whether IIS looks for web.config files below the folder; `false` keeps what is uploaded from configuring it.
            allow_sub_dir_config: bool = "allowSubDirConfig",
        }
    }
}

iis_enum! {
    /// How a user is logged on to open a folder.
    pub enum LogonMethod {
        /// As at the console.
        Interactive = "interactive" / "Interactive",
        /// As a batch job.
        Batch = "batch" / "Batch",
        /// Over the network: cannot go on to another machine's share.
        Network = "network" / "Network",
        /// Over the network with its password at hand, so that a share can be opened.
        ClearText = "clear_text" / "ClearText",
    }
}

impl IisVirtualDirectory {
    fn application_at(&self) -> ElementPath {
        sites().item([("name", &self.site)]).item([("path", self.application.as_str())])
    }

    fn at(&self) -> ElementPath {
        self.application_at().item([("path", self.path.as_str())])
    }

    /// Its element, and that of its application.
    fn found<'e>(&self, sites: Option<&'e Element>) -> (Option<&'e Element>, Option<&'e Element>) {
        let (_, application) = application(sites, &self.site, self.application.as_str());
        (application.and_then(|it| it.find_item(&[("path", self.path.as_str())])), application)
    }

    /// A virtual directory at the same place of which nothing is known.
    fn unset(&self) -> IisVirtualDirectory {
        let named = serde_json::json!({ "site": self.site, "application": self.application, "path": self.path });
        serde_json::from_value(named).unwrap_or_else(|error| unreachable!("a place makes a virtual directory: {error}"))
    }
}

impl Resource for IisVirtualDirectory {
    const KIND: &'static str = "iis_virtual_directory";
    const EXAMPLE: &'static str = include_str!("iis_virtual_directory.example.yml");

    fn name(&self) -> String {
        let application = if self.application.is_root() { "" } else { self.application.as_str() };
        format!("{}{application}{}", self.site, self.path.as_str())
    }

    fn check(&self, problems: &mut Problems) {
        mirror::check(self, problems);
        if self.path.is_root() {
            let message = "the folder at the root of an application is the application's own";
            let help = "app_release delivers it; or say `folder` of iis_application, or `path` of iis_site";
            problems.add("path", message, help);
        }
        let set = serde_json::to_value(self).ok().and_then(|it| it.as_object().map(serde_json::Map::len));
        if self.state == Some(Presence::Absent) {
            if set.unwrap_or_default() > 4 {
                let message = "a virtual directory that shall be absent has no other properties";
                problems.add("state", message, "leave them out");
            }
        } else if self.folder.is_none() {
            problems.add("folder", "a virtual directory needs a folder", "folder: '\\\\server\\share\\uploads'");
        }
        let Some(user) = &self.identity else { return };
        if user.user.is_managed() {
            let message =
                format!("`{}` is a managed service account, which can only be that of a pool", user.user.as_str());
            problems.add("identity.user", message, "leave `identity` out, and let the pool run as that account");
        } else if user.password.is_none() {
            let message = format!("`{}` needs a password", user.user.as_str());
            problems.add("identity", message, "password: \"{{ secret('name') }}\"");
        }
    }

    fn reads(&self, reads: &mut Reads) {
        reads.config(sites());
        reads.site(&self.site);
        if let Some(identity) = &self.identity {
            reads.account(identity.user.as_str());
        }
    }

    fn conflicts(&self, found: &Found, problems: &mut Problems) {
        let Ok(Some(sites)) = found.config(&sites()) else { return };
        if self.state != Some(Presence::Absent) && self.found(Some(&sites)).1.is_none() {
            let message = format!("there is no application `{}{}` on this host", self.site, self.application.as_str());
            let root = self.application.is_root();
            let (property, kind) = if root { ("site", "an iis_site") } else { ("application", "an iis_application") };
            problems.add(property, message, format!("{kind} step before this one"));
        }
    }

    fn seen(&self, found: &Found) -> Result<Option<Self>, Refusal> {
        let sites = found.config(&sites())?;
        let mut actual = self.unset();
        let (Some(element), _) = self.found(sites.as_ref()) else {
            actual.state = Some(Presence::Absent);
            return Ok((self.state == Some(Presence::Absent)).then_some(actual));
        };
        mirror::take(self, element, &mut actual)?;
        actual.state = Some(Presence::Present);
        let folder = element.text("physicalPath");
        actual.folder = self.folder.as_ref().zip(folder).map(|(desired, folder)| desired.in_own_words(folder));
        let name = element.text("userName").filter(|name| !name.is_empty());
        let password = element.attributes.get("password").map(|password| &password.content);
        actual.identity = self
            .identity
            .as_ref()
            .zip(name.zip(password))
            .map(|(desired, (name, password))| desired.in_own_words(name, password, found));
        Ok(Some(actual))
    }

    fn writes(&self, found: &Found, changes: &Changes, writes: &mut Writes) {
        let at = self.at();
        let sites = found.config(&sites()).ok().flatten();
        let (existing, _) = self.found(sites.as_ref());
        if self.state == Some(Presence::Absent) {
            let token = existing.map_or_else(Token::absent, |it| it.token.clone());
            writes.edit(vec![Expected { at: at.clone(), token }], vec![Edit::Remove { at }]);
            return;
        }
        let identity = self.identity.as_ref().filter(|_| changes.touch("identity"));
        if let Some(test) = identity.and_then(User::test_logon) {
            writes.add(Phase::Logon, test);
        }
        let folder = self.folder.as_ref().map(|folder| Text::Plain(folder.as_str().to_owned()));
        let mut edits = Vec::new();
        if existing.is_none() {
            let mut attributes = vec![("path".to_owned(), Text::Plain(self.path.as_str().to_owned()))];
            attributes.extend(folder.map(|folder| ("physicalPath".to_owned(), folder)));
            edits.push(Edit::Add { at: self.application_at(), element: "virtualDirectory".to_owned(), attributes });
        } else if let Some(value) = folder.filter(|_| changes.touch("folder")) {
            edits.push(Edit::Set { at: at.clone(), attribute: "physicalPath".to_owned(), value });
        }
        edits.extend(identity.into_iter().flat_map(|identity| identity.edits(&at)));
        edits.extend(mirror::edits(self, changes, &at));
        let expected = match existing {
            Some(existing) => mirror::expected(&edits, existing, &at),
            None => vec![Expected { at, token: Token::absent() }],
        };
        writes.edit(expected, edits);
    }

    /// The application around it starts anew, also when it gets a virtual directory that it had not.
    fn disturbs(&self, found: &Found, changes: &Changes) -> Disturbance {
        let running = found.site(&self.site).ok().flatten() == Some(RunState::Started);
        if running && !changes.is_empty() { Disturbance::Restarts } else { Disturbance::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(properties: &str) -> IisVirtualDirectory {
        serde_json::from_str(&format!(r#"{{"site": "Chat", {properties}}}"#)).unwrap()
    }

    #[test]
    fn what_cannot_be_is_told_with_what_to_type_instead() {
        let check = |properties: &str, expected: &[(&str, &str)]| {
            let mut problems = Problems::default();
            directory(properties).check(&mut problems);
            let told: Vec<(&str, &str)> =
                problems.0.iter().map(|it| (it.property.as_str(), it.message.as_str())).collect();
            assert_eq!(told, expected, "{properties}");
            assert!(problems.0.iter().all(|it| !it.help.is_empty()));
        };
        let password = r#""password": {"secret()": {"store": "age", "name": "svc"}}"#;
        let as_user = |user: &str, password: &str| {
            format!(
                r#""path": "/uploads", "folder": "\\\\files\\uploads", "identity": {{"user": "CORP\\{user}"{password}}}"#
            )
        };
        check(r#""path": "/uploads", "folder": "D:\\uploads""#, &[]);
        check(r#""path": "/uploads", "state": "absent""#, &[]);
        check(&as_user("svc", &format!(", {password}")), &[]);
        let root = ("path", "the folder at the root of an application is the application's own");
        check(r#""path": "/", "folder": "D:\\uploads""#, &[root]);
        check(r#""path": "/uploads""#, &[("folder", "a virtual directory needs a folder")]);
        check(
            r#""path": "/uploads", "state": "absent", "folder": "D:\\uploads""#,
            &[("state", "a virtual directory that shall be absent has no other properties")],
        );
        check(&as_user("svc", ""), &[("identity", "`CORP\\svc` needs a password")]);
        let managed = "`CORP\\svc$` is a managed service account, which can only be that of a pool";
        check(&as_user("svc$", ""), &[("identity.user", managed)]);
    }

    #[test]
    fn its_address_is_what_a_browser_asks_for() {
        assert_eq!(directory(r#""path": "/uploads""#).name(), "Chat/uploads");
        assert_eq!(directory(r#""application": "/chat", "path": "/uploads""#).name(), "Chat/chat/uploads");
    }
}
