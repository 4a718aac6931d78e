//! The script that opens a new server to farmhand: WinRM over HTTPS, or OpenSSH with a given key.

mod key;
pub mod leaves;
mod literal;
mod script;
mod windows;

pub use key::{KeyError, PublicKey};
pub use literal::literal;
pub use script::{Certificate, Request, Way, script};
pub use windows::Windows;
