//! Where a site listens, and with which certificate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::certificate::{CertificateRef, Thumbprint};
use super::{Found, Problems};
use crate::hostcall::{Edit, Element, ElementPath, Text};
use crate::value::Endpoint;

/// A binding: `{ http: '*:80:' }` or `{ https: '*:443:chat.example.com', certificate: { subject: chat.example.com } }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// Listens for http here, as `address:port:host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Endpoint>,
    /// Listens for https here, as `address:port:host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https: Option<Endpoint>,
    /// The certificate of an https binding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateRef>,
    /// Whether the certificate is chosen by the name the client asks for (SNI); so unless said, where the binding has a host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sni: Option<bool>,
}

/// SNI is bit 1 of `sslFlags` (IIS configuration reference, `bindings/binding`).
const SNI: u32 = 1;

impl Binding {
    /// The protocol and the endpoint; `None` for a binding that names neither or both.
    pub fn place(&self) -> Option<(&'static str, &Endpoint)> {
        match (&self.http, &self.https) {
            (Some(endpoint), None) => Some(("http", endpoint)),
            (None, Some(endpoint)) => Some(("https", endpoint)),
            _ => None,
        }
    }

    /// What is wrong with it, at `property`.
    pub fn check(&self, property: &str, problems: &mut Problems) {
        let Some((protocol, endpoint)) = self.place() else {
            problems.add(property, "a binding names either `http` or `https`", "{ http: '*:80:' }");
            return;
        };
        match (&self.certificate, protocol) {
            (Some(_), "http") => {
                problems.add(property, "an http binding has no certificate", "https: instead of http:");
            }
            (None, "https") => {
                problems.add(
                    property,
                    "an https binding needs a certificate",
                    "certificate: { subject: chat.example.com }",
                );
            }
            (Some(CertificateRef { thumbprint, subject, .. }), _) if thumbprint.is_some() == subject.is_some() => {
                let at = format!("{property}.certificate");
                problems.add(
                    &at,
                    "a certificate is named by either `thumbprint` or `subject`",
                    "certificate: { subject: chat.example.com }",
                );
            }
            _ => {}
        }
        if self.sni == Some(true) && (protocol == "http" || endpoint.host.is_empty()) {
            let message = "SNI chooses by host name, and this binding has none or is no https";
            problems.add(&format!("{property}.sni"), message, "name the host: '*:443:chat.example.com'");
        }
    }

    /// Whether two bindings cannot stand side by side.
    pub fn clashes(&self, other: &Binding) -> bool {
        self.place().is_some_and(|place| other.place() == Some(place))
    }

    /// A binding as it was found; `None` for protocols other than http and https.
    pub fn found(item: &Element) -> Option<Binding> {
        let endpoint = Endpoint::parse(item.text("bindingInformation")?).ok()?;
        let protocol = item.text("protocol")?.to_lowercase();
        let flags: u32 = item.text("sslFlags").and_then(|flags| flags.parse().ok()).unwrap_or(0);
        let hash = item.text("certificateHash").and_then(|hash| Thumbprint::try_from(hash.to_owned()).ok());
        let store = item.text("certificateStoreName").filter(|store| !store.is_empty()).map(str::to_owned);
        let certificate = hash.map(|thumbprint| CertificateRef { thumbprint: Some(thumbprint), subject: None, store });
        match protocol.as_str() {
            "http" => Some(Binding { http: Some(endpoint), https: None, certificate: None, sni: None }),
            "https" => Some(Binding { http: None, https: Some(endpoint), certificate, sni: Some(flags & SNI != 0) }),
            _ => None,
        }
    }

    /// This binding in the words of `desired`, which listens at the same place: what is equal gets its spelling.
    pub fn in_words_of(self, desired: &Binding, found: &Found) -> Binding {
        let certificate = match (&desired.certificate, self.certificate) {
            (Some(wanted), Some(actual)) => {
                let thumbprint = wanted.resolve(found).ok();
                let same_store = wanted.store().eq_ignore_ascii_case(actual.store());
                let equal = same_store
                    && thumbprint.is_some()
                    && thumbprint.as_deref() == actual.thumbprint.as_ref().map(Thumbprint::as_str);
                Some(if equal { wanted.clone() } else { actual })
            }
            (_, actual) => actual,
        };
        let sni = if desired.sni.is_some() || self.sni != Some(desired.wants_sni()) { self.sni } else { None };
        Binding { certificate, sni, ..self }
    }

    fn wants_sni(&self) -> bool {
        self.sni.unwrap_or_else(|| self.https.as_ref().is_some_and(|endpoint| !endpoint.host.is_empty()))
    }

    fn at(&self, bindings: &ElementPath) -> Option<ElementPath> {
        let (protocol, endpoint) = self.place()?;
        Some(bindings.clone().item([("protocol", protocol), ("bindingInformation", &endpoint.to_string())]))
    }

    /// The edits that make it so, where `actual` listens at the same place or nothing does.
    pub fn edits(&self, actual: Option<&Element>, bindings: &ElementPath, found: &Found) -> Vec<Edit> {
        let (Some((protocol, endpoint)), Some(at)) = (self.place(), self.at(bindings)) else { return Vec::new() };
        let plain = |name: &str, value: String| (name.to_owned(), Text::Plain(value));
        let mut edits = Vec::new();
        let old: u32 = actual.and_then(|item| item.text("sslFlags")?.parse().ok()).unwrap_or(0);
        let flags = if self.wants_sni() { old | SNI } else { old & !SNI };
        if actual.is_none() {
            let mut attributes =
                vec![plain("protocol", protocol.to_owned()), plain("bindingInformation", endpoint.to_string())];
            if flags != 0 {
                attributes.push(plain("sslFlags", flags.to_string()));
            }
            edits.push(Edit::Add { at: bindings.clone(), element: "binding".to_owned(), attributes });
        } else if flags != old {
            edits.push(Edit::Set {
                at: at.clone(),
                attribute: "sslFlags".to_owned(),
                value: Text::Plain(flags.to_string()),
            });
        }
        if let Some(certificate) = &self.certificate
            && let Ok(thumbprint) = certificate.resolve(found)
        {
            let bound = actual.and_then(|item| item.text("certificateHash"));
            let store = actual.and_then(|item| item.text("certificateStoreName"));
            // Without SNI a certificate belongs to an address, with it to a name: the one bound so far stays behind.
            let same = flags == old
                && bound.is_some_and(|bound| bound.eq_ignore_ascii_case(&thumbprint))
                && store.is_some_and(|store| store.eq_ignore_ascii_case(certificate.store()));
            if !same {
                edits.push(Edit::Certificate { at, thumbprint, store: certificate.store().to_owned() });
            }
        }
        edits
    }
}

impl CertificateRef {
    /// The thumbprint of the certificate meant, on the host that `found` is of.
    ///
    /// # Errors
    /// Why there is none, in a sentence.
    pub fn resolve(&self, found: &Found) -> Result<String, String> {
        let certificates = found.certificates(self.store()).map_err(|refusal| refusal.text)?;
        let utc = found.host().map_err(|refusal| refusal.text)?.utc;
        self.choose(&certificates, &utc).map(|certificate| certificate.thumbprint.to_uppercase())
    }
}
