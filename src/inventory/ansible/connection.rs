//! How a host is reached, from Ansible's variables to farmhand's `connection:`.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Sources, Span};
use crate::inventory::entry::text;
use crate::template::{Scope, Variables, is_template};
use crate::yaml::{Content, Entry, Key, Node, quoted, scalar_text};

/// Variables that hold a password in the open.
const PASSWORDS: &[&str] = &[
    "ansible_password",
    "ansible_pass",
    "ansible_ssh_pass",
    "ansible_ssh_password",
    "ansible_winrm_pass",
    "ansible_winrm_password",
    "ansible_psrp_pass",
    "ansible_psrp_password",
    "ansible_ssh_private_key_passphrase",
    "ansible_private_key_passphrase",
    "ansible_become_pass",
    "ansible_become_password",
    "ansible_sudo_pass",
];

/// farmhand's own word for the password of a connection, which Ansible passes over.
const OWN_PASSWORD: &str = "farmhand_password";

/// farmhand's own word for the only certificate of a host that is trusted.
const OWN_FINGERPRINT: &str = "farmhand_fingerprint";

/// Variables without meaning here that change nothing of what a host is, so that nobody need be told.
const QUIET: &[&str] = &[
    "ansible_shell_type",
    "ansible_python_interpreter",
    "ansible_winrm_read_timeout_sec",
    "ansible_winrm_operation_timeout_sec",
    "ansible_winrm_message_encryption",
    "ansible_psrp_message_encryption",
    "ansible_psrp_read_timeout",
    "ansible_psrp_operation_timeout",
    // Logins over HTTPS are always bound to it.
    "ansible_winrm_send_cbt",
    "ansible_psrp_negotiate_send_cbt",
];

/// Ports of WinRM: without TLS, and with it.
const WINRM_PORTS: [&str; 2] = ["5985", "5986"];

/// Takes passwords in the open, and what only `ansible-vault` opens, out of a host's variables; gives their names.
pub(in crate::inventory) fn withhold(
    variables: &mut Variables,
    sealed: &BTreeSet<Span>,
    sources: &mut Sources,
    notes: &mut Vec<Diagnostic>,
) -> BTreeSet<String> {
    let mut withheld = BTreeSet::new();
    for (name, node) in variables.iter() {
        let scalar = scalar_text(node);
        let refers = scalar.is_some_and(|scalar| is_template(&scalar.text) && scalar.text.contains("secret("));
        let message = if is_sealed(node, sealed) {
            format!("only `ansible-vault` opens `{name}`; its value is not known here")
        } else if PASSWORDS.contains(&name) && !refers {
            sources.hide(node.span);
            format!("`{name}` is not taken from here, for it stands in the open or in a template of Ansible's")
        } else {
            continue;
        };
        let help =
            format!("put it into a store: farmhand secret set NAME, and: {OWN_PASSWORD}=\"{{{{ secret('NAME') }}}}\"");
        let help = if PASSWORDS.contains(&name) { help } else { String::new() };
        notes.push(Diagnostic::new(variables.place(name).unwrap_or(node.span), message).help(help));
        withheld.insert(name.to_owned());
    }
    for name in &withheld {
        variables.remove(name);
    }
    withheld
}

fn is_sealed(node: &Node, sealed: &BTreeSet<Span>) -> bool {
    match &node.content {
        Content::Scalar(_) => sealed.contains(&node.span),
        Content::List(items) => items.iter().any(|item| is_sealed(item, sealed)),
        Content::Map(entries) => entries.iter().any(|entry| is_sealed(&entry.value, sealed)),
    }
}

