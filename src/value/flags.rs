//! Sets of flags.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::IisText;

/// A set of flags: a list in a playbook, in any order; in the order of the IIS schema everywhere else.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Flags<F: Ord>(pub BTreeSet<F>);

impl<F: IisText + Ord> IisText for Flags<F> {
    fn to_iis(&self) -> String {
        self.0.iter().map(IisText::to_iis).collect::<Vec<_>>().join(", ")
    }

    fn from_iis(text: &str) -> Option<Flags<F>> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(F::from_iis).collect::<Option<BTreeSet<F>>>().map(Flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::iis_enum;

    iis_enum! {
        /// Why a pool recycles, in the order of the IIS schema.
        pub enum Reason {
            /// Its time is up.
            Time = "time" / "Time",
            /// It had its requests.
            Requests = "requests" / "Requests",
            /// It has grown.
            Memory = "memory" / "Memory",
        }
    }

    #[test]
    fn order_and_case_do_not_matter() {
        let flags: Flags<Reason> = serde_json::from_str(r#"["memory", "time"]"#).unwrap();
        assert_eq!(flags.to_iis(), "Time, Memory");
        assert_eq!(Flags::from_iis("memory,Time"), Some(flags));
        assert_eq!(Flags::<Reason>::from_iis("Time, Nonsense"), None);
        assert_eq!(Flags::<Reason>::from_iis("").map(|flags| flags.0.len()), Some(0));
    }
}
