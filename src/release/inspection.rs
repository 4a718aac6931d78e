//! What a web.config of a package must not hold.

use super::fault::{Fault, InLocation};
use crate::xml::{Document, Element};

/// The largest configuration that is looked into, in bytes; IIS itself reads 250 KB unless told otherwise.
pub(super) const MAX_CONFIG_BYTES: usize = 4 * 1024 * 1024;

/// Whether a path names an application's configuration.
pub(super) fn is_web_config(path: &str) -> bool {
    path.rsplit('\\').next().is_some_and(|name| name.eq_ignore_ascii_case("web.config"))
}

/// Looks for a machine key, wherever in the file it stands.
pub(super) fn check(bytes: &[u8]) -> Result<(), Fault> {
    let document = Document::parse(bytes).map_err(Fault::NotXml)?;
    machine_key(document.root(), &InLocation::default())
}

fn machine_key(element: &Element, location: &InLocation) -> Result<(), Fault> {
    for child in element.elements() {
        if child.name() == "machineKey" {
            let location = location.clone();
            return Err(match (child.get("configProtectionProvider"), child.get("configSource")) {
                (Some(provider), _) => Fault::EncryptedSection(location, provider),
                (None, Some(source)) => Fault::ConfigSource(location, source),
                (None, None) => Fault::MachineKey(location),
            });
        }
        if child.name() == "location" {
            machine_key(child, &InLocation(Some(child.get("path").unwrap_or_default())))?;
        } else {
            machine_key(child, location)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(inside: &str, expected: &str) {
        let fault = check(format!("<configuration>{inside}</configuration>").as_bytes()).unwrap_err();
        assert!(fault.to_string().starts_with(expected), "{fault}");
    }

    #[test]
    fn a_key_is_found_wherever_it_stands() {
        let key = "<system.web><machineKey validationKey='00' /></system.web>";
        refused(key, "it holds a <machineKey>; a key in a package");
        let location = format!("<location path='api' inheritInChildApplications='false'>{key}</location>");
        refused(&location, "it holds a <machineKey> (inside <location path=\"api\">); a key");
        refused(
            "<system.web><machineKey configSource='machineKey.config' /></system.web>",
            "its <machineKey> is kept in another file (configSource=\"machineKey.config\")",
        );
        refused(
            "<system.web><machineKey configProtectionProvider='RsaProtectedConfigurationProvider'>\
             <EncryptedData /></machineKey></system.web>",
            "its <machineKey> is encrypted by `RsaProtectedConfigurationProvider`",
        );
        refused("<a>", "it is no configuration that IIS can read: line 1, column 19");
    }

    #[test]
    fn a_remark_is_no_key() {
        let text = "<configuration><!-- <machineKey validationKey='00' /> --></configuration>";
        assert_eq!(check(text.as_bytes()), Ok(()));
        assert!(is_web_config("Views\\Web.config") && !is_web_config("web.config.bak"));
    }
}