/// A `connection:` as farmhand's own inventories have it.
pub(in crate::inventory) fn connection(
    variables: &Variables,
    host: Span,
    scope: &Scope,
    notes: &mut Vec<Diagnostic>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Node {
    let found = |names: &[&'static str]| names.iter().rev().find_map(|name| Some((*name, variables.node(name)?)));
    let mut seen: BTreeSet<&str> = QUIET.iter().copied().chain(PASSWORDS.iter().copied()).collect();
    let mut said = |names: &[&'static str]| {
        seen.extend(names.iter().copied());
        found(names).map(|(_, node)| node)
    };
    let written = said(&["ansible_connection"]).and_then(|node| door(node, scope, notes, diagnostics));
    let ports = ["ansible_ssh_port", "ansible_port", "ansible_winrm_port", "ansible_psrp_port"];
    let port = said(&ports);
    let port_text = port.and_then(scalar_text).map(|scalar| scalar.text.to_string());
    // Ansible takes SSH where nothing is said; a variable or a port of WinRM says enough.
    let of_winrm =
        variables.iter().any(|(name, _)| name.starts_with("ansible_winrm_") || name.starts_with("ansible_psrp_"));
    let guessed = of_winrm || port_text.as_deref().is_some_and(|port| WINRM_PORTS.contains(&port));
    let (via, via_span) = written.unwrap_or((if guessed { "winrm" } else { "ssh" }, host));

    let mut entries = vec![entry("via", quoted(via, via_span))];
    let mut add = |key: &str, node: Option<&Node>| entries.extend(node.map(|node| entry(key, node.clone())));
    let address = if via == "ssh" {
        said(&["ansible_host", "ansible_ssh_host"])
    } else {
        said(&["ansible_ssh_host", "ansible_host", "ansible_winrm_host", "ansible_psrp_host"])
    };
    add("address", address);
    let user = if via == "ssh" {
        said(&["ansible_user", "ansible_ssh_user"])
    } else {
        said(&["ansible_ssh_user", "ansible_user", "ansible_winrm_user", "ansible_psrp_user"])
    };
    let scheme = said(&["ansible_winrm_scheme", "ansible_psrp_protocol"]);
    let https = via == "winrm" && is_https(scheme.and_then(scalar_text).map(|it| &*it.text), port_text.as_deref());
    if https {
        let span = scheme.or(port).map_or(via_span, |node| node.span);
        entries.push(entry("scheme", quoted("https", span)));
    }
    let mut add = |key: &str, node: Option<&Node>| entries.extend(node.map(|node| entry(key, node.clone())));
    if via != "local" {
        add("user", user);
        add("port", port);
        let secret = PASSWORDS[..8].iter().rev().find_map(|name| variables.node(name));
        add("password", said(&[OWN_PASSWORD]).or(secret));
    }
    let key = said(&["ansible_private_key_file", "ansible_ssh_private_key_file"]);
    if via == "ssh" {
        add("key_file", key);
    }
    let auth = said(&["ansible_winrm_transport", "ansible_psrp_auth"]).filter(|_| via == "winrm");
    let auth = auth.and_then(|node| Some((login(node, https, notes)?, node.span)));
    let certificate = said(&["ansible_winrm_cert_pem", "ansible_psrp_certificate_pem"]);
    let key = said(&["ansible_winrm_cert_key_pem", "ansible_psrp_certificate_key_pem"]);
    let authorities = said(&["ansible_winrm_ca_trust_path", "ansible_psrp_ca_cert"]);
    let proxy = said(&["ansible_winrm_proxy", "ansible_psrp_proxy"]);
    let called = said(&["ansible_winrm_kerberos_hostname_override", "ansible_psrp_negotiate_hostname_override"]);
    let service = said(&["ansible_winrm_service", "ansible_psrp_negotiate_service"]);
    if via == "winrm" {
        if https {
            add("ca", authorities);
            add("fingerprint", said(&[OWN_FINGERPRINT]));
        }
        add("proxy", proxy);
    }
    match auth {
        Some(("certificate", _)) => {
            add("certificate", certificate);
            add("certificate_key", key);
        }
        Some(("kerberos", _)) => {
            let of = |node: Option<&Node>| node.and_then(scalar_text).map(|scalar| scalar.text.to_string());
            let spn = of(called).map(|host| format!("{}/{host}", of(service).unwrap_or_else(|| "HTTP".to_owned())));
            let spn = spn.map(|spn| quoted(&spn, called.map_or(host, |node| node.span)));
            add("spn", spn.as_ref());
        }
        _ => {}
    }
    if let Some((auth, span)) = auth {
        add("auth", Some(&quoted(auth, span)));
    }
    if let Some(node) = said(&["ansible_winrm_server_cert_validation", "ansible_psrp_cert_validation"])
        && scalar_text(node).is_some_and(|scalar| matches!(&*scalar.text, "ignore" | "false"))
    {
        let message = "farmhand always verifies certificates; what turns that off has no effect";
        let help = format!(
            "a certificate that nobody vouches for is trusted by its SHA-256, which the refusal shows: \
             {OWN_FINGERPRINT}=AB:CD:…"
        );
        notes.push(Diagnostic::new(node.span, message).help(help));
    }
    for (name, node) in variables.iter().filter(|(name, _)| name.starts_with("ansible_") && !seen.contains(name)) {
        let place = variables.place(name).unwrap_or(node.span);
        notes.push(Diagnostic::new(place, format!("`{name}` means nothing to farmhand and is left alone")));
    }
    Node { span: host, content: Content::Map(entries) }
}

/// farmhand's word for a connection plugin, and where that is written.
fn door(
    node: &Node,
    scope: &Scope,
    notes: &mut Vec<Diagnostic>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(&'static str, Span)> {
    let named = text(node, "`ansible_connection`", scope, diagnostics)?;
    let via = match named.rsplit('.').next().unwrap_or_default() {
        "winrm" | "psrp" => "winrm",
        "ssh" | "paramiko" | "paramiko_ssh" | "libssh" | "smart" => "ssh",
        "local" => "local",
        _ => {
            let message = format!("farmhand reaches no host by `ansible_connection: {named}`; WinRM is taken");
            notes.push(Diagnostic::new(node.span, message));
            "winrm"
        }
    };
    Some((via, node.span))
}

/// farmhand's word for the first way to log in that it knows; of others it is noted what is done instead.
fn login(node: &Node, https: bool, notes: &mut Vec<Diagnostic>) -> Option<&'static str> {
    let ways: Vec<String> = match &node.content {
        Content::List(ways) => ways.iter().filter_map(scalar_text).map(|way| way.text.to_string()).collect(),
        _ => scalar_text(node).map(|way| way.text.split(',').map(str::to_owned).collect()).unwrap_or_default(),
    };
    let known = ways.iter().find_map(|way| match way.trim() {
        "ntlm" => Some("ntlm"),
        "negotiate" => Some("negotiate"),
        "kerberos" => Some("kerberos"),
        "basic" | "ssl" if https => Some("basic"),
        "certificate" if https => Some("certificate"),
        _ => None,
    });
    if known.is_none() {
        let over = if https { "HTTPS" } else { "HTTP" };
        let ways = ways.iter().map(|way| way.trim()).collect::<Vec<_>>().join(", ");
        let message = format!("farmhand logs in to WinRM over {over} with NTLM, not with {ways}");
        notes.push(Diagnostic::new(node.span, message));
    }
    known
}

/// Whether Ansible would speak HTTPS: it does unless it is told otherwise.
fn is_https(scheme: Option<&str>, port: Option<&str>) -> bool {
    match (scheme, port) {
        (Some(scheme), _) => scheme == "https",
        (None, Some(port)) => port != "5985",
        (None, None) => true,
    }
}

fn entry(key: &str, value: Node) -> Entry {
    Entry { key: Key { text: key.into(), span: value.span }, value }
}
