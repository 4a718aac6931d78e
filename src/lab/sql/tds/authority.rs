//! The lab's certificate authority: clients trust it by its file, and it vouches for every server of the lab.

use std::io;
use std::path::{Path, PathBuf};

use native_tls::Identity;
use picky::hash::HashAlgorithm;
use picky::key::{EcCurve, PrivateKey};
use picky::signature::SignatureAlgorithm;
use picky::x509::certificate::{Cert, CertificateBuilder};
use picky::x509::date::UtcDate;
use picky::x509::name::{DirectoryName, GeneralName, GeneralNames};

use crate::http::CertificateHash;
use crate::lab::folder::replace;

/// Length of RSA keys, where there must be some.
const RSA_BITS: usize = 2048;

/// A certificate authority kept in a folder: `ca.pem` for clients, `ca-key.pem` for itself.
pub struct Authority {
    certificate: Cert,
    key: PrivateKey,
    file: PathBuf,
}

impl Authority {
    /// The authority of a folder, made when it is first needed.
    ///
    /// # Errors
    /// When the disk fails or a file is broken.
    pub fn open(folder: &Path) -> io::Result<Authority> {
        let (file, key_file) = (folder.join("ca.pem"), folder.join("ca-key.pem"));
        if !file.exists() {
            let key = new_key()?;
            let builder = CertificateBuilder::new();
            builder.self_signed(DirectoryName::new_common_name("farmhand lab"), &key).ca(true);
            let certificate = finish(&builder)?;
            write(&key_file, &key.to_pem_str().map_err(io::Error::other)?)?;
            // Last, so that an authority that is there is whole.
            write(&file, &certificate.to_pem().map_err(io::Error::other)?.to_string())?;
        }
        let certificate = Cert::from_pem_str(&std::fs::read_to_string(&file)?).map_err(io::Error::other)?;
        let key = PrivateKey::from_pem_str(&std::fs::read_to_string(&key_file)?).map_err(io::Error::other)?;
        Ok(Authority { certificate, key, file })
    }

    /// The file with the certificate that clients trust, as PEM.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// A certificate for a server's names, `localhost` and the loopback address, with its key.
    ///
    /// # Errors
    /// When a name cannot stand in a certificate.
    pub fn identity(&self, names: &[&str]) -> io::Result<Identity> {
        self.issue(names)?.identity()
    }

    /// The certificate of a client, kept in a file beside the authority's own, with its key behind it.
    ///
    /// # Errors
    /// When the disk fails or the file is broken.
    pub fn client(&self, name: &str) -> io::Result<(PathBuf, Issued)> {
        let file = self.file.with_file_name(format!("{name}.pem"));
        if !file.exists() {
            let issued = self.issue(&[name])?;
            write(&file, &format!("{}\n{}", issued.certificate.trim_end(), issued.key))?;
        }
        let text = std::fs::read_to_string(&file)?;
        let at = text.find(KEY_MARK).ok_or_else(|| io::Error::other(format!("{} holds no key", file.display())))?;
        let (certificate, key) = text.split_at(at);
        let der = Cert::from_pem_str(certificate).and_then(|it| it.to_der()).map_err(io::Error::other)?;
        let hash = CertificateHash::of(&der);
        Ok((file, Issued { certificate: certificate.to_owned(), key: key.to_owned(), hash }))
    }

    /// The certificate of [`Authority::identity`], as PEM.
    ///
    /// # Errors
    /// When a name cannot stand in a certificate.
    pub fn issue(&self, names: &[&str]) -> io::Result<Issued> {
        let key = new_key()?;
        let public = key.to_public_key().map_err(io::Error::other)?;
        let mut general = vec![GeneralName::new_ip_address(vec![127, 0, 0, 1])];
        for name in names.iter().chain(&["localhost"]) {
            general.push(GeneralName::new_dns_name(*name).map_err(io::Error::other)?);
        }
        let common = names.first().copied().unwrap_or("localhost");
        let builder = CertificateBuilder::new();
        builder
            .subject(DirectoryName::new_common_name(common), public)
            .issuer_cert(&self.certificate, &self.key)
            .subject_alt_name(GeneralNames::from(general));
        let certificate = finish(&builder)?;
        let der = certificate.to_der().map_err(io::Error::other)?;
        let certificate = certificate.to_pem().map_err(io::Error::other)?.to_string();
        let key = key.to_pem_str().map_err(io::Error::other)?;
        Ok(Issued { certificate, key, hash: CertificateHash::of(&der) })
    }
}

const KEY_MARK: &str = "-----BEGIN PRIVATE KEY-----";

/// A certificate that the authority has made, and its key, as PEM.
#[derive(Clone)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// Its key, as PKCS#8.
    pub key: String,
    hash: CertificateHash,
}

impl Issued {
    /// The certificate's SHA-256.
    pub fn hash(&self) -> CertificateHash {
        self.hash
    }

    /// Both, to be shown in a handshake.
    ///
    /// # Errors
    /// When TLS does not take them.
    pub fn identity(&self) -> io::Result<Identity> {
        Identity::from_pkcs8(self.certificate.as_bytes(), self.key.as_bytes()).map_err(io::Error::other)
    }
}

/// SChannel takes RSA keys alone; elsewhere a key on a curve is made a hundred times faster.
fn new_key() -> io::Result<PrivateKey> {
    let key =
        if cfg!(windows) { PrivateKey::generate_rsa(RSA_BITS) } else { PrivateKey::generate_ec(EcCurve::NistP256) };
    key.map_err(io::Error::other)
}

fn finish(builder: &CertificateBuilder) -> io::Result<Cert> {
    let (Some(from), Some(to)) = (UtcDate::ymd(2020, 1, 1), UtcDate::ymd(2049, 1, 1)) else {
        unreachable!("both days are in the calendar");
    };
    let hash = HashAlgorithm::SHA2_256;
    let signature = if cfg!(windows) { SignatureAlgorithm::RsaPkcs1v15(hash) } else { SignatureAlgorithm::Ecdsa(hash) };
    builder.validity(from, to).signature_hash_type(signature).build().map_err(io::Error::other)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    replace(path, text.as_bytes()).map_err(io::Error::other)
}
