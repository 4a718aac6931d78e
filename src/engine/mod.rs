//! Drives the pure parts over sessions: look at hosts, compare, change, look again.

mod apply;
mod dialler;
mod door;
mod ended;
mod evidence;
mod farm_key;
mod gate;
mod host;
mod logons;
mod macs;
mod marker;
mod not_compared;
mod observe;
mod outcome;
mod play;
mod prove;
mod recycles;
mod send;
mod sessions;
mod shared;
mod stage;
mod stop;
mod survey;
mod take_back;
mod two_doors;
mod upload;
mod ways;
mod words;
mod work;

pub use apply::{Approval, apply};
pub use door::{Change, Door, DoorError, Observe};
pub use farm_key::{FarmKey, farm_keys};
pub use gate::Gate;
pub use macs::{Macs, nonce};
pub use not_compared::NotCompared;
pub use observe::{Looked, RecycleNeeded};
pub use outcome::{Event, HostOutcome, Listener, Status};
pub use sessions::Sessions;
pub use shared::Apply;
pub use stop::Stop;
pub use survey::{Purpose, Survey, survey};
pub use ways::{
    Dialling, FindIdentity, Over, Password, Place, ProxyReach, Reach, Resolve, SqlWay, SshReach, TdsReach, Ways,
    WinrmReach, WinrmTls,
};
pub use words::describe;
pub use work::{HostWork, PlayWork, StepWork, Work};
