//! Drives the pure parts over sessions: look at hosts, compare, change, look again.

mod apply;
mod door;
mod evidence;
mod gate;
mod host;
mod macs;
mod marker;
mod not_compared;
mod observe;
mod outcome;
mod recycles;
mod send;
mod sessions;
mod stage;
mod stop;
mod survey;
mod take_back;
mod two_doors;
mod upload;
mod words;
mod work;

pub use apply::{Apply, Approval, apply};
pub use door::{Change, Door, DoorError, Observe};
pub use gate::Gate;
pub use host::describe;
pub use macs::{Macs, nonce};
pub use not_compared::{FarmKey, NotCompared, farm_keys};
pub use observe::{Looked, RecycleNeeded};
pub use outcome::{Event, HostOutcome, Listener, Status};
pub use sessions::{
    Dialling, FindIdentity, Over, Password, Place, ProxyReach, Reach, Resolve, Sessions, SqlWay, SshReach, TdsReach,
    Ways, WinrmReach, WinrmTls,
};
pub use stop::Stop;
pub use survey::{Purpose, Survey, survey};
pub use work::{HostWork, PlayWork, StepWork, Work};
