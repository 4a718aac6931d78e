//! What a certificate says of itself, and what is wrong with it.

use std::net::IpAddr;
use std::time::SystemTime;

use picky::x509::certificate::Cert;
use picky::x509::date::UtcDate;
use picky::x509::extension::ExtensionView;
use picky::x509::name::{GeneralName, GeneralNames};

use super::trust::CertificateHash;
use crate::value::utc_text;

/// The certificate that a server has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// Its SHA-256.
    pub hash: CertificateHash,
    /// The DNS names and IP addresses that it is for.
    pub names: Vec<String>,
    /// Who it is made out to, as `CN=web01`.
    pub subject: String,
    /// Who vouches for it.
    pub issuer: String,
    /// From when on it is good, as `2026-01-01T00:00:00Z`.
    pub not_before: String,
    /// Until when it is good.
    pub not_after: String,
}

impl Presented {
    /// Reads one from DER; `None` where it is none.
    pub fn read(der: &[u8]) -> Option<Presented> {
        let certificate = Cert::from_der(der).ok()?;
        let names = certificate.extensions().iter().find_map(|extension| match extension.extn_value() {
            ExtensionView::SubjectAltName(names) => Some(GeneralNames::from(names).into_general_names()),
            _ => None,
        });
        let names = names.unwrap_or_default().into_iter().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_string()),
            GeneralName::IpAddress(bytes) => address(&bytes).map(|address| address.to_string()),
            _ => None,
        });
        Some(Presented {
            hash: CertificateHash::of(der),
            names: names.collect(),
            subject: certificate.subject_name().to_string(),
            issuer: certificate.issuer_name().to_string(),
            not_before: date(&certificate.valid_not_before()),
            not_after: date(&certificate.valid_not_after()),
        })
    }

    /// Whether nobody but itself vouches for it.
    pub fn is_self_signed(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whether it is for a name or an address. A `*` stands for one label (RFC 6125 6.4.3).
    pub fn is_for(&self, wanted: &str) -> bool {
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(domain) => wanted.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(domain)),
            None => name.eq_ignore_ascii_case(wanted),
        })
    }

    /// What is wrong with it, and what to do, for a server that was meant to be `wanted`; `said` is what TLS said.
    pub fn complaint(&self, wanted: &str, said: &str) -> String {
        let now = utc_text(SystemTime::now());
        let hash = self.hash;
        let pin = format!("or, if it is the host's own, trust it alone: fingerprint: \"{hash}\"");
        let day = |moment: &str| moment.split('T').next().unwrap_or_default().to_owned();
        let named = if self.names.is_empty() { "no name".to_owned() } else { self.names.join(", ") };
        if self.not_after < now {
            format!("its certificate has expired on {}; renew it there, {pin}", day(&self.not_after))
        } else if self.not_before > now {
            let from = day(&self.not_before);
            format!("its certificate is good from {from} on alone; check the clocks of both machines")
        } else if said.contains("expired") {
            format!("an authority of its certificate has expired ({}); renew it, {pin}", self.issuer)
        } else if self.is_self_signed() {
            format!(
                "nobody vouches for its certificate but itself ({}); give the host one of an authority, {pin}",
                self.subject
            )
        } else if said.contains("unable to get") || said.contains("unable to verify") || said.contains("self-signed") {
            self.unknown_authority(&pin)
        } else if !self.is_for(wanted) {
            format!(
                "its certificate is for {named}, not for `{wanted}`; reach it by a name that is in it (address:), {pin}"
            )
        } else {
            format!("{} ({said})", self.unknown_authority(&pin))
        }
    }

    fn unknown_authority(&self, pin: &str) -> String {
        format!(
            "this machine does not know the authority of its certificate ({}); name its file: ca: files/ca.pem, {pin}",
            self.issuer
        )
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn date(date: &UtcDate) -> String {
    let (year, month, day) = (date.year(), date.month(), date.day());
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", date.hour(), date.minute(), date.second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presented() -> Presented {
        Presented {
            hash: CertificateHash([0xab; 32]),
            names: vec!["web01.corp.example".to_owned(), "*.lab.example".to_owned(), "10.0.0.7".to_owned()],
            subject: "CN=web01".to_owned(),
            issuer: "CN=Corp CA".to_owned(),
            not_before: "2020-01-01T00:00:00Z".to_owned(),
            not_after: "2999-01-01T00:00:00Z".to_owned(),
        }
    }

    #[test]
    fn names_are_compared_as_tls_does() {
        let check = |name: &str, expected| assert_eq!(presented().is_for(name), expected, "{name}");
        check("WEB01.corp.example", true);
        check("web02.lab.example", true);
        check("a.web02.lab.example", false);
        check("lab.example", false);
        check("10.0.0.7", true);
        check("web01", false);
    }

    #[test]
    fn each_trouble_has_its_own_words() {
        let check = |change: fn(&mut Presented), wanted: &str, said: &str, words: &[&str]| {
            let mut certificate = presented();
            change(&mut certificate);
            let complaint = certificate.complaint(wanted, said);
            for word in words {
                assert!(complaint.contains(word), "{complaint} lacks {word}");
            }
        };
        let pin = "fingerprint: \"AB:AB:";
        let right = "web01.corp.example";
        check(|it| it.not_after = "2021-02-03T00:00:00Z".to_owned(), right, "", &["expired on 2021-02-03", pin]);
        check(|it| it.not_before = "2998-02-03T00:00:00Z".to_owned(), right, "", &["from 2998-02-03", "clocks"]);
        check(|it| it.issuer = it.subject.clone(), right, "", &["but itself (CN=web01)", pin]);
        check(|_| {}, right, "unable to get local issuer certificate", &["authority", "CN=Corp CA", "ca: ", pin]);
        check(|_| {}, "web02", "hostname mismatch", &["for web01.corp.example, *.lab.example", "not for `web02`", pin]);
        check(|_| {}, right, "something else", &["authority", "something else"]);
    }
}
