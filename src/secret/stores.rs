//! All stores behind one door.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::error::SecretError;
use super::file::{self, Overwrite};
use super::hexadecimal::hexadecimal;
use super::{identity, lab, sealed};
use crate::value::{Fingerprint, SecretRef, SecretValue, Store};

/// The secret under which fingerprints are made; it belongs to the farm and to no playbook.
const FARM_KEY: &str = "farm-key";

/// Environment variables, as the process has them or as a test gives them.
pub struct Surroundings(Box<Variables>);

/// Gives a variable's value.
type Variables = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Surroundings {
    /// The variables of this process. One that is empty counts as not set.
    pub fn of_process() -> Surroundings {
        Surroundings::new(|name| std::env::var(name).ok())
    }

    /// Variables as told.
    pub fn new(variables: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Surroundings {
        Surroundings(Box::new(variables))
    }

    /// A variable that is set and not empty.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("Surroundings")
    }
}

/// What becomes of a secret that is there already when it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It is kept, and setting it fails.
    Keep,
    /// It is replaced by the next version.
    Replace,
}

/// The stores that a playbook's secrets are kept in.
#[derive(Debug)]
pub struct Stores {
    /// Where the files are.
    folder: PathBuf,
    lab: bool,
    surroundings: Surroundings,
}

impl Stores {
    /// The stores of the playbooks in a folder. Nothing is read yet.
    pub fn open(folder: &Path) -> Stores {
        Stores::within(folder, Surroundings::of_process())
    }

    /// The same with other environment variables.
    pub fn within(folder: &Path, surroundings: Surroundings) -> Stores {
        Stores { folder: folder.join("secrets"), lab: false, surroundings }
    }

    /// The lab's own store, in the lab's folder: it has every secret that it is asked for.
    pub fn lab(lab_folder: &Path) -> Stores {
        Stores { folder: lab_folder.join("secrets"), lab: true, surroundings: Surroundings::new(|_| None) }
    }

    /// Whether a secret is there. Opens nothing.
    pub fn exists(&self, reference: &SecretRef) -> bool {
        match reference.store {
            _ if self.lab => true,
            Store::Age => sealed::path(&self.folder, &reference.name).is_file(),
            Store::Env => self.surroundings.variable(&reference.name).is_some(),
        }
    }

    /// A secret's value.
    ///
    /// # Errors
    /// When it is not there, or cannot be opened.
    pub fn value(&self, reference: &SecretRef) -> Result<SecretValue, SecretError> {
        check(reference)?;
        match reference.store {
            _ if self.lab => lab::value(&self.folder, reference),
            Store::Age => Ok(sealed::open(&self.folder, &reference.name, &self.identity()?)?.0),
            Store::Env => {
                let value = self.surroundings.variable(&reference.name).map(SecretValue::new);
                value.ok_or_else(|| SecretError::Variable { name: reference.name.clone() })
            }
        }
    }

    /// Makes what a store needs and does not have yet: an identity, the list of recipients, the farm key.
    /// Gives the place of the identity and this identity's line for a list of recipients.
    ///
    /// # Errors
    /// When the disk says no, or what is there cannot be read.
    pub fn init(&self) -> Result<(PathBuf, String), SecretError> {
        let path = identity::path(&self.surroundings);
        let identity = if path.exists() { identity::read(&path)? } else { identity::make(&path)? };
        let public = identity.to_public().to_string();
        let list = self.recipients_path();
        if !list.exists() {
            let text = format!("# Who can open the secrets in this folder, one a line.\n{public}\n");
            file::write(&list, text.as_bytes(), Overwrite::Never)?;
        }
        if !sealed::path(&self.folder, FARM_KEY).exists() {
            let mut bytes = Zeroizing::new([0_u8; 32]);
            getrandom::fill(&mut *bytes)
                .map_err(|error| SecretError::disk(&list)(std::io::Error::other(error.to_string())))?;
            let value = SecretValue::new(hexadecimal(&*bytes).to_string());
            sealed::seal(&self.folder, FARM_KEY, 1, &value, &identity::recipients(&list)?, Overwrite::Never)?;
        }
        Ok((path, public))
    }

