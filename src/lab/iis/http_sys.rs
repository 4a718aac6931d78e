//! Certificates of endpoints: http.sys keeps them, not the configuration file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::lab::{Folder, LabError};

/// Certificates by endpoint, as `http.sys.toml` keeps them: `0.0.0.0:443`, or `name:443` where a name is indicated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HttpSys(BTreeMap<String, Assigned>);

/// The certificate of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assigned {
    /// SHA-1 thumbprint, 40 upper-case hexadecimal digits.
    pub thumbprint: String,
    /// Store of the local machine.
    pub store: String,
}

impl HttpSys {
    /// Name of the file.
    pub const FILE: &'static str = "http.sys.toml";
    const HEADING: &'static str = "Certificates by endpoint, which IIS leaves to http.sys (netsh http show sslcert).";

    /// Reads them.
    ///
    /// # Errors
    /// When the file is broken.
    pub fn load(folder: &Folder) -> Result<HttpSys, LabError> {
        folder.read_toml(HttpSys::FILE)
    }

    /// Writes them.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn save(&self, folder: &Folder) -> Result<(), LabError> {
        folder.write_toml(HttpSys::FILE, HttpSys::HEADING, self)
    }

    /// The certificate of an endpoint.
    pub fn get(&self, endpoint: &str) -> Option<&Assigned> {
        self.0.get(endpoint)
    }

    /// Assigns a certificate.
    pub fn assign(&mut self, endpoint: String, assigned: Assigned) {
        self.0.insert(endpoint, assigned);
    }

    /// Takes the certificate of an endpoint away.
    pub fn release(&mut self, endpoint: &str) {
        self.0.remove(endpoint);
    }
}

/// The endpoint under which http.sys keeps the certificate of an https binding; `None` for any other binding.
///
/// With server name indication (bit 1 of sslFlags) it is the host name and port, else the address and port.
pub fn endpoint(protocol: &str, information: &str, ssl_flags: &str) -> Option<String> {
    if !protocol.eq_ignore_ascii_case("https") {
        return None;
    }
    let (address, port, host) = split(information)?;
    let indicated = ssl_flags.parse::<u32>().is_ok_and(|flags| flags & 1 == 1) && !host.is_empty();
    let name = match address {
        _ if indicated => host.to_lowercase(),
        "*" | "" => "0.0.0.0".to_owned(),
        address => address.to_owned(),
    };
    Some(format!("{name}:{port}"))
}

/// Address, port and host of a binding's `ip:port:host`; the address of IPv6 is in brackets.
pub fn split(information: &str) -> Option<(&str, u16, &str)> {
    let (rest, host) = information.rsplit_once(':')?;
    let (address, port) = rest.rsplit_once(':')?;
    Some((address, port.parse().ok()?, host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_named_as_http_sys_does() {
        for (protocol, information, flags, expected) in [
            ("https", "*:443:", "0", Some("0.0.0.0:443")),
            ("https", "*:443:Chat.example.com", "1", Some("chat.example.com:443")),
            ("https", "10.0.0.1:443:chat.example.com", "0", Some("10.0.0.1:443")),
            ("https", "[::1]:8443:", "0", Some("[::1]:8443")),
            ("http", "*:80:", "0", None),
            ("https", "443", "0", None),
        ] {
            assert_eq!(endpoint(protocol, information, flags).as_deref(), expected, "{information}");
        }
    }
}
