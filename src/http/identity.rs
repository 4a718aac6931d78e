//! The certificate that this side shows, from the files that operators have.

use native_tls::Identity;

use crate::value::SecretValue;

/// A certificate and its key, from PEM or PKCS#12.
///
/// # Errors
///
/// What the files lack or what does not open them, and what to do; nothing secret.
pub fn pkcs12(bytes: &[u8], passphrase: Option<&SecretValue>) -> Result<Identity, String> {
    let opened = Identity::from_pkcs12(bytes, passphrase.map_or("", SecretValue::expose));
    opened.map_err(|error| {
        let why = error.to_string();
        if why.contains("unsupported") {
            return "it is sealed with an outdated cipher (RC2, as Windows before 2019 exports it); export it again with \
                    AES256-SHA256, or turn it into PEM: openssl pkcs12 -legacy -in me.pfx -out me.pem"
                .to_owned();
        }
        let given = if passphrase.is_some() { "`passphrase` does not open it" } else { "it needs a `passphrase`" };
        format!("{given}, or it is no PKCS#12 ({why})")
    })
}

/// A certificate with those that vouch for it, and its key, as PEM. `key` may hold both.
///
/// # Errors
///
/// As [`pkcs12`].
pub fn pem(certificate: &[u8], key: &[u8], passphrase: Option<&SecretValue>) -> Result<Identity, String> {
    let key = unsealed(key, passphrase)?;
    Identity::from_pkcs8(certificate, &key)
        .map_err(|error| format!("certificate and key cannot be used together: {error}"))
}

/// A key in PKCS#8 and in the open, whatever it was in.
#[cfg(not(windows))]
fn unsealed(key: &[u8], passphrase: Option<&SecretValue>) -> Result<zeroize::Zeroizing<Vec<u8>>, String> {
    let secret = passphrase.map_or(&[][..], |passphrase| passphrase.expose().as_bytes());
    let sealed = String::from_utf8_lossy(key).contains("ENCRYPTED");
    let opened = openssl::pkey::PKey::private_key_from_pem_passphrase(key, secret);
    let opened = opened.map_err(|error| match (sealed, passphrase) {
        (true, None) => "the key is sealed and needs a `passphrase`".to_owned(),
        (true, Some(_)) => "`passphrase` does not open the key".to_owned(),
        (false, _) => format!("there is no private key as PEM in it: {error}"),
    })?;
    opened.private_key_to_pem_pkcs8().map(zeroize::Zeroizing::new).map_err(|error| error.to_string())
}

/// A key in PKCS#8 and in the open.
#[cfg(windows)]
fn unsealed(key: &[u8], passphrase: Option<&SecretValue>) -> Result<zeroize::Zeroizing<Vec<u8>>, String> {
    let text = String::from_utf8_lossy(key);
    let at = text.find("-----BEGIN PRIVATE KEY-----");
    match (at, passphrase) {
        (Some(at), None) => Ok(zeroize::Zeroizing::new(text[at..].as_bytes().to_vec())),
        _ => Err("on Windows a key is PKCS#8 in the open (-----BEGIN PRIVATE KEY-----), or everything is in a .pfx"
            .to_owned()),
    }
}
