//! The clocks of hosts.

use std::time::{Duration, SystemTime};

pub use crate::value::{unix_seconds, utc_text as text};

/// Now, on a clock that is wrong by some seconds.
pub fn now(skew_seconds: i64) -> SystemTime {
    let skew = Duration::from_secs(skew_seconds.unsigned_abs());
    if skew_seconds < 0 { SystemTime::now() - skew } else { SystemTime::now() + skew }
}
