//! Why can a host not be reached, and is it as it should be: a list of checks, each passed, failed or not reached.
//!
//! Nothing here changes a host. What is found is judged by pure functions; the network is at the edge.

mod check;
mod door;
mod examine;
mod inside;
mod judge;
mod lack;
mod network;
mod prelogin;
mod settings;
mod speaks;
mod sql;
pub mod told;

pub use check::{Check, Line, Outcome};
pub use examine::{Section, examine};
pub use lack::{Lack, Lacking};
