//! The `<machineKey … />` element as a text of its own.

use super::error::MachineKeyError;

/// The attributes of the element, in order. Keys and algorithm names need no references, so none are taken.
pub(super) fn attributes(text: &str) -> Result<Vec<(&str, &str)>, MachineKeyError> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let mut rest = text.strip_prefix("<machineKey").ok_or(MachineKeyError::NotAnElement)?;
    let mut attributes: Vec<(&str, &str)> = Vec::new();
    loop {
        let trimmed = rest.trim_start();
        if let Some(after) = trimmed.strip_prefix("/>") {
            return if after.is_empty() { Ok(attributes) } else { Err(MachineKeyError::NotAnElement) };
        }
        if let Some(after) = trimmed.strip_prefix('>') {
            let end = after.trim_start().strip_prefix("</machineKey").map(str::trim);
            return if end == Some(">") { Ok(attributes) } else { Err(MachineKeyError::NotAnElement) };
        }
        let (name, after) = trimmed.split_once('=').ok_or(MachineKeyError::NotAnElement)?;
        let name = name.trim_end();
        let letters = !name.is_empty() && name.bytes().all(|letter| letter.is_ascii_alphabetic());
        if trimmed.len() == rest.len() || !letters {
            return Err(MachineKeyError::NotAnElement);
        }
        let after = after.trim_start();
        let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\''));
        let (value, after) =
            quote.and_then(|quote| after[1..].split_once(quote)).ok_or(MachineKeyError::NotAnElement)?;
        if value.contains(['&', '<']) {
            return Err(MachineKeyError::NotAnElement);
        }
        if attributes.iter().any(|(known, _)| *known == name) {
            return Err(MachineKeyError::Twice(name.to_owned()));
        }
        attributes.push((name, value));
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_element_reads_in_every_way_that_xml_writes_it() {
        let expected = Ok(vec![("a", "1"), ("b", "2")]);
        for text in [
            "<machineKey a=\"1\" b=\"2\" />",
            "\u{feff}  <machineKey\r\n\ta = '1'\r\n\tb=\"2\"/>\r\n",
            "<machineKey a=\"1\" b=\"2\"></machineKey>",
            "<machineKey a=\"1\" b=\"2\" >\n</machineKey >",
        ] {
            assert_eq!(attributes(text), expected, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "hunter2",
            "<machineKey",
            "<machineKeys a='1'/>",
            "<machineKey a='1'b='2'/>",
            "<machineKey a=1 />",
            "<machineKey a='1' /><x/>",
            "<machineKey a='1'>x</machineKey>",
            "<machineKey a='&#65;' />",
            "<machineKey a='1' !/>",
        ] {
            assert_eq!(attributes(text), Err(MachineKeyError::NotAnElement), "{text}");
        }
        assert_eq!(attributes("<machineKey a='1' a='1'/>"), Err(MachineKeyError::Twice("a".to_owned())));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(<machineKey)?[ a-z='\"<>/é]{0,30}") {
            let _ = attributes(&text);
        }
    }
}
