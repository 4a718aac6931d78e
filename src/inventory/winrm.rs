//! What an inventory says about WinRM alone.

use std::path::PathBuf;
use std::sync::Arc;

use super::entry::{beside, ca, secret, text};
use super::via::Via;
use super::web_proxy::{WebProxy, web_proxy};
use crate::diagnostic::{Diagnostic, Sources, Span, shown};
use crate::template::Scope;
use crate::value::SecretRef;
use crate::yaml::{Content, Node};

/// How WinRM is spoken with a host, besides the account and its password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WinrmConnection {
    /// Whether TLS carries it.
    pub https: bool,
    /// How farmhand logs in.
    pub auth: WinrmAuth,
    /// Over HTTPS: authorities that are trusted besides this machine's own, as PEM.
    pub ca: Option<Arc<[u8]>>,
    /// Over HTTPS: the SHA-256 of the only certificate that is trusted.
    pub fingerprint: Option<[u8; 32]>,
    /// `auth: certificate`: the file with the client's certificate, and where that is written.
    pub certificate: Option<(PathBuf, Span)>,
    /// The file of its private key, and where that is written; `None` where the certificate's file holds it.
    pub certificate_key: Option<(PathBuf, Span)>,
    /// What opens the key, and where that is written.
    pub passphrase: Option<(SecretRef, Span)>,
    /// The proxy by way of which the host is reached.
    pub proxy: Option<WebProxy>,
    /// `auth: kerberos`: the realm.
    pub realm: Option<String>,
    /// `auth: kerberos`: its KDCs, each a host or `host:port`.
    pub kdcs: Vec<String>,
    /// `auth: kerberos`: the file with the account's keys, and where that is written.
    pub keytab: Option<(PathBuf, Span)>,
    /// `auth: kerberos`: the host's service principal name.
    pub spn: Option<String>,
}

impl WinrmConnection {
    /// Whether the account's password has a use.
    pub fn takes_password(&self) -> bool {
        self.auth != WinrmAuth::Certificate && self.keytab.is_none()
    }

    /// The secrets besides the account's password.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &(SecretRef, Span)> {
        self.passphrase.iter().chain(self.proxy.as_ref().and_then(|proxy| proxy.password.as_ref()))
    }
}

/// How farmhand logs in to WinRM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WinrmAuth {
    /// NTLM.
    #[default]
    Ntlm,
    /// NTLM inside SPNEGO.
    Negotiate,
    /// Kerberos.
    Kerberos,
    /// The password itself, over HTTPS alone.
    Basic,
    /// The client's certificate, over HTTPS alone.
    Certificate,
}

impl WinrmAuth {
    const ALL: [(&'static str, WinrmAuth); 5] = [
        ("ntlm", WinrmAuth::Ntlm),
        ("negotiate", WinrmAuth::Negotiate),
        ("kerberos", WinrmAuth::Kerberos),
        ("basic", WinrmAuth::Basic),
        ("certificate", WinrmAuth::Certificate),
    ];

    /// How an inventory spells it.
    pub fn word(self) -> &'static str {
        WinrmAuth::ALL.iter().find(|(_, auth)| *auth == self).map_or("", |(word, _)| word)
    }
}

/// The keys of a connection that say something only about WinRM.
pub(super) const KEYS: [&str; 13] = [
    "scheme",
    "auth",
    "ca",
    "fingerprint",
    "certificate",
    "certificate_key",
    "proxy",
    "proxy_user",
    "proxy_password",
    "realm",
    "kdc",
    "keytab",
    "spn",
];

const HTTPS_KEYS: [&str; 2] = ["ca", "fingerprint"];
const CERTIFICATE_KEYS: [&str; 3] = ["certificate", "certificate_key", "passphrase"];
const KERBEROS_KEYS: [&str; 4] = ["realm", "kdc", "keytab", "spn"];

