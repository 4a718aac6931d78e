//! What an inventory tells of the way to a host by WinRM, besides the account.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::Failure;
use super::right::Logins;
use crate::diagnostic::Span;
use crate::engine::{FindIdentity, Password, ProxyReach, WinrmReach, WinrmTls};
use crate::http::{Authorities, CertificateHash, Trust, identity};
use crate::inventory::{Host, WebProxy, WinrmAuth, WinrmConnection, is_pkcs12};
use crate::transport::winrm::Auth;
use crate::transport::winrm::kerberos::{Kdc, Kerberos, Proof};
use crate::value::SecretRef;

/// What to do about a file that cannot be read.
pub const MISSING_FILE: &str = "put it there, let yourself read it, or mend its path in the inventory";

/// What WinRM needs besides an account. A file that is not there is a mistake in the inventory.
pub fn over(right: &Logins, host: &Host) -> Result<WinrmReach, Failure> {
    let winrm = &host.connection.winrm;
    let mut over = door(right, host);
    if winrm.auth == WinrmAuth::Kerberos {
        over.auth = Auth::Kerberos(Arc::new(kerberos(right, host)?));
    }
    if let Some(tls) = &mut over.tls {
        tls.certificate = certificate(right, host, winrm)?;
    }
    Ok(over)
}

/// The way to the door, without what logs in there.
pub fn door(right: &Logins, host: &Host) -> WinrmReach {
    let winrm = &host.connection.winrm;
    let auth = match winrm.auth {
        WinrmAuth::Ntlm => Auth::Ntlm,
        WinrmAuth::Negotiate => Auth::Negotiate,
        WinrmAuth::Basic => Auth::Basic,
        WinrmAuth::Certificate => Auth::Certificate,
        WinrmAuth::Kerberos => Auth::Kerberos(Arc::default()),
    };
    let proxy = winrm.proxy.as_ref().map(|WebProxy { host, port, user, password }| {
        let login = user.clone().zip(password.as_ref().map(|(secret, _)| found(right, secret)));
        ProxyReach { host: host.clone(), port: *port, login }
    });
    WinrmReach { auth, tls: winrm.https.then(|| tls(host)), proxy }
}

/// What Kerberos needs besides the account.
fn kerberos(right: &Logins, host: &Host) -> Result<Kerberos, Failure> {
    let winrm = &host.connection.winrm;
    let proof = match (&winrm.keytab, &host.connection.password) {
        (Some((path, span)), _) => {
            read(right, host, "keytab", path, *span).map(Zeroizing::new)?;
            Proof::Keytab(path.clone())
        }
        (None, Some(_)) => Proof::Password,
        (None, None) if Kerberos::TAKES_TICKETS => Proof::TicketCache,
        (None, None) => {
            let message = format!("nothing says what proves who logs in to {} by Kerberos", host.name);
            return Err(Failure::input(message).hint(
                "password: \"{{ secret('deploy') }}\" or keytab: deploy.keytab in its connection; the tickets of kinit are \
                 for a farmhand that was built with the feature `kinit`",
            ));
        }
    };
    let kdc = |written: &String| {
        let failure = || Failure::input(format!("the KDC {written:?} of {} is no host or host:port", host.name));
        Kdc::parse(written).ok_or_else(|| failure().hint("kdc: dc01.corp.example, or a list of such"))
    };
    let kdcs = winrm.kdcs.iter().map(kdc).collect::<Result<_, _>>()?;
    Ok(Kerberos { proof, realm: winrm.realm.clone(), kdcs, spn: winrm.spn.clone() })
}

/// What messages call who logs in by a certificate alone.
pub fn holder(host: &Host) -> String {
    let certificate = host.connection.winrm.certificate.as_ref();
    certificate.map_or_else(String::new, |(path, _)| format!("the holder of {}", path.display()))
}

fn tls(host: &Host) -> WinrmTls {
    let winrm = &host.connection.winrm;
    let trust = match (winrm.fingerprint, &winrm.ca) {
        (Some(hash), _) => Trust::Only(CertificateHash(hash)),
        (None, Some(pem)) => Trust::Authorities(Authorities::Also(pem.to_vec())),
        (None, None) => Trust::Authorities(Authorities::System),
    };
    // Certificates are made out to names.
    let name = if host.address.parse::<IpAddr>().is_ok() { host.name.clone() } else { host.address.clone() };
    WinrmTls { name, trust, certificate: None }
}

/// What opens the certificate that logs in.
fn certificate(right: &Logins, host: &Host, winrm: &WinrmConnection) -> Result<Option<FindIdentity>, Failure> {
    let Some((path, span)) = &winrm.certificate else { return Ok(None) };
    let bytes = read(right, host, "certificate", path, *span)?;
    let key = match &winrm.certificate_key {
        Some((path, span)) => read(right, host, "key", path, *span)?,
        None => bytes.clone(),
    };
    let passphrase = winrm.passphrase.as_ref().map(|(secret, _)| found(right, secret));
    let path = path.clone();
    Ok(Some(Arc::new(move || {
        let passphrase = passphrase.as_ref().map(|find| find()).transpose()?;
        let opened = if is_pkcs12(&path) {
            identity::pkcs12(&bytes, passphrase.as_ref())
        } else {
            identity::pem(&bytes, &key, passphrase.as_ref())
        };
        opened.map_err(|why| format!("{}: {why}", path.display()))
    })))
}

fn read(right: &Logins, host: &Host, what: &str, path: &Path, span: Span) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| {
        let at = right.sources.place(span);
        let place = format!("{}:{}:{}", at.name, at.line, at.column);
        let message = format!("{place}: the {what} {} of {} cannot be read: {error}", path.display(), host.name);
        Failure::input(message).hint(MISSING_FILE)
    })
}

fn found(right: &Logins, secret: &SecretRef) -> Password {
    let (stores, secret) = (Arc::clone(&right.stores), secret.clone());
    Arc::new(move || stores.value(&secret).map_err(|error| error.to_string()))
}
