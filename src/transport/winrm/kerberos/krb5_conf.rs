//! The machine's Kerberos configuration (krb5.conf), as far as a client needs it. Pure: files are read by who calls.
//!
//! The format is MIT's: sections in brackets, `tag = value`, nested by braces, `include` and `includedir` outside of
//! them. Where files or lines say the same thing twice, the first one counts, except that every `kdc` line adds one.

use std::path::{Path, PathBuf};

use super::kdc::Kdc;

/// How deep files may include each other.
const MAX_DEPTH: usize = 8;

/// What one or more files say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Krb5Conf {
    /// The realm of an account that names none.
    pub default_realm: Option<String>,
    /// Realms and their key distribution centres, in the order in which they are tried.
    realms: Vec<(String, Vec<Kdc>)>,
    /// Hosts (`web01.corp.example`) or domains (`.corp.example`), in small letters, and their realms.
    domain_realm: Vec<(String, String)>,
}

/// Something that another file shall say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Include {
    /// One file.
    File(PathBuf),
    /// Every file of a folder whose name is one of a configuration file ([`is_included_name`]).
    Folder(PathBuf),
}

/// How included files are read: the texts behind an [`Include`]; none where nothing can be read.
pub type Reader<'a> = &'a mut dyn FnMut(&Include) -> Vec<String>;

/// Whether `includedir` takes a file of this name: letters, digits, `-` and `_`, or anything that ends with `.conf`;
/// never one that begins with a dot.
pub fn is_included_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    // The library's own rule, which knows no `.CONF`.
    let is_conf = Path::new(name).extension().is_some_and(|ending| ending == "conf");
    !name.starts_with('.') && !name.is_empty() && (is_conf || name.chars().all(plain))
}

impl Krb5Conf {
    /// Adds what a text says to what is known already, which goes first.
    pub fn add(&mut self, text: &str, read: Reader<'_>) {
        self.add_nested(text, read, 0);
    }

    fn add_nested(&mut self, text: &str, read: Reader<'_>, depth: usize) {
        let mut section = String::new();
        let mut path: Vec<String> = Vec::new();
        for line in text.lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(include) = included(line) {
                if depth < MAX_DEPTH {
                    for text in read(&include) {
                        self.add_nested(&text, read, depth + 1);
                    }
                }
                continue;
            }
            if let Some(name) = line.strip_prefix('[') {
                name.split(']').next().unwrap_or_default().trim().clone_into(&mut section);
                path.clear();
            } else if line.starts_with('}') {
                path.pop();
            } else if let Some((tag, value)) = line.split_once('=') {
                let (tag, value) = (tag.trim().trim_end_matches('*').trim_end(), value.trim());
                if value.starts_with('{') {
                    path.push(tag.to_owned());
                } else {
                    self.set(&section, &path, tag, unquoted(value));
                }
            }
        }
    }

    fn set(&mut self, section: &str, path: &[String], tag: &str, value: &str) {
        match (section, path) {
            ("libdefaults", []) if tag == "default_realm" => {
                self.default_realm.get_or_insert_with(|| value.to_owned());
            }
            ("domain_realm", []) => {
                let domain = tag.to_lowercase();
                if !self.domain_realm.iter().any(|(known, _)| *known == domain) {
                    self.domain_realm.push((domain, value.to_owned()));
                }
            }
            ("realms", [realm]) if tag == "kdc" => {
                // Older files write several on one line.
                let kdcs = value.split([' ', '\t', ',']).filter_map(Kdc::parse);
                match self.realms.iter_mut().find(|(known, _)| known == realm) {
                    Some((_, known)) => known.extend(kdcs),
                    None => self.realms.push((realm.clone(), kdcs.collect())),
                }
            }
            _ => {}
        }
    }

    /// The key distribution centres of a realm; none where the files know none.
    pub fn kdcs(&self, realm: &str) -> &[Kdc] {
        // A realm's case counts, but nobody has two that differ in it alone.
        let found = self.realms.iter().find(|(known, _)| known.eq_ignore_ascii_case(realm));
        found.map(|(_, kdcs)| kdcs.as_slice()).unwrap_or_default()
    }

    /// The realm of a host by `[domain_realm]`: its own line first, then those of its domains, the closest first.
    pub fn realm_of_host(&self, host: &str) -> Option<&str> {
        let host = host.to_lowercase();
        let exactly = |name: &str| self.domain_realm.iter().find(|(known, _)| known == name);
        let mut found = exactly(&host);
        let mut rest = host.as_str();
        while let (None, Some((_, parent))) = (found, rest.split_once('.')) {
            found = exactly(&format!(".{parent}")).or_else(|| exactly(parent));
            rest = parent;
        }
        found.map(|(_, realm)| realm.as_str())
    }
}

