//! Two steps of a host that cannot both be true: they set the same property of an object, or one wants it gone.

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
    twice.into_iter().map(complain).chain(absent(steps)).collect()
}

/// Steps that set something of an object that another step wants gone.
fn absent(steps: &[Step]) -> impl Iterator<Item = Diagnostic> {
    let object = |step: &Step| step.resource.claims().first().map(|claim| claim.object.to_lowercase());
    let sets_state = |step: &Step| step.resource.desired().get("state").is_some();
    let gone = steps.iter().filter(|step| step.resource.desired().get("state").is_some_and(|state| state == "absent"));
    gone.flat_map(move |gone| {
        // Two states are told as a property that is set twice.
        let others = steps.iter().filter(move |step| !sets_state(step) && object(step) == object(gone));
        others.map(|other| {
            let name = format!("{}/{}", other.kind.name, other.resource.name());
            let message = format!("`{name}` is set here and shall be absent by the step in {}", gone.place.text());
            Diagnostic::new(other.place.property("name"), message)
                .note(gone.place.property("state"), "it shall be absent here")
                .help("leave out one of the two")
        })
    })
}
