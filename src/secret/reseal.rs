//! Who can open the secrets, and sealing them all for others.

use super::error::SecretError;
use super::file::Overwrite;
use super::recipients::{self, Recipient};
use super::sealed;
use super::stores::{FARM_KEY, Stores};

impl Stores {
    /// Who the secrets are sealed for.
    ///
    /// # Errors
    /// When there is no list, or it cannot be read.
    pub fn recipients(&self) -> Result<Vec<Recipient>, SecretError> {
        recipients::read(&self.recipients_path())
    }

    /// Lets one more open the secrets, and seals them all anew. Gives the names of what was sealed.
    ///
    /// # Errors
    /// When a secret cannot be opened here; then nothing has changed.
    pub fn add_recipient(&self, recipient: &Recipient) -> Result<Vec<String>, SecretError> {
        self.can_open_all()?;
        recipients::add(&self.recipients_path(), recipient)?;
        self.reseal()
    }

    /// Takes somebody, told by the key or by what stands behind it, out of the list, and seals all secrets anew.
    /// Gives the key, and the names of what was sealed.
    ///
    /// # Errors
    /// When nobody or more than one is called so, when it is the identity here, or when a secret cannot be opened here;
    /// then nothing has changed.
    pub fn remove_recipient(&self, called: &str) -> Result<(String, Vec<String>), SecretError> {
        let refuse = |why: String| Err(SecretError::Recipient { why });
        let called = called.trim();
        // A whole line of the list names its key.
        let whole = Recipient::parse(called).map(|it| it.key()).unwrap_or_default();
        let mut keys: Vec<String> =
            self.recipients()?.iter().filter(|it| it.key() == whole).map(Recipient::key).collect();
        if keys.is_empty() {
            keys = self.recipients()?.iter().filter(|it| it.comment == called).map(Recipient::key).collect();
        }
        keys.dedup();
        let [key] = &keys[..] else {
            let n = if keys.is_empty() { "nobody" } else { "more than one" };
            return refuse(format!("{n} in {} is called `{called}`", self.recipients_path().display()));
        };
        if self.identity()?.public.contains(key) {
            return refuse(
                "that is the identity in use here, which could open nothing any more; somebody else has to remove it"
                    .to_owned(),
            );
        }
        self.can_open_all()?;
        recipients::remove(&self.recipients_path(), key)?;
        Ok((key.clone(), self.reseal()?))
    }

    /// Seals everything anew for those who are in the list now. Gives the names of what was sealed.
    ///
    /// # Errors
    /// When something cannot be opened here; then nothing has changed.
    pub fn reseal(&self) -> Result<Vec<String>, SecretError> {
        let recipients = self.recipients()?;
        let names = self.list()?;
        for (name, history) in self.open_all(&names)? {
            sealed::seal(&self.folder, &name, &history, &recipients, Overwrite::Always)?;
        }
        Ok(names)
    }

    fn can_open_all(&self) -> Result<(), SecretError> {
        self.open_all(&self.list()?).map(drop)
    }

    /// All secrets, the farm key among them, or what stands in the way.
    fn open_all(&self, names: &[String]) -> Result<Vec<(String, super::history::History)>, SecretError> {
        let identity = self.identity()?;
        let (mut opened, mut wrong) = (Vec::new(), Vec::new());
        for name in names.iter().map(String::as_str).chain([FARM_KEY]) {
            match sealed::open(&self.folder, name, &identity) {
                Ok(history) => opened.push((name.to_owned(), history)),
                Err(SecretError::Missing { .. }) if name == FARM_KEY => {}
                Err(error) => wrong.push(error.to_string()),
            }
        }
        if wrong.is_empty() { Ok(opened) } else { Err(SecretError::Reseal { why: wrong.join("; ") }) }
    }
}
