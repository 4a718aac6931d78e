//! Where sections stand in a configuration file.

use crate::hostcall::config::ElementPath;
use crate::xml::{Document, Element, ElementAt};

/// The levels of a section, nearest first: that of the location asked for, then those above it.
///
/// For the server's own level there is one: the section itself, or the one in `<location path="">`.
pub fn levels<'d>(document: &'d Document, section: &str, location: Option<&str>) -> Vec<Option<&'d Element>> {
    let mut levels: Vec<Option<&Element>> = Vec::new();
    for path in paths(location) {
        levels.push(find(document, section, path).and_then(|at| document.element(&at)));
    }
    levels
}

/// The location paths that hold for a location, nearest first; the last is the server's own, `None`.
fn paths(location: Option<&str>) -> Vec<Option<&str>> {
    let mut paths = Vec::new();
    let mut rest = location.filter(|path| !is_server(path));
    while let Some(path) = rest {
        paths.push(Some(path));
        rest = path.rsplit_once('/').map(|(above, _)| above);
    }
    paths.push(None);
    paths
}

/// Where a section's element is at one level.
pub fn find(document: &Document, section: &str, location: Option<&str>) -> Option<ElementAt> {
    let inside = |start: &[usize]| -> Option<ElementAt> {
        let mut at = start.to_vec();
        for name in section.split('/') {
            let index = document.element(&at)?.elements().position(|element| element.name() == name)?;
            at.push(index);
        }
        Some(at)
    };
    let locations = || document.root().elements().enumerate().filter(|(_, element)| element.name() == "location");
    match location {
        Some(path) => locations()
            .filter(|(_, element)| element.get("path").is_some_and(|known| known.eq_ignore_ascii_case(path)))
            .find_map(|(index, _)| inside(&[index])),
        None => inside(&[]).or_else(|| {
            locations()
                .filter(|(_, element)| element.get("path").is_none_or(|known| is_server(&known)))
                .find_map(|(index, _)| inside(&[index]))
        }),
    }
}

/// Where a section's element is at one level, made where it is not there.
pub fn find_or_make(document: &mut Document, at: &ElementPath) -> Option<ElementAt> {
    let location = at.location.as_deref().filter(|path| !is_server(path));
    if let Some(found) = find(document, &at.section, location) {
        return Some(found);
    }
    let mut place: ElementAt = match location {
        None => Vec::new(),
        Some(path) => {
            let same = |element: &Element| {
                element.name() == "location"
                    && element.get("path").is_some_and(|known| known.eq_ignore_ascii_case(path))
            };
            let found = document.root().elements().position(same);
            match found {
                Some(index) => vec![index],
                None => document.insert(&[], usize::MAX, Element::new("location").with("path", path))?,
            }
        }
    };
    for name in at.section.split('/') {
        let parent = document.element(&place)?;
        if let Some(index) = parent.elements().position(|element| element.name() == name) {
            place.push(index);
            continue;
        }
        // The groups of sections come before the locations.
        let index = parent.elements().position(|element| element.name() == "location").unwrap_or(usize::MAX);
        place = document.insert(&place.clone(), index, Element::new(name))?;
    }
    Some(place)
}

fn is_server(path: &str) -> bool {
    path.is_empty() || path == "."
}
