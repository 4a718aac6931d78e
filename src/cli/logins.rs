//! What logs in to hosts and is not there: files that cannot be read, and secrets, which somebody may type.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::{Failure, typed};
use crate::diagnostic::{Diagnostic, Span};
use crate::inventory::{Host, Via};
use crate::playbook::{Playbook, missing_secrets};
use crate::secret::Stores;
use crate::value::{SecretRef, Store};

/// Which secrets must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// All, in their stores: nobody is asked.
    Stored,
    /// All.
    All,
    /// Those that log in to hosts.
    Logins,
}

/// What a playbook needs and is not there. Where that is no more than secrets that log in, somebody is asked for them.
pub fn missing(playbook: &Playbook, stores: &Stores, needs: Needs, right: bool) -> Result<Vec<Diagnostic>, Failure> {
    // A machine key that is not there yet is made by `apply`.
    let made = playbook.machine_keys();
    let hosts: Vec<&Host> = playbook.plays.iter().flat_map(|play| &play.hosts).map(|it| it.host.as_ref()).collect();
    let secrets = secrets(&hosts);
    let needed = |reference: &SecretRef| needs != Needs::Logins || secrets.contains_key(reference);
    let exists = |reference: &SecretRef| !needed(reference) || stores.exists(reference) || made.contains(reference);
    let mut diagnostics = missing_files(&hosts);
    if let Some(used) = playbook.secrets.iter().find(|it| it.reference.store == Store::Exec) {
        diagnostics.extend(stores.exec_trouble().map(|it| Diagnostic::new(used.span, it.to_string())));
    }
    let others = missing_secrets(&playbook.secrets, |it| exists(it) || secrets.contains_key(it));
    if needs != Needs::Stored && right && diagnostics.is_empty() && others.is_empty() {
        ask(&hosts, stores)?;
    }
    diagnostics.extend(missing_secrets(&playbook.secrets, exists));
    Ok(diagnostics)
}

/// Asks for the secrets that log in to hosts and that no store has, each once; nobody where there is no terminal.
pub fn ask(hosts: &[&Host], stores: &Stores) -> Result<(), Failure> {
    for (secret, host) in secrets(hosts).into_iter().filter(|(secret, _)| !stores.exists(secret)) {
        if !typed::secret(secret, host)? {
            break;
        }
    }
    Ok(())
}

/// The stores of the playbooks in a folder, and what was typed in this run.
pub fn stores(folder: &Path) -> Stores {
    Stores::open(folder).with(typed::given())
}

/// The secrets that log in to hosts, each with the first host that it logs in to.
fn secrets<'h>(hosts: &[&'h Host]) -> BTreeMap<&'h SecretRef, &'h str> {
    let mut secrets = BTreeMap::new();
    for host in hosts {
        for (secret, _) in host.connection.secrets().chain(host.sql.password_used()) {
            secrets.entry(secret).or_insert(host.name.as_str());
        }
    }
    secrets
}

/// The files of keys and certificates that cannot be read, each once for all hosts that it is said for.
fn missing_files(hosts: &[&Host]) -> Vec<Diagnostic> {
    let mut found: Vec<(&Path, Span, &str, String, BTreeSet<&str>)> = Vec::new();
    for host in hosts {
        let connection = &host.connection;
        let ssh = connection.ssh.key_file.as_ref().filter(|_| connection.via == Via::Ssh);
        let winrm = [
            ("certificate", &connection.winrm.certificate),
            ("key", &connection.winrm.certificate_key),
            ("keytab", &connection.winrm.keytab),
        ];
        let winrm = winrm.into_iter().filter(|_| connection.via == Via::Winrm);
        let files = ssh.map(|file| ("key", file)).into_iter();
        for (what, (path, span)) in files.chain(winrm.filter_map(|(what, file)| Some((what, file.as_ref()?)))) {
            let Err(error) = std::fs::File::open(path) else { continue };
            match found.iter_mut().find(|(_, known, ..)| known == span) {
                Some((.., names)) => drop(names.insert(&host.name)),
                None => found.push((path, *span, what, error.to_string(), BTreeSet::from([host.name.as_str()]))),
            }
        }
    }
    let diagnostic = |(path, span, what, error, names): (&Path, Span, &str, String, BTreeSet<&str>)| {
        let names: Vec<&str> = names.into_iter().collect();
        let message = format!("the {what} {} of {} cannot be read: {error}", path.display(), names.join(", "));
        Diagnostic::new(span, message)
    };
    found.into_iter().map(diagnostic).collect()
}

/// Hosts as a list of references.
pub fn all(hosts: &[Arc<Host>]) -> Vec<&Host> {
    hosts.iter().map(Arc::as_ref).collect()
}
