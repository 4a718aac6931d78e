//! Events of the Windows Process Activation Service in plain words.

use crate::hostcall::answer::WasEvent;

/// What an event means and what to do about it.
///
/// The ids are those that Windows logs under source WAS in the System log; their wording here is our own.
pub fn explain(event: &WasEvent) -> String {
    let pool = &event.pool;
    let meaning = match event.id {
        5002 => "was stopped because its worker process failed too often; look at the Application log for the crash",
        5009 => "lost a worker process that ended unexpectedly; look at the Application log",
        5011 => "lost a worker process to a fatal communication error; look at the Application log",
        5013 => "has a worker process that did not shut down in its time",
        5021 => {
            "has an identity that is not valid: user name or password is wrong, or the account lacks the right to log on as a batch job"
        }
        5057 => {
            "was disabled because its identity could not be logged on; check account, password and the right to log on as a batch job"
        }
        5059 => "was disabled because Windows could not start a worker process for it; usually its identity again",
        5186 => "has a worker process that was ended for having been idle",
        _ => "had trouble",
    };
    format!("pool {pool} {meaning} (WAS event {} at {})", event.id, event.utc)
}
