//! TLS to everything that speaks HTTP: version 1.2 or later, verified always.
//!
//! It is `native-tls`, because Server 2012 and 2012 R2 with an RSA certificate offer forward secrecy with CBC suites
//! alone, which other stacks lack.

use native_tls::{Certificate, Identity, Protocol, TlsConnector};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_native_tls::TlsStream;

use super::presented::Presented;
use super::trust::{Authorities, CertificateHash, Trust};

// OpenSSL's build takes the flag for C compilers that goes with it as a wish for no locks: connections that are made
// side by side then damage each other's memory (OpenSSL's Configure: `-static` implies `no-threads`).
#[cfg(all(target_feature = "crt-static", target_env = "gnu"))]
compile_error!(
    "OpenSSL is built without threads where all is compiled with crt-static; give the flag to the last step alone: \
     cargo rustc --release --bin farmhand -- -Ctarget-feature=+crt-static"
);

/// How a connection is secured.
#[derive(Clone)]
pub struct Tls {
    /// The name or address that the certificate must be for.
    pub name: String,
    /// Which certificates are trusted.
    pub trust: Trust,
    /// The certificate that this side shows when it is asked for one.
    pub identity: Option<Identity>,
}

/// Why there is no secure connection.
#[derive(Debug)]
pub enum Failed {
    /// The certificate is another than the one that is trusted.
    Other {
        /// The one that is trusted.
        trusted: CertificateHash,
        /// The one that was shown.
        shown: CertificateHash,
    },
    /// The handshake was broken off; TLS's own words.
    Broken(String),
}

/// Shakes hands and verifies; nothing of the caller's has left when this fails.
pub async fn secure<S>(tls: &Tls, stream: S) -> Result<TlsStream<S>, Failed>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut builder = TlsConnector::builder();
    builder.min_protocol_version(Some(Protocol::Tlsv12));
    if let Some(identity) = &tls.identity {
        builder.identity(identity.clone());
        // Windows asks for a client's certificate after the handshake, which TLS 1.3 has no way for here.
        builder.max_protocol_version(Some(Protocol::Tlsv12));
    }
    match &tls.trust {
        Trust::Authorities(Authorities::System) => {}
        Trust::Authorities(Authorities::Also(pem)) => {
            for certificate in Certificate::stack_from_pem(pem).map_err(|error| broken(&error))? {
                builder.add_root_certificate(certificate);
            }
        }
        // What an authority says of it is not asked: the comparison below takes the place of all that.
        Trust::Only(_) => {
            builder.danger_accept_invalid_certs(true).danger_accept_invalid_hostnames(true);
        }
    }
    let connector = tokio_native_tls::TlsConnector::from(builder.build().map_err(|error| broken(&error))?);
    let secured = connector.connect(&tls.name, stream).await.map_err(|error| broken(&error))?;
    if let Trust::Only(trusted) = &tls.trust {
        let shown = CertificateHash::of(&leaf(&secured)?);
        if shown != *trusted {
            return Err(Failed::Other { trusted: *trusted, shown });
        }
    }
    Ok(secured)
}

/// What the certificate of a server says, whatever it says; the stream is of no other use.
pub async fn presented<S>(name: &str, stream: S) -> Option<Presented>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut builder = TlsConnector::builder();
    builder.min_protocol_version(Some(Protocol::Tlsv12));
    builder.danger_accept_invalid_certs(true).danger_accept_invalid_hostnames(true);
    let connector = tokio_native_tls::TlsConnector::from(builder.build().ok()?);
    let secured = connector.connect(name, stream).await.ok()?;
    Presented::read(&leaf(&secured).ok()?)
}

/// What binds a login to a connection: the hash of the server's certificate (RFC 5929 4.1). Where the certificate's own
/// signature names no hash to take, as with RSA-PSS, it is SHA-256.
pub fn end_point<S>(secured: &TlsStream<S>) -> Option<Vec<u8>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let hash = secured.get_ref().tls_server_end_point().ok().flatten();
    let hash = hash.or_else(|| leaf(secured).ok().map(|der| CertificateHash::of(&der).0.to_vec()))?;
    Some([b"tls-server-end-point:".as_slice(), &hash].concat())
}

fn leaf<S>(secured: &TlsStream<S>) -> Result<Vec<u8>, Failed>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let certificate = secured.get_ref().peer_certificate().map_err(|error| broken(&error))?;
    let certificate = certificate.ok_or_else(|| Failed::Broken("it has shown no certificate".to_owned()))?;
    certificate.to_der().map_err(|error| broken(&error))
}

fn broken(error: &dyn std::error::Error) -> Failed {
    Failed::Broken(error.to_string())
}
