//! The HTTP proxy by way of which a host is reached.

use super::entry::{secret, text};
use crate::diagnostic::{Diagnostic, Sources, Span, shown};
use crate::template::Scope;
use crate::value::SecretRef;
use crate::yaml::Node;

/// The port of a proxy that names none.
const PORT: u16 = 80;

/// An HTTP proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebProxy {
    /// A DNS name or an IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Who logs in to it.
    pub user: Option<String>,
    /// The password of that account, and where that is written.
    pub password: Option<(SecretRef, Span)>,
}

/// What layers give, the later one winning key by key.
pub(super) fn web_proxy(
    layers: &[&Node],
    scope: &Scope,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<WebProxy> {
    let last = |key: &str| layers.iter().rev().find_map(|layer| layer.get(key)).filter(|node| !node.is_null());
    let Some(node) = last("proxy") else {
        if let Some(node) = ["proxy_user", "proxy_password"].iter().find_map(|key| last(key)) {
            let message = "this logs in to a proxy, and none is named";
            diagnostics.push(Diagnostic::new(node.span, message).help("proxy: http://proxy.example:3128"));
        }
        return None;
    };
    let user = last("proxy_user").and_then(|node| text(node, "`proxy_user`", scope, diagnostics));
    let password = last("proxy_password").and_then(|node| secret(node, "proxy_password", scope, sources, diagnostics));
    match (last("proxy_user"), last("proxy_password")) {
        (Some(node), None) => {
            let help = "proxy_password: \"{{ secret('NAME') }}\"";
            diagnostics.push(Diagnostic::new(node.span, "the proxy's account has no password").help(help));
        }
        (None, Some(node)) => {
            let help = "proxy_user: NAME";
            diagnostics.push(Diagnostic::new(node.span, "nothing says whose password this is").help(help));
        }
        _ => {}
    }
    let written = text(node, "`proxy`", scope, diagnostics)?;
    match read(&written) {
        Ok((host, port)) => Some(WebProxy { host, port, user, password }),
        Err(message) => {
            if written.contains('@') {
                sources.hide(node.span);
            }
            diagnostics.push(Diagnostic::new(node.span, message).help("proxy: http://proxy.example:3128"));
            None
        }
    }
}

fn read(written: &str) -> Result<(String, u16), String> {
    let rest = match written.split_once("://") {
        Some(("http", rest)) => rest,
        Some(_) => {
            return Err("farmhand speaks with proxies over http:// alone; what goes through is sealed".to_owned());
        }
        None => written,
    };
    if rest.contains('@') {
        return Err("an account is never written here: proxy_user and proxy_password are for that".to_owned());
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').unwrap_or(""))),
        None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(PORT), |port| port.parse().ok().filter(|port| *port != 0));
    let letter = |c: char| c.is_ascii_alphanumeric() || "._-:".contains(c);
    match port {
        Some(port) if !host.is_empty() && host.chars().all(letter) => Ok((host.to_owned(), port)),
        _ => Err(format!("{} names no proxy", shown(written))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read() {
        let check = |written: &str, host: &str, port| {
            assert_eq!(read(written), Ok((host.to_owned(), port)), "{written}");
        };
        check("http://proxy.example:3128", "proxy.example", 3128);
        check("http://proxy.example/", "proxy.example", 80);
        check("proxy.example:8080", "proxy.example", 8080);
        check("http://[fd00::1]:3128", "fd00::1", 3128);
        for (wrong, why) in [
            ("https://proxy.example:3128", "http:// alone"),
            ("socks5://proxy.example", "http:// alone"),
            ("http://me:hunter2@proxy.example", "proxy_user"),
            ("http://proxy.example:x", "names no proxy"),
            ("http://proxy.example:0", "names no proxy"),
            ("http://", "names no proxy"),
            ("http://a b", "names no proxy"),
        ] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains(why) && !error.contains("hunter2"), "{wrong}: {error}");
        }
    }
}
