//! One client for everything that speaks HTTP: one connection, one request at a time.

mod connection;
mod error;

pub use connection::{Connection, MAX_BODY_BYTES};
pub use error::HttpError;
