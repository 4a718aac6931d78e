//! Properties that mirror IIS attributes: named beside the field, mapped both ways by one function.

use crate::hostcall::{Edit, Element, ElementPath, Expected, Refusal, RefusalCode, Text};
use crate::value::{Changes, IisText};

use super::Problems;

/// A property of `R` and the IIS attribute that it mirrors.
pub struct Mirror<R> {
    /// The property.
    pub property: &'static str,
    /// The way to the attribute from the resource's element, such as `processModel/idleTimeout`.
    pub attribute: &'static str,
    /// The first IIS version that has it; empty for 8.0 and before.
    pub since: &'static str,
    /// Smallest and largest value allowed, for numbers.
    pub range: Option<(u64, u64)>,
    /// The desired value in the words of the IIS schema; `None` where it is unmanaged.
    pub text: fn(&R) -> Option<String>,
    /// Takes what the host has into an actual state; `false` when the type does not know it.
    pub take: fn(&mut R, &str) -> bool,
}

/// A resource with such properties.
pub trait Mirrored: Sized + 'static {
    /// All of them, in the order of the struct.
    const MIRRORS: &'static [Mirror<Self>];
}

/// Declares a struct whose fields in `mirrors` name the IIS attribute that each of them mirrors.
macro_rules! mirrored {
    ($(#[$meta:meta])* pub struct $name:ident {
        own { $($(#[$own_meta:meta])* $own:ident: $own_type:ty,)* }
        mirrors { $($(#[$doc:meta])* $field:ident: $type:ty = $attribute:literal $(since $since:literal)? $(within $low:literal..=$high:literal)?,)* }
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$own_meta])* pub $own: $own_type,)*
            $($(#[$doc])* #[serde(default, skip_serializing_if = "Option::is_none")] pub $field: Option<$type>,)*
        }

        impl crate::resource::mirror::Mirrored for $name {
            const MIRRORS: &'static [crate::resource::mirror::Mirror<Self>] = &[$(crate::resource::mirror::Mirror {
                property: stringify!($field),
                attribute: $attribute,
                since: concat!($($since)?),
                range: crate::resource::mirror::range!($($low, $high)?),
                text: |it| it.$field.as_ref().map(crate::value::IisText::to_iis),
                take: |it, text| {
                    it.$field = crate::value::IisText::from_iis(text);
                    it.$field.is_some()
                },
            },)*];
        }
    };
}
pub(crate) use mirrored;

macro_rules! range {
    () => {
        None
    };
    ($low:literal, $high:literal) => {
        Some(($low, $high))
    };
}
pub(crate) use range;

/// Numbers out of the range that IIS takes.
pub fn check<R: Mirrored>(desired: &R, problems: &mut Problems) {
    for mirror in R::MIRRORS {
        let Some((low, high)) = mirror.range else { continue };
        let number = (mirror.text)(desired).and_then(|text| u64::from_iis(&text));
        if let Some(number) = number.filter(|number| !(low..=high).contains(number)) {
            let help = format!("a number from {low} to {high}");
            problems.add(mirror.property, format!("{number} is out of range"), help);
        }
    }
}

/// Properties that this version of IIS does not have.
pub fn conflicts<R: Mirrored>(desired: &R, iis: Option<&str>, problems: &mut Problems) {
    let Some(iis) = iis else { return };
    for mirror in R::MIRRORS {
        if (mirror.text)(desired).is_some() && !mirror.since.is_empty() && version(iis) < version(mirror.since) {
            problems.add(
                mirror.property,
                format!("IIS {iis} has no `{}`: it came with IIS {}", mirror.attribute, mirror.since),
                "leave it out for this host, with `when` or a group's own play",
            );
        }
    }
}

/// Takes every desired property's attribute from the element into `actual`, which starts with all of them unset.
///
/// # Errors
/// When the host has a value that the property's type does not know.
pub fn take<R: Mirrored>(desired: &R, element: &Element, actual: &mut R) -> Result<(), Refusal> {
    for mirror in R::MIRRORS.iter().filter(|mirror| (mirror.text)(desired).is_some()) {
        let (element, attribute) = descend(element, mirror.attribute);
        let Some(text) = element.and_then(|element| element.text(attribute)) else { continue };
        if !(mirror.take)(actual, text) {
            let text = format!("`{}` is `{text}`, which farmhand does not know", mirror.attribute);
            return Err(Refusal { code: RefusalCode::Invalid, text, hresult: None });
        }
    }
    Ok(())
}

/// The edits that give changed properties their desired values.
pub fn edits<R: Mirrored>(desired: &R, changes: &Changes, at: &ElementPath) -> Vec<Edit> {
    let touched = R::MIRRORS.iter().filter(|mirror| changes.touch(mirror.property));
    touched
        .filter_map(|mirror| {
            let value = Text::Plain((mirror.text)(desired)?);
            let (path, attribute) = mirror.attribute.rsplit_once('/').unwrap_or(("", mirror.attribute));
            let at = path.split('/').filter(|name| !name.is_empty()).fold(at.clone(), ElementPath::child);
            Some(Edit::Set { at, attribute: attribute.to_owned(), value })
        })
        .collect()
}

/// The tokens of all elements that edits touch, as they were read below `root`, which stands at `at`.
pub fn expected(edits: &[Edit], root: &Element, at: &ElementPath) -> Vec<Expected> {
    let mut expected: Vec<Expected> = Vec::new();
    for edit in edits {
        let path = edit.at();
        let Some(below) = path.steps.strip_prefix(at.steps.as_slice()) else { continue };
        let found = below.iter().try_fold(root, |element, step| match step {
            crate::hostcall::Step::Child(name) => element.children.get(name),
            crate::hostcall::Step::Item(keys) => {
                let keys: Vec<(&str, &str)> =
                    keys.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                element.find_item(&keys)
            }
        });
        if let Some(element) = found {
            let token = Expected { at: path.clone(), token: element.token.clone() };
            if !expected.contains(&token) {
                expected.push(token);
            }
        }
    }
    expected
}

fn descend<'e, 'p>(element: &'e Element, path: &'p str) -> (Option<&'e Element>, &'p str) {
    let (path, attribute) = path.rsplit_once('/').unwrap_or(("", path));
    let names = path.split('/').filter(|name| !name.is_empty());
    (names.into_iter().try_fold(element, |element, name| element.children.get(name)), attribute)
}

/// `8.5` and `10.0` as numbers that compare.
fn version(text: &str) -> Vec<u32> {
    text.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}
