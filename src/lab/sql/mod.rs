//! SQL Server on a lab host: a model of an instance, the subset of T-SQL that it understands, and its TDS server.
//!
//! It knows catalog views and statements, no resource kinds, and no answer depends on the text of a shipped file.
//! What is not in the subset is error 102, as SQL Server says it.

mod admission;
mod connected;
mod database;
mod error;
mod instance;
mod key;
mod log;
mod moment;
mod reply;
mod run;
mod server;
mod session;
mod shared;
mod state;
pub mod tds;
mod transaction;
pub mod tsql;
mod value;
mod versions;

pub use connected::Signs;
pub use database::{Database, Member, Object, Permission, Principal, Schema};
pub use instance::{About, Instance, SqlSpec};
pub use key::{MasterKey, Password, ServiceKey};
pub use log::{Kind, LoggedBatch, SqlCounts};
pub use moment::Moment;
pub use reply::{Column, Reply, Rows, SqlError, Transaction, first_error};
pub use run::Parameter;
pub use server::{Group, ListedSession, Login, LoginKind, Replica, Server};
pub use session::{Client, Session};
pub use shared::Heard;
pub use state::{Content, State};
pub use value::{Type, Value, guid_text, hex_text};
pub use versions::{Edition, Version};

#[cfg(test)]
mod tests;
