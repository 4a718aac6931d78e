//! What an application answers to a GET of its path, and what is wrong with that.

use super::Found;
use super::app_release::AppRelease;
use super::iis_error::IisError;
use crate::hostcall::answer::HttpReply;

const ANSWERS: &str = "below 500";
const OFFLINE: &str = "offline (503)";

/// What tells farmhand's own page from other answers with 503.
const OFFLINE_MARK: &str = "<!-- farmhand: the application is offline on purpose -->";

impl AppRelease {
    /// What it shall answer, in few words.
    pub(super) fn wanted_answer(&self) -> &'static str {
        if self.is_offline() { OFFLINE } else { ANSWERS }
    }

    /// What the application answers, in few words.
    pub(super) fn answer(&self, found: &Found) -> String {
        match found.reply(&self.site, &self.url()) {
            Some(reply) if reply.status == 503 && reply.body.contains(OFFLINE_MARK) => OFFLINE.to_owned(),
            Some(reply) if self.is_offline() || reply.status >= 500 => format!("status {}", reply.status),
            Some(_) => ANSWERS.to_owned(),
            None => "none".to_owned(),
        }
    }

    /// The reply that shows that the application does not work.
    pub(super) fn wrong_reply(&self, found: &Found) -> Option<HttpReply> {
        let wrong = |status: u16| if self.is_offline() { status != 503 } else { status >= 500 };
        found.reply(&self.site, &self.url()).filter(|reply| wrong(reply.status))
    }

    pub(super) fn reply_in_words(&self, reply: &HttpReply) -> String {
        let HttpReply { status, body, .. } = reply;
        match IisError::read(*status, body) {
            None => format!("the application answers {status} to a GET of {}", self.url()),
            Some(error) => {
                let sub = error.sub_status;
                format!("the application answers {status}.{sub} to a GET of {}: {}", self.url(), error.words())
            }
        }
    }

    /// Whether what is wrong is the configuration of this very release, which waiting does not heal.
    pub(super) fn is_lasting_answer(&self, found: &Found) -> bool {
        let error = self.wrong_reply(found).and_then(|reply| IisError::read(reply.status, &reply.body));
        let release = self.delivery.as_ref().map(|release| release.digest().as_str());
        error.zip(release).is_some_and(|(error, release)| error.is_lasting(release))
    }
}
