//! Kerberos: tickets of a domain in place of a password on the wire, and a host that proves that it is the host.

mod binding;
#[cfg(feature = "kinit")]
mod cached;
mod credentials;
mod der;
mod fetched;
mod frames;
mod kdc;
mod keytab;
mod krb5_conf;
mod krb_error;
mod login;
mod moment;
mod sealed_part;
mod settings;
mod token;

pub use kdc::Kdc;
pub(super) use login::Login;
pub use settings::{Kerberos, Proof};