/// What an `include` or `includedir` line names.
fn included(line: &str) -> Option<Include> {
    let (word, path) = line.split_once(char::is_whitespace)?;
    let path = Path::new(path.trim()).to_owned();
    match word {
        "include" => Some(Include::File(path)),
        "includedir" => Some(Include::Folder(path)),
        _ => None,
    }
}

/// A value without its quotes, or without the `*` that ends a list for good.
fn unquoted(value: &str) -> &str {
    match value.strip_prefix('"') {
        Some(rest) => rest.split('"').next().unwrap_or_default(),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(text: &str) -> Krb5Conf {
        let mut conf = Krb5Conf::default();
        conf.add(text, &mut |include| match include {
            Include::File(path) if path.ends_with("more.conf") => {
                vec!["[realms]\n MORE.EXAMPLE = {\n kdc = more\n }\n".to_owned()]
            }
            Include::File(path) => vec![format!("include {}\n[libdefaults]\ndefault_realm = LOOP\n", path.display())],
            Include::Folder(_) => vec!["[libdefaults]\ndefault_realm = FIRST.EXAMPLE\n".to_owned(), String::new()],
        });
        conf
    }

    const CORP: &str = r#"
        # the farm's
        includedir /etc/krb5.conf.d/
        include /etc/more.conf
        [libdefaults]
            default_realm = SECOND.EXAMPLE
            rdns = false
        [realms]
            CORP.EXAMPLE = {
                kdc = dc01.corp.example
                kdc = dc02.corp.example:1088
                kdc = [2001:db8::1]:88
                kdc = https://proxy.corp.example/KdcProxy
                admin_server = dc01.corp.example
                auth_to_local_names = {
                    kdc = not-one
                }
            }
            OLD.EXAMPLE = {
                kdc = a.old, b.old:99
            }
            CORP.EXAMPLE = {
                kdc* = "dc03.corp.example"
            }
        ; names
        [domain_realm]
            .corp.example = CORP.EXAMPLE
            Dmz.corp.example = DMZ.EXAMPLE
            .dmz.corp.example = SUB.EXAMPLE
    "#;

    fn shown(kdcs: &[Kdc]) -> Vec<String> {
        kdcs.iter().map(Kdc::to_string).collect()
    }

    #[test]
    fn kdcs_are_kept_in_order_and_those_behind_a_proxy_left_out() {
        let conf = conf(CORP);
        let corp = ["dc01.corp.example:88", "dc02.corp.example:1088", "[2001:db8::1]:88", "dc03.corp.example:88"];
        assert_eq!(shown(conf.kdcs("CORP.EXAMPLE")), corp);
        assert_eq!(shown(conf.kdcs("corp.example")), corp);
        assert_eq!(shown(conf.kdcs("OLD.EXAMPLE")), ["a.old:88", "b.old:99"]);
        assert_eq!(shown(conf.kdcs("MORE.EXAMPLE")), ["more:88"]);
        assert_eq!(shown(conf.kdcs("NONE.EXAMPLE")), [""; 0]);
    }

    #[test]
    fn what_is_said_first_counts_and_a_circle_of_files_ends() {
        assert_eq!(conf(CORP).default_realm.as_deref(), Some("FIRST.EXAMPLE"));
        assert_eq!(conf("include /etc/loop\n").default_realm.as_deref(), Some("LOOP"));
    }

    #[test]
    fn a_host_has_the_realm_of_its_closest_domain() {
        let conf = conf(CORP);
        let check = |host: &str, realm: Option<&str>| assert_eq!(conf.realm_of_host(host), realm, "{host}");
        check("web01.corp.example", Some("CORP.EXAMPLE"));
        check("WEB01.Corp.Example", Some("CORP.EXAMPLE"));
        check("dmz.corp.example", Some("DMZ.EXAMPLE"));
        check("web01.dmz.corp.example", Some("SUB.EXAMPLE"));
        check("web01.a.corp.example", Some("CORP.EXAMPLE"));
        check("corp.example", None);
        check("other.example", None);
        check("web01", None);
    }

    #[test]
    fn a_folder_gives_files_that_look_like_configuration() {
        for (name, taken) in
            [("corp", true), ("corp_1-a", true), ("corp.conf", true), ("corp.rpmsave", false), (".hidden.conf", false)]
        {
            assert_eq!(is_included_name(name), taken, "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "(\\[|\\]|\\{|\\}|=|\n|realms|kdc|include | |:|\"|\\*|a){0,60}") {
            let conf = conf(&text);
            let _ = conf.realm_of_host(&text);
        }
    }
}
