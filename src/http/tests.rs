//! TLS against a server made of OpenSSL, with certificates of every kind.

#![cfg(not(windows))]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslAcceptor, SslMethod, SslVersion};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509NameBuilder};

use super::{Authorities, CertificateHash, Connection, Endpoint, HttpError, Presented, Tls, Trust};

const PATIENCE: Duration = Duration::from_secs(10);

/// A certificate and its key.
struct Signed {
    certificate: X509,
    key: PKey<Private>,
}

impl Signed {
    /// One for a name, good for some days from now on, both counted in days; signed by itself unless another does.
    fn new(name: &str, days: (i64, i64), issuer: Option<&Signed>) -> Signed {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let mut subject = X509NameBuilder::new().unwrap();
        subject.append_entry_by_text("CN", name).unwrap();
        let subject = subject.build();
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(2).unwrap();
        let mut serial = BigNum::new().unwrap();
        serial.rand(64, openssl::bn::MsbOption::MAYBE_ZERO, false).unwrap();
        builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&subject).unwrap();
        builder.set_issuer_name(issuer.map_or(&subject, |issuer| issuer.certificate.subject_name())).unwrap();
        builder.set_pubkey(&key).unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let day = |days: i64| Asn1Time::from_unix(i64::try_from(now).unwrap() + days * 86_400).unwrap();
        builder.set_not_before(&day(days.0)).unwrap();
        builder.set_not_after(&day(days.1)).unwrap();
        if name == "authority" {
            builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        } else {
            let names = SubjectAlternativeName::new().dns(name).build(&builder.x509v3_context(None, None)).unwrap();
            builder.append_extension(names).unwrap();
        }
        builder.sign(issuer.map_or(&key, |issuer| &issuer.key), MessageDigest::sha256()).unwrap();
        Signed { certificate: builder.build(), key }
    }

    fn hash(&self) -> CertificateHash {
        CertificateHash::of(&self.certificate.to_der().unwrap())
    }

    fn trusted(&self) -> Trust {
        Trust::Authorities(Authorities::Also(self.certificate.to_pem().unwrap()))
    }
}

/// A server for two connections at most, which answers the first request; gives what it has read behind handshakes.
fn serve(
    certificate: &Signed,
    change: impl FnOnce(&mut openssl::ssl::SslAcceptorBuilder),
) -> (u16, JoinHandle<Vec<u8>>) {
    let mut builder = SslAcceptor::mozilla_intermediate(SslMethod::tls_server()).unwrap();
    builder.set_certificate(&certificate.certificate).unwrap();
    builder.set_private_key(&certificate.key).unwrap();
    change(&mut builder);
    let acceptor = builder.build();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = std::thread::spawn(move || {
        let mut heard = Vec::new();
        // The second look is at what was not trusted.
        for _ in 0..2 {
            let (stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let Ok(mut stream) = acceptor.accept(stream) else { continue };
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer).unwrap_or(0);
            heard.extend_from_slice(&buffer[..length]);
            if length > 0 {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
                break;
            }
        }
        heard
    });
    (port, served)
}

async fn open(port: u16, name: &str, trust: Trust) -> Result<Connection, HttpError> {
    let tls = Tls { name: name.to_owned(), trust, identity: None };
    Connection::open(&Endpoint { host: "127.0.0.1", port, tls: Some(&tls), proxy: None }, PATIENCE).await
}

/// A request and its answer, with the bytes that were counted.
async fn ask(port: u16, name: &str, trust: Trust) -> (u64, u64) {
    let mut connection = open(port, name, trust).await.unwrap();
    assert!(connection.end_point().unwrap().starts_with(b"tls-server-end-point:"));
    let request = Request::get("/").header("Host", name).body(Bytes::new()).unwrap();
    let reply = connection.exchange(request, PATIENCE).await.unwrap();
    assert_eq!(reply.body(), "ok");
    (connection.bytes_up(), connection.bytes_down())
}

/// Checks that a server is not trusted, why, and that it has heard nothing but handshakes.
async fn check_untrusted(certificate: &Signed, name: &str, trust: Trust, words: &[&str]) {
    let (port, served) = serve(certificate, |_| {});
    let error = open(port, name, trust).await.unwrap_err();
    assert!(matches!(error, HttpError::Untrusted { .. }) && !error.was_sent(), "{error:?}");
    let said = error.to_string();
    for word in words {
        assert!(said.contains(word), "{said} lacks {word}");
    }
    // Whoever looked only once is followed by somebody who says nothing.
    drop(std::net::TcpStream::connect(("127.0.0.1", port)));
    assert_eq!(served.join().unwrap(), b"");
}

