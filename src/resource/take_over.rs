//! Whose the live folder is, and the first take-over of one that is none of farmhand's.

use super::app_release::{AppRelease, ReleaseState};
use super::iis_application::{application, sites};
use super::left_behind::left_behind;
use super::left_settings::left_settings;
use super::release_folder::{WEB_CONFIG, folder_name, is_digest, live_folder};
use super::{Found, Reads};
use crate::hostcall::config::AppPath;
use crate::hostcall::{ElementPath, FileWant, Read};
use crate::release::{Release, SettingSection};
use crate::value::WindowsPath;

/// What is listed of such a folder.
const LISTING: FileWant = FileWant::Listing { most: 5000 };

impl AppRelease {
    fn section(&self, section: SettingSection) -> ElementPath {
        let app = AppPath { site: self.site.clone(), path: self.path.as_str().to_owned() };
        ElementPath::in_app(app, section.element())
    }

    /// The live folder, where it was looked at and is none of farmhand's.
    pub(super) fn taken_over(&self, found: &Found) -> Option<String> {
        let release = self.delivery.as_ref()?;
        let sites = found.config(&sites()).ok()??;
        let live = live_folder(application(Some(&sites), &self.site, self.path.as_str()).1?);
        // A site that is yet to be made has been looked at nowhere.
        let there = found.file(&self.live(""), &self.tree()).is_ok_and(|folder| folder.is_some());
        (there && !self.is_at(live, release) && !is_digest(folder_name(live))).then(|| live.to_owned())
    }

    fn has_config(&self, found: &Found) -> bool {
        found.file(&self.live(WEB_CONFIG), &FileWant::Mac).is_ok_and(|file| file.is_some())
    }

    /// Asks for what such a folder has, files and settings.
    pub(super) fn read_what_is_left(&self, found: &Found, reads: &mut Reads) {
        if self.taken_over(found).is_none() {
            return;
        }
        reads.ask(Read::Files { at: self.live(""), want: LISTING });
        if self.has_config(found) {
            for section in SettingSection::ALL {
                reads.config(self.section(section));
            }
        }
    }

    /// Tells what such a folder has and the release has not.
    pub(super) fn tell_what_is_left(&self, found: &Found, release: &Release, state: &mut ReleaseState) {
        if self.taken_over(found).is_none() {
            return;
        }
        state.left_behind = Some(match found.file(&self.live(""), &LISTING) {
            Ok(folder) => left_behind(&folder.and_then(|it| it.listing).unwrap_or_default(), release),
            // It is left all the same, so that this stands in nobody's way.
            Err(refusal) => vec![format!("cannot be told: {}", refusal.text)],
        });
        if self.has_config(found) {
            state.left_settings = Some(left_settings(found, release, |section| self.section(section)));
        }
    }

    /// Whether a folder is the release's; without a name any release may be it.
    pub(super) fn is_at(&self, live: &str, release: &Release) -> bool {
        if !release.is_named() {
            return is_digest(folder_name(live));
        }
        let wanted = WindowsPath::try_from(self.folder(release)).map(|it| it.in_own_words(live));
        wanted.is_ok_and(|it| it.as_str() == self.folder(release))
    }

    /// What is not compared of a release that has no name here.
    pub(super) fn nameless(&self, found: &Found) -> Vec<String> {
        let Some(release) = self.delivery.as_ref().filter(|release| !release.is_named()) else { return Vec::new() };
        let config = (release.digest().to_string(), WEB_CONFIG.to_owned());
        let config = (!found.macs().files.contains_key(&config)).then(|| "web.config as a whole".to_owned());
        ["release", "rights"].map(str::to_owned).into_iter().chain(config).collect()
    }
}
