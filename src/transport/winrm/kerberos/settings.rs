//! What Kerberos needs besides the account: what proves it, its realm and where that is, and the host's service.

use std::path::{Path, PathBuf};

use super::kdc::Kdc;
use super::krb5_conf::{Include, Krb5Conf, is_included_name};

/// What proves that it is the account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Proof {
    /// The account's password.
    #[default]
    Password,
    /// A keytab file with its keys.
    Keytab(PathBuf),
    /// The tickets that `kinit` got, or on Windows those of whoever is logged on.
    TicketCache,
}

/// What Kerberos needs besides the account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kerberos {
    /// What proves that it is the account.
    pub proof: Proof,
    /// The account's realm, where it is named apart from it.
    pub realm: Option<String>,
    /// The key distribution centres; empty where krb5.conf or the DNS knows.
    pub kdcs: Vec<Kdc>,
    /// The service on the host: `WSMAN/web01.corp.example`, or `WSMAN` for the host's address with it.
    pub spn: Option<String>,
}

/// An account's name as a domain is asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The account's own name in its realm (NT-PRINCIPAL); `None` where none was written.
    pub user: Option<String>,
    /// Its realm.
    pub realm: String,
    /// The user principal name as it was written (NT-ENTERPRISE): what an Active Directory finds it by when its own
    /// name is another one.
    pub principal: Option<String>,
}

impl Kerberos {
    /// Whether this farmhand was built to use the tickets of `kinit`.
    pub const TAKES_TICKETS: bool = cfg!(feature = "kinit");

    /// Who logs in where no account is named, for messages.
    pub fn holder(&self) -> String {
        match &self.proof {
            Proof::Keytab(path) => format!("the account of {}", path.display()),
            Proof::Password | Proof::TicketCache => "whoever the tickets are of".to_owned(),
        }
    }

    /// The service principal name of a host's WinRM.
    pub fn spn(&self, address: &str) -> String {
        match self.spn.as_deref() {
            Some(spn) if spn.contains('/') => spn.to_owned(),
            Some(class) => format!("{class}/{address}"),
            None => format!("HTTP/{address}"),
        }
    }

    /// The name to ask for, on the way to a host, of an account as operators write one; an empty one is that of the
    /// keytab. A keytab's realm counts only where nothing closer says one.
    ///
    /// # Errors
    ///
    /// That nothing says which realm.
    pub fn resolve(
        &self,
        account: &str,
        address: &str,
        conf: &Krb5Conf,
        keytab_realm: Option<&str>,
    ) -> Result<Name, String> {
        let written = Some(account).filter(|account| !account.is_empty());
        let (domain, user) = match written.and_then(|user| user.split_once('\\')) {
            // `.` is how Windows writes "this computer", which no domain knows.
            Some((domain, user)) => (Some(domain).filter(|domain| *domain != "."), Some(user)),
            None => (None, written),
        };
        let (user, suffix) = match user.and_then(|user| user.rsplit_once('@')) {
            Some((user, suffix)) => (Some(user), Some(suffix)),
            None => (user, None),
        };
        let own_domain = domain.filter(|domain| domain.contains('.'));
        let realm = self.realm.clone().or_else(|| suffix.or(own_domain).map(str::to_uppercase));
        let realm = realm.or_else(|| keytab_realm.map(str::to_owned));
        let realm = realm.or_else(|| conf.realm_of_host(address).map(str::to_owned));
        let realm = realm.or_else(|| conf.default_realm.clone());
        // A controller of the domain takes the short name too.
        let realm = realm.or_else(|| domain.map(str::to_uppercase));
        let realm = realm.or_else(|| parent_domain(address).map(str::to_uppercase)).ok_or(
            "nothing says which realm the account is of: write `user@REALM`, or `realm:` in the connection, or \
             default_realm in krb5.conf",
        )?;
        let principal = suffix.and(written).map(|user| user.rsplit('\\').next().unwrap_or(user).to_owned());
        // A suffix that is not the realm's name is part of the user's name there, as alternative UPN suffixes are.
        let alternative = suffix.is_some_and(|suffix| !suffix.eq_ignore_ascii_case(&realm));
        let user = if alternative { principal.clone() } else { user.map(str::to_owned) };
        Ok(Name { user, realm, principal })
    }
}

/// `corp.example` of `web01.corp.example`; none of an IP address or a short name.
fn parent_domain(address: &str) -> Option<&str> {
    let (_, domain) = address.split_once('.').filter(|_| address.parse::<std::net::IpAddr>().is_err())?;
    domain.contains('.').then_some(domain)
}

