//! The configuration that holds for an application: its web.config, over those of the folders above it, over
//! applicationHost.config, over the files of .NET.

use std::fs;
use std::path::{Path, PathBuf};

use super::layout;
use super::parse::parse;
use super::view::{Server, Site};
use crate::hostcall::config::AppPath;
use crate::hostcall::{Refusal, RefusalCode};
use crate::lab::error::{refused, refused_plainly};
use crate::lab::schema::Section;
use crate::lab::{LabError, drive};
use crate::xml::{Document, Element, ElementAt};

/// What .NET brings along, for a host that has no such files.
const MACHINE: &str = include_str!("../stock/machine.config");
/// Where .NET keeps its own levels, nearest first.
const DOTNET: &[&str] = &[
    r"C:\Windows\Microsoft.NET\Framework64\v4.0.30319\Config\web.config",
    r"C:\Windows\Microsoft.NET\Framework64\v4.0.30319\Config\machine.config",
];

/// The places that speak of one section for one application.
pub struct AppConfig {
    documents: Vec<Document>,
    /// Document and element, the application's own first.
    places: Vec<Option<(usize, ElementAt)>>,
}

/// A folder on the way from a site to an application.
struct Level {
    /// Its path in the site, such as `/` or `/chat`.
    path: String,
    /// The application that it belongs to.
    application: String,
    folder: PathBuf,
    document: Option<usize>,
}

/// The web.config of an application; `None` where there is no such application.
///
/// # Errors
/// When its folder is no path.
pub fn web_config(host: &Path, server: &Server, app: &AppPath) -> Result<Option<PathBuf>, Refusal> {
    let Some(folder) = server.site(&app.site).and_then(|site| site.folder(&app.path)) else { return Ok(None) };
    Ok(Some(drive::locate(host, &folder)?.join("web.config")))
}

/// Whether the server keeps a section from being set in web.config files.
pub fn is_locked(app_host: &Document, section: &Section) -> bool {
    let declared = app_host.root().child("configSections").and_then(|sections| {
        let named = |group: &'_ Element, name: &str| -> Option<usize> {
            group.elements().position(|element| element.get("name").as_deref() == Some(name))
        };
        section.path.split('/').try_fold(sections, |group, name| group.elements().nth(named(group, name)?))
    });
    let declared = declared.and_then(|element| element.get("overrideModeDefault"));
    let locked = declared.map_or(!section.overridable, |mode| mode.eq_ignore_ascii_case("Deny"));
    let allows = |element: &Element| {
        element.get("overrideMode").is_some_and(|mode| mode.eq_ignore_ascii_case("Allow"))
            && section.path.split('/').try_fold(element, |element, name| element.child(name)).is_some()
    };
    locked && !app_host.root().elements().any(|element| element.name() == "location" && allows(element))
}

/// A locked section in a web.config.
pub fn is_locked_at(path: &str) -> Refusal {
    let text = format!(
        "Configuration Error: This configuration section cannot be used at this path. This happens when the section \
         is locked at a parent level: {path}"
    );
    refused(RefusalCode::Locked, 0x8007_0021, text)
}

/// Whether a section's content is where an edit of web.config can reach it.
///
/// # Errors
/// When it is encrypted by .NET, or in another file.
pub fn check_editable(element: &Element, section: &str) -> Result<(), Refusal> {
    check_clear(element, section)?;
    match element.get("configSource") {
        None => Ok(()),
        Some(file) => {
            let text = format!("web.config takes {section} from {file} (configSource); it is changed there");
            Err(refused_plainly(RefusalCode::Unsupported, text))
        }
    }
}

fn check_clear(element: &Element, section: &str) -> Result<(), Refusal> {
    match element.get("configProtectionProvider") {
        None => Ok(()),
        Some(provider) => {
            let text = format!(
                "Configuration section encryption is not supported: {section} has configProtectionProvider \
                 {provider}; decrypt it with aspnet_regiis -pdf"
            );
            Err(refused(RefusalCode::Unsupported, 0x8007_0032, text))
        }
    }
}

impl AppConfig {
    /// Reads what there is for an application; `None` where there is no such application.
    ///
    /// # Errors
    /// When a file on the way cannot be parsed, or the section is encrypted or in a file that is not there.
    pub fn load(
        host: &Path,
        server: &Server,
        app_host: Document,
        app: &AppPath,
        section: &str,
    ) -> Result<Option<AppConfig>, Refusal> {
        let Some(site) = server.site(&app.site) else { return Ok(None) };
        if site.folder(&app.path).is_none() {
            return Ok(None);
        }
        let mut config = AppConfig { documents: vec![app_host], places: Vec::new() };
        let levels = config.levels_of(host, site, &app.path)?;
        for (depth, level) in levels.iter().enumerate() {
            let own = config.own(level, &levels[0], section);
            config.take(own, Some(&level.folder), section)?;
            for above in &levels[depth + 1..] {
                let relative = level.path[above.path.trim_end_matches('/').len()..].trim_start_matches('/');
                let found = above.document.and_then(|number| {
                    Some((number, layout::find(&config.documents[number], section, Some(relative))?))
                });
                config.take_if(found, Some(&above.folder), section)?;
            }
            let location = format!("{}{}", site.name, level.path.trim_end_matches('/'));
            let found = layout::find(&config.documents[0], section, Some(&location)).map(|at| (0, at));
            config.take_if(found, None, section)?;
        }
        let found = layout::find(&config.documents[0], section, None).map(|at| (0, at));
        config.take_if(found, None, section)?;
        for file in DOTNET {
            let bytes = read(&drive::locate(host, file)?)?;
            let machine = file.ends_with("machine.config").then(|| MACHINE.as_bytes().to_vec());
            let Some(bytes) = bytes.or(machine) else { continue };
            let number = config.add(&bytes)?;
            let found = layout::find(&config.documents[number], section, None).map(|at| (number, at));
            config.take_if(found, None, section)?;
        }
        Ok(Some(config))
    }

