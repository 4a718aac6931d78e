//! What running applications notice only when they start anew, and which worker processes that concerns.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use crate::hostcall::answer::HostFacts;

/// A change of a database that applications which use it notice only when they start.
///
/// `SqlDependency.Start` looks at the broker once; where it is off, SignalR polls until its application domain ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unnoticed {
    /// What it is, for messages: `the broker of the database Chat`.
    pub what: String,
    /// The database.
    pub database: String,
    /// What the instance calls itself, where it says.
    pub server: Option<String>,
    /// Who is in the database now, a client for each session, as far as the server tells.
    pub sessions: Vec<Client>,
}

/// Who has a session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Client {
    /// The login.
    pub login: String,
    /// The machine, where it is known.
    pub machine: Option<String>,
}

/// What has to start anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anew {
    /// Why, in words.
    pub why: String,
    /// The sessions that are its own.
    pub sessions: BTreeSet<Client>,
}

/// The longest name of a machine that NetBIOS has, which is what clients tell.
const NETBIOS_CHARS: usize = 15;

impl Unnoticed {
    /// The sessions of worker processes on a host: `account` is whom they run as, `None` for one of Windows' own accounts,
    /// which SQL Server knows by the machine's.
    pub fn sessions_of(&self, account: Option<&str>, facts: &HostFacts) -> Vec<Client> {
        let machine = netbios(&facts.computer);
        let own = |client: &&Client| {
            let from_here = client.machine.as_ref().is_none_or(|name| netbios(name) == machine);
            let login = client.login.to_lowercase();
            from_here
                && account.map_or_else(|| login.ends_with(&format!("\\{machine}$")), |it| it.to_lowercase() == login)
        };
        self.sessions.iter().filter(own).cloned().collect()
    }

    /// What has to start anew because of sessions, and applications that have a connection string to the database.
    pub fn anew(&self, sessions: &[Client], applications: &[String]) -> Option<Anew> {
        let mut counts: BTreeMap<&Client, usize> = BTreeMap::new();
        for client in sessions {
            *counts.entry(client).or_default() += 1;
        }
        let database = &self.database;
        let of = |(client, count): (&&Client, &usize)| {
            let machine = client.machine.as_ref().map(|name| format!(" from {name}")).unwrap_or_default();
            let (sessions, are) = if *count == 1 { ("session", "is") } else { ("sessions", "are") };
            format!("{count} {sessions} of {}{machine} {are} in the database {database}", client.login)
        };
        let named = |app: &String| format!("{app} has a connection string to the database {database}");
        let why: Vec<String> = counts.iter().map(of).chain(applications.iter().map(named)).collect();
        if why.is_empty() {
            return None;
        }
        let why = format!("{}; an app notices {} only when it starts", why.join(", "), self.what);
        Some(Anew { why, sessions: sessions.iter().cloned().collect() })
    }
}

/// The name of a machine as its clients tell it, in lower case.
fn netbios(name: &str) -> String {
    name.split('.').next().unwrap_or_default().chars().take(NETBIOS_CHARS).flat_map(char::to_lowercase).collect()
}

/// Whether worker processes were replaced since something that they notice only when they start.
///
/// It is proved by the processes: one that was not there before the change has started after it.
#[derive(Clone, Debug)]
pub struct Recycle {
    /// Why it is needed, for people.
    pub why: String,
    /// The processes that were there before.
    pub before: BTreeSet<u32>,
    /// Whether it is done.
    pub done: bool,
}

impl Recycle {
    /// What is found of it: done once a process is there that was not, or none is.
    #[must_use]
    pub fn seen(&self, workers: impl IntoIterator<Item = u32>) -> Recycle {
        let mut workers = workers.into_iter().peekable();
        let done = workers.peek().is_none() || workers.any(|worker| !self.before.contains(&worker));
        Recycle { done, ..self.clone() }
    }
}

impl Serialize for Recycle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.done { "done" } else { "needed" })
    }
}

