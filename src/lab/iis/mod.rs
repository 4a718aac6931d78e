//! IIS on a lab host: its configuration, what WAS runs of it, and what its sites answer.

mod commit;
mod edit;
mod http_sys;
mod keys;
mod layout;
mod read;
mod runtime;
mod serve;
mod view;
mod was;

pub use commit::{Attempt, Commit, Interference, attempt, commit, overtaken, parse};
pub use edit::Editing;
pub use http_sys::HttpSys;
pub use keys::{Keys, Unreadable};
pub use read::{Reading, section};
pub use runtime::{RunningSite, Runtime};
pub use serve::{Endpoint, Request, Served, endpoints, serve};
pub use view::Server;
pub use was::{Was, apply_control};

#[cfg(test)]
mod tests;
