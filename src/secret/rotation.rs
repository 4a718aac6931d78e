//! Values that farmhand makes up: the first one, the next one, and back to the one before.

use super::error::SecretError;
use super::file::Overwrite;
use super::history::History;
use super::recipe::{Recipe, is_machine_key};
use super::stores::{Stores, check_name, fingerprint};
use crate::value::{Fingerprint, MachineKey, PublishedKeys, SecretRef, Store};

/// A secret that is kept here, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// How it was made up; `None` when it was set by hand.
    pub recipe: Option<Recipe>,
    /// Which value it has.
    pub fingerprint: Fingerprint,
    /// Which value it had before.
    pub previous: Option<Fingerprint>,
}

impl Stores {
    /// Makes up a secret that is not there yet.
    ///
    /// # Errors
    /// When it is there, when its name is none, or when the disk says no.
    pub fn generate(&self, name: &str, recipe: Recipe) -> Result<(), SecretError> {
        if self.ensure(name, recipe)? {
            return Ok(());
        }
        let instead = format!("for another value type: farmhand secret rotate {name}");
        Err(SecretError::Exists { name: name.to_owned(), instead })
    }

    /// Makes up a secret where there is none, and tells whether there was none. Of two that do so at once one is told so.
    ///
    /// # Errors
    /// When its name is none, or when the disk says no.
    pub fn ensure(&self, name: &str, recipe: Recipe) -> Result<bool, SecretError> {
        check_name(name)?;
        self.keep(name, &History::first(recipe.make()?, Some(recipe)), Overwrite::Never)
    }

    /// Gives a secret another value of the same kind, and keeps the one that it had. Tells the kind.
    ///
    /// # Errors
    /// When it is not there, cannot be opened, or was set by hand.
    pub fn rotate(&self, name: &str) -> Result<Recipe, SecretError> {
        check_name(name)?;
        let history = self.history(name)?;
        let by_hand = || is_machine_key(&history.current.value).then_some(Recipe::MachineKey);
        let recipe = history.current.recipe.or_else(by_hand);
        let recipe = recipe.ok_or_else(|| SecretError::ByHand { name: name.to_owned() })?;
        self.keep(name, &history.replaced(recipe.make()?, Some(recipe)), Overwrite::Always)?;
        Ok(recipe)
    }

    /// Gives a secret its previous value, and keeps the one that it had: going back twice changes nothing.
    ///
    /// # Errors
    /// When it is not there, cannot be opened, or has had one value only.
    pub fn rotate_back(&self, name: &str) -> Result<(), SecretError> {
        check_name(name)?;
        let back = self.history(name)?.back();
        let back = back.ok_or_else(|| SecretError::NoPrevious { name: name.to_owned() })?;
        self.keep(name, &back, Overwrite::Always).map(drop)
    }

    /// Whether a secret of this name is kept here, be it for others; in the lab, whether its value was made up already.
    pub fn keeps(&self, name: &str) -> bool {
        if self.is_lab() {
            return self.history(name).is_ok();
        }
        self.exists(&SecretRef { store: Store::Age, name: name.to_owned(), fingerprint: None })
    }

    /// What is known of a secret that is kept here, its value left out.
    ///
    /// # Errors
    /// When it is not there or cannot be opened.
    pub fn kept(&self, name: &str) -> Result<Kept, SecretError> {
        check_name(name)?;
        let key = self.farm_key()?;
        let history = self.history(name)?;
        Ok(Kept {
            name: name.to_owned(),
            recipe: history
                .current
                .recipe
                .or_else(|| is_machine_key(&history.current.value).then_some(Recipe::MachineKey)),
            fingerprint: fingerprint(&key, &history.current.value),
            previous: history.previous.as_ref().map(|it| fingerprint(&key, &it.value)),
        })
    }

    /// The machine key that a secret is.
    ///
    /// # Errors
    /// When it is not there, cannot be opened, or is something that a farm cannot share.
    pub fn machine_key(&self, reference: &SecretRef) -> Result<MachineKey, SecretError> {
        let wrong = |why| SecretError::NoMachineKey { name: reference.to_string(), why };
        MachineKey::parse(&self.value(reference)?, &PublishedKeys::shipped()).map_err(wrong)
    }
}
