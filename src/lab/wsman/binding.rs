//! Whether a login is bound to the TLS connection that it came by.

use super::tls::Secured;
use crate::transport::winrm::ntlmssp;

/// What is asked of logins over HTTPS (MS-WSMV 2.2.4, CbtHardeningLevel).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hardening {
    /// Nothing.
    Off,
    /// A login that is bound must be bound to this connection; one may be bound to none.
    #[default]
    Relaxed,
    /// A login must be bound to this connection.
    Strict,
}

impl Hardening {
    /// The application data that the binding of an NTLM authentication must be for; `None` where nothing is to be
    /// verified.
    pub(super) fn expected<'s>(
        self,
        secured: Option<&'s Secured>,
        authenticate: &[u8],
    ) -> Result<Option<&'s [u8]>, String> {
        let Some(secured) = secured.filter(|_| self != Hardening::Off) else { return Ok(None) };
        match (self, ntlmssp::channel_binding(authenticate)) {
            (_, Some(_)) => Ok(Some(&secured.end_point)),
            (Hardening::Strict, None) => Err("the login is not bound to its connection".to_owned()),
            (_, None) => Ok(None),
        }
    }
}