    /// Keeps a secret, sealed for everybody in the list of recipients.
    ///
    /// # Errors
    /// When its name is none, when it is there and is to be kept, or when the disk says no.
    pub fn set(&self, name: &str, value: &SecretValue, existing: Existing) -> Result<(), SecretError> {
        let reference = SecretRef { store: Store::Age, name: name.to_owned(), fingerprint: None };
        check(&reference)?;
        if name == FARM_KEY {
            let why = "fingerprints are made with it, and would all change".to_owned();
            return Err(SecretError::Name { name: name.to_owned(), why });
        }
        let overwrite = match existing {
            Existing::Keep => Overwrite::Never,
            Existing::Replace => Overwrite::Always,
        };
        let written = if self.lab {
            lab::set(&self.folder, &reference, value, overwrite)?
        } else {
            let recipients = identity::recipients(&self.recipients_path())?;
            let version = match existing {
                Existing::Replace if self.exists(&reference) => {
                    // Whoever cannot open a secret may still replace it, and starts counting anew.
                    self.identity()
                        .and_then(|it| sealed::open(&self.folder, name, &it))
                        .map_or(1, |(_, version)| version + 1)
                }
                Existing::Replace | Existing::Keep => 1,
            };
            sealed::seal(&self.folder, name, version, value, &recipients, overwrite)?
        };
        if written { Ok(()) } else { Err(SecretError::Exists { name: name.to_owned() }) }
    }

    /// The names of the secrets that are kept here, in order.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn list(&self) -> Result<Vec<String>, SecretError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(SecretError::disk(&self.folder)(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let file = entry.map_err(SecretError::disk(&self.folder))?.file_name();
            let Some(file) = file.to_str() else { continue };
            let name = if self.lab { Some(file) } else { file.strip_suffix(".age") };
            names.extend(name.filter(|&name| SecretRef::parse(name).is_ok() && name != FARM_KEY).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// Which value a secret has, told by what gives nothing of it away.
    ///
    /// # Errors
    /// When the secret or the farm key cannot be had.
    pub fn fingerprint(&self, reference: &SecretRef) -> Result<Fingerprint, SecretError> {
        let key = self.value(&SecretRef { store: Store::Age, name: FARM_KEY.to_owned(), fingerprint: None })?;
        let value = self.value(reference)?;
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()) else {
            unreachable!("HMAC takes keys of any length");
        };
        mac.update(value.expose().as_bytes());
        let digest = mac.finalize().into_bytes();
        Ok(Fingerprint(hexadecimal(&digest[..8]).to_string()))
    }

    fn identity(&self) -> Result<age::x25519::Identity, SecretError> {
        identity::read(&identity::path(&self.surroundings))
    }

    fn recipients_path(&self) -> PathBuf {
        self.folder.join("recipients.txt")
    }
}