/// What layers give, the later one winning key by key.
pub(super) fn resolve(
    layers: &[&Node],
    via: Via,
    scope: &Scope,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> WinrmConnection {
    let mut reader = Reader { layers, scope, sources, diagnostics };
    if via != Via::Winrm {
        let help = if via == Via::Tds { "leave it out, or: sql: { ca: FILE.pem }" } else { "leave it out" };
        reader.meaningless(&KEYS, "via", "this is said about WinRM, by which the host is not reached", help);
        return WinrmConnection::default();
    }
    let https = reader.https();
    let auth = reader.auth(https);
    let help = "scheme: https";
    if !https {
        reader.meaningless(&HTTPS_KEYS, "scheme", "there is no certificate to trust over HTTP", help);
    }
    if auth != WinrmAuth::Certificate {
        let message = "a certificate logs in only where it is told to";
        // A passphrase beside a key of SSH's is that key's.
        let count = if reader.last("key_file").is_some() { 2 } else { CERTIFICATE_KEYS.len() };
        reader.meaningless(&CERTIFICATE_KEYS[..count], "auth", message, "auth: certificate, with scheme: https");
    }
    if auth != WinrmAuth::Kerberos {
        let message = "this is said about Kerberos, by which nobody logs in here";
        reader.meaningless(&KERBEROS_KEYS, "auth", message, "auth: kerberos");
    }
    let mut winrm = WinrmConnection { https, auth, ..WinrmConnection::default() };
    if https {
        winrm.ca = reader.last("ca").and_then(|node| ca(node, reader.scope, reader.sources, reader.diagnostics));
        winrm.fingerprint = reader.fingerprint();
    }
    if auth == WinrmAuth::Certificate {
        reader.certificate(&mut winrm);
    }
    if auth == WinrmAuth::Kerberos {
        winrm.realm = reader.text("realm");
        winrm.kdcs = reader.kdcs();
        winrm.keytab = reader.file("keytab");
        winrm.spn = reader.text("spn");
    }
    winrm.proxy = web_proxy(layers, scope, reader.sources, reader.diagnostics);
    winrm
}

struct Reader<'a> {
    layers: &'a [&'a Node],
    scope: &'a Scope,
    sources: &'a mut Sources,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn last(&self, key: &str) -> Option<&'a Node> {
        self.layers.iter().rev().find_map(|layer| layer.get(key)).filter(|node| !node.is_null())
    }

    /// Reports a key that what `decider` says leaves without meaning, unless a stronger layer than the key's says so:
    /// what a group says for its hosts may mean nothing for one that is reached otherwise.
    fn meaningless(&mut self, keys: &[&str], decider: &str, message: &str, help: &str) {
        let from = self.layers.iter().rposition(|layer| layer.get(decider).is_some()).unwrap_or(0);
        let found = self.layers[from.min(self.layers.len())..]
            .iter()
            .find_map(|layer| keys.iter().find_map(|key| layer.get(key)).filter(|node| !node.is_null()));
        if let Some(node) = found {
            self.diagnostics.push(Diagnostic::new(node.span, message).help(help));
        }
    }

    fn text(&mut self, key: &str) -> Option<String> {
        text(self.last(key)?, &format!("`{key}`"), self.scope, self.diagnostics)
    }

    fn file(&mut self, key: &str) -> Option<(PathBuf, Span)> {
        let node = self.last(key)?;
        let written = self.text(key)?;
        Some((beside(&self.sources.place(node.span).name, &written), node.span))
    }

    fn https(&mut self) -> bool {
        let Some(written) = self.text("scheme") else { return false };
        if !matches!(written.as_str(), "http" | "https") {
            self.wrong("scheme", format!("WinRM has no scheme {}", shown(&written)), "scheme: http or scheme: https");
        }
        written == "https"
    }

    fn auth(&mut self, https: bool) -> WinrmAuth {
        let Some(written) = self.text("auth") else { return WinrmAuth::default() };
        let known = WinrmAuth::ALL.iter().find(|(word, _)| *word == written).map(|(_, auth)| *auth);
        let Some(auth) = known else {
            let words = WinrmAuth::ALL.map(|(word, _)| word).join(", ");
            self.wrong("auth", format!("no way to log in is called {}", shown(&written)), &format!("one of {words}"));
            return WinrmAuth::default();
        };
        if auth == WinrmAuth::Basic && !https {
            let message = "over HTTP, Basic would show the password to everybody on the way".to_owned();
            self.wrong("auth", message, "scheme: https, or auth: ntlm, which seals every message itself");
        }
        if auth == WinrmAuth::Certificate && !https {
            let message = "a certificate is shown by TLS, and there is none over HTTP".to_owned();
            self.wrong("auth", message, "scheme: https");
        }
        auth
    }

    fn wrong(&mut self, key: &str, message: String, help: &str) {
        if let Some(node) = self.last(key) {
            self.diagnostics.push(Diagnostic::new(node.span, message).help(help));
        }
    }

    fn fingerprint(&mut self) -> Option<[u8; 32]> {
        let written = self.text("fingerprint")?;
        let read = read_fingerprint(&written);
        if let Err(message) = &read {
            let help = "fingerprint: \"AB:CD:…\", 32 bytes, as this shows it on the way to the host: openssl s_client \
                        -connect HOST:5986 </dev/null | openssl x509 -noout -fingerprint -sha256; or on the host \
                        itself, where nobody is in between";
            self.wrong("fingerprint", message.clone(), help);
        }
        if self.last("ca").is_some() {
            let message = "of a host whose certificate is known by its fingerprint, no authority is asked".to_owned();
            self.wrong("ca", message, "leave out `ca` or `fingerprint`");
        }
        read.ok()
    }

    fn certificate(&mut self, winrm: &mut WinrmConnection) {
        winrm.certificate = self.file("certificate");
        winrm.certificate_key = self.file("certificate_key");
        winrm.passphrase = self
            .last("passphrase")
            .and_then(|node| secret(node, "passphrase", self.scope, self.sources, self.diagnostics));
        if winrm.certificate.is_none() && self.last("certificate").is_none() {
            let message = "nothing says which certificate logs in".to_owned();
            self.wrong("auth", message, "certificate: me.pem and certificate_key: me.key, or certificate: me.pfx");
        }
        let pkcs12 = winrm.certificate.as_ref().is_some_and(|(path, _)| is_pkcs12(path));
        if pkcs12 && winrm.certificate_key.is_some() {
            let message = "a .pfx or .p12 holds the key itself".to_owned();
            self.wrong("certificate_key", message, "leave it out");
        }
        self.meaningless(&["password"], "auth", "a certificate logs in without a password", "leave it out");
    }

    fn kdcs(&mut self) -> Vec<String> {
        let Some(node) = self.last("kdc") else { return Vec::new() };
        let nodes: Vec<&Node> = match &node.content {
            Content::List(items) => items.iter().collect(),
            _ => vec![node],
        };
        nodes.into_iter().filter_map(|node| text(node, "a KDC", self.scope, self.diagnostics)).collect()
    }
}

