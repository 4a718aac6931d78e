//! IIS on a lab host: its configuration, what WAS runs of it, and what its sites answer.

mod app_config;
mod commit;
mod edit;
mod http_sys;
mod keys;
mod layout;
mod parse;
mod read;
mod runtime;
mod serve;
mod view;
mod was;

pub use app_config::{AppConfig, is_locked, is_locked_at, web_config};
pub use commit::{APPLICATION_HOST, Attempt, Commit, CommitFile, Interference, attempt, commit, overtaken};
pub use edit::{Editing, in_words};
pub use http_sys::HttpSys;
pub use keys::{Keys, Unreadable};
pub use parse::parse;
pub use read::{Reading, section};
pub use runtime::{RunningSite, Runtime};
pub use serve::{Endpoint, Request, Served, endpoints, serve};
pub use view::Server;
pub use was::{Was, apply_control};

#[cfg(test)]
mod tests;