/// Whether a connection string in clear leads to a database on a server, which is known by any of some names.
pub fn leads_to(text: &str, database: &str, servers: &[&str]) -> bool {
    let mut parts: BTreeMap<String, &str> = BTreeMap::new();
    for (key, value) in text.split(';').filter_map(|part| part.split_once('=')) {
        let value = value.trim().trim_matches(['"', '\'']);
        parts.insert(key.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase(), value);
    }
    let any = |keys: &[&str]| keys.iter().find_map(|key| parts.get(*key).copied());
    let catalog = any(&["initial catalog", "database"]);
    // `tcp:sql01.corp.example,1433` and `sql01\INSTANCE` are both on sql01.
    let source = any(&["data source", "server", "address", "addr", "network address"]).unwrap_or_default();
    let source = source.strip_prefix("tcp:").unwrap_or(source);
    let machine = |name: &str| netbios(name.split(['\\', ',']).next().unwrap_or_default());
    catalog.is_some_and(|catalog| catalog.eq_ignore_ascii_case(database))
        && servers.iter().any(|server| machine(server) == machine(source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_strings_lead_to_databases() {
        let check = |text: &str, expected: bool| {
            assert_eq!(leads_to(text, "Chat", &["sql01", "SQL01\\LIVE"]), expected, "{text}");
        };
        check("Data Source=sql01;Initial Catalog=Chat;Integrated Security=True", true);
        check("server = tcp:SQL01.corp.example,1433 ; DATABASE=chat", true);
        check("Server=sql01\\LIVE;Initial  Catalog='Chat'", true);
        check("Data Source=sql02;Initial Catalog=Chat", false);
        check("Data Source=sql01;Initial Catalog=Other", false);
        check("Data Source=sql01", false);
        check("", false);
    }

    #[test]
    fn sessions_are_told_apart_by_login_and_machine() {
        let client = |login: &str, machine: Option<&str>| Client {
            login: login.to_owned(),
            machine: machine.map(str::to_owned),
        };
        let sessions = vec![
            client("CORP\\svc", Some("WEB01")),
            client("corp\\SVC", None),
            client("CORP\\svc", Some("WEB02")),
            client("CORP\\WEB01$", Some("WEB01")),
        ];
        let what = "the broker of the database Chat".to_owned();
        let unnoticed = Unnoticed { what, database: "Chat".to_owned(), server: None, sessions };
        let facts: HostFacts = serde_json::from_value(serde_json::json!({
            "computer": "web01", "domain": null, "os": "", "os_version": "", "server": true, "powershell": "5.1",
            "iis": null, "dotnet_release": null, "pending_reboot": [], "shared_configuration": null, "utc": "",
            "uptime_seconds": 1, "disks": [], "culture": "en-US", "administrator": true, "system_drive": "C:"
        }))
        .unwrap();
        let check = |account: Option<&str>, expected: usize| {
            assert_eq!(unnoticed.sessions_of(account, &facts).len(), expected, "{account:?}");
        };
        check(Some("CORP\\svc"), 2);
        check(None, 1);
        check(Some("CORP\\other"), 0);
        let own = unnoticed.sessions_of(None, &facts);
        let why = unnoticed.anew(&own, &[]).map(|anew| anew.why);
        let expected = "1 session of CORP\\WEB01$ from WEB01 is in the database Chat; an app notices the broker of the database Chat only when it starts";
        assert_eq!(why.as_deref(), Some(expected));
        assert_eq!(unnoticed.anew(&[], &[]), None);
    }

    #[test]
    fn a_process_that_was_not_there_proves_it() {
        let recycle = Recycle { why: String::new(), before: [10, 11].into(), done: true };
        let check = |workers: &[u32], done: bool| assert_eq!(recycle.seen(workers.iter().copied()).done, done);
        check(&[10, 11], false);
        check(&[11], false);
        check(&[11, 12], true);
        check(&[12], true);
        check(&[], true);
    }
}
