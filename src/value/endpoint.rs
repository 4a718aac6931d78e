//! Where a site listens.

use std::fmt;
use std::net::Ipv6Addr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `address:port:host` as IIS writes it in `bindingInformation`: `*:443:chat.example.com`, `10.0.0.12:80:`, `[::1]:80:`.
/// An empty address is `*`; letter case of the host does not matter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Endpoint {
    /// Address, or `*` for all.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// Host name in lower case; empty for any.
    pub host: String,
}

impl Endpoint {
    /// Reads binding information.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn parse(text: &str) -> Result<Endpoint, String> {
        let form =
            || format!("`{text}` is not where a site can listen; write it as '*:443:chat.example.com' or '*:80:'");
        let (rest, host) = text.rsplit_once(':').ok_or_else(form)?;
        let (address, port) = rest.rsplit_once(':').ok_or_else(form)?;
        let port: u16 =
            port.parse().ok().filter(|port| *port > 0).ok_or_else(|| format!("`{port}` is not a TCP port"))?;
        let address = if address.is_empty() { "*" } else { address };
        let bracketed = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let known = address == "*"
            || address.parse::<std::net::Ipv4Addr>().is_ok()
            || bracketed.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
        if !known {
            return Err(format!(
                "`{address}` is not an address; write `*`, an IPv4 address, or an IPv6 address in brackets"
            ));
        }
        if host.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '/' | '\\' | '"')) {
            return Err(format!("`{host}` is not a host name"));
        }
        Ok(Endpoint { address: address.to_lowercase(), port, host: host.to_lowercase() })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.address, self.port, self.host)
    }
}

impl TryFrom<String> for Endpoint {
    type Error = String;

    fn try_from(text: String) -> Result<Endpoint, String> {
        Endpoint::parse(&text)
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> String {
        endpoint.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_have_one_form() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(Endpoint::parse(text).ok().map(|it| it.to_string()).as_deref(), expected, "{text}");
        };
        check("*:443:Chat.Example.com", Some("*:443:chat.example.com"));
        check(":80:", Some("*:80:"));
        check("[::1]:80:", Some("[::1]:80:"));
        check("10.0.0.12:8080:x", Some("10.0.0.12:8080:x"));
        for wrong in ["", "*:80", "80", "*:0:", "*:99999:", "web:80:", "*:80:a b", "::1:80:"] {
            check(wrong, None);
        }
    }
}
