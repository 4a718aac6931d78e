//! Hosts as Ansible names them: ranges, and a port behind a colon.

use crate::diagnostic::{Diagnostic, Span, shown};
use crate::inventory::range::{MAX_NAMES, expand};
use crate::yaml::{Content, Node, Scalar};

use super::Reader;

impl Reader<'_> {
    /// Makes the hosts of a pattern known and puts them into a group; gives their names.
    pub(super) fn hosts(&mut self, pattern: &str, span: Span, group: &str) -> Vec<String> {
        let (name, port) = port_of(pattern);
        let names = match expand(&name.replace("[:", "[0:")) {
            Ok(names) => names,
            Err(why) => {
                self.diagnostics.push(Diagnostic::new(span, why));
                return Vec::new();
            }
        };
        if self.book.hosts.len() + names.len() > MAX_NAMES {
            self.diagnostics.push(Diagnostic::new(span, format!("more than {MAX_NAMES} hosts")));
            return Vec::new();
        }
        if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
            self.diagnostics.push(Diagnostic::new(span, format!("{} cannot name a host", shown(name))));
            return Vec::new();
        }
        for name in &names {
            let new = !self.book.hosts.contains_key(name);
            let host = self.book.host(name, span);
            if let (true, Some(port)) = (new, port) {
                let scalar = Scalar { text: port.to_string().into(), plain: true, verbatim: None };
                host.variables.insert("ansible_port", span, Node { span, content: Content::Scalar(scalar) });
            }
        }
        self.book.group(group).hosts.extend(names.iter().cloned());
        names
    }
}

/// Splits `web[01:20]:5986` and `[fe80::1]:22` into the name and the port.
fn port_of(pattern: &str) -> (&str, Option<u16>) {
    let Some((name, port)) = pattern.rsplit_once(':') else { return (pattern, None) };
    let Ok(number) = port.parse::<u16>() else { return (pattern, None) };
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return (pattern, None);
    }
    if let Some(inside) = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        return (inside, Some(number));
    }
    // A colon outside brackets is an address of IPv6; an open bracket is the middle of a range.
    let mut depth = 0_usize;
    for c in name.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => return (pattern, None),
            _ => {}
        }
    }
    if depth == 0 && !name.is_empty() { (name, Some(number)) } else { (pattern, None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_stands_behind_the_name() {
        let check = |pattern: &str, name: &str, port| assert_eq!(port_of(pattern), (name, port), "{pattern}");
        check("web01", "web01", None);
        check("web01:5986", "web01", Some(5986));
        check("web[01:20].example.com:5985", "web[01:20].example.com", Some(5985));
        check("web[01:20]", "web[01:20]", None);
        check("fe80::1", "fe80::1", None);
        check("[fe80::1]:22", "fe80::1", Some(22));
        check("web:x", "web:x", None);
    }
}