#[tokio::test]
async fn an_authority_vouches_for_a_name() {
    let authority = Signed::new("authority", (-1, 30), None);
    let (port, served) = serve(&Signed::new("web01", (-1, 30), Some(&authority)), |_| {});
    let (up, down) = ask(port, "web01", authority.trusted()).await;
    let heard = served.join().unwrap();
    assert!(heard.starts_with(b"GET / HTTP/1.1\r\n"));
    // What is counted is what passed the socket: the handshake with its certificate, and what TLS adds.
    assert!(up > heard.len() as u64 + 200 && down > 800, "{up} up, {down} down");
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_said_and_nothing_is_sent() {
    let authority = Signed::new("authority", (-1, 30), None);
    let good = Signed::new("web01", (-1, 30), Some(&authority));
    let pin = format!("fingerprint: \"{}\"", good.hash());
    let unknown = ["does not know the authority", "CN=authority", "ca: ", pin.as_str()];
    check_untrusted(&good, "web01", Trust::Authorities(Authorities::System), &unknown).await;
    let other = Signed::new("authority", (-1, 30), None);
    check_untrusted(&good, "web01", other.trusted(), &["does not know the authority"]).await;
    let named = ["for web01, not for `web02`", "address:", pin.as_str()];
    check_untrusted(&good, "web02", authority.trusted(), &named).await;
    let expired = Signed::new("web01", (-30, -1), Some(&authority));
    check_untrusted(&expired, "web01", authority.trusted(), &["has expired on 20"]).await;
    let early = Signed::new("web01", (2, 30), Some(&authority));
    check_untrusted(&early, "web01", authority.trusted(), &["on alone", "clocks"]).await;
    let own = Signed::new("web01", (-1, 30), None);
    check_untrusted(&own, "web01", authority.trusted(), &["nobody vouches", "CN=web01"]).await;
}

#[tokio::test]
async fn a_pin_means_that_certificate_alone_whatever_it_says() {
    // For another name, signed by nobody, and expired.
    let own = Signed::new("elsewhere", (-30, -1), None);
    let (port, served) = serve(&own, |_| {});
    ask(port, "web01", Trust::Only(own.hash())).await;
    served.join().unwrap();

    // An authority that is trusted everywhere would not help either.
    let other = Signed::new("web01", (-1, 30), None);
    let (trusted, shown) = (own.hash().to_string(), other.hash().to_string());
    let write = format!("write: fingerprint: \"{shown}\"");
    check_untrusted(&other, "web01", Trust::Only(own.hash()), &[&trusted, &shown, &write]).await;
}

/// Design 4.2: Server 2012 and 2012 R2 with an RSA certificate have forward secrecy with this suite alone.
#[tokio::test]
async fn a_server_that_has_nothing_but_cbc_over_tls_1_2_is_spoken_with() {
    let own = Signed::new("web01", (-1, 30), None);
    let (port, served) = serve(&own, |builder| {
        builder.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
        builder.set_cipher_list("ECDHE-RSA-AES256-SHA384").unwrap();
    });
    ask(port, "web01", Trust::Only(own.hash())).await;
    served.join().unwrap();
}

#[tokio::test]
async fn below_tls_1_2_nothing_is_said() {
    let own = Signed::new("web01", (-1, 30), None);
    let (port, _served) = serve(&own, |builder| {
        builder.set_min_proto_version(Some(SslVersion::TLS1)).unwrap();
        builder.set_max_proto_version(Some(SslVersion::TLS1_1)).unwrap();
        builder.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
    });
    let error = open(port, "web01", Trust::Only(own.hash())).await.unwrap_err();
    assert!(matches!(error, HttpError::Handshake { .. }), "{error}");
}

#[tokio::test]
async fn keys_are_opened_as_operators_have_them() {
    use super::identity;
    use crate::value::SecretValue;
    let own = Signed::new("me", (-1, 30), None);
    let certificate = own.certificate.to_pem().unwrap();
    let secret = |text: &str| Some(SecretValue::new(text.to_owned()));
    let rsa = own.key.rsa().unwrap().private_key_to_pem().unwrap();
    let cipher = openssl::symm::Cipher::aes_256_cbc();
    let sealed = own.key.private_key_to_pem_pkcs8_passphrase(cipher, b"sesame").unwrap();
    let mut bundle = openssl::pkcs12::Pkcs12::builder();
    let bundle = bundle.cert(&own.certificate).pkey(&own.key).build2("sesame").unwrap().to_der().unwrap();

    assert!(identity::pem(&certificate, &rsa, None).is_ok());
    assert!(identity::pem(&certificate, &[certificate.clone(), rsa.clone()].concat(), None).is_ok());
    assert!(identity::pem(&certificate, &sealed, secret("sesame").as_ref()).is_ok());
    assert!(identity::pkcs12(&bundle, secret("sesame").as_ref()).is_ok());
    let check = |opened: Result<native_tls::Identity, String>, words: &str| {
        let error = opened.err().unwrap();
        assert!(error.contains(words), "{error} lacks {words}");
    };
    check(identity::pem(&certificate, &sealed, None), "needs a `passphrase`");
    check(identity::pem(&certificate, &sealed, secret("open").as_ref()), "does not open the key");
    check(identity::pem(&certificate, &certificate, None), "no private key");
    check(identity::pem(&rsa, &rsa, None), "cannot be used together");
    check(identity::pkcs12(&bundle, secret("open").as_ref()), "does not open it");
    check(identity::pkcs12(&bundle, None), "needs a `passphrase`");
    check(identity::pkcs12(b"nothing", None), "no PKCS#12");
}

proptest::proptest! {
    /// A server may show anything.
    #[test]
    fn any_certificate_is_read_without_panic(
        at in proptest::prelude::any::<proptest::sample::Index>(),
        byte: u8,
        cut in proptest::prelude::any::<proptest::sample::Index>(),
    ) {
        static CERTIFICATE: std::sync::LazyLock<Vec<u8>> =
            std::sync::LazyLock::new(|| Signed::new("web01", (-1, 30), None).certificate.to_der().unwrap());
        let mut changed = CERTIFICATE.clone();
        let place = at.index(changed.len());
        changed[place] = byte;
        let _ = Presented::read(&changed);
        let _ = Presented::read(&CERTIFICATE[..cut.index(CERTIFICATE.len())]);
    }
}