    /// The elements of the section, the application's own first.
    pub fn levels(&self) -> Vec<Option<&Element>> {
        let element = |(number, at): &(usize, ElementAt)| self.documents[*number].element(at);
        self.places.iter().map(|place| place.as_ref().and_then(element)).collect()
    }

    /// The folders from the application up to its site, with their web.config files.
    fn levels_of(&mut self, host: &Path, site: &Site, path: &str) -> Result<Vec<Level>, Refusal> {
        let mut levels = Vec::new();
        for path in prefixes(path) {
            let Some(application) = site.application(&path) else { continue };
            let Some(folder) = application.file(&path) else { continue };
            let folder = drive::locate(host, &folder)?;
            let document = match read(&folder.join("web.config"))? {
                Some(bytes) => Some(self.add(&bytes)?),
                None => None,
            };
            levels.push(Level { application: application.path.clone(), path, folder, document });
        }
        Ok(levels)
    }

    fn add(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        self.documents.push(parse(bytes)?);
        Ok(self.documents.len() - 1)
    }

    /// A level's own section, where it holds for the application asked for.
    fn own(&self, level: &Level, asked: &Level, section: &str) -> Option<(usize, ElementAt)> {
        let number = level.document?;
        let document = &self.documents[number];
        let at = layout::find(document, section, None)?;
        let around = document.element(at.get(..1)?)?;
        let kept = around.name() == "location"
            && around.get("inheritInChildApplications").is_some_and(|word| word.eq_ignore_ascii_case("false"));
        (!kept || level.application.eq_ignore_ascii_case(&asked.application)).then_some((number, at))
    }

    fn take_if(
        &mut self,
        found: Option<(usize, ElementAt)>,
        folder: Option<&Path>,
        section: &str,
    ) -> Result<(), Refusal> {
        if found.is_some() { self.take(found, folder, section) } else { Ok(()) }
    }

    /// Takes a place; where it only says in which file the section is, that file's.
    fn take(&mut self, found: Option<(usize, ElementAt)>, folder: Option<&Path>, section: &str) -> Result<(), Refusal> {
        let element = found.as_ref().and_then(|(number, at)| self.documents[*number].element(at));
        let Some(element) = element else {
            self.places.push(found);
            return Ok(());
        };
        check_clear(element, section)?;
        let (Some(file), Some(folder)) = (element.get("configSource"), folder) else {
            self.places.push(found);
            return Ok(());
        };
        let path = file.split('\\').fold(folder.to_owned(), |path, name| path.join(name));
        let bytes = read(&path)?.ok_or_else(|| {
            let text = format!("Configuration Error: Unable to open configSource file '{file}'.");
            refused(RefusalCode::Invalid, 0x8007_0002, text)
        })?;
        let number = self.add(&bytes)?;
        let root = self.documents[number].root();
        if Some(root.name()) != section.rsplit('/').next() {
            let text = format!("Configuration Error: the configSource file '{file}' does not hold {section}");
            return Err(refused(RefusalCode::Invalid, 0x8007_000D, text));
        }
        check_clear(root, section)?;
        self.places.push(Some((number, Vec::new())));
        Ok(())
    }
}

/// A path in a site and those above it, nearest first: `/a/b`, `/a`, `/`.
pub fn prefixes(path: &str) -> Vec<String> {
    let mut rest = path.trim_end_matches('/');
    let mut prefixes = Vec::new();
    while let Some((above, _)) = rest.rsplit_once('/') {
        prefixes.push(rest.to_owned());
        rest = above;
    }
    prefixes.push("/".to_owned());
    prefixes
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Refusal> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(_) if !path.is_file() => Ok(None),
        Err(error) => Err(LabError::disk(path, error).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_up_to_the_site() {
        for (path, expected) in
            [("/", vec!["/"]), ("", vec!["/"]), ("/a", vec!["/a", "/"]), ("/a/b/", vec!["/a/b", "/a", "/"])]
        {
            assert_eq!(prefixes(path), expected);
        }
    }

    #[test]
    fn a_section_is_locked_as_the_server_says() {
        let check = |config: &str, section: &str, expected: bool| {
            let document = Document::parse(config.as_bytes()).unwrap();
            let section = Section::find(section).unwrap();
            assert_eq!(is_locked(&document, section), expected, "{config}");
        };
        check("<configuration/>", "system.webServer/webSocket", true);
        check("<configuration/>", "system.web/machineKey", false);
        check(
            "<configuration><location path='' overrideMode='Allow'><system.webServer><webSocket/></system.webServer>\
             </location></configuration>",
            "system.webServer/webSocket",
            false,
        );
        check(
            "<configuration><configSections><sectionGroup name='system.webServer'>\
             <section name='webSocket' overrideModeDefault='Allow'/></sectionGroup></configSections></configuration>",
            "system.webServer/webSocket",
            false,
        );
    }
}
