//! Mistakes of many hosts, each told once.

use indexmap::IndexMap;

use crate::diagnostic::Diagnostic;

/// Mistakes found host by host.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    /// By what a reader would see of it, with the hosts that have it.
    found: IndexMap<String, (Diagnostic, Vec<String>)>,
}

impl Mistakes {
    /// Notes a host's mistakes.
    pub fn add(&mut self, host: &str, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        for diagnostic in diagnostics {
            let key = format!("{:?} {}", diagnostic.span, diagnostic.message);
            let (_, hosts) = self.found.entry(key).or_insert_with(|| (diagnostic, Vec::new()));
            if hosts.last().is_none_or(|last| last != host) {
                hosts.push(host.to_owned());
            }
        }
    }

    /// The mistakes, each once; one that not all of `n_hosts` hosts have says which have it.
    pub fn into_diagnostics(self, n_hosts: usize) -> impl Iterator<Item = Diagnostic> {
        self.found.into_values().map(move |(mut diagnostic, hosts)| {
            if hosts.len() < n_hosts
                && let Some(first) = hosts.first()
            {
                let others = match hosts.len() - 1 {
                    0 => String::new(),
                    1 => " and 1 more host".to_owned(),
                    n => format!(" and {n} more hosts"),
                };
                diagnostic.message = format!("{} (on {first}{others})", diagnostic.message);
            }
            diagnostic
        })
    }
}
