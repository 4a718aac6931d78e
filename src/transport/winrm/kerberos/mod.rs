//! Kerberos: tickets of a domain in place of a password on the wire, and a host that proves that it is the host.
//!
//! Kerberos alone is offered. Its tokens go bare under `Kerberos`, or in a SPNEGO frame of one mechanism where a host
//! offers only `Negotiate`, so nobody in between can talk a login down to NTLM. A sealed answer is tied to its request by
//! the message's identifier and not by sequence numbers, which the crate `sspi` does not check.
//!
//! That crate's questions to domain controllers are carried here, over TCP, each in turn, on a thread that may block or
//! panic. Refusals are read from the bytes, for it keeps no codes. An account that has no AES-256 key is told so before a
//! try that would count towards its lock-out.

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
mod settings;
mod token;

pub use kdc::Kdc;
pub(super) use login::Login;
pub use settings::{Kerberos, Proof};
