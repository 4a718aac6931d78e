//! Values of IIS attributes: how a property is written there and read back.

use super::TimeSpan;

/// A property type that mirrors an IIS attribute.
///
/// Equality is that of the type, so whatever spelling the host has, reading it gives the one canonical form.
pub trait IisText: Sized {
    /// The value in the words of the IIS schema.
    fn to_iis(&self) -> String;

    /// Reads what the host has; `None` when it is none of what the type knows.
    fn from_iis(text: &str) -> Option<Self>;
}

impl IisText for bool {
    fn to_iis(&self) -> String {
        self.to_string()
    }

    fn from_iis(text: &str) -> Option<bool> {
        text.to_ascii_lowercase().parse().ok()
    }
}

impl IisText for u32 {
    fn to_iis(&self) -> String {
        self.to_string()
    }

    fn from_iis(text: &str) -> Option<u32> {
        text.parse().ok()
    }
}

impl IisText for u64 {
    fn to_iis(&self) -> String {
        self.to_string()
    }

    fn from_iis(text: &str) -> Option<u64> {
        text.parse().ok()
    }
}

impl IisText for String {
    fn to_iis(&self) -> String {
        self.clone()
    }

    fn from_iis(text: &str) -> Option<String> {
        Some(text.to_owned())
    }
}

impl IisText for TimeSpan {
    fn to_iis(&self) -> String {
        self.to_clock()
    }

    fn from_iis(text: &str) -> Option<TimeSpan> {
        TimeSpan::parse(text)
    }
}

/// Declares an enumeration with its name in a playbook and its name in the IIS schema.
macro_rules! iis_enum {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $variant:ident = $yaml:literal / $iis:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $yaml)] $variant,)*
        }

        impl crate::value::IisText for $name {
            fn to_iis(&self) -> String {
                match self {
                    $($name::$variant => $iis,)*
                }
                .to_owned()
            }

            fn from_iis(text: &str) -> Option<$name> {
                [$(($iis, $name::$variant),)*].into_iter().find(|(iis, _)| iis.eq_ignore_ascii_case(text)).map(|(_, it)| it)
            }
        }
    };
}
pub(crate) use iis_enum;
