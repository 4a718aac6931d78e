//! Whose certificates are trusted, and a certificate's fingerprint.

use sha2::{Digest, Sha256};

/// Authorities that are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Authorities {
    /// Those that this machine trusts.
    #[default]
    System,
    /// These too: certificates as PEM.
    Also(Vec<u8>),
}

/// Which certificates are trusted. None of it can be turned off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Those that an authority vouches for, for the name of the other side, within their dates.
    Authorities(Authorities),
    /// This one alone, whatever its name, its dates and its authority.
    Only(CertificateHash),
}

/// The SHA-256 of a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CertificateHash(pub [u8; 32]);

impl CertificateHash {
    /// That of a certificate in DER.
    pub fn of(der: &[u8]) -> CertificateHash {
        CertificateHash(Sha256::digest(der).into())
    }
}

impl std::fmt::Display for CertificateHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pairs: Vec<String> = self.0.iter().map(|byte| format!("{byte:02X}")).collect();
        f.write_str(&pairs.join(":"))
    }
}

impl std::fmt::Debug for CertificateHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}
