//! What everything with a network runs on.

use super::Failure;

/// The runtime that everything with a network runs on.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::work)
}