/// Whether a file is a PKCS#12, by its name.
pub fn is_pkcs12(path: &std::path::Path) -> bool {
    path.extension().is_some_and(|ending| ["pfx", "p12"].iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// The SHA-256 of a certificate as it is written: hexadecimal digits, with colons or blanks between, or without.
fn read_fingerprint(written: &str) -> Result<[u8; 32], String> {
    let digits: Vec<u8> = written
        .trim()
        .chars()
        .filter(|c| !matches!(c, ':' | ' ' | '-'))
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()
        .ok_or_else(|| format!("{} is no fingerprint", shown(written)))?;
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit)).collect();
    match (digits.len(), <[u8; 32]>::try_from(bytes)) {
        (64, Ok(fingerprint)) => Ok(fingerprint),
        (40, _) => Err("this is a thumbprint, made with SHA-1, which is no longer good enough to trust by".to_owned()),
        (count, _) => Err(format!("a fingerprint has 64 hexadecimal digits, and here are {count}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_as_they_are_shown() {
        let bytes: [u8; 32] = std::array::from_fn(|index| u8::try_from(index).unwrap() * 7);
        let plain: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let colons: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        for written in [plain.clone(), colons.join(":"), colons.join(" "), format!(" {plain} ")] {
            assert_eq!(read_fingerprint(&written), Ok(bytes), "{written}");
        }
        let check = |written: &str, why: &str| {
            let error = read_fingerprint(written).unwrap_err();
            assert!(error.contains(why), "{written}: {error}");
        };
        check(&plain[..40], "SHA-1");
        check(&plain[..62], "here are 62");
        check("zz", "no fingerprint");
        check("", "here are 0");
    }

    #[test]
    fn a_pkcs12_is_known_by_its_name() {
        let check = |path: &str, expected| assert_eq!(is_pkcs12(std::path::Path::new(path)), expected, "{path}");
        check("me.pfx", true);
        check("keys/me.P12", true);
        check("me.pem", false);
        check("pfx", false);
    }
}
