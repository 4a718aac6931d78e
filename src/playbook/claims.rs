//! Two steps of a host that set the same property of the same object.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::Step;
use crate::diagnostic::Diagnostic;

/// The mistakes of a host's steps.
pub(super) fn check(steps: &[Step]) -> Vec<Diagnostic> {
    let mut claimed: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut twice: IndexMap<(usize, usize, String), Vec<String>> = IndexMap::new();
    for (index, step) in steps.iter().enumerate() {
        // The name says which object is meant: two steps may well set different properties of one.
        for claim in step.resource.claims().into_iter().filter(|claim| claim.property != "name") {
            // Windows and IIS do not tell names apart by letter case.
            let key = (claim.object.to_lowercase(), claim.property.to_lowercase());
            match claimed.get(&key) {
                Some(&first) if first != index => {
                    twice.entry((first, index, claim.object)).or_default().push(claim.property);
                }
                Some(_) => {}
                None => {
                    claimed.insert(key, index);
                }
            }
        }
    }
    let complain = |((first, second, object), properties): ((usize, usize, String), Vec<String>)| {
        let (first, second) = (&steps[first].place, &steps[second].place);
        let property = properties.first().map_or("", String::as_str);
        let listed: Vec<String> = properties.iter().map(|it| format!("`{it}`")).collect();
        let message = format!("the step in {} already sets {} of `{object}`", first.text(), listed.join(", "));
        Diagnostic::new(second.property(property), message)
            .note(first.property(property), "it is set here first")
            .help("set it in one of the two")
    };
    twice.into_iter().map(complain).collect()
}