/// What this machine's configuration says: the files of `KRB5_CONFIG`, else /etc/krb5.conf. One that cannot be read
/// says nothing.
pub fn machine_conf() -> Krb5Conf {
    let named = std::env::var_os("KRB5_CONFIG");
    let files: Vec<PathBuf> = match &named {
        Some(paths) => std::env::split_paths(paths).collect(),
        None => vec![PathBuf::from("/etc/krb5.conf")],
    };
    let mut conf = Krb5Conf::default();
    for file in files {
        if let Ok(text) = std::fs::read_to_string(file) {
            conf.add(&text, &mut included_texts);
        }
    }
    conf
}

fn included_texts(include: &Include) -> Vec<String> {
    let files = match include {
        Include::File(file) => vec![file.clone()],
        Include::Folder(folder) => files_of(folder),
    };
    files.iter().filter_map(|file| std::fs::read_to_string(file).ok()).collect()
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let taken = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_included_name));
    let mut files: Vec<PathBuf> = taken.map(|entry| entry.path()).collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kerberos(realm: Option<&str>, spn: Option<&str>) -> Kerberos {
        Kerberos { realm: realm.map(str::to_owned), spn: spn.map(str::to_owned), ..Kerberos::default() }
    }

    fn conf() -> Krb5Conf {
        let mut conf = Krb5Conf::default();
        conf.add(
            "[libdefaults]\ndefault_realm=DEF.EXAMPLE\n[domain_realm]\n.dom.example=DOM.EXAMPLE\n",
            &mut |_| vec![],
        );
        conf
    }

    #[test]
    fn the_realm_is_taken_from_whatever_says_it_most_closely() {
        let check = |user: &str, realm: Option<&str>, host: &str, conf: &Krb5Conf, expected: &str| {
            let name = kerberos(realm, None).resolve(user, host, conf, None);
            let shown = name.map_or_else(|why| why, |it| format!("{}@{}", it.user.unwrap_or_default(), it.realm));
            assert_eq!(shown, expected, "{user} {realm:?} {host}");
        };
        let (conf, none) = (conf(), Krb5Conf::default());
        check("deploy@corp.example", None, "web01.dom.example", &conf, "deploy@CORP.EXAMPLE");
        check("deploy@CORP.EXAMPLE", Some("CORP.EXAMPLE"), "web01", &conf, "deploy@CORP.EXAMPLE");
        check("deploy@mail.example", Some("CORP.EXAMPLE"), "web01", &conf, "deploy@mail.example@CORP.EXAMPLE");
        check("CORP\\deploy", Some("CORP.EXAMPLE"), "web01", &conf, "deploy@CORP.EXAMPLE");
        check("corp.example\\deploy", None, "web01.dom.example", &conf, "deploy@CORP.EXAMPLE");
        check("CORP\\deploy", None, "web01.dom.example", &conf, "deploy@DOM.EXAMPLE");
        check("deploy", None, "web01.other.example", &conf, "deploy@DEF.EXAMPLE");
        check("corp\\deploy", None, "web01.corp.example", &none, "deploy@CORP");
        check("deploy", None, "web01.corp.example", &none, "deploy@CORP.EXAMPLE");
        check(".\\deploy", None, "web01.corp.example", &none, "deploy@CORP.EXAMPLE");
        let unknown = kerberos(None, None).resolve("deploy", "10.0.0.12", &none, None).unwrap_err();
        assert!(unknown.starts_with("nothing says which realm"), "{unknown}");
        let keytab = kerberos(None, None).resolve("", "web01.dom.example", &conf, Some("TAB.EXAMPLE")).unwrap();
        assert_eq!((keytab.user, keytab.realm.as_str()), (None, "TAB.EXAMPLE"));
    }

    #[test]
    fn a_user_principal_name_is_kept_for_a_second_question() {
        let name = kerberos(None, None).resolve("deploy@corp.example", "web01", &conf(), None).unwrap();
        assert_eq!(name.principal.as_deref(), Some("deploy@corp.example"));
        let name = kerberos(None, None).resolve("CORP\\deploy", "web01", &conf(), None).unwrap();
        assert_eq!(name.principal, None);
    }

    #[test]
    fn the_service_is_http_unless_said_otherwise() {
        let check = |spn: Option<&str>, expected: &str| {
            assert_eq!(kerberos(None, spn).spn("web01.corp.example"), expected, "{spn:?}");
        };
        check(None, "HTTP/web01.corp.example");
        check(Some("WSMAN"), "WSMAN/web01.corp.example");
        check(Some("HTTP/alias.corp.example"), "HTTP/alias.corp.example");
    }
}
