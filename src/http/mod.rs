//! One client for everything that speaks HTTP: one connection, one request at a time, one TLS stack with one verifier.

mod connection;
mod counted;
mod error;
pub mod identity;
mod presented;
mod proxy;
mod tls;
mod trust;

pub use connection::{Connection, Endpoint, MAX_BODY_BYTES};
pub use error::HttpError;
pub use native_tls::Identity;
pub use presented::Presented;
pub use proxy::Proxy;
pub use tls::Tls;
pub use trust::{Authorities, CertificateHash, Trust};

/// A host and its port as URLs and headers have them: an IPv6 address stands in brackets.
pub fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests;
