//! The HTTPS listener of a lab host: TLS, and the question for the client's certificate.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::http::CertificateHash;
use crate::lab::sql::tds::Issued;

/// A connection's stream, with the socket below it.
pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin + Send {
    /// The socket itself.
    fn tcp(&self) -> &TcpStream;
}

impl Socket for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

/// What TLS has shown of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Secured {
    /// What binds a login to it (RFC 5929 4.1).
    pub end_point: Vec<u8>,
    /// The client's certificate, where it has shown one.
    pub client: Option<CertificateHash>,
}

/// What shakes hands.
#[derive(Clone)]
pub(super) struct Acceptor {
    #[cfg(not(windows))]
    acceptor: openssl::ssl::SslAcceptor,
    #[cfg(windows)]
    acceptor: tokio_native_tls::TlsAcceptor,
    end_point: Vec<u8>,
}

/// Application data that binds to a certificate; the lab's are all signed with SHA-256.
fn end_point(certificate: &Issued) -> Vec<u8> {
    [b"tls-server-end-point:".as_slice(), &certificate.hash().0].concat()
}

#[cfg(not(windows))]
mod with_openssl {
    use std::pin::Pin;

    use openssl::ssl::{Ssl, SslAcceptor, SslMethod, SslSessionCacheMode, SslVerifyMode, SslVersion};
    use tokio_openssl::SslStream;

    use super::{Acceptor, CertificateHash, Issued, Secured, Socket, TcpStream, end_point, io};

    impl Socket for SslStream<TcpStream> {
        fn tcp(&self) -> &TcpStream {
            self.get_ref()
        }
    }

    impl Acceptor {
        /// One for a certificate; `asks` has it ask clients for theirs.
        pub fn new(certificate: &Issued, asks: bool) -> io::Result<Acceptor> {
            let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
            builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
            let shown = openssl::x509::X509::from_pem(certificate.certificate.as_bytes())?;
            builder.set_certificate(&shown)?;
            let key = openssl::pkey::PKey::private_key_from_pem(certificate.key.as_bytes())?;
            builder.set_private_key(&key)?;
            builder.set_session_cache_mode(SslSessionCacheMode::OFF);
            builder.set_session_id_context(b"farmhand lab")?;
            if asks {
                // Who is let in is decided by the mapping, which knows each certificate.
                builder.set_verify_callback(SslVerifyMode::PEER, |_, _| true);
            }
            Ok(Acceptor { acceptor: builder.build(), end_point: end_point(certificate) })
        }

        /// Shakes hands.
        pub async fn accept(&self, stream: TcpStream) -> io::Result<(SslStream<TcpStream>, Secured)> {
            let ssl = Ssl::new(self.acceptor.context())?;
            let mut stream = SslStream::new(ssl, stream)?;
            Pin::new(&mut stream).accept().await.map_err(io::Error::other)?;
            let client = stream.ssl().peer_certificate().map(|certificate| certificate.to_der()).transpose()?;
            let client = client.map(|der| CertificateHash::of(&der));
            Ok((stream, Secured { end_point: self.end_point.clone(), client }))
        }
    }
}

#[cfg(windows)]
mod with_schannel {
    use tokio_native_tls::TlsStream;

    use super::{Acceptor, Issued, Secured, Socket, TcpStream, end_point, io};

    impl Socket for TlsStream<TcpStream> {
        fn tcp(&self) -> &TcpStream {
            self.get_ref().get_ref().get_ref()
        }
    }

    impl Acceptor {
        /// One for a certificate. On Windows the lab cannot ask clients for theirs.
        pub fn new(certificate: &Issued, asks: bool) -> io::Result<Acceptor> {
            if asks {
                return Err(io::Error::other("on Windows the lab cannot ask for certificates of clients"));
            }
            let acceptor = native_tls::TlsAcceptor::new(certificate.identity()?).map_err(io::Error::other)?;
            Ok(Acceptor { acceptor: acceptor.into(), end_point: end_point(certificate) })
        }

        /// Shakes hands.
        pub async fn accept(&self, stream: TcpStream) -> io::Result<(TlsStream<TcpStream>, Secured)> {
            let stream = self.acceptor.accept(stream).await.map_err(io::Error::other)?;
            Ok((stream, Secured { end_point: self.end_point.clone(), client: None }))
        }
    }
}
