//! Certificates in the stores of a host.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

use super::{Folder, LabError};
use crate::hostcall::answer::{Certificate, Certificates};

/// Certificates by store, as `certificates.toml` keeps them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stores(BTreeMap<String, Vec<Certificate>>);

impl Stores {
    const FILE: &'static str = "certificates.toml";
    const HEADING: &'static str = "Certificates by store of the local machine. There are only their facts, no keys.";

    /// Reads them.
    ///
    /// # Errors
    /// When the file is broken.
    pub fn load(folder: &Folder) -> Result<Stores, LabError> {
        folder.read_toml(Stores::FILE)
    }

    /// Writes them.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn save(&self, folder: &Folder) -> Result<(), LabError> {
        folder.write_toml(Stores::FILE, Stores::HEADING, self)
    }

    /// Adds a certificate, or replaces the one of the same thumbprint.
    pub fn add(&mut self, store: &str, certificate: Certificate) {
        let name = self.0.keys().find(|known| known.eq_ignore_ascii_case(store)).cloned();
        let store = self.0.entry(name.unwrap_or_else(|| store.to_owned())).or_default();
        store.retain(|known| !known.thumbprint.eq_ignore_ascii_case(&certificate.thumbprint));
        store.push(certificate);
    }

    /// The certificates of a store; `None` where there is no such store. `My` is always there.
    pub fn of(&self, store: &str) -> Option<Certificates> {
        let found = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(store));
        match found {
            Some((_, certificates)) => Some(Certificates(certificates.clone())),
            None if ["My", "Root", "CA"].iter().any(|known| known.eq_ignore_ascii_case(store)) => {
                Some(Certificates(Vec::new()))
            }
            None => None,
        }
    }

    /// A certificate by store and thumbprint.
    pub fn find(&self, store: &str, thumbprint: &str) -> Option<Certificate> {
        self.of(store)?.0.into_iter().find(|certificate| certificate.thumbprint.eq_ignore_ascii_case(thumbprint))
    }
}

/// A certificate for a DNS name as the lab issues them: the same name has the same certificate on every host.
pub fn issued_by_lab(name: &str) -> Certificate {
    let digest = Sha1::digest(format!("farmhand lab certificate for {name}").as_bytes());
    Certificate {
        thumbprint: super::hexadecimal::hex(&digest).to_ascii_uppercase(),
        subject: format!("CN={name}"),
        dns_names: vec![name.to_owned()],
        not_before: "2026-01-01T00:00:00Z".to_owned(),
        not_after: "2036-01-01T00:00:00Z".to_owned(),
        private_key: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_found_in_its_store_alone() {
        let mut stores = Stores::default();
        let certificate = issued_by_lab("chat.example.com");
        stores.add("my", certificate.clone());
        stores.add("My", certificate.clone());
        assert_eq!(stores.of("MY").map(|found| found.0.len()), Some(1));
        assert_eq!(stores.find("My", &certificate.thumbprint.to_lowercase()), Some(certificate.clone()));
        assert_eq!(stores.find("WebHosting", &certificate.thumbprint), None);
    }
}