/// A reference can come from a saved plan, which somebody may have edited: its name must not lead out of the folder.
fn check(reference: &SecretRef) -> Result<(), SecretError> {
    let wrong = |why: String| SecretError::Name { name: reference.name.clone(), why };
    match SecretRef::parse(&reference.to_string()) {
        Ok(parsed) if parsed.name == reference.name && parsed.store == reference.store => Ok(()),
        Ok(_) => Err(wrong("it is ambiguous".to_owned())),
        Err(why) => Err(wrong(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn stores(folder: &TempDir, identity: &str) -> Stores {
        let identity = folder.path().join(identity).display().to_string();
        Stores::within(
            folder.path(),
            Surroundings::new(move |name| match name {
                "FARMHAND_IDENTITY" => Some(identity.clone()),
                "CHAT_PASSWORD" => Some("from-the-environment".to_owned()),
                _ => None,
            }),
        )
    }

    fn reference(text: &str) -> SecretRef {
        SecretRef::parse(text).unwrap()
    }

    fn told<T>(result: Result<T, SecretError>) -> String {
        result.map_or_else(|error| error.to_string(), |_| "done".to_owned())
    }

    #[test]
    fn a_secret_comes_back_as_it_was_set() {
        let folder = TempDir::new().unwrap();
        let stores = stores(&folder, "identity");
        stores.init().unwrap();
        stores.init().unwrap();
        let value = "pass\"word\\ é\n";
        stores.set("svc-chat", &SecretValue::new(value.to_owned()), Existing::Keep).unwrap();
        assert!(stores.exists(&reference("svc-chat")) && !stores.exists(&reference("other")));
        assert_eq!(stores.value(&reference("svc-chat")).unwrap().expose(), value);
        assert_eq!(stores.value(&reference("env:CHAT_PASSWORD")).unwrap().expose(), "from-the-environment");
        assert_eq!(stores.list().unwrap(), ["svc-chat"]);
        let again = SecretValue::new("other".to_owned());
        assert_eq!(
            told(stores.set("svc-chat", &again, Existing::Keep)),
            "the secret `svc-chat` is there already; type: farmhand secret set svc-chat --replace"
        );
        let before = stores.fingerprint(&reference("svc-chat")).unwrap();
        stores.set("svc-chat", &again, Existing::Replace).unwrap();
        let after = stores.fingerprint(&reference("svc-chat")).unwrap();
        assert!(before != after && after.0.len() == 16, "{after:?}");
        assert_eq!(sealed::open(&stores.folder, "svc-chat", &stores.identity().unwrap()).unwrap().1, 2);
        assert_eq!(
            told(stores.set("farm-key", &again, Existing::Replace)),
            "`farm-key` cannot name a secret: fingerprints are made with it, and would all change"
        );
    }

    #[test]
    fn no_file_shows_a_value_and_none_is_for_others() {
        let folder = TempDir::new().unwrap();
        let stores = stores(&folder, "identity");
        stores.init().unwrap();
        stores.set("svc", &SecretValue::new("canary-in-the-mine".to_owned()), Existing::Keep).unwrap();
        for entry in fs::read_dir(folder.path().join("secrets")).unwrap() {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains("canary"));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let identity = folder.path().join("identity");
            assert_eq!(fs::metadata(&identity).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&identity, fs::Permissions::from_mode(0o644)).unwrap();
            assert!(told(stores.value(&reference("svc"))).contains("chmod 600"));
        }
    }

    #[test]
    fn what_is_swapped_damaged_or_sealed_for_others_is_refused() {
        let folder = TempDir::new().unwrap();
        let ours = stores(&folder, "identity");
        assert_eq!(told(ours.value(&reference("a"))).split(" at ").next(), Some("no identity"));
        ours.init().unwrap();
        for name in ["a", "b"] {
            ours.set(name, &SecretValue::new(format!("value of {name}")), Existing::Keep).unwrap();
        }
        let file = |name: &str| folder.path().join("secrets").join(format!("{name}.age"));
        assert_eq!(told(ours.value(&reference("c"))), "no secret `c`; type: farmhand secret set c");
        fs::copy(file("a"), file("c")).unwrap();
        assert_eq!(told(ours.value(&reference("c"))), "the file of the secret `c` is damaged: it holds the secret `a`");
        let whole = fs::read(file("b")).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(file("b"), &changed).unwrap();
            assert!(ours.value(&reference("b")).is_err(), "byte {at}");
            fs::write(file("b"), &whole[..at]).unwrap();
            assert!(ours.value(&reference("b")).is_err(), "cut at {at}");
        }
        let theirs = stores(&folder, "another");
        theirs.init().unwrap();
        assert!(told(theirs.value(&reference("a"))).starts_with("the secret `a` is not sealed for this identity"));
        let path = SecretRef { store: Store::Age, name: "../identity".to_owned(), fingerprint: None };
        assert!(told(ours.value(&path)).starts_with("`../identity` cannot name a secret"));
        let mixed = SecretRef { store: Store::Age, name: "env:HOME".to_owned(), fingerprint: None };
        assert!(told(ours.value(&mixed)).contains("ambiguous"));
    }

    #[test]
    fn the_lab_has_every_secret_and_keeps_it() {
        let folder = TempDir::new().unwrap();
        let first = Stores::lab(folder.path()).value(&reference("svc")).unwrap();
        let again = Stores::lab(folder.path()).value(&reference("svc")).unwrap();
        let other = Stores::lab(folder.path()).value(&reference("env:SVC")).unwrap();
        assert_eq!(first.expose(), again.expose());
        assert_ne!(first.expose(), other.expose());
        assert_eq!(first.expose().len(), 24);
        assert_eq!(Stores::lab(folder.path()).list().unwrap(), ["svc"]);
        let set = SecretValue::new("chosen".to_owned());
        Stores::lab(folder.path()).set("svc", &set, Existing::Replace).unwrap();
        assert_eq!(Stores::lab(folder.path()).value(&reference("svc")).unwrap().expose(), "chosen");
        assert!(Stores::lab(folder.path()).fingerprint(&reference("svc")).is_ok());
    }
}
