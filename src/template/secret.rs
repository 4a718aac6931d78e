//! A reference to a secret as a value in templates.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, Value};

use crate::value::SecretRef;

/// What a reference turns into where something makes text of it: no text that a user writes, so that it is recognised.
pub(super) const TRACE: &str = "\u{fdd0}secret\u{fdd0}";

/// A reference to a secret.
#[derive(Debug)]
struct Reference(SecretRef);

impl Object for Reference {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(TRACE)
    }
}

/// The function `secret`.
pub(super) fn secret(name: &str) -> Result<Value, Error> {
    let reference = SecretRef::parse(name).map_err(|why| Error::new(ErrorKind::InvalidOperation, why))?;
    Ok(Value::from_object(Reference(reference)))
}

/// The reference that a value is.
pub(super) fn reference(value: &Value) -> Option<SecretRef> {
    value.downcast_object_ref::<Reference>().map(|reference| reference.0.clone())
}

/// The complaint about a secret that is more than handed on.
pub(super) fn misused() -> Error {
    Error::new(ErrorKind::InvalidOperation, MISUSED)
}

/// The complaint in words.
pub(super) const MISUSED: &str = "a secret can only be a whole value: no filter, no longer text";
